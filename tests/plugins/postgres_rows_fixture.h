/* The plugin's checks on rows laid out by hand: its own tables, with runs that get their answer here. */
#ifndef POSTGRES_ROWS_FIXTURE_H
#define POSTGRES_ROWS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pq/answer.h"
#include "kit.h"

extern probe_entry_fn probe_plugin_v1;

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What makes findings of a check's rows; the test file says which, ended by {0}. */
struct feed {
    const char *check;
    void (*report)(struct probe_run *run, const struct answer *answer);
};
extern const struct feed feeds[];

static const struct answer *canned;

static void feed_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    for (const struct feed *feed = feeds; feed->check; feed++)
        if (strcmp(feed->check, run->check->name) == 0)
            feed->report(run, canned);
}

static void feed_ended(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    (void)run;
}

static inline const struct probe_plugin *fed(void)
{
    static struct probe_check checks[64];
    static struct probe_plugin plugin;
    plugin = *probe_plugin_v1();
    size_t count = 0;
    for (; plugin.checks[count].name; count++) {
        assert_true(count + 1 < COUNT(checks));
        checks[count] = plugin.checks[count];
        checks[count].run = feed_run;
        checks[count].ended = feed_ended;
    }
    checks[count] = (struct probe_check){0};
    plugin.checks = checks;
    return &plugin;
}

/* Rows: names, then cells, `columns` of them each.  Borrowed from the test. */
static inline struct answer answer_of(const char *const *text, size_t columns, size_t cells)
{
    return (struct answer){.rows = {text, columns, text + columns, cells / columns - 1},
                           .version = "15.20 (Debian 15.20-0+deb12u1)",
                           .server_version = 150020,
                           .connect_us = 18500,
                           .query_us = 600,
                           .tls = "TLSv1.3"};
}

static inline struct kit *feed_open(void)
{
    struct kit *kit = kit_open(fed());
    kit_set(kit, "url", "postgres://db");
    return kit;
}

/* Runs one check on rows. */
static inline struct kit_run *feed(struct kit *kit, const char *check, const char *const *text,
                                   size_t columns, size_t cells)
{
    struct answer answer = answer_of(text, columns, cells);
    canned = &answer;
    struct kit_run *run = kit_run(kit, check);
    canned = NULL;
    return run;
}

/* The same in a kit that is open already: for what a check remembers. */
#define FEED_AGAIN(kit_, check_, columns_, ...)                                                    \
    feed((kit_),                                                                                   \
         (check_),                                                                                 \
         (const char *const[]){__VA_ARGS__},                                                       \
         (columns_),                                                                               \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#define FEED(kit_, check_, columns_, ...)                                                          \
    (*(kit_) = feed_open(), FEED_AGAIN(*(kit_), check_, columns_, __VA_ARGS__))

#endif
