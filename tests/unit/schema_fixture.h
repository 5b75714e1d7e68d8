/*
 * schema_fixture - an option table with every type, filled from YAML, and the problems of that.
 *
 * For test_schema.c and test_schema_url.c.
 */
#ifndef TESTS_SCHEMA_FIXTURE_H
#define TESTS_SCHEMA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/redact.h"
#include "io/secret.h"
#include "probe/schema.h"
#include "probe/yaml.h"

struct step {
    const char *path;
    int64_t count;
};

struct named {
    const char *name;
    struct step step;
};

struct everything {
    const char *word, *level, *other;
    struct probe_secret *password;
    bool flag;
    int64_t count, every, size;
    double share, rate;
    const char *const *keys;
    const struct probe_url *url;
    const struct probe_tls *tls;
    const struct probe_pair *headers;
    struct probe_items steps;
    const char *json;
    struct probe_items named; /* struct named */
    const void *group;        /* struct step */
};

static const char *const levels[] = {"low", "middle", "high", NULL};

static const struct probe_option step_options[] = {
    {"path", PROBE_STRING_AT(struct step, path), .help = "where"},
    {"count", PROBE_INT_AT(struct step, count), .fallback = "7"},
    {0},
};

static const struct probe_option named_options[] = {
    {"path", PROBE_STRING_AT(struct named, step.path), .help = "where"},
    {"count", PROBE_INT_AT(struct named, step.count), .fallback = "7"},
    {0},
};

static const struct probe_option options[] = {
    {"word", PROBE_STRING_AT(struct everything, word), .fallback = "plain"},
    {"level",
     PROBE_STRING_AT(struct everything, level),
     .fallback = "low",
     .choices = levels,
     .help = "how much"},
    {"other", PROBE_TARGET_AT(struct everything, other), .fallback = ""},
    {"password", PROBE_SECRET_AT(struct everything, password), .fallback = ""},
    {"flag", PROBE_BOOL_AT(struct everything, flag), .fallback = "true"},
    {"count", PROBE_INT_AT(struct everything, count), .fallback = "3", .min = 1, .max = 100},
    {"every",
     PROBE_DURATION_AT(struct everything, every),
     .fallback = "30s",
     .min = 1000,
     .max = 3600000},
    {"size", PROBE_BYTES_AT(struct everything, size), .fallback = "64KiB", .max = 1 << 20},
    {"share", PROBE_REAL_AT(struct everything, share), .fallback = "0.5"},
    {"rate", PROBE_RATE_AT(struct everything, rate), .fallback = "2/s"},
    {"keys", PROBE_LIST_AT(struct everything, keys), .fallback = "[a, b]"},
    {"url", PROBE_URL_AT(struct everything, url), .fallback = ""},
    {"tls", PROBE_TLS_AT(struct everything, tls), .fallback = ""},
    {"headers", PROBE_PAIRS_AT(struct everything, headers), .fallback = ""},
    {"steps",
     PROBE_ITEMS_AT(struct everything, steps),
     .fallback = "",
     .nested = step_options,
     .item_size = sizeof(struct step)},
    {"json", PROBE_JSON_AT(struct everything, json), .fallback = ""},
    {"named",
     PROBE_NAMED_AT(struct everything, named),
     .fallback = "",
     .nested = named_options,
     .item_size = sizeof(struct named)},
    {"group",
     PROBE_GROUP_AT(struct everything, group),
     .fallback = "",
     .nested = step_options,
     .item_size = sizeof(struct step)},
    {0},
};

struct filling {
    struct schema schema;
    struct problems problems;
    struct everything got;
    struct text text;
};

static inline void fill(struct filling *filling, const char *yaml, bool offline)
{
    *filling = (struct filling){{0}};
    filling->schema = (struct schema){
        .memory = arena_create(), .problems = &filling->problems, .offline = offline};
    text_init(&filling->text, 1 << 20);
    const struct node *map =
        yaml_read(filling->schema.memory, "a.yaml", yaml, strlen(yaml), &filling->problems);
    assert_non_null(map);
    schema_fill(&filling->schema, options, map, "t", &filling->got);
    schema_refuse_unknown(&filling->schema, &(struct schema_keys){.tables = {options}}, map, "t");
}

static inline const char *problems_of(struct filling *filling)
{
    text_cut_to(&filling->text, 0);
    problems_print(&filling->problems, &filling->text);
    return filling->text.bytes;
}

static inline void end(struct filling *filling)
{
    text_finish(&filling->text);
    problems_finish(&filling->problems);
    arena_destroy(filling->schema.memory);
    redact_forget_all();
}

#endif
