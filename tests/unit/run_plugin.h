/*
 * run_plugin - what the plugins of test_run and test_run_ends have in common: all but what their checks do.
 */
#ifndef UNIT_RUN_PLUGIN_H
#define UNIT_RUN_PLUGIN_H

#include "schedule_fixture.h"

struct options {
    const struct probe_url *url;
};

static const struct probe_option options[] = {{"url", PROBE_URL_AT(struct options, url)}, {0}};
static const struct probe_measure measures[] = {{"count", "how many", .optional = true}, {0}};

#define CHECK(name_, ...)                                                                          \
    {                                                                                              \
        .name = (name_), .title = "t", .measures = measures, .every = "10s", .timeout = "3s",      \
        .optional = true, __VA_ARGS__                                                              \
    }
#define RUN_PLUGIN(checks_)                                                                        \
    {                                                                                              \
        PROBE_ABI, .name = "told", .version = "1", .summary = "does as it is told",                \
                   .scheme = "told", .where = PROBE_NODE, .parallel = 1, .options = options,       \
                   .config_size = sizeof(struct options), .checks = (checks_)                      \
    }

#define TARGET(checks) "targets: {db: {url: \"told://127.0.0.1\", checks: {" checks "}}}\n"

#endif
