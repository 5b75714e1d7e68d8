/*
 * config - what an operator wrote, read, checked against the plugins' tables, and filled.
 *
 * YAML or JSON.  A configuration is whole or it is not at all: config_load() returns NULL where
 * any error was found, and `problems` holds all of them.
 *
 * The files of a folder are joined by name: a name given twice is an error that names both places.
 * A later path is laid over the earlier ones: maps merge, lists and scalars replace, null removes.
 * In the same way a target is laid over the `defaults` of its type.  What belongs to a later
 * version of the agent (remediations, runbooks, ...) is accepted, kept and said to be not in force.
 *
 * Which checks a target has: the plugin's, but those that are optional or heavy, that need an
 * option, or that came after `agent.checks_as_of`; without those switched off; and all that are
 * named.  `every` and `timeout` of a target go to its light checks.  A time-out that was written may
 * be longer than the interval; the plugin's own is held to it.
 *
 * Layer: probe.  Uses: base, io/secret, io/tls, probe/condition, hours, plugin, problem, schema, yaml.
 */
#ifndef PROBE_CONFIG_H
#define PROBE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "io/child.h"
#include "probe/condition.h"
#include "probe/hours.h"
#include "probe/ledger.h"
#include "probe/node.h"
#include "probe/plugin.h"
#include "probe/problem.h"

enum config_role { ROLE_SIDECAR, ROLE_NODE, ROLE_CLUSTER, ROLE_ANY /* none was given */ };

/* "connectivity:", by which the agent finds out that it is cut off. */
struct config_connectivity {
    const struct probe_url **references; /* dns://NAME, tcp://HOST:PORT, https://... */
    size_t reference_count;              /* zero: it never asks itself */
    struct condition *isolated_when;     /* over the values reached and of, in this order */
};

/* "admin:", the pages about the agent itself. */
struct config_admin {
    const char *listen; /* "127.0.0.1:9797"; NULL: nowhere */
    int64_t most_subjects;
};

/* "otlp:", where the same numbers are sent. */
struct config_otlp {
    const struct probe_url *url; /* NULL: nowhere */
    struct probe_secret *bearer, *password;
    const char *user;
    const struct probe_tls *tls;
    int64_t every_ms, timeout_ms, most_subjects;
};

/* "lease:", of who alone asks what is of cluster scope. */
struct config_lease {
    const struct config_target *target; /* that keeps it; NULL: there is no lease, or not for us */
    int64_t ttl_ms;
};

/* "agent:" */
struct config_agent {
    const char *realm; /* default "default" */
    enum config_role role;
    const char *node;          /* default: the host's name */
    const char *pod;           /* from POD_NAME, or NULL */
    const char *state;         /* a folder; NULL: none */
    const char *control;       /* the socket's path, "off", or NULL: in its usual place */
    const char *const *labels; /* name, value, ..., NULL */
    bool emit_all;
    int64_t repeat_ms, snapshot_ms, heartbeat_ms;
    int64_t max_event;
    const char *checks_as_of; /* "0.1", or NULL: whatever this version brings */
    int64_t most_at_once;     /* runs of all targets together; default 256 */
    struct config_connectivity connectivity;
    struct config_admin admin;
    struct config_otlp otlp;
    struct config_lease lease;
    int64_t watchdog_ms; /* how long the loop may stand still */
    bool use_proxies;    /* honour http_proxy and its like; default false */
};

/* What a check waits for while that is critical: a name of "depends_on:". */
struct config_need {
    const char *target, *name;
    struct config_check *check; /* NULL: another agent's */
    struct place place;
    const char *path;
};

/* A named check of a target. */
struct config_check {
    const char *name;
    const struct plugin_check *check;
    const void *config; /* filled from the check's options; NULL: it has none */
    int64_t every_ms, timeout_ms;
    struct condition *warning, *critical, *clear; /* NULL: never, of `clear`: none */
    struct ledger_rules rules;
    const char *const *labels;  /* the target's and its own */
    const struct hours *active; /* when it is graded; NULL: always */
    const struct config_need *needs;
    size_t need_count;
    uint8_t seen; /* while needs are checked for circles */
    const char *owner, *doc;
    struct place place;
    const struct node *written; /* for node_place(); NULL: it runs by default */
    char digest[17];            /* of all the above: equal means unchanged */
};

/* "act_as:": the target's options, with these laid over them, as its actions see them. */
struct config_actor {
    const void *config; /* NULL: nothing may be changed there */
    const char *shown;
    const struct node *written; /* what was laid over */
};

struct config_target {
    const char *name;
    const struct plugin *plugin;
    const void *config;
    struct config_actor act_as;
    const char *shown; /* the url, without its password, or the name: for people */
    enum probe_where where;
    bool network; /* its url or `servers` name a host that is not this one */
    struct config_check *checks;
    size_t check_count;
    const char *const *labels;
    const char *owner, *doc;
    struct place place;
    const struct node *written; /* laid over its defaults; for node_place() */
    char digest[17];
};

/* "only:", which events a sink gets; an event must fit each of them that is there. */
struct config_only {
    const char *const *kinds, *const *statuses, *const *targets, *const *names; /* ended by NULL */
    enum log_level level;      /* and what is worse; LOG_DEBUG: all */
    const char *const *labels; /* name, value, ..., NULL */
};

/* A kind of sink, as far as a configuration needs to know it; declared in out/ (out/sink.h). */
struct config_sink_type {
    const char *name, *summary;
    const struct probe_option *options; /* NULL: none of its own */
    size_t config_size;
    bool queued; /* it has a queue: batch, retry, spool and deliver are its options too */
    bool people; /* it tells people: of plans that wait only those whose approval.notify names it */
    bool local;  /* on this machine: what waits, waits in memory, unless spool.bytes is written */
    int64_t batch_age_ms; /* the default of batch.age; zero: as of others, 1 s */
    /* Says what options alone cannot; zero, or an error that names the key first: "url: is ...". */
    int (*check)(const void *config, struct error *error);
    /* Whether this machine has what it needs; zero, or an error that says what to install. */
    int (*needs)(struct error *error);
};

/* What all sinks with a queue may be told: "batch:", "retry:", "spool:". */
struct config_queue {
    int64_t batch_count, batch_bytes, batch_age_ms;
    int64_t retry_first_ms, retry_most_ms;
    int64_t spool_bytes, spool_age_ms; /* on disk */
    int64_t memory_bytes;              /* of what waits in memory, on its way there and back */
    int64_t deliver_ms;                /* how long the end of the agent, or of the sink, waits */
};

/* One of "sinks:", but stdout. */
struct config_sink {
    const char *name;
    const struct config_sink_type *type;
    const void *config;
    struct config_only only;
    struct config_queue queue;
    struct place place;
    const struct node *written;
    char digest[17];
};

struct config_stdout {
    bool off;
    struct config_only only;
    const struct node *written; /* NULL: it was not mentioned */
};

/* "silences.alertmanager:", whose silences count here too, and where those made here are written. */
struct config_silences {
    const struct probe_url *url; /* NULL: there is none */
    struct probe_secret *bearer, *password;
    const char *user;
    const struct probe_tls *tls;
    int64_t every_ms, timeout_ms;
};

/* "exec:", which programs may be started. */
struct config_exec {
    const struct child_permit *permits; /* ended by { 0 } */
};

struct config {
    struct config_agent agent;
    struct config_silences silences;
    struct config_stdout console;
    struct config_exec exec;
    struct config_sink *sinks;
    size_t sink_count;
    struct config_target *targets;
    size_t target_count;
    size_t elsewhere; /* targets that agent.role leaves to other agents: checked, and not kept */
    const struct node *root; /* what was read, merged; with references, not what they stand for */
    char digest[7];          /* six hex digits of SHA-256 over what was read: "7c1e22" */
    unsigned held;           /* by how many more; config_destroy() lets go */
    struct arena *memory;    /* all that the above points to, `config` itself too */
};

struct config_needs {
    bool offline;        /* secrets need not be readable */
    const char *version; /* the agent's, for "requires:"; NULL: whatever is required */
    const struct config_sink_type *const
        *sinks; /* the kinds there are, ended by NULL; NULL: none */
};

/* Reads files and folders; a later path is an overlay over the earlier ones. */
struct config *config_load(const char *const *paths, size_t count, const struct plugins *plugins,
                           const struct config_needs *needs, struct problems *problems);

/* One file as it is written, a map; NULL, told, where it is none.  For files that are no configuration, too. */
struct node *config_read_file(struct arena *arena, const char *path, struct problems *problems);

/* The same from the bytes of one file, called `name` in what is told. */
struct config *config_parse(const char *name, const char *bytes, size_t len,
                            const struct plugins *plugins, const struct config_needs *needs,
                            struct problems *problems);

/* The same from a tree made by ourselves (a URL on the command line, what was discovered), which it
 * takes over; `origin` is what problems name instead of a file. */
struct config *config_build(json_t *root, const char *origin, const struct plugins *plugins,
                            const struct config_needs *needs, struct problems *problems);

/*
 * What is found in a configuration without plugins, also in one that is wrong: agent.state,
 * agent.role and agent.control (may be NULL) as they are written, freed by free(); NULL: not there.
 */
void config_peek(const char *const *paths, size_t count, char **ret_state, char **ret_role,
                 char **ret_control);

/* One more who needs it; each is to call config_destroy(), and the last one frees it. */
struct config *config_hold(struct config *config);
void config_destroy(struct config *config); /* NULL is fine */

/* The option tables of what sinks with a queue have in common, for whoever describes them. */
struct config_sink_part {
    const char *key; /* "batch" */
    const struct probe_option *options;
    bool queued; /* only of sinks with a queue */
};
extern const struct config_sink_part config_sink_parts[]; /* ended by a NULL key */

/* Warns of what every agent asks although one should: of cluster scope, and nobody was chosen. */
void config_warn_of_herd(const struct config *config, struct problems *problems);

/* Counts of the configuration, for "ok: 41 targets, 118 checks". */
size_t config_count_checks(const struct config *config);

/*
 * The JSON Schema (draft 2020-12) of a configuration with these plugins.  An editor that follows
 * it finds misspelt keys and wrong values; what only the agent knows, such as conditions, it
 * leaves open.
 */
void config_write_schema(const struct plugins *plugins, const struct config_sink_type *const *sinks,
                         void (*more)(struct writer *writer), struct text *out);

/* For who writes the schema of "silences:": its key "alertmanager". */
void config_write_alertmanager(struct writer *writer);

#endif
