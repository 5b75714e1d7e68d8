/*
 * command - the subcommands: one file each, cmd_NAME.c, and what they share.
 *
 * Layer: app.
 */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* once and probe answer as monitoring plugins do; the others with 0 or 1. */
enum {
    EXIT_FINE = 0,
    EXIT_REFUSED = 1, /* usage, configuration, refusal */
    EXIT_WARNING = 1,
    EXIT_CRITICAL = 2,
    EXIT_UNKNOWN = 3
};

/* What `run` does with a configuration that is wrong; by default its role decides. */
enum on_config_error { ON_ERROR_BY_ROLE, ON_ERROR_EXIT, ON_ERROR_LAST_GOOD };

enum format { FORMAT_AUTO, FORMAT_TABLE, FORMAT_NDJSON, FORMAT_NAGIOS };

/* Options that may be given several times. */
enum option_list { OPTION_LABEL, OPTION_EXCEPT, OPTION_WITH, OPTION_TARGET };

/* What the command line said.  Pointers into argv. */
struct options {
    const char *const *paths; /* -c, ended by NULL */
    size_t path_count;
    const char *plugin_folder, *script_folder;
    enum format format;
    enum on_config_error on_config_error;
    bool offline, events, tests, verbose, json, all, apply, yes, watch;
    const char *socket; /* of the agent that is asked; NULL: in its usual place */
    int64_t run_for_ms; /* --for; zero: none was given */
    int64_t since_ms;   /* --since; zero: none was given */
    int64_t until_ms;   /* --until; the same */
    const char *kind;
    const char *reason;
    const char *hash; /* what was read of a plan: its first digits */
    const char *key;  /* a person's, of OpenSSH */
    const char *as;   /* what a person is called */
    struct option_pair {
        enum option_list of;
        const char *text; /* "NAME=VALUE", or an item */
    } list[64];
    size_t list_count;
    const char *const *words; /* what is no option, ended by NULL */
    size_t word_count;
    const char *room[64]; /* where paths and words lie */
};

struct command {
    const char *name;
    const char *words;   /* of the usage line: "[-c PATH]... [TARGET[/NAME]]..." */
    const char *summary; /* one line of `runbookd --help` */
    const char *options; /* the letters and names that it takes: "c plugins format" */
    const char *help;    /* the rest of `runbookd NAME --help`, or NULL */
    int failed;          /* its exit code for usage errors: 1, or 3 where it grades */
    int (*run)(const struct options *options);
    bool wordless; /* takes no argument that is no option */
};

/* All of them, ended by { 0 }. */
extern const struct command commands[];

/*
 * Reads argv (argv[0] is the command's name).  True; or false, with the exit code, after a usage
 * error or help was printed.
 */
bool options_read(const struct command *command, int argc, char **argv, struct options *options,
                  int *ret_code);

/* The items of a kind as a JSON array, to be let go by the caller. */
json_t *options_items(const struct options *options, enum option_list of);

/* The NAME=VALUE of a kind as a JSON object, to be let go by the caller. */
json_t *options_pairs(const struct options *options, enum option_list of);

/* The same, with numbers, lists and other JSON as what they are: "20", "[a]". */
json_t *options_values(const struct options *options, enum option_list of);

int cmd_run(const struct options *options);
int cmd_once(const struct options *options);
int cmd_probe(const struct options *options);
int cmd_validate(const struct options *options);
int cmd_config(const struct options *options);
int cmd_diff(const struct options *options);
int cmd_plugins(const struct options *options);
int cmd_checks(const struct options *options);
int cmd_explain(const struct options *options);
int cmd_schema(const struct options *options);
int cmd_script(const struct options *options);
int cmd_test(const struct options *options);
int cmd_version(const struct options *options);
int cmd_status(const struct options *options);
int cmd_findings(const struct options *options);
int cmd_show(const struct options *options);
int cmd_healthz(const struct options *options);
int cmd_reload(const struct options *options);
int cmd_silence(const struct options *options);
int cmd_freeze(const struct options *options);
int cmd_thaw(const struct options *options);
int cmd_ack(const struct options *options);
int cmd_lock(const struct options *options);
int cmd_unlock(const struct options *options);
int cmd_spool(const struct options *options);
int cmd_pending(const struct options *options);
int cmd_plan(const struct options *options);
int cmd_approve(const struct options *options);
int cmd_reject(const struct options *options);
int cmd_undo(const struct options *options);
int cmd_remediate(const struct options *options);
int cmd_audit(const struct options *options);

#endif
