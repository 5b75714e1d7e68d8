/*
 * config_parts - what the files of probe/config share.
 *
 *     config_source.c   paths: files, folders, overlays, one tree
 *     config_words.c    the keys of the language
 *     config.c          the whole, and "agent:"
 *     config_target.c   "targets:"
 *     config_check.c    one check of a target
 *     config_lease.c    which target keeps the realm's lease
 *     config_judge.c    when a check is graded, what it waits for, connectivity
 *     config_admin.c    where the agent's own pages are
 *     config_otlp.c     where its numbers are sent
 *     config_silences.c which Alertmanager shares silences
 *     config_exec.c     which programs may be started
 *     config_sink.c     "sinks:"
 *     config_schema.c   the JSON Schema
 *
 * Layer: probe.  Only for config*.c.
 */
#ifndef PROBE_CONFIG_PARTS_H
#define PROBE_CONFIG_PARTS_H

#include "probe/config.h"
#include "probe/schema.h"

#define CONFIG_LONGEST_MS (INT64_C(31) * 24 * 3600 * 1000) /* of any interval or hold */

enum { CONFIG_MOST_CHECKS = 1000, CONFIG_LONGEST_NAME = 100 };

/* A key of the language whose feature comes with a later version. */
struct config_reserved {
    const char *name;
    const char *instead; /* what happens, or does not, until then */
};

extern const struct config_reserved config_reserved_top[], config_reserved_agent[],
    config_reserved_target[], config_reserved_scope[], config_reserved_check[];

/* What building needs; `config` and `schema` grow with it. */
struct builder {
    struct config *config;
    struct schema schema;
    const struct plugins *plugins;
    const struct config_needs *needs;
    const struct node *root;
    const struct config_reserved *said[64]; /* what was said to be not in force; each once */
    size_t said_count;
};

/* ------------------------------------------------------------ language ---- */

struct agent_words {
    struct config_agent agent;
    const char *role, *emit;
};

struct target_words {
    const char *type, *scope, *owner, *doc;
    int64_t every_ms, timeout_ms;
};

struct check_words {
    const char *check, *owner, *doc;
    int64_t every_ms, timeout_ms, recover_ms, repeat_ms;
};

struct hold_words {
    int64_t warning_ms, critical_ms, unknown_ms;
};

struct flap_words {
    int64_t changes, within_ms;
};

extern const struct probe_option config_agent_options[], config_target_options[],
    config_exec_options[], config_check_options[], config_hold_options[], config_flap_options[],
    config_admin_options[], config_lease_options[], config_only_options[], config_sink_options[],
    config_silences_options[], config_otlp_options[];

/* Keys that are no options: they are read by functions of their own. */
extern const char *const config_top_words[],
    *const config_agent_words[], *const config_target_words[], *const config_check_words[];

/* ------------------------------------------------------------- reading ---- */

/* All paths as one tree; NULL where something could not be read, which is told. */
struct node *config_source(struct arena *arena, const char *const *paths, size_t count,
                           struct problems *problems);

/* ------------------------------------------------------------ building ---- */

void config_build_targets(struct builder *builder);

/* Fills `check`, whose name and kind are known; `written` is NULL for one that runs by default. */
void config_build_check(struct builder *builder, const struct config_target *target,
                        const struct target_words *inherited, const struct node *written,
                        const char *path, struct config_check *check);

/* "sinks:" */
void config_build_sinks(struct builder *builder);

/* "active:" and "depends_on:" of a check whose words are `map`, else of its target. */
void config_read_judgement(struct builder *builder, const struct config_target *target,
                           const struct node *map, const char *path, struct config_check *check);

/* Finds what checks depend on, once all are built; unknown names and circles are told. */
void config_check_needs(struct builder *builder);

/* "agent.connectivity:" */
void config_read_connectivity(struct builder *builder, const struct node *agent);

/* "exec:" */
void config_read_exec(struct builder *builder);

/* "agent.admin:" and "agent.otlp:"; either may be off, which is as if it were not there. */
void config_read_admin(struct builder *builder, const struct node *agent);
void config_read_otlp(struct builder *builder, const struct node *agent);
bool config_is_off(const struct node *node);

/* "silences.alertmanager:" */
void config_read_silences(struct builder *builder);

/* "agent.lease:", once the targets are built. */
void config_read_lease(struct builder *builder);

/* Whether a target, filled, is on a host other than this one. */
bool config_needs_network(const struct config_target *target);

/* Says of keys of `map` that are reserved, and not `options`', that they are not in force. */
void config_say_reserved(struct builder *builder, const struct config_reserved *reserved,
                         const struct probe_option *options, const struct node *map,
                         const char *path);

/* Refuses the keys of `map` that neither `keys` nor `reserved` have. */
void config_refuse_unknown(struct builder *builder, const struct schema_keys *keys,
                           const struct config_reserved *reserved, const struct node *map,
                           const char *path);

/* Tells where `name` cannot be the name of a target or a check. */
bool config_name_fits(struct builder *builder, const struct node *node, const char *path);

/* Whether `checks_as_of` is older than `since`: "0.1" and "0.2". */
bool config_version_before(const char *version, const char *other);

#define config_refuse(builder_, place_, path_, ...)                                                \
    problem_add((builder_)->schema.problems, (place_), (path_), __VA_ARGS__)

#endif
