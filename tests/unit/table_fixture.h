/*
 * table_fixture - one critical finding with measures, and a table printed with it.
 *
 * For test_table.c and test_nagios.c; every test has set_up and tear_down of its own.
 */
#ifndef TESTS_TABLE_FIXTURE_H
#define TESTS_TABLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "out/nagios.h"
#include "out/table.h"

static const struct probe_measure declared[] = {
    {"used", "sessions", PROBE_GAUGE},
    {"used_percent", "share", PROBE_GAUGE},
    {"size_bytes", "on disk", PROBE_GAUGE, .optional = true},
    {"age_seconds", "of the oldest", PROBE_GAUGE, .optional = true},
    {"evicted", "keys", PROBE_COUNTER, .optional = true},
    {"state", "what it says", PROBE_WORD, .optional = true},
    {"primary", "whether it writes", PROBE_FLAG, .optional = true},
    {0},
};

enum { USED, USED_PERCENT, SIZE_BYTES, AGE_SECONDS, EVICTED, STATE, PRIMARY, SLOTS = 9 };

static struct measures measures;
static struct value values[SLOTS];
static struct finding finding;
static struct ledger_report report;
static struct event_finding said;
static struct text out;

static const int64_t now_ms = 1795229882118; /* 2026-11-21T02:58:02.118Z */

static inline int set_up(void **data)
{
    (void)data;
    measures_init(&measures, declared);
    assert_int_equal(measures.count, SLOTS);
    memset(values, 0, sizeof(values));
    values[USED] = (struct value){VALUE_INTEGER, {.integer = 96}};
    values[USED_PERCENT] = (struct value){VALUE_REAL, {.real = 98.969072}};
    finding = (struct finding){.summary = (char *)"96 of 97 usable connections are used",
                               .measures = &measures,
                               .values = values};
    report = (struct ledger_report){
        .reason = "change", .status = PROBE_CRITICAL, .since_wall_ms = now_ms - 192000};
    said = (struct event_finding){
        .finding = &finding, .report = &report, .target = "pg", .name = "connections"};
    text_init(&out, 1 << 20);
    return 0;
}

static inline int tear_down(void **data)
{
    (void)data;
    measures_finish(&measures);
    text_finish(&out);
    return 0;
}

static inline const char *printed(struct table *table)
{
    text_cut_to(&out, 0);
    table_print(table, &out);
    table_destroy(table);
    return out.bytes;
}

static inline const char *as_nagios(struct nagios *nagios)
{
    text_cut_to(&out, 0);
    nagios_print(nagios, &out);
    nagios_destroy(nagios);
    return out.bytes;
}

#endif
