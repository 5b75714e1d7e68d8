/*
 * Configurations: whatever the bytes are, either a configuration or an error comes out, and every
 * byte is given back.  What stands before a line "%%" is a base for what follows.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/redact.h"
#include "probe/config.h"
#include "probe/yaml.h"

struct item {
    const char *path;
    int64_t count;
};

struct settings {
    const struct probe_url *url;
    const char *word, *choice, *json, *other;
    struct probe_secret *secret;
    bool flag;
    int64_t count, span, size;
    double share, rate;
    const char *const *list;
    const struct probe_tls *tls;
    const struct probe_pair *pairs;
    struct probe_items items;
};

static const char *const choices[] = {"one", "two", NULL};
static const struct probe_option item_options[] = {
    {"path", PROBE_STRING_AT(struct item, path)},
    {"count", PROBE_INT_AT(struct item, count), .fallback = "1", .max = 9},
    {0},
};
static const struct probe_option options[] = {
    {"url", PROBE_URL_AT(struct settings, url), .fallback = ""},
    {"word", PROBE_STRING_AT(struct settings, word), .fallback = "w"},
    {"choice", PROBE_STRING_AT(struct settings, choice), .fallback = "one", .choices = choices},
    {"json", PROBE_JSON_AT(struct settings, json), .fallback = ""},
    {"other", PROBE_TARGET_AT(struct settings, other), .fallback = ""},
    {"secret", PROBE_SECRET_AT(struct settings, secret), .fallback = ""},
    {"flag", PROBE_BOOL_AT(struct settings, flag), .fallback = "true"},
    {"count", PROBE_INT_AT(struct settings, count), .fallback = "3", .min = 1, .max = 100},
    {"span", PROBE_DURATION_AT(struct settings, span), .fallback = "5m"},
    {"size", PROBE_BYTES_AT(struct settings, size), .fallback = "4KiB"},
    {"share", PROBE_REAL_AT(struct settings, share), .fallback = "0.5"},
    {"rate", PROBE_RATE_AT(struct settings, rate), .fallback = "2/s"},
    {"list", PROBE_LIST_AT(struct settings, list), .fallback = "[a, b]"},
    {"tls", PROBE_TLS_AT(struct settings, tls), .fallback = ""},
    {"pairs", PROBE_PAIRS_AT(struct settings, pairs), .fallback = "{a: b}"},
    {"items",
     PROBE_ITEMS_AT(struct settings, items),
     .fallback = "",
     .nested = item_options,
     .item_size = sizeof(struct item)},
    {0},
};

static void run(struct probe_target *self, struct probe_run *probe_run)
{
    (void)self;
    (void)probe_run;
}

static const struct probe_measure measures[] = {{"used_percent", "of all", .kind = PROBE_GAUGE},
                                                {"seen", "in all", .kind = PROBE_COUNTER},
                                                {0}};
static const struct probe_check checks[] = {
    {"connect",
     "it cannot be reached",
     .options = options,
     .config_size = sizeof(struct settings),
     .measures = measures,
     .every = "10s",
     .timeout = "5s",
     .warning = "used_percent > 80",
     .run = run},
    {"heavy", "slow", .heavy = true, .every = "1h", .timeout = "1m", .run = run},
    {0},
};
static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "thing",
    .version = "1",
    .summary = "a thing",
    .scheme = "thing",
    .options = options,
    .config_size = sizeof(struct settings),
    .checks = checks,
};

static struct plugins plugins;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error error;
    (void)argc;
    (void)argv;
    return plugin_add(&plugins, &plugin, "thing.so", &error);
}

static void parse(const char *bytes, size_t len)
{
    static const struct config_needs needs = {.offline = true, .version = "0.1.0"};
    struct problems problems = {0};
    struct text TEXT_AUTO text;
    text_init(&text, 1 << 20);
    struct config *config = config_parse("fuzz", bytes, len, &plugins, &needs, &problems);
    if (!config && problems.errors == 0)
        abort(); /* refused without a word */
    if (config && problems.errors > 0)
        abort();
    problems_print(&problems, &text);
    problems_finish(&problems);
    config_destroy(config);
}

/* What is written as JSON is read as the same tree. */
static void merge(const char *base, size_t base_len, const char *over, size_t over_len)
{
    struct arena *arena = arena_create();
    struct problems problems = {0};
    struct text TEXT_AUTO first;
    struct text TEXT_AUTO second;
    struct writer writer;
    text_init(&first, 16 << 20);
    text_init(&second, 16 << 20);
    const struct node *below = yaml_read(arena, "base", base, base_len, &problems);
    const struct node *above = yaml_read(arena, "over", over, over_len, &problems);
    if (below && above && problems.errors == 0) {
        writer_init(&writer, &first);
        node_write(node_merge(arena, below, above), &writer, true);
        const struct node *again = yaml_read(arena, "again", first.bytes, first.len, &problems);
        writer_init(&writer, &second);
        if (again)
            node_write(again, &writer, true);
        if (again && problems.errors == 0 && strcmp(first.bytes, second.bytes) != 0)
            abort();
    }
    problems_finish(&problems);
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *cut = memmem(bytes, size, "\n%%\n", 4);
    if (cut)
        merge(bytes, (size_t)(cut - bytes), cut + 4, size - (size_t)(cut + 4 - bytes));
    else
        parse(bytes, size);
    redact_forget_all();
    return 0;
}
