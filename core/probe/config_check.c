/*
 * config_check - one check of a target: when it runs, how it is judged, and its own options.
 *
 * Layer: probe.  Part of probe/config.
 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"
#include "io/digest.h"
#include "probe/config_parts.h"
#include "probe/yaml.h"

/* A check while it is built; `map` is empty where nothing was written. */
struct draft {
    struct builder *builder;
    const struct config_target *target;
    const struct target_words *inherited;
    struct config_check *check;
    const struct node *map;
    const char *path;
};

static const char *path_of(const struct draft *draft, const char *key)
{
    return node_path(draft->builder->schema.memory, draft->path, key);
}

/* ----------------------------------------------------------- conditions ---- */

static void release(void *condition)
{
    condition_release(condition);
}

static struct condition *compile(const struct draft *draft, const char *text, struct place place,
                                 const char *path)
{
    struct error error = {0};
    struct builder *builder = draft->builder;
    struct condition *condition = condition_compile(text, &draft->check->check->measures, &error);
    if (condition) {
        arena_own(builder->schema.memory, condition, release);
        return condition;
    }
    struct problem *problem = config_refuse(builder, place, path, "%s", error.message);
    if (*error.hint)
        problem_hint(problem, "%s", error.hint);
    return NULL;
}

/* A number that such a check has, for an example. */
static const char *some_number(const struct draft *draft)
{
    const struct measures *measures = &draft->check->check->measures;
    for (size_t i = 0; i < measures->count; i++)
        if (measures->slots[i].kind != PROBE_WORD && measures->slots[i].kind != PROBE_FLAG)
            return measures->slots[i].name;
    return "count";
}

/* What is no text, or a word that switches off elsewhere: never an accident that means "none". */
static bool is_condition(const struct draft *draft, const struct node *node, const char *path)
{
    static const char *const habits[] = {"off", "on", "no", "yes", "none", NULL};
    struct builder *builder = draft->builder;
    struct problem *problem;
    if (node->kind == NODE_NULL) {
        problem = config_refuse(builder, node->place, path, "is empty");
        problem_hint(problem,
                     "what begins with # is a comment: quote the condition; never switches the "
                     "grade off");
        return false;
    }
    bool habit = node->kind == NODE_BOOL;
    for (size_t i = 0; habits[i] && node->kind == NODE_TEXT; i++)
        habit = habit || strcmp(habits[i], node->text) == 0;
    if (habit) {
        problem = config_refuse(builder, node->place, path, "is %s, not a condition", node->text);
        problem_hint(problem, "write never to switch the grade off");
        return false;
    }
    if (node->kind == NODE_TEXT)
        return true;
    bool scalar = node_is_scalar(node);
    problem = config_refuse(builder,
                            node->place,
                            path,
                            "is %s, not a condition",
                            scalar ? node->text : node_kind_name(node));
    problem_hint(problem, "write it like %s > %s", some_number(draft), scalar ? node->text : "90");
    return false;
}

/* The condition of a grade: as written, or the plugin's own; NULL: never. */
static struct condition *condition_of(const struct draft *draft, const char *grade,
                                      const char *fallback)
{
    const struct node *node = node_find(draft->map, grade);
    const char *path = path_of(draft, grade);
    if (node_is_absent(node))
        return fallback ? compile(draft, fallback, draft->check->place, path) : NULL;
    if (!is_condition(draft, node, path))
        return NULL;
    const char *text = schema_text(&draft->builder->schema, node, path, "a condition");
    if (!text)
        return NULL;
    if (strcmp(text, "never") != 0)
        return compile(draft, text, node->place, path);
    if (strcmp(grade, "clear") == 0)
        (void)config_refuse(
            draft->builder, node->place, path, "is never: what was bad would stay so for ever");
    return NULL;
}

/* ---------------------------------------------------------------- holds ---- */

static const struct node *map_of(const struct draft *draft, const char *key,
                                 const struct probe_option *options)
{
    const struct node *node = node_find(draft->map, key);
    const char *path = path_of(draft, key);
    if (!node || node->kind != NODE_MAP)
        return NULL;
    schema_refuse_unknown(
        &draft->builder->schema, &(struct schema_keys){.tables = {options}}, node, path);
    return node;
}

/* "for: 30s", of both grades, or a map with one for each. */
static void read_hold(const struct draft *draft, struct ledger_rules *rules)
{
    static const struct probe_option whole[] = {
        {"for",
         PROBE_DURATION_AT(struct hold_words, warning_ms),
         .fallback = "",
         .max = CONFIG_LONGEST_MS},
        {0},
    };
    struct schema *schema = &draft->builder->schema;
    const struct node *map = map_of(draft, "for", config_hold_options);
    struct hold_words words = {0};
    if (map) {
        schema_fill(schema, config_hold_options, map, path_of(draft, "for"), &words);
    } else {
        schema_fill(schema, whole, draft->map, draft->path, &words);
        words.critical_ms = words.warning_ms;
    }
    rules->for_ms[PROBE_WARNING] = words.warning_ms;
    rules->for_ms[PROBE_CRITICAL] = words.critical_ms;
    rules->for_ms[PROBE_UNKNOWN] = words.unknown_ms;
}

static void read_flap(const struct draft *draft, struct ledger_rules *rules)
{
    struct flap_words words = {.changes = 6, .within_ms = INT64_C(30) * 60 * 1000};
    const struct node *map = map_of(draft, "flap", config_flap_options);
    const struct node *written = node_find(draft->map, "flap");
    if (map)
        schema_fill(
            &draft->builder->schema, config_flap_options, map, path_of(draft, "flap"), &words);
    else if (written)
        problem_hint(
            config_refuse(draft->builder, written->place, path_of(draft, "flap"), "is not a map"),
            "write it like {changes: 6, within: 30m}");
    rules->flap_changes = (unsigned)words.changes;
    rules->flap_within_ms = words.within_ms;
}

/* ----------------------------------------------------------------- times ---- */

static int64_t duration(const char *text, int64_t fallback)
{
    int64_t ms = fallback;
    if (text)
        (void)units_duration(text, &ms);
    return ms;
}

/*
 * Its own words, else the target's where it is light, else the plugin's.  What an operator wrote may
 * be longer than the interval: runs of a check never overlap, and what falls into one is left out.
 * The plugin's own limit was made for its own interval, and is held to a shorter one.
 */
static void read_times(const struct draft *draft, const struct check_words *words)
{
    const struct probe_check *face = &draft->check->check->face;
    const struct target_words *inherited = face->heavy ? NULL : draft->inherited;
    struct config_check *check = draft->check;
    check->every_ms = words->every_ms                        ? words->every_ms
                      : inherited && inherited->every_ms > 0 ? inherited->every_ms
                                                             : duration(face->every, 60000);
    check->timeout_ms = words->timeout_ms                        ? words->timeout_ms
                        : inherited && inherited->timeout_ms > 0 ? inherited->timeout_ms
                                                                 : duration(face->timeout, 10000);
    bool written = words->timeout_ms || (inherited && inherited->timeout_ms > 0);
    if (face->mode == PROBE_PERIODIC && !written && check->timeout_ms > check->every_ms)
        check->timeout_ms = check->every_ms;
}

/* ----------------------------------------------------------------- check ---- */

static void read_words(const struct draft *draft)
{
    struct builder *builder = draft->builder;
    struct config_check *check = draft->check;
    struct schema *schema = &builder->schema;
    const struct config_agent *agent = &builder->config->agent;
    struct check_words words = {
        .owner = draft->target->owner,
        .doc = draft->target->doc,
        .repeat_ms = agent->repeat_ms,
    };
    schema_fill(schema, config_check_options, draft->map, draft->path, &words);
    read_times(draft, &words);
    check->owner = words.owner;
    check->doc = words.doc;
    check->labels = schema_labels(
        schema, node_find(draft->map, "labels"), path_of(draft, "labels"), draft->target->labels);
    check->rules = (struct ledger_rules){
        .recover_ms = words.recover_ms,
        .repeat_ms = words.repeat_ms,
        .snapshot_ms = agent->snapshot_ms,
        .every_ms = check->every_ms,
        .timeout_ms = check->timeout_ms,
        .emit_all = agent->emit_all,
    };
    read_hold(draft, &check->rules);
    read_flap(draft, &check->rules);
}

static void read_options(const struct draft *draft)
{
    const struct probe_check *face = &draft->check->check->face;
    struct builder *builder = draft->builder;
    const struct schema_keys keys = {.tables = {config_check_options, face->options},
                                     .words = config_check_words};
    if (face->config_size) {
        void *config = arena_new(builder->schema.memory, face->config_size);
        schema_fill(&builder->schema, face->options, draft->map, draft->path, config);
        draft->check->config = config;
    }
    config_refuse_unknown(builder, &keys, config_reserved_check, draft->map, draft->path);
    config_say_reserved(builder, config_reserved_check, face->options, draft->map, draft->path);
}

static const char *text_of(const struct condition *condition)
{
    return condition ? condition_text(condition) : "never";
}

static void digest(const struct draft *draft, const char *resolved)
{
    const struct config_check *check = draft->check;
    const struct ledger_rules *rules = &check->rules;
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, YAML_MOST_BYTES);
    writer_init(&writer, &text);
    node_write(draft->map, &writer, true);
    text_print(&text, "\n%s\n%s\n%s\n", check->name, check->check->full_name, resolved);
    text_print(&text, "%" PRId64 " %" PRId64 "\n", check->every_ms, check->timeout_ms);
    text_print(&text,
               "%s\n%s\n%s\n",
               text_of(check->warning),
               text_of(check->critical),
               text_of(check->clear));
    text_print(&text,
               "%" PRId64 " %" PRId64 " %d\n",
               rules->repeat_ms,
               rules->snapshot_ms,
               rules->emit_all);
    text_print(&text, "%s\n%s\n", check->owner ? check->owner : "", check->doc ? check->doc : "");
    for (size_t i = 0; check->labels && check->labels[i]; i++)
        text_print(&text, "%s\n", check->labels[i]);
    digest_text(&text, sizeof(check->digest) - 1, draft->check->digest);
}

/* What was written as a map; `true` and, told as wrong, everything else is an empty one. */
static const struct node *map_from(struct builder *builder, const struct node *written,
                                   struct place place, const char *path)
{
    if (written && written->kind == NODE_MAP)
        return written;
    if (written && written->kind == NODE_NULL)
        problem_hint(config_refuse(builder, written->named, path, "is empty"),
                     "write {} to run it as it is, or \"off\"");
    else if (written && !node_is_true(written))
        problem_hint(config_refuse(builder, written->place, path, "is not a map"),
                     "write {} to run it as it is, or \"off\"");
    return node_create(builder->schema.memory, NODE_MAP, place, NULL);
}

void config_build_check(struct builder *builder, const struct config_target *target,
                        const struct target_words *inherited, const struct node *written,
                        const char *path, struct config_check *check)
{
    const struct probe_check *face = &check->check->face;
    struct text TEXT_AUTO resolved;
    struct text *before = builder->schema.resolved;
    struct draft draft = {
        .builder = builder,
        .target = target,
        .inherited = inherited,
        .check = check,
        .map = map_from(builder, written, check->place, path),
        .path = path,
    };
    text_init(&resolved, YAML_MOST_BYTES);
    builder->schema.resolved = &resolved;
    check->written = written ? draft.map : NULL;
    read_words(&draft);
    if (!target->plugin->unread)
        read_options(&draft);
    config_read_judgement(builder, target, draft.map, path, check);
    if (!target->plugin->unread) {
        check->warning = condition_of(&draft, "warning", face->warning);
        check->critical = condition_of(&draft, "critical", face->critical);
        check->clear = condition_of(&draft, "clear", NULL);
    }
    digest(&draft, resolved.bytes);
    builder->schema.resolved = before;
    explicit_bzero(resolved.bytes, resolved.len); /* a URL's password may be in it */
}
