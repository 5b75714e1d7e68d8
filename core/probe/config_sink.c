/*
 * config_sink - "sinks:", where events go beside stdout, and what of them.
 *
 * A sink's own options are its type's (out/sink.h); what all of them have is here: which events
 * they get (`only`), and, of those that wait for somebody, how they wait.
 *
 * Layer: probe.  Part of probe/config.
 */
#include <string.h>

#include "base/mem.h"
#include "io/digest.h"
#include "probe/config_parts.h"
#include "probe/yaml.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
enum { KIB = 1 << 10, MIB = 1 << 20 };

/* -------------------------------------------------------------- language ---- */

struct sink_words {
    const char *type;
};

struct only_words {
    struct config_only only;
    const char *level;
};

static const char *const kinds[] = {
    "finding", "remediation", "incident", "audit", "agent", "log", NULL};
static const char *const statuses[] = {"ok", "warning", "critical", "unknown", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

const struct probe_option config_sink_options[] = {
    {"type",
     PROBE_STRING_AT(struct sink_words, type),
     .fallback = "",
     .help = "what kind of sink it is; default: its name"},
    {0},
};

const struct probe_option config_only_options[] = {
    {"kind",
     PROBE_LIST_AT(struct only_words, only.kinds),
     .fallback = "[]",
     .choices = kinds,
     .help = "finding, agent, ...; default: all"},
    {"status",
     PROBE_LIST_AT(struct only_words, only.statuses),
     .fallback = "[]",
     .choices = statuses,
     .help = "of findings: ok, warning, critical, unknown; what has no status passes"},
    {"level",
     PROBE_STRING_AT(struct only_words, level),
     .fallback = "debug",
     .choices = levels,
     .help = "this level and what is worse"},
    {"target",
     PROBE_LIST_AT(struct only_words, only.targets),
     .fallback = "[]",
     .help = "findings of these targets; what is about no target passes"},
    {"name",
     PROBE_LIST_AT(struct only_words, only.names),
     .fallback = "[]",
     .help = "findings of checks with these names; what is of no check passes"},
    {0},
};

static const struct probe_option batch_options[] = {
    {"count",
     PROBE_INT_AT(struct config_queue, batch_count),
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .help = "events of one request, at most"},
    {"bytes",
     PROBE_BYTES_AT(struct config_queue, batch_bytes),
     .fallback = "1MiB",
     .min = 16 * KIB,
     .max = 64 * MIB,
     .help = "their size, at most"},
    {"age",
     PROBE_DURATION_AT(struct config_queue, batch_age_ms),
     .fallback = "1s",
     .max = HOUR,
     .help = "how long the first one waits for others; default of email: 30s"},
    {0},
};

static const struct probe_option retry_options[] = {
    {"first",
     PROBE_DURATION_AT(struct config_queue, retry_first_ms),
     .fallback = "500ms",
     .min = 10,
     .max = HOUR,
     .help = "the pause after a failure is random, below this; it doubles each time ..."},
    {"most",
     PROBE_DURATION_AT(struct config_queue, retry_most_ms),
     .fallback = "1m",
     .min = 10,
     .max = 24 * HOUR,
     .help = "... up to this"},
    {0},
};

static const struct probe_option spool_options[] = {
    {"bytes",
     PROBE_BYTES_AT(struct config_queue, spool_bytes),
     .fallback = "256MiB",
     .max = INT64_C(1) << 40,
     .help = "what waits on disk, below agent.state, at most; 0, and the default of file: nothing "
             "does"},
    {"age",
     PROBE_DURATION_AT(struct config_queue, spool_age_ms),
     .fallback = "3d",
     .min = SECOND,
     .max = CONFIG_LONGEST_MS,
     .help = "how long something waits, at most"},
    {"memory",
     PROBE_BYTES_AT(struct config_queue, memory_bytes),
     .fallback = "8MiB",
     .min = 64 * KIB,
     .max = INT64_C(1) << 32,
     .help = "what waits in memory, at most: all of it without a disk"},
    {0},
};

static const struct probe_option queue_options[] = {
    {"deliver",
     PROBE_DURATION_AT(struct config_queue, deliver_ms),
     .fallback = "5s",
     .max = HOUR,
     .help = "how long the agent's end waits for what is still to be delivered"},
    {0},
};

const struct config_sink_part config_sink_parts[] = {
    {"only", config_only_options, false},
    {"batch", batch_options, true},
    {"retry", retry_options, true},
    {"spool", spool_options, true},
    {"", queue_options, true}, /* beside the type's own */
    {0},
};

/* ----------------------------------------------------------------- parts ---- */

/* A sink as it is read. */
struct draft {
    struct builder *builder;
    const struct node *map;
    const char *path;
    struct config_sink *sink;
};

static const struct node *part_of(const struct draft *draft, const char *key, const char *path)
{
    const struct node *written = node_find(draft->map, key);
    struct arena *arena = draft->builder->schema.memory;
    if (node_is_absent(written))
        return node_create(arena, NODE_MAP, draft->map->place, NULL);
    if (written->kind == NODE_MAP)
        return written;
    (void)config_refuse(
        draft->builder, written->place, path, "is %s, not a map", node_kind_name(written));
    return node_create(arena, NODE_MAP, written->place, NULL);
}

static void fill_part(const struct draft *draft, const struct config_sink_part *part)
{
    struct schema *schema = &draft->builder->schema;
    const char *path = node_path(schema->memory, draft->path, part->key);
    const struct node *map = part_of(draft, part->key, path);
    const struct schema_keys keys = {.tables = {part->options}};
    schema_fill(schema, part->options, map, path, &draft->sink->queue);
    schema_refuse_unknown(schema, &keys, map, path);
}

static enum log_level level_of(const char *word)
{
    enum log_level level = LOG_DEBUG;
    while (level < LOG_ERROR && word && strcmp(log_level_name(level), word) != 0)
        level++;
    return level;
}

static struct config_only read_only(const struct draft *draft)
{
    static const char *const labels[] = {"labels", NULL};
    struct schema *schema = &draft->builder->schema;
    struct only_words words = {.level = "debug"};
    const char *path = node_path(schema->memory, draft->path, "only");
    const struct node *map = part_of(draft, "only", path);
    const struct schema_keys keys = {.tables = {config_only_options}, .words = labels};
    schema_fill(schema, config_only_options, map, path, &words);
    schema_refuse_unknown(schema, &keys, map, path);
    words.only.level = level_of(words.level);
    if (!node_is_absent(node_find(map, "labels")))
        words.only.labels = schema_labels(
            schema, node_find(map, "labels"), node_path(schema->memory, path, "labels"), NULL);
    return words.only;
}

/* ------------------------------------------------------------------ sink ---- */

static const struct config_sink_type *find_type(const struct builder *builder, const char *name)
{
    const struct config_sink_type *const *type = builder->needs->sinks;
    for (; type && *type; type++)
        if (strcmp((*type)->name, name) == 0)
            return *type;
    return NULL;
}

static const struct config_sink_type *refuse_type(struct builder *builder, struct place place,
                                                  const char *path, const char *type)
{
    const char *names[64] = {NULL};
    const struct config_sink_type *const *known = builder->needs->sinks;
    for (size_t i = 0; known && known[i] && i < COUNT_OF(names) - 1; i++)
        names[i] = known[i]->name;
    problem_hint_words(
        config_refuse(builder, place, path, "there is no type of sinks \"%s\"", type), type, names);
    return NULL;
}

static const struct config_sink_type *type_of(struct builder *builder, const struct node *written,
                                              const char *path)
{
    const struct node *node = node_find(written, "type");
    struct place place = node ? node->place : written->named;
    const char *type = written->key;
    path = node ? node_path(builder->schema.memory, path, "type") : path;
    if (node) {
        type = schema_text(&builder->schema, node, path, "the type of a sink");
        if (!type)
            return NULL;
    }
    const struct config_sink_type *found = find_type(builder, type);
    return found ? found : refuse_type(builder, place, path, type);
}

static void refuse_keys(const struct draft *draft, const struct config_sink_type *type)
{
    const struct schema_keys keys = {
        .tables = {config_sink_options, type->options, type->queued ? queue_options : NULL},
        .words = type->queued ? (const char *const[]){"only", "batch", "retry", "spool", NULL}
                              : (const char *const[]){"only", NULL},
    };
    schema_refuse_unknown(&draft->builder->schema, &keys, draft->map, draft->path);
}

/* What a type's check() has to say, of the key that its message begins with. */
static void check_type(const struct draft *draft, size_t errors_before)
{
    struct builder *builder = draft->builder;
    const struct config_sink *sink = draft->sink;
    struct error error;
    if (!sink->type->check || builder->schema.problems->errors != errors_before ||
        sink->type->check(sink->config, &error) == 0)
        return;
    char *colon = strstr(error.message, ": ");
    const char *message = error.message, *path = draft->path;
    struct place place = draft->map->place;
    if (colon) {
        *colon = '\0';
        path = node_path(builder->schema.memory, path, error.message);
        place = node_place(draft->map, error.message);
        message = colon + 2;
    }
    struct problem *problem = config_refuse(builder, place, path, "%s", message);
    if (*error.hint)
        problem_hint(problem, "%s", error.hint);
}

static void digest_sink(const struct draft *draft, const struct text *resolved)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, YAML_MOST_BYTES);
    writer_init(&writer, &text);
    node_write(draft->map, &writer, true);
    text_print(&text, "%s %s", draft->sink->type->name, resolved->bytes);
    digest_text(&text, sizeof(draft->sink->digest) - 1, draft->sink->digest);
}

static bool writes(const struct node *map, const char *part, const char *key)
{
    const struct node *written = node_find(map, part);
    return written && written->kind == NODE_MAP && !node_is_absent(node_find(written, key));
}

/* What a type has otherwise than others, unless it is written. */
static void take_defaults(const struct draft *draft)
{
    const struct config_sink_type *type = draft->sink->type;
    if (type->local && !writes(draft->map, "spool", "bytes"))
        draft->sink->queue.spool_bytes = 0;
    if (type->batch_age_ms && !writes(draft->map, "batch", "age"))
        draft->sink->queue.batch_age_ms = type->batch_age_ms;
}

static void check_retry(const struct draft *draft)
{
    const struct config_queue *queue = &draft->sink->queue;
    const struct node *retry = node_find(draft->map, "retry");
    if (!retry || queue->retry_first_ms <= queue->retry_most_ms)
        return;
    problem_hint(config_refuse(draft->builder,
                               node_place(retry, "first"),
                               node_path(draft->builder->schema.memory, draft->path, "retry.first"),
                               "is longer than most"),
                 "write the longer one as most: pauses grow from first up to it");
}

static void fill_sink(const struct draft *draft)
{
    struct schema *schema = &draft->builder->schema;
    struct config_sink *sink = draft->sink;
    size_t errors = schema->problems->errors;
    void *config = arena_new(schema->memory, sink->type->config_size);
    sink->config = config;
    if (sink->type->options)
        schema_fill(schema, sink->type->options, draft->map, draft->path, config);
    sink->only = read_only(draft);
    if (sink->type->queued) {
        schema_fill(schema, queue_options, draft->map, draft->path, &sink->queue);
        for (const struct config_sink_part *part = config_sink_parts; part->key; part++)
            if (part->queued && *part->key)
                fill_part(draft, part);
        take_defaults(draft);
        check_retry(draft);
    }
    refuse_keys(draft, sink->type);
    check_type(draft, errors);
}

static void build_sink(struct builder *builder, const struct node *written, const char *path)
{
    struct config *config = builder->config;
    struct text TEXT_AUTO resolved;
    text_init(&resolved, YAML_MOST_BYTES);
    struct config_sink *sink = &config->sinks[config->sink_count];
    const struct config_sink_type *type = type_of(builder, written, path);
    if (!type)
        return;
    *sink = (struct config_sink){
        .name = written->key, .type = type, .place = written->named, .written = written};
    const struct draft draft = {builder, written, path, sink};
    builder->schema.resolved = &resolved;
    fill_sink(&draft);
    builder->schema.resolved = NULL;
    digest_sink(&draft, &resolved);
    explicit_bzero(resolved.bytes, resolved.len); /* a URL's password may be in it */
    config->sink_count++;
}

/* ------------------------------------------------------------------- all ---- */

static bool is_off(const struct node *node)
{
    return node_is_scalar(node) &&
           (strcmp(node->text, "off") == 0 || (node->kind == NODE_BOOL && !node_is_true(node)));
}

/* stdout: {}, off, or {only: ...} */
static void read_stdout(struct builder *builder, const struct node *written, const char *path)
{
    static const char *const words[] = {"only", NULL};
    struct config_stdout *console = &builder->config->console;
    console->written = written;
    console->off = is_off(written);
    if (console->off || node_is_absent(written))
        return;
    if (written->kind != NODE_MAP) {
        problem_hint(
            config_refuse(
                builder, written->place, path, "is %s, not a map", node_kind_name(written)),
            "write {}, or off");
        return;
    }
    const struct draft draft = {builder, written, path, NULL};
    schema_refuse_unknown(&builder->schema, &(struct schema_keys){.words = words}, written, path);
    console->only = read_only(&draft);
}

static void warn_without_state(struct builder *builder)
{
    const struct config *config = builder->config;
    for (size_t i = 0; i < config->sink_count && !config->agent.state; i++)
        if (config->sinks[i].type->queued && config->sinks[i].queue.spool_bytes) {
            problem_hint(
                problem_warn(builder->schema.problems,
                             config->sinks[i].place,
                             node_path(builder->schema.memory, "sinks", config->sinks[i].name),
                             "what waits for it waits in memory, and ends with the agent"),
                "give agent.state a folder, and it waits on disk");
            return;
        }
}

/* Events wait for it until it is there, so it is no error; and another machine may have it. */
static void warn_of_needs(struct builder *builder)
{
    const struct config *config = builder->config;
    struct error error;
    for (size_t i = 0; i < config->sink_count; i++) {
        const struct config_sink *sink = &config->sinks[i];
        if (!sink->type->needs || sink->type->needs(&error) == 0)
            continue;
        struct problem *problem =
            problem_warn(builder->schema.problems,
                         sink->place,
                         node_path(builder->schema.memory, "sinks", sink->name),
                         "%s; until then its events wait",
                         error.message);
        if (*error.hint)
            problem_hint(problem, "%s", error.hint);
    }
}

void config_build_sinks(struct builder *builder)
{
    const struct node *sinks = node_find(builder->root, "sinks");
    struct config *config = builder->config;
    if (node_is_absent(sinks))
        return;
    if (sinks->kind != NODE_MAP) {
        problem_hint(config_refuse(builder, sinks->place, "sinks", "is not a map"),
                     "write a name and its settings, such as collector: {type: http, url: ...}");
        return;
    }
    config->sinks = arena_array(builder->schema.memory, sinks->count, sizeof(*config->sinks));
    node_for_each(written, sinks) {
        const char *path = node_path(builder->schema.memory, "sinks", written->key);
        if (strcmp(written->key, "stdout") == 0)
            read_stdout(builder, written, path);
        else if (is_off(written) || node_is_absent(written) ||
                 !config_name_fits(builder, written, path))
            continue;
        else if (written->kind != NODE_MAP)
            problem_hint(
                config_refuse(
                    builder, written->place, path, "is %s, not a map", node_kind_name(written)),
                "write type: and url: below it");
        else
            build_sink(builder, written, path);
    }
    warn_without_state(builder);
    warn_of_needs(builder);
}
