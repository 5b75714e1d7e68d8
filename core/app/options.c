/* options - the command line, by each command's own table of options. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "base/mem.h"
#include "base/units.h"

enum {
    OPT_PLUGINS = 256,
    OPT_FORMAT,
    OPT_OFFLINE,
    OPT_EVENTS,
    OPT_TESTS,
    OPT_FOR,
    OPT_ON_ERROR,
    OPT_SCRIPTS,
    OPT_SOCKET,
    OPT_JSON,
    OPT_ALL,
    OPT_REASON,
    OPT_LABEL,
    OPT_EXCEPT,
    OPT_WITH,
    OPT_TARGET,
    OPT_APPLY,
    OPT_YES,
    OPT_HASH,
    OPT_KEY,
    OPT_AS,
    OPT_WATCH,
    OPT_SINCE,
    OPT_UNTIL,
    OPT_KIND,
    OPT_VERBOSE
};

static const struct known {
    struct option option;
    const char *shown, *help;
} known[] = {
    {{"config", required_argument, NULL, 'c'},
     "-c, --config PATH",
     "a configuration: a file, or a folder of them; a later one is laid over the earlier ones"},
    {{"plugins", required_argument, NULL, OPT_PLUGINS},
     "--plugins FOLDER",
     "where plugins are (RUNBOOKD_PLUGINS; default: beside the program, or as installed)"},
    {{"scripts", required_argument, NULL, OPT_SCRIPTS},
     "--scripts FOLDER",
     "where scripts are (RUNBOOKD_SCRIPTS; default: as installed)"},
    {{"format", required_argument, NULL, OPT_FORMAT},
     "--format FORMAT",
     "table, ndjson or nagios; default: a table on a terminal, ndjson in a pipe"},
    {{"offline", no_argument, NULL, OPT_OFFLINE},
     "--offline",
     "read no secret: neither their files nor the environment need be there"},
    {{"events", no_argument, NULL, OPT_EVENTS},
     "--events",
     "the schema of the events, not of the configuration"},
    {{"tests", no_argument, NULL, OPT_TESTS},
     "--tests",
     "the schema of the tests of a configuration, for runbookd test"},
    {{"for", required_argument, NULL, OPT_FOR},
     "--for DURATION",
     "how long: 20s, 45m, 2h; of run: end by itself that long after the first event"},
    {{"on-config-error", required_argument, NULL, OPT_ON_ERROR},
     "--on-config-error exit|last-good",
     "exit, or start with the last good configuration (default in roles sidecar and node)"},
    {{"socket", required_argument, NULL, OPT_SOCKET},
     "--socket PATH",
     "the running agent's socket (RUNBOOKD_SOCKET; default: as -c says, or where it usually is)"},
    {{"json", no_argument, NULL, OPT_JSON}, "--json", "the answer as JSON, one line"},
    {{"reason", required_argument, NULL, OPT_REASON}, "--reason TEXT", "why, for whoever reads it"},
    {{"label", required_argument, NULL, OPT_LABEL},
     "--label NAME=VALUE",
     "findings with this label only; may be repeated: then with all of them"},
    {{"except", required_argument, NULL, OPT_EXCEPT},
     "--except ITEM",
     "leave this one of the plan alone; may be repeated"},
    {{"with", required_argument, NULL, OPT_WITH},
     "--with NAME=VALUE",
     "an option of the script, laid over the configured ones; may be repeated"},
    {{"target", required_argument, NULL, OPT_TARGET},
     "--target ROLE=TARGET",
     "which target stands for a role of the script; may be repeated"},
    {{"apply", no_argument, NULL, OPT_APPLY}, "--apply", "do it, once the plan was agreed to"},
    {{"yes", no_argument, NULL, OPT_YES}, "--yes", "agree to every plan, and ask nobody"},
    {{"hash", required_argument, NULL, OPT_HASH},
     "--hash DIGITS",
     "the first four digits or more of the hash of the plan that was read; default: asked for"},
    {{"key", required_argument, NULL, OPT_KEY},
     "--key FILE",
     "sign the decision with this key of OpenSSH, by ssh-keygen"},
    {{"as", required_argument, NULL, OPT_AS},
     "--as NAME",
     "who it is that looks after it; default: the uid that asks, which is told in any case"},
    {{"watch", no_argument, NULL, OPT_WATCH}, "--watch", "follow it until it has ended"},
    {{"since", required_argument, NULL, OPT_SINCE},
     "--since DURATION",
     "only what is no older than that: 20m, 12h, 7d"},
    {{"until", required_argument, NULL, OPT_UNTIL},
     "--until DURATION",
     "only what is older than that: 20m, 12h, 7d"},
    {{"kind", required_argument, NULL, OPT_KIND},
     "--kind WORD",
     "only entries of that step: planned, intent, result, approved, verified, frozen, ..."},
    {{"all", no_argument, NULL, OPT_ALL}, "--all", "what is ok, or over, as well"},
    {{"verbose", no_argument, NULL, OPT_VERBOSE}, "--verbose", "say more on stderr"},
    {{"help", no_argument, NULL, 'h'}, "-h, --help", "this text"},
};

static bool takes(const struct command *command, const char *name)
{
    size_t len = strlen(name);
    if (strcmp(name, "help") == 0)
        return true;
    for (const char *at = command->options; at && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, name, len) == 0 && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static void print_help(const struct command *command)
{
    (void)printf("usage: runbookd %s %s\n\n%s\n", command->name, command->words, command->summary);
    if (command->help)
        (void)printf("\n%s", command->help);
    (void)printf("\nOptions:\n");
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (takes(command, known[i].option.name))
            (void)printf("  %-20s %s\n", known[i].shown, known[i].help);
}

static bool refuse(const struct command *command, int *ret_code)
{
    (void)fprintf(stderr, "try: runbookd %s --help\n", command->name);
    *ret_code = command->failed;
    return false;
}

static bool read_format(const char *word, enum format *format)
{
    static const char *const names[] = {"", "table", "ndjson", "nagios"};
    for (size_t i = 1; i < COUNT_OF(names); i++) {
        if (strcmp(word, names[i]) == 0) { /* NOLINT: getopt requires a value */
            *format = (enum format)i;
            return true;
        }
    }
    (void)fprintf(stderr, "runbookd: --format %s: write table, ndjson or nagios\n", word);
    return false;
}

static bool read_on_error(const char *word, enum on_config_error *on_error)
{
    /* NOLINTNEXTLINE: getopt requires a value */
    *on_error = strcmp(word, "last-good") == 0 ? ON_ERROR_LAST_GOOD : ON_ERROR_EXIT;
    if (*on_error == ON_ERROR_LAST_GOOD || strcmp(word, "exit") == 0)
        return true;
    (void)fprintf(stderr, "runbookd: --on-config-error %s: write exit or last-good\n", word);
    return false;
}

static bool take_item(struct options *options, enum option_list of, const char *value)
{
    if (options->list_count == COUNT_OF(options->list)) {
        (void)fprintf(stderr, "runbookd: too many options\n");
        return false;
    }
    options->list[options->list_count++] = (struct option_pair){of, value};
    return true;
}

static bool take_pair(struct options *options, enum option_list of, const char *name,
                      const char *value)
{
    const char *equals = strchr(value, '='); /* NOLINT: getopt requires a value */
    if (equals && equals != value)
        return take_item(options, of, value);
    (void)fprintf(stderr, "runbookd: %s %s: write NAME=VALUE\n", name, value);
    return false;
}

static bool take(struct options *options, int letter, const char *value)
{
    if (value && !*value) {
        (void)fprintf(stderr, "runbookd: an option's value is empty: is a variable not set?\n");
        return false;
    }
    switch (letter) {
    case 'c':
        if (options->path_count + 1 >= COUNT_OF(options->room) / 2) {
            (void)fprintf(stderr, "runbookd: too many -c: put the files into one folder\n");
            return false;
        }
        options->room[options->path_count++] = value;
        return true;
    case OPT_PLUGINS:
        options->plugin_folder = value;
        return true;
    case OPT_SCRIPTS:
        options->script_folder = value;
        return true;
    case OPT_SOCKET:
        options->socket = value;
        return true;
    case OPT_JSON:
        options->json = true;
        return true;
    case OPT_REASON:
        options->reason = value;
        return true;
    case OPT_LABEL:
        return take_pair(options, OPTION_LABEL, "--label", value);
    case OPT_EXCEPT:
        return take_item(options, OPTION_EXCEPT, value);
    case OPT_WITH:
        return take_pair(options, OPTION_WITH, "--with", value);
    case OPT_TARGET:
        return take_pair(options, OPTION_TARGET, "--target", value);
    case OPT_APPLY:
        options->apply = true;
        return true;
    case OPT_YES:
        options->yes = true;
        return true;
    case OPT_HASH:
        options->hash = value;
        return true;
    case OPT_KEY:
        options->key = value;
        return true;
    case OPT_AS:
        options->as = value;
        return true;
    case OPT_ALL:
        options->all = true;
        return true;
    case OPT_WATCH:
        options->watch = true;
        return true;
    case OPT_KIND:
        options->kind = value;
        return true;
    case OPT_SINCE:
        if (units_duration(value, &options->since_ms) == 0 && options->since_ms > 0)
            return true;
        (void)fprintf(stderr, "runbookd: --since %s: write a duration, such as 20m or 7d\n", value);
        return false;
    case OPT_UNTIL:
        if (units_duration(value, &options->until_ms) == 0 && options->until_ms > 0)
            return true;
        (void)fprintf(stderr, "runbookd: --until %s: write a duration, such as 20m or 7d\n", value);
        return false;
    case OPT_FORMAT:
        return read_format(value, &options->format);
    case OPT_OFFLINE:
        options->offline = true;
        return true;
    case OPT_EVENTS:
        options->events = true;
        return true;
    case OPT_TESTS:
        options->tests = true;
        return true;
    case OPT_VERBOSE:
        options->verbose = true;
        return true;
    case OPT_ON_ERROR:
        return read_on_error(value, &options->on_config_error);
    case OPT_FOR:
        if (units_duration(value, &options->run_for_ms) == 0 && options->run_for_ms > 0)
            return true;
        (void)fprintf(stderr, "runbookd: --for %s: write a duration, such as 20s or 5m\n", value);
        return false;
    default:
        return false;
    }
}

/* What is no option; the rest of the room. */
static bool take_words(struct options *options, int argc, char **argv)
{
    size_t first = COUNT_OF(options->room) / 2;
    options->paths = options->room;
    options->words = &options->room[first];
    for (int i = optind; i < argc; i++) {
        if (first + options->word_count + 1 >= COUNT_OF(options->room)) {
            (void)fprintf(stderr, "runbookd: too many arguments\n");
            return false;
        }
        options->room[first + options->word_count++] = argv[i];
    }
    return true;
}

static bool words_fit(const struct command *command, const struct options *options)
{
    if (!command->wordless || !options->word_count)
        return true;
    (void)fprintf(stderr,
                  "runbookd: %s takes no argument \"%s\"%s\n",
                  command->name,
                  options->words[0],
                  takes(command, "config") ? "; a configuration is named by -c PATH" : "");
    return false;
}

bool options_read(const struct command *command, int argc, char **argv, struct options *options,
                  int *ret_code)
{
    struct option longs[COUNT_OF(known) + 1] = {{0}};
    size_t count = 0;
    int letter;

    *options = (struct options){.format = FORMAT_AUTO};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (takes(command, known[i].option.name))
            longs[count++] = known[i].option;
    optind = 1;
    while ((letter = getopt_long(
                argc, argv, takes(command, "config") ? "hc:" : "h", longs, NULL)) != -1) {
        if (letter == 'h') {
            print_help(command);
            *ret_code = EXIT_FINE;
            return false;
        }
        if (!take(options, letter, optarg)) /* getopt has said what it does not know */
            return refuse(command, ret_code);
    }
    return (take_words(options, argc, argv) && words_fit(command, options)) ||
           refuse(command, ret_code);
}

json_t *options_items(const struct options *options, enum option_list of)
{
    json_t *items = json_array();
    for (size_t i = 0; i < options->list_count; i++)
        if (options->list[i].of == of)
            (void)json_array_append_new(items, json_string(options->list[i].text));
    return items;
}

static json_t *pairs_of(const struct options *options, enum option_list of, bool typed)
{
    json_t *pairs = json_object();
    for (size_t i = 0; i < options->list_count; i++) {
        const char *text = options->list[i].text;
        const char *equals = options->list[i].of == of ? strchr(text, '=') : NULL;
        if (!equals)
            continue;
        MEM_AUTO char *name = mem_copy_n(text, (size_t)(equals - text));
        json_t *value = typed ? json_loads(equals + 1, JSON_DECODE_ANY, NULL) : NULL;
        (void)json_object_set_new(pairs, name, value ? value : json_string(equals + 1));
    }
    return pairs;
}

json_t *options_pairs(const struct options *options, enum option_list of)
{
    return pairs_of(options, of, false);
}

json_t *options_values(const struct options *options, enum option_list of)
{
    return pairs_of(options, of, true);
}
