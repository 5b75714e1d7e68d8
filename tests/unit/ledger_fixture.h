/* What the tests of the ledger share: a subject, its rules, and a clock that the test moves. */
#ifndef TESTS_LEDGER_FIXTURE_H
#define TESTS_LEDGER_FIXTURE_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/ledger.h"

#define OK PROBE_OK
#define WARNING PROBE_WARNING
#define CRITICAL PROBE_CRITICAL
#define UNKNOWN PROBE_UNKNOWN
enum { SECOND = 1000, MINUTE = 60 * SECOND };
#define WALL INT64_C(1795229882118)

/* A subject and its rules; times of samples count from zero. */
static struct {
    struct ledger *ledger;
    struct ledger_entry *entry;
    struct ledger_rules rules;
    struct ledger_report last;
} now;

static inline struct ledger_clock at(int64_t ms)
{
    return (struct ledger_clock){5000000 + (uint64_t)ms, WALL + ms};
}

static inline int set_up(void **state)
{
    (void)state;
    memset(&now, 0, sizeof(now));
    now.ledger = ledger_create();
    now.entry = ledger_entry(now.ledger, "orders-db", "connections", NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    ledger_destroy(now.ledger);
    return 0;
}

static inline const char *take(int64_t ms, const struct ledger_sample *sample)
{
    now.last = ledger_take(now.entry, &now.rules, sample, at(ms));
    return now.last.reason ? now.last.reason : "";
}

/* A sample at `ms`; what the ledger says of it, "" for nothing. */
static inline const char *sample(int64_t ms, enum probe_status status)
{
    return take(ms, &(struct ledger_sample){.status = status, .clear = true});
}

static inline const char *unclear(int64_t ms, enum probe_status status)
{
    return take(ms, &(struct ledger_sample){.status = status, .clear = false});
}

#define says(expected, status_, call)                                                              \
    do {                                                                                           \
        assert_string_equal(call, expected);                                                       \
        assert_int_equal(now.last.status, status_);                                                \
        assert_int_equal(ledger_status(now.entry), status_);                                       \
    } while (0)
#define silent(call) assert_string_equal(call, "")

static inline void hold(int64_t warning_ms, int64_t critical_ms)
{
    now.rules.for_ms[PROBE_WARNING] = warning_ms;
    now.rules.for_ms[PROBE_CRITICAL] = critical_ms;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
