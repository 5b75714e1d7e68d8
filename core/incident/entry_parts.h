/*
 * entry_parts - what the files of incident/entry share.
 *
 *     entry.c          the whole: what is found in it
 *     entry_ceiling.c  "guard:", "silences:" and "approval:"
 *     entry_read.c     one remediation: script, targets, grant, limits
 *     entry_check.c    what of it is about checks: trigger, refuse_if, verify
 *     entry_schema.c   the whole as JSON Schema
 *
 * Layer: incident.  Only for entry*.c.
 */
#ifndef INCIDENT_ENTRY_PARTS_H
#define INCIDENT_ENTRY_PARTS_H

#include "incident/entry.h"
#include "probe/schema.h"

#define ENTRY_LONGEST_MS                                                                           \
    (INT64_C(31) * 24 * 3600 * 1000) /* of any wait: attempts are kept as long */

struct reader {
    struct entries *entries;
    struct schema schema;
    const struct plugins *plugins;
    const struct node *targets;  /* as written, of other roles too */
    bool elsewhere;              /* of the present entry: a target of it is another agent's */
    struct problems *shelf_said; /* what is wrong with scripts */
    bool script_missing;
};

#define entry_refuse(reader_, place_, path_, ...)                                                  \
    problem_add((reader_)->schema.problems, (place_), (path_), __VA_ARGS__)

/* Fills `entry`, whose name is known, from `map`.  False: it is not this agent's, or wrong. */
bool entry_read(struct reader *reader, const struct node *map, struct entry *entry);

/* The configured target of that name; NULL, told, where there is none, or silently where it is elsewhere. */
const struct config_target *entry_find_target(struct reader *reader, const char *name,
                                              struct place place, const char *path);

/* `node` as a map with these keys; NULL where it is absent, or, which is told, something else. */
const struct node *entry_map(struct reader *reader, const struct node *node, const char *path,
                             const struct schema_keys *keys);

void entry_read_trigger(struct reader *reader, const struct node *node, const char *path,
                        struct entry *entry);
void entry_read_verify(struct reader *reader, const struct node *node, const char *path,
                       struct entry *entry);
void entry_read_refusals(struct reader *reader, const struct node *node, const char *path,
                         struct entry *entry);

/* "guard:", "silences:" and "approval:" of `root`, into the entries. */
void entry_read_ceiling(struct reader *reader, const struct node *root);
void entry_read_silences(struct reader *reader, const struct node *root);
void entry_read_approval(struct reader *reader, const struct node *root);

extern const struct probe_option entry_options[], entry_limit_options[], entry_trigger_options[],
    entry_verify_options[], entry_improves_options[], entry_guard_options[], entry_freeze_options[],
    entry_sink_options[], entry_approval_options[], entry_class_options[];
extern const char *const entry_modes[], *const entry_effects[];
enum guard_mode entry_mode_of(const char *word);

#endif
