/* What the tests of findings and of evidence share: a check with one measure of each kind. */
#ifndef TESTS_FINDING_FIXTURE_H
#define TESTS_FINDING_FIXTURE_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "base/redact.h"
#include "probe/finding.h"

static const char *const modes[] = {"primary", "replica", NULL};
static const struct probe_measure table[] = {
    {"used", "", PROBE_GAUGE},
    {"errors", "", PROBE_COUNTER},
    {"mode", "", PROBE_WORD, .words = modes},
    {"ready", "", PROBE_FLAG},
    {0},
};
enum { USED, ERRORS, MODE, READY };

static const struct probe_sizes sizes = {.field = sizeof(struct probe_field),
                                         .column = sizeof(struct probe_column),
                                         .pair = sizeof(struct probe_pair)};
static struct measures measures;

static inline int set_up(void **state)
{
    (void)state;
    measures_init(&measures, table);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    measures_finish(&measures);
    redact_forget_all();
    return 0;
}

#define report(...)                                                                                \
    finding_create(&(const struct probe_finding){sizeof(struct probe_finding), __VA_ARGS__},       \
                   &measures,                                                                      \
                   &sizes)

/* All evidence as an event carries it; valid JSON, or the test fails. */
static inline const char *evidence_in(const struct finding *finding, size_t room,
                                      int64_t *ret_left_out)
{
    static char out[600000];
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, sizeof(out) - 1);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    *ret_left_out = finding_write_evidence(finding, &writer, room);
    writer_end(&writer);
    assert_false(text.cut);
    json_t *tree = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(tree);
    json_decref(tree);
    (void)snprintf(out, sizeof(out), "%s", text.bytes);
    assert_true(text.len - strlen("{\"evidence\":}") <= room);
    return out;
}

static inline void evidence_is(const char *expected, const struct finding *finding)
{
    int64_t left_out;
    assert_string_equal(evidence_in(finding, 100000, &left_out), expected);
    assert_int_equal(left_out, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
