#include "app/difference.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "app/outline.h"
#include "base/mem.h"

struct diff {
    struct arena *arena;
    struct text *out;
    size_t changes;
};

__attribute__((format(printf, 4, 5))) static void say(struct diff *diff, char sign,
                                                      const char *address, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    MEM_AUTO char *said = mem_print_args(fmt, args);
    va_end(args);
    text_print(diff->out, "%c %-32s %s\n", sign, address, said);
    diff->changes++;
}

static const char *value_in(const struct outline *outline, const char *key)
{
    for (size_t i = 0; i < outline->count; i++)
        if (strcmp(outline->lines[i].key, key) == 0)
            return outline->lines[i].value;
    return NULL;
}

static void compare(struct diff *diff, const char *address, const struct outline *old,
                    const struct outline *new)
{
    for (size_t i = 0; i < old->count; i++) {
        const char *key = old->lines[i].key, *was = old->lines[i].value, *is = value_in(new, key);
        if (!is)
            say(diff, '~', address, "%s: %s  ->  (not set)", key, was);
        else if (strcmp(was, is) != 0)
            say(diff, '~', address, "%s: %s  ->  %s", key, was, is);
    }
    for (size_t i = 0; i < new->count; i++)
        if (!value_in(old, new->lines[i].key))
            say(diff,
                '~',
                address,
                "%s: (not set)  ->  %s",
                new->lines[i].key,
                new->lines[i].value);
}

static const struct config_check *find_check(const struct config_target *target, const char *name)
{
    for (size_t i = 0; target && i < target->check_count; i++)
        if (strcmp(target->checks[i].name, name) == 0)
            return &target->checks[i];
    return NULL;
}

static const struct config_target *find_target(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return &config->targets[i];
    return NULL;
}

/* The checks of a target; `old` or `new` may be NULL. */
static void compare_checks(struct diff *diff, const struct config_target *old,
                           const struct config_target *new)
{
    for (size_t i = 0; new &&i < new->check_count; i++) {
        const struct config_check *check = &new->checks[i], *before = find_check(old, check->name);
        const char *address = arena_print(diff->arena, "%s/%s", new->name, check->name);
        struct outline now = outline_of_check(diff->arena, check);
        if (before) {
            struct outline then = outline_of_check(diff->arena, before);
            compare(diff, address, &then, &now);
        } else {
            say(diff,
                '+',
                address,
                "new: %s, every %s",
                value_in(&now, "check"),
                value_in(&now, "every"));
        }
    }
    for (size_t i = 0; old && i < old->check_count; i++) {
        const char *name = old->checks[i].name;
        if (!find_check(new, name))
            say(diff,
                '-',
                arena_print(diff->arena, "%s/%s", old->name, name),
                "gone; an open finding of it is closed with reason \"removed\"");
    }
}

static const struct config_sink *find_sink(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->sink_count; i++)
        if (strcmp(config->sinks[i].name, name) == 0)
            return &config->sinks[i];
    return NULL;
}

static void compare_sinks(struct diff *diff, const struct config *old, const struct config *new)
{
    if (old->console.off != new->console.off)
        say(diff, '~', "sinks.stdout", "switched %s", new->console.off ? "off" : "on");
    for (size_t i = 0; i < new->sink_count; i++) {
        const struct config_sink *sink = &new->sinks[i], *before = find_sink(old, sink->name);
        const char *address = arena_print(diff->arena, "sinks.%s", sink->name);
        struct outline now = outline_of_sink(diff->arena, sink);
        if (before) {
            struct outline then = outline_of_sink(diff->arena, before);
            compare(diff, address, &then, &now);
        } else {
            say(diff, '+', address, "new: events go there, too");
        }
    }
    for (size_t i = 0; i < old->sink_count; i++)
        if (!find_sink(new, old->sinks[i].name))
            say(diff,
                '-',
                arena_print(diff->arena, "sinks.%s", old->sinks[i].name),
                "gone; what waits for it is delivered within %" PRId64 " ms, or dropped",
                old->sinks[i].queue.deliver_ms);
}

static void compare_all(struct diff *diff, const struct config *old, const struct config *new)
{
    if (strcmp(old->agent.realm, new->agent.realm) != 0)
        say(diff,
            '!',
            "agent.realm",
            "%s  ->  %s: every id changes",
            old->agent.realm,
            new->agent.realm);
    for (size_t i = 0; i < new->target_count; i++) {
        const struct config_target *target = &new->targets[i],
                                   *before = find_target(old, target->name);
        if (before) {
            struct outline then = outline_of_target(diff->arena, before);
            struct outline now = outline_of_target(diff->arena, target);
            compare(diff, target->name, &then, &now);
        }
        compare_checks(diff, before, target);
    }
    for (size_t i = 0; i < old->target_count; i++)
        if (!find_target(new, old->targets[i].name))
            compare_checks(diff, &old->targets[i], NULL);
    compare_sinks(diff, old, new);
}

size_t difference_print(const struct config *old, const struct config *new, struct text *out)
{
    struct diff diff = {.arena = arena_create(), .out = out};
    compare_all(&diff, old, new);
    arena_destroy(diff.arena);
    return diff.changes;
}
