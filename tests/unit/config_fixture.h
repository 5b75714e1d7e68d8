/*
 * What test_config and its siblings share: a plugin of ours with checks of every kind, a folder,
 * and what was said of the configuration in it.
 */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/redact.h"
#include "io/secret.h"
#include "probe/config.h"

/* ------------------------------------------------------ plugins of ours ---- */

struct thing {
    const struct probe_url *url;
    const char *user;
    struct probe_secret *password;
    const char *backup;
};

struct invariant {
    const char *sql;
};

struct older {
    int64_t older_than;
};

static inline void run(struct probe_target *self, struct probe_run *probe_run)
{
    (void)self;
    (void)probe_run;
}

static const struct probe_option thing_options[] = {
    {"url", PROBE_URL_AT(struct thing, url), .help = "thing://HOST:PORT"},
    {"user", PROBE_STRING_AT(struct thing, user), .fallback = ""},
    {"password", PROBE_SECRET_AT(struct thing, password), .fallback = ""},
    {"backup", PROBE_TARGET_AT(struct thing, backup), .fallback = ""},
    {0},
};
static const struct probe_option invariant_options[] = {
    {"sql", PROBE_STRING_AT(struct invariant, sql), .help = "what finds violations"},
    {0},
};
static const struct probe_option older_options[] = {
    {"older_than", PROBE_DURATION_AT(struct older, older_than), .fallback = "5m"},
    {0},
};
static const struct probe_measure used_measures[] = {
    {"used_percent", "of all", .kind = PROBE_GAUGE}, {"used", "in use", .kind = PROBE_GAUGE}, {0}};
static const struct probe_measure count_measures[] = {{"count", "how many", .kind = PROBE_GAUGE},
                                                      {0}};
static const struct probe_check thing_checks[] = {
    {"connect", "it cannot be reached", .every = "10s", .timeout = "5s", .run = run},
    {"connections",
     "it is full",
     .measures = used_measures,
     .every = "30s",
     .timeout = "10s",
     .warning = "used_percent > 80",
     .critical = "used_percent > 95",
     .run = run},
    {"long_queries",
     "queries last too long",
     .options = older_options,
     .config_size = sizeof(struct older),
     .measures = count_measures,
     .every = "30s",
     .timeout = "10s",
     .warning = "count > 0",
     .run = run},
    {"bloat", "wasted space", .heavy = true, .every = "1h", .timeout = "1m", .run = run},
    {"statements", "slow", .optional = true, .every = "5m", .timeout = "10s", .run = run},
    {"invariant",
     "rows that must not be",
     .options = invariant_options,
     .config_size = sizeof(struct invariant),
     .measures = count_measures,
     .every = "1m",
     .timeout = "10s",
     .run = run},
    {"newer", "since lately", .since = "0.10", .every = "1m", .timeout = "10s", .run = run},
    {0},
};
static inline void apply(struct probe_target *self, struct probe_run *probe_run,
                         const struct probe_step *step)
{
    (void)self;
    (void)probe_run;
    (void)step;
}

static const struct probe_action thing_actions[] = {
    {"sample", "reads a few", .effect = PROBE_READS, .apply = apply}, {0}};
static const struct probe_plugin thing = {
    PROBE_ABI,
    .name = "thing",
    .version = "1",
    .summary = "a thing",
    .scheme = "thing,things",
    .where = PROBE_CLUSTER,
    .options = thing_options,
    .config_size = sizeof(struct thing),
    .checks = thing_checks,
    .actions = thing_actions,
};

static const struct probe_check local_checks[] = {
    {"memory", "it is full", .every = "10s", .timeout = "5s", .run = run}, {0}};
static const struct probe_plugin local = {
    PROBE_ABI,
    .name = "local",
    .version = "1",
    .summary = "this node",
    .where = PROBE_NODE,
    .checks = local_checks,
};

/* -------------------------------------------------------------- reading ---- */

static char folder[64];
static struct plugins plugins;
static struct problems problems;
static struct config *config;
static struct text said;

static inline int set_up(void **state)
{
    struct error error;
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/test_config.XXXXXX");
    plugins = (struct plugins){0};
    config = NULL;
    text_init(&said, 1 << 20);
    if (!mkdtemp(folder) || chdir(folder) < 0)
        return -1;
    return plugin_add(&plugins, &thing, "thing.so", &error) +
           plugin_add(&plugins, &local, "local.so", &error);
}

static inline int remove_one(const char *path, const struct stat *found, int kind, struct FTW *walk)
{
    (void)found;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int tear_down(void **state)
{
    (void)state;
    config_destroy(config);
    problems_finish(&problems);
    plugins_finish(&plugins);
    condition_shutdown();
    redact_forget_all();
    text_finish(&said);
    return chdir("/") + nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void put(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void load_as(const char *const *paths, size_t count, struct config_needs needs)
{
    config_destroy(config);
    problems_finish(&problems);
    config = config_load(paths, count, &plugins, &needs, &problems);
    text_cut_to(&said, 0);
    problems_print(&problems, &said);
}

static inline void load(const char *text)
{
    const char *const paths[] = {"a.yaml"};
    put("a.yaml", text);
    load_as(paths, 1, (struct config_needs){.version = "0.1.0"});
}

/* The one target of a configuration that is fine. */
static inline const struct config_target *load_target(const char *text)
{
    load(text);
    assert_string_equal(said.bytes, "");
    assert_non_null(config);
    assert_int_equal(config->target_count, 1);
    return &config->targets[0];
}

static inline const struct config_check *check_of(const struct config_target *target,
                                                  const char *name)
{
    for (size_t i = 0; i < target->check_count; i++)
        if (strcmp(target->checks[i].name, name) == 0)
            return &target->checks[i];
    return NULL;
}

static inline const char *names_of(const struct config_target *target)
{
    text_cut_to(&said, 0);
    for (size_t i = 0; i < target->check_count; i++)
        text_print(&said, "%s%s", i ? " " : "", target->checks[i].name);
    return said.bytes;
}

#define TARGET "targets: {db: {type: thing, url: \"thing://db\", "

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
