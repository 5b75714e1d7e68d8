#include "app/outline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/units.h"
#include "io/secret.h"
#include "probe/node.h"

enum { MOST_LINES = 200, LONGEST_VALUE = 4096 };

static const char *place_text(struct arena *arena, struct place place)
{
    if (!place.file || !place.line)
        return "default";
    const char *slash = strrchr(place.file, '/');
    return arena_print(arena, "%s:%u", slash ? slash + 1 : place.file, place.line);
}

static void add(struct arena *arena, struct outline *outline, const char *key, const char *value,
                const char *origin)
{
    if (outline->count == MOST_LINES)
        return;
    if (!outline->lines)
        outline->lines = arena_new(arena, MOST_LINES * sizeof(*outline->lines));
    outline->lines[outline->count++] =
        (struct outline_line){key, arena_print(arena, "%s", value), origin};
}

/* Where the value of `key` was written, or "default". */
static const char *origin_of(struct arena *arena, const struct node *written, const char *key)
{
    const struct node *node = written ? node_find(written, key) : NULL;
    return node ? place_text(arena, node->place) : "default";
}

static void add_duration(struct arena *arena, struct outline *outline, const char *key, int64_t ms,
                         const struct node *written)
{
    char text[UNITS_DURATION_LEN];
    units_print_duration(ms, text);
    add(arena, outline, key, text, origin_of(arena, written, key));
}

static void add_condition(struct arena *arena, struct outline *outline, const char *key,
                          const struct condition *condition, const struct node *written)
{
    add(arena,
        outline,
        key,
        condition ? condition_text(condition) : "never",
        origin_of(arena, written, key));
}

/* ------------------------------------------------------------- options ---- */

static bool sounds_secret(const char *name)
{
    static const char *const words[] = {
        "authorization", "bearer", "cookie", "key", "password", "secret", "token"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

/* A text whose key sounds secret is shown only where it is a reference. */
static void mask(struct node *node)
{
    if (node->key && sounds_secret(node->key) && node_is_scalar(node) &&
        !secret_has_reference(node->text) && !secret_is_foreign(node->text)) {
        node->kind = NODE_TEXT;
        node->text = REDACT_MARK;
    }
    for (struct node *child = node->first; child; child = child->next)
        mask(child);
}

static const char *value_of(struct arena *arena, const struct probe_option *option,
                            const struct node *node, const char *shown)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    bool reference = node_is_scalar(node) && secret_has_reference(node->text);
    text_init(&text, LONGEST_VALUE);
    if (option->type == PROBE_SECRET && !reference)
        return REDACT_MARK;
    if (option->type == PROBE_URL && shown)
        return reference ? node->text : shown;
    if (node_is_scalar(node))
        return node->text;
    writer_init(&writer, &text);
    struct node *open = node_copy(arena, node);
    open->key = NULL;
    mask(open);
    node_write(open, &writer, false);
    return arena_print(arena, "%s", text.bytes);
}

/* `under`: the key below which they stand, or NULL. */
static void add_options(struct arena *arena, struct outline *outline,
                        const struct probe_option *options, const struct node *written,
                        const char *shown, const char *under)
{
    bool acting = under && strcmp(under, "act_as") == 0;
    for (const struct probe_option *option = options; option && option->name; option++) {
        const struct node *node = written ? node_find(written, option->name) : NULL;
        if (node)
            add(arena,
                outline,
                under ? arena_print(arena, "%s.%s", under, option->name) : option->name,
                value_of(arena, option, node, shown),
                place_text(arena, node->place));
        else if (!acting && option->fallback && *option->fallback &&
                 strcmp(option->fallback, "[]") != 0)
            add(arena,
                outline,
                under ? arena_print(arena, "%s.%s", under, option->name) : option->name,
                option->fallback,
                "default");
    }
}

static void add_people(struct arena *arena, struct outline *outline, const char *owner,
                       const char *doc, const struct node *written)
{
    if (owner)
        add(arena, outline, "owner", owner, origin_of(arena, written, "owner"));
    if (doc)
        add(arena, outline, "doc", doc, origin_of(arena, written, "doc"));
}

/* --------------------------------------------------------------- whole ---- */

struct outline outline_of_target(struct arena *arena, const struct config_target *target)
{
    struct outline outline = {0};
    const struct probe_plugin *plugin = &target->plugin->face;
    add(arena, &outline, "type", plugin->name, origin_of(arena, target->written, "type"));
    add(arena,
        &outline,
        "scope",
        target->where == PROBE_NODE ? "node" : "cluster",
        origin_of(arena, target->written, "scope"));
    add_options(arena, &outline, plugin->options, target->written, target->shown, NULL);
    if (target->act_as.config)
        add_options(arena,
                    &outline,
                    plugin->options,
                    target->act_as.written,
                    target->act_as.shown,
                    "act_as");
    add_people(arena, &outline, target->owner, target->doc, target->written);
    return outline;
}

static void add_holding(struct arena *arena, struct outline *outline,
                        const struct config_check *check)
{
    static const struct {
        enum probe_status status;
        const char *key;
    } grades[] = {{PROBE_WARNING, "for.warning"},
                  {PROBE_CRITICAL, "for.critical"},
                  {PROBE_UNKNOWN, "for.unknown"}};
    const char *origin = origin_of(arena, check->written, "for");
    char text[UNITS_DURATION_LEN];
    for (size_t i = 0; i < COUNT_OF(grades); i++) {
        int64_t ms = check->rules.for_ms[grades[i].status];
        if (ms == 0)
            continue;
        units_print_duration(ms, text);
        add(arena, outline, grades[i].key, text, origin);
    }
    if (check->rules.recover_ms)
        add_duration(arena, outline, "recover", check->rules.recover_ms, check->written);
}

struct outline outline_of_check(struct arena *arena, const struct config_check *check)
{
    struct outline outline = {0};
    add(arena,
        &outline,
        "check",
        check->check->full_name,
        check->written ? place_text(arena, check->place) : "default");
    add_duration(arena, &outline, "every", check->every_ms, check->written);
    add_duration(arena, &outline, "timeout", check->timeout_ms, check->written);
    add_condition(arena, &outline, "warning", check->warning, check->written);
    add_condition(arena, &outline, "critical", check->critical, check->written);
    if (check->clear)
        add_condition(arena, &outline, "clear", check->clear, check->written);
    add_holding(arena, &outline, check);
    add_options(arena, &outline, check->check->face.options, check->written, NULL, NULL);
    add_people(arena, &outline, check->owner, check->doc, check->written);
    return outline;
}

/* The url as it is shown: where it was written with a password, without it. */
static const char *shown_url(const struct config_sink *sink)
{
    for (const struct probe_option *option = sink->type->options; option && option->name; option++)
        if (option->type == PROBE_URL) {
            const char *member = (const char *)sink->config + option->offset;
            const struct probe_url *url = *(const struct probe_url *const *)(const void *)member;
            return url ? url->shown : NULL;
        }
    return NULL;
}

struct outline outline_of_sink(struct arena *arena, const struct config_sink *sink)
{
    struct outline outline = {0};
    add(arena, &outline, "type", sink->type->name, origin_of(arena, sink->written, "type"));
    add_options(arena, &outline, sink->type->options, sink->written, shown_url(sink), NULL);
    for (const struct config_sink_part *part = config_sink_parts; part->key; part++) {
        const struct node *map = *part->key ? node_find(sink->written, part->key) : sink->written;
        if (!part->queued || sink->type->queued)
            add_options(arena, &outline, part->options, map, NULL, *part->key ? part->key : NULL);
    }
    const struct node *labels = node_find(node_find(sink->written, "only"), "labels");
    if (labels) {
        struct text TEXT_AUTO text;
        struct writer writer;
        text_init(&text, LONGEST_VALUE);
        writer_init(&writer, &text);
        node_write(labels, &writer, false);
        add(arena, &outline, "only.labels", text.bytes, place_text(arena, labels->place));
    }
    return outline;
}
