/*
 * condition_fixture - a table of measures with values, and conditions asked over them.
 *
 * For test_condition.c and test_condition_*.c; every test has set_up and tear_down of its own.
 */
#ifndef TESTS_CONDITION_FIXTURE_H
#define TESTS_CONDITION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/condition.h"

static const char *const states[] = {"up", "down", "syncing", NULL};

static const struct probe_measure table[] = {
    {"used", "sessions", PROBE_GAUGE},
    {"used_percent", "share", PROBE_GAUGE},
    {"age_seconds", "since the last", PROBE_GAUGE},
    {"days_left", "of the certificate", PROBE_GAUGE},
    {"p95_ms", "latency", PROBE_GAUGE},
    {"evicted", "keys", PROBE_COUNTER},
    {"lag_bytes", "behind", PROBE_GAUGE, .optional = true},
    {"state", "what it says", PROBE_WORD, .words = states},
    {"error_class", "what failed", PROBE_WORD, .optional = true, .words = states},
    {"issuer", "who signed", PROBE_WORD},
    {"exists", "whether it is there", PROBE_FLAG},
    {"primary", "whether it writes", PROBE_FLAG, .optional = true},
    {0},
};

enum {
    USED,
    USED_PERCENT,
    AGE_SECONDS,
    DAYS_LEFT,
    P95_MS,
    EVICTED,
    LAG_BYTES,
    STATE,
    ERROR_CLASS,
    ISSUER,
    EXISTS,
    PRIMARY,
    EVICTED_DELTA,
    EVICTED_PER_SECOND,
    SLOTS
};

static struct measures measures;
static struct error error;

/* All required measures, no optional one. */
static struct value usual[SLOTS];

static inline int set_up(void **data)
{
    (void)data;
    measures_init(&measures, table);
    assert_int_equal(measures.count, SLOTS);
    memset(usual, 0, sizeof(usual));
    usual[USED] = (struct value){VALUE_INTEGER, {.integer = 96}};
    usual[USED_PERCENT] = (struct value){VALUE_REAL, {.real = 98.97}};
    usual[AGE_SECONDS] = (struct value){VALUE_REAL, {.real = 301}};
    usual[DAYS_LEFT] = (struct value){VALUE_INTEGER, {.integer = 6}};
    usual[P95_MS] = (struct value){VALUE_REAL, {.real = 12.5}};
    usual[EVICTED] = (struct value){VALUE_INTEGER, {.integer = 1000}};
    usual[STATE] = (struct value){VALUE_WORD, {.word = (char *)"down"}};
    usual[ISSUER] = (struct value){VALUE_WORD, {.word = (char *)"R3"}};
    usual[EXISTS] = (struct value){VALUE_FLAG, {.flag = false}};
    return 0;
}

static inline int tear_down(void **data)
{
    (void)data;
    measures_finish(&measures);
    condition_shutdown();
    assert_int_equal(condition_memory(), 0); /* every condition was released */
    return 0;
}

static inline enum condition_answer ask(const char *text, const struct value *values)
{
    struct condition *condition = condition_compile(text, &measures, &error);
    if (!condition)
        fail_msg("%s: %s (%s)", text, error.message, error.hint);
    enum condition_answer answer = condition_ask(condition, values, &error);
    condition_release(condition);
    return answer;
}

static inline void hold(const char *const *texts, enum condition_answer wanted)
{
    for (; *texts; texts++) {
        enum condition_answer answer = ask(*texts, usual);
        if (answer != wanted)
            fail_msg("%s: %d, not %d", *texts, (int)answer, (int)wanted);
    }
}

#endif
