/*
 * entry_ceiling - "guard:", "silences:" and "approval:", as they are written.
 *
 * Layer: incident.  Part of incident/entry.
 */
#include <string.h>

#include "base/mem.h"
#include "incident/entry_parts.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

/* ------------------------------------------------------------------- guard ---- */

struct guard_words {
    const char *mode, *file, *sink;
    int64_t per_day, wait_ms;
};

const struct probe_option entry_guard_options[] = {
    {"mode",
     PROBE_STRING_AT(struct guard_words, mode),
     .fallback = "dry-run",
     .choices = entry_modes,
     .help = "the ceiling for all remediations"},
    {"per_day",
     PROBE_INT_AT(struct guard_words, per_day),
     .fallback = "0",
     .max = 100000,
     .help = "how many courses may change something within 24 hours; 0: any number"},
    {0},
};
const struct probe_option entry_freeze_options[] = {
    {"file",
     PROBE_STRING_AT(struct guard_words, file),
     .fallback = "",
     .help = "an absolute path: while it is there nothing is changed"},
    {0},
};
const struct probe_option entry_sink_options[] = {
    {"require_sink",
     PROBE_STRING_AT(struct guard_words, sink),
     .fallback = "",
     .help = "a sink that must have taken the audit's line before anything is changed"},
    {"wait",
     PROBE_DURATION_AT(struct guard_words, wait_ms),
     .fallback = "5s",
     .min = 100,
     .max = MINUTE,
     .help = "how long that is waited for"},
    {0},
};

static void read_effects(struct reader *reader, const struct node *map)
{
    if (node_is_absent(map))
        return;
    if (map->kind != NODE_MAP) {
        problem_hint(entry_refuse(reader, map->place, "guard.effects", "is not a map"),
                     "write the worst that may be done to a target: {orders-db: reversible}");
        return;
    }
    node_for_each(node, map) {
        const char *path = node_path(reader->schema.memory, "guard.effects", node->key);
        (void)entry_find_target(reader, node->key, node->named, path);
        const char *word = node_is_scalar(node) ? node->text : "";
        bool known = false;
        for (size_t i = 0; entry_effects[i]; i++)
            known = known || strcmp(entry_effects[i], word) == 0;
        if (!known)
            problem_hint_words(
                entry_refuse(reader, node->place, path, "is no effect"), word, entry_effects);
    }
    reader->elsewhere = false;
    reader->entries->ceiling.effects = map;
}

static bool is_among(const char *const *words, const char *word)
{
    bool found = !words || !*words;
    for (; words && *words && !found; words++)
        found = strcmp(*words, word) == 0;
    return found;
}

/* It must be one that acknowledges, and that gets the audit's lines. */
static void check_sink(struct reader *reader, struct place place, const char *name)
{
    static const char path[] = "guard.audit.require_sink";
    const struct config *config = reader->entries->config;
    MEM_AUTO const char **known = mem_array(config->sink_count + 1, sizeof(*known));
    const struct config_sink *sink = NULL;
    for (size_t i = 0; i < config->sink_count; i++) {
        known[i] = config->sinks[i].name;
        if (strcmp(known[i], name) == 0)
            sink = &config->sinks[i];
    }
    if (!sink)
        problem_hint_words(
            entry_refuse(reader, place, path, "there is no sink \"%s\" at work", name),
            name,
            known);
    else if (!sink->type->queued || sink->type->people)
        problem_hint(entry_refuse(reader,
                                  place,
                                  path,
                                  "%s is of type %s, which keeps no audit",
                                  name,
                                  sink->type->name),
                     "name one that acknowledges what it takes, such as type http");
    else if (!is_among(sink->only.kinds, "audit") || sink->only.level > LOG_INFO ||
             sink->only.labels)
        problem_hint(
            entry_refuse(reader, place, path, "%s does not get the audit's lines", name),
            "its only: must let kind audit and level info through, and may not name labels");
}

void entry_read_ceiling(struct reader *reader, const struct node *root)
{
    static const char *const words[] = {"freeze", "audit", "effects", NULL};
    static const char *const freeze_words[] = {"windows", NULL};
    struct entry_ceiling *ceiling = &reader->entries->ceiling;
    struct guard_words own = {0};
    const struct node *map =
        entry_map(reader,
                  node_find(root, "guard"),
                  "guard",
                  &(struct schema_keys){.tables = {entry_guard_options}, .words = words});
    ceiling->mode = GUARD_DRY_RUN;
    if (!map)
        return;
    schema_fill(&reader->schema, entry_guard_options, map, "guard", &own);
    const struct node *freeze =
        entry_map(reader,
                  node_find(map, "freeze"),
                  "guard.freeze",
                  &(struct schema_keys){.tables = {entry_freeze_options}, .words = freeze_words});
    if (freeze) {
        schema_fill(&reader->schema, entry_freeze_options, freeze, "guard.freeze", &own);
        windows_read_freezes(&reader->schema,
                             node_find(freeze, "windows"),
                             "guard.freeze.windows",
                             &ceiling->windows);
    }
    if (own.file && *own.file && *own.file != '/')
        (void)entry_refuse(
            reader, node_place(freeze, "file"), "guard.freeze.file", "is not an absolute path");
    const struct node *sink = entry_map(reader,
                                        node_find(map, "audit"),
                                        "guard.audit",
                                        &(struct schema_keys){.tables = {entry_sink_options}});
    if (sink)
        schema_fill(&reader->schema, entry_sink_options, sink, "guard.audit", &own);
    if (own.sink && *own.sink)
        check_sink(reader, node_place(sink, "require_sink"), own.sink);
    read_effects(reader, node_find(map, "effects"));
    ceiling->mode = entry_mode_of(own.mode);
    ceiling->freeze_file = own.file && *own.file ? own.file : NULL;
    ceiling->per_day = own.per_day;
    ceiling->require_sink = own.sink && *own.sink ? own.sink : NULL;
    ceiling->sink_wait_ms = own.wait_ms;
}

/* ---------------------------------------------------------------- silences ---- */

void entry_read_silences(struct reader *reader, const struct node *root)
{
    static const char *const words[] = {"windows", "alertmanager" /* probe/config's */, NULL};
    const struct node *map = entry_map(
        reader, node_find(root, "silences"), "silences", &(struct schema_keys){.words = words});
    if (!map)
        return;
    windows_read_silences(
        &reader->schema, node_find(map, "windows"), "silences.windows", &reader->entries->silences);
}

/* ---------------------------------------------------------------- approval ---- */

struct approval_words {
    const char *approvers;
    bool local;
    int64_t expires_ms, remind_ms, approvals;
    const char *const *notify;
};

const struct probe_option entry_approval_options[] = {
    {"approvers",
     PROBE_STRING_AT(struct approval_words, approvers),
     .fallback = "",
     .help = "an allowed_signers file of OpenSSH: whose signatures count"},
    {"local",
     PROBE_BOOL_AT(struct approval_words, local),
     .fallback = "false",
     .help = "a local user is somebody, too"},
    {"expires",
     PROBE_DURATION_AT(struct approval_words, expires_ms),
     .fallback = "15m",
     .min = SECOND,
     .max = ENTRY_LONGEST_MS,
     .help = "how long a plan waits for people"},
    {"remind",
     PROBE_DURATION_AT(struct approval_words, remind_ms),
     .fallback = "5m",
     .max = ENTRY_LONGEST_MS,
     .help = "how often it is said again that it waits; 0: never"},
    {"notify",
     PROBE_LIST_AT(struct approval_words, notify),
     .fallback = "[]",
     .help = "sinks that are told of plans that wait"},
    {0},
};
const struct probe_option entry_class_options[] = {
    {"approvals",
     PROBE_INT_AT(struct approval_words, approvals),
     .fallback = "1",
     .min = 1,
     .max = ENTRY_MOST_APPROVALS,
     .help = "how many a plan of that effect takes"},
    {0},
};

/* Each is a sink: one of a kind that is not in force yet, or that is off, is said elsewhere, or here. */
static void read_notify(struct reader *reader, const struct node *list, const char *const *names)
{
    const struct config *config = reader->entries->config;
    const struct node *written = node_find(config->root, "sinks");
    MEM_AUTO const char **known = mem_array(config->sink_count + 1, sizeof(*known));
    for (size_t i = 0; i < config->sink_count; i++)
        known[i] = config->sinks[i].name;
    for (; names && *names; names++) {
        size_t i = 0;
        while (i < config->sink_count && strcmp(known[i], *names) != 0)
            i++;
        if (i < config->sink_count)
            continue;
        const struct node *off = strcmp(*names, "stdout") == 0 ? NULL : node_find(written, *names);
        if (off)
            (void)problem_warn(reader->schema.problems,
                               list->place,
                               "approval.notify",
                               "the sink %s is not at work: nobody is told there",
                               *names);
        else
            problem_hint_words(
                entry_refuse(
                    reader, list->place, "approval.notify", "there is no sink \"%s\"", *names),
                *names,
                known);
    }
}

static void read_class(struct reader *reader, const struct node *node)
{
    struct approval_words own = {0};
    const char *path = node_path(reader->schema.memory, "approval.classes", node->key);
    size_t effect = 0;
    while (entry_effects[effect] && strcmp(entry_effects[effect], node->key) != 0)
        effect++;
    if (!entry_effects[effect]) {
        problem_hint_words(
            entry_refuse(reader, node->named, path, "is no effect"), node->key, entry_effects);
        return;
    }
    const struct node *map =
        entry_map(reader, node, path, &(struct schema_keys){.tables = {entry_class_options}});
    if (!map)
        return;
    schema_fill(&reader->schema, entry_class_options, map, path, &own);
    reader->entries->approval.needed[effect] = (unsigned)own.approvals;
}

void entry_read_approval(struct reader *reader, const struct node *root)
{
    static const char *const words[] = {"classes", NULL};
    struct approval_words own = {.expires_ms = 15 * MINUTE, .remind_ms = 5 * MINUTE};
    struct entry_approval *approval = &reader->entries->approval;
    const struct node *map =
        entry_map(reader,
                  node_find(root, "approval"),
                  "approval",
                  &(struct schema_keys){.tables = {entry_approval_options}, .words = words});
    for (size_t i = 0; i < COUNT_OF(approval->needed); i++)
        approval->needed[i] = 1;
    if (map) {
        const struct node *classes = node_find(map, "classes");
        schema_fill(&reader->schema, entry_approval_options, map, "approval", &own);
        read_notify(reader, node_find(map, "notify"), own.notify);
        if (!node_is_absent(classes) && classes->kind != NODE_MAP)
            (void)entry_refuse(reader, classes->place, "approval.classes", "is not a map");
        else if (!node_is_absent(classes))
            node_for_each(node, classes)
                read_class(reader, node);
    }
    approval->approvers = own.approvers && *own.approvers ? own.approvers : NULL;
    approval->local = own.local;
    approval->expires_ms = own.expires_ms;
    approval->remind_ms = own.remind_ms;
    approval->notify = own.notify;
}
