/* finding: what a plugin reports, copied, sorted and free of secrets. */
#include <errno.h>
#include <math.h>

#include "finding_fixture.h"

/* -------------------------------------------------------------- measures ---- */

static void fields_that_are_declared_are_measures_and_others_are_evidence(void **state)
{
    (void)state;
    struct finding *finding = report(.status = PROBE_WARNING,
                                     .subject = "mails",
                                     .summary = "96 of 97",
                                     .hint = "end some",
                                     .fields = PROBE_FIELDS(probe_int("used", 96),
                                                            probe_text("leader", "n1"),
                                                            probe_real("errors", 1.5),
                                                            probe_text("mode", "replica"),
                                                            probe_bool("ready", true),
                                                            probe_int("other", -3)));
    assert_int_equal(finding->status, PROBE_WARNING);
    assert_string_equal(finding->subject, "mails");
    assert_string_equal(finding->summary, "96 of 97");
    assert_string_equal(finding->hint, "end some");
    assert_int_equal(finding->values[USED].is.integer, 96);
    assert_true(finding->values[ERRORS].kind == VALUE_REAL);
    assert_string_equal(finding->values[MODE].is.word, "replica");
    assert_true(finding->values[READY].is.flag);
    assert_null(finding->note);
    evidence_is("{\"evidence\":{\"leader\":\"n1\",\"other\":-3}}", finding);
    finding_destroy(finding);
}

static void measures_go_out_as_numbers_and_words_apart(void **state)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    (void)state;
    struct finding *finding = report(.summary = "s",
                                     .fields = PROBE_FIELDS(probe_real("used", 98.97),
                                                            probe_text("mode", "primary"),
                                                            probe_bool("ready", false)));
    text_init(&text, 1000);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    finding_write_measures(finding, &writer);
    writer_end(&writer);
    assert_string_equal(text.bytes,
                        "{\"measures\":{\"used\":98.97,\"ready\":0},"
                        "\"words\":{\"mode\":\"primary\"}}");
    finding_destroy(finding);
}

/* One field of a kind that does not fit: evidence, and a note that names it. */
static void is_mismatch(struct probe_field field, int slot, const char *json)
{
    char expected[128];
    struct finding *finding = report(.summary = "s", .fields = PROBE_FIELDS(field));
    assert_int_equal(finding->values[slot].kind, VALUE_ABSENT);
    assert_non_null(finding->note);
    assert_non_null(strstr(finding->note, field.key));
    (void)snprintf(expected, sizeof(expected), "{\"evidence\":{\"%s\":%s}}", field.key, json);
    evidence_is(expected, finding);
    finding_destroy(finding);
}

static void what_is_of_another_kind_than_declared_is_evidence_and_noted(void **state)
{
    (void)state;
    is_mismatch(probe_text("used", "96"), USED, "\"96\"");
    is_mismatch(probe_bool("used", true), USED, "true");
    is_mismatch(probe_text("errors", "1"), ERRORS, "\"1\"");
    is_mismatch(probe_int("mode", 1), MODE, "1");
    is_mismatch(probe_int("ready", 1), READY, "1");
    is_mismatch(probe_text("ready", "yes"), READY, "\"yes\"");
    is_mismatch(probe_time("used", 1000), USED, "\"1970-01-01T00:00:01.000Z\"");
}

static void a_derived_measure_cannot_be_reported(void **state)
{
    (void)state;
    struct finding *finding =
        report(.summary = "s", .fields = PROBE_FIELDS(probe_int("errors_delta", 7)));
    evidence_is("{\"evidence\":{\"errors_delta\":7}}", finding);
    finding_destroy(finding);
}

static void what_is_not_a_number_is_absent_as_a_measure_and_null_as_evidence(void **state)
{
    (void)state;
    struct finding *finding = report(.summary = "s",
                                     .fields = PROBE_FIELDS(probe_real("used", NAN),
                                                            probe_real("ratio", INFINITY),
                                                            probe_text("mode", NULL)));
    assert_int_equal(finding->values[USED].kind, VALUE_ABSENT);
    assert_int_equal(finding->values[MODE].kind, VALUE_ABSENT);
    evidence_is("{\"evidence\":{\"ratio\":null}}", finding);
    finding_destroy(finding);
}

static void the_first_of_two_is_kept_and_a_strange_word_noted(void **state)
{
    (void)state;
    struct finding *finding = report(.summary = "s",
                                     .fields = PROBE_FIELDS(probe_int("used", 1),
                                                            probe_int("used", 2),
                                                            probe_int("other", 1),
                                                            probe_int("other", 2)));
    assert_int_equal(finding->values[USED].is.integer, 1);
    assert_non_null(strstr(finding->note, "used was reported twice"));
    evidence_is("{\"evidence\":{\"other\":1}}", finding);
    finding_destroy(finding);

    finding = report(.summary = "s", .fields = PROBE_FIELDS(probe_text("mode", "standby")));
    assert_string_equal(finding->values[MODE].is.word, "standby");
    assert_non_null(strstr(finding->note, "mode"));
    finding_destroy(finding);
}

static void elements_of_a_later_version_may_be_larger(void **state)
{
    struct larger_field {
        struct probe_field field;
        int64_t more[3];
    } fields[] = {
        {probe_int("used", 5), {-1, -1, -1}}, {probe_int("x", 6), {-1, -1, -1}}, {{0}, {0}}};
    struct larger_column {
        struct probe_column column;
        int64_t more;
    } columns[] = {{{"a", PROBE_FIELD_INT}, -1}, {{"b", PROBE_FIELD_TEXT}, -1}};
    struct larger_pair {
        struct probe_pair pair;
        int64_t more;
    } pairs[] = {{{"pod", "p1"}, -1}, {{"ns", "ops"}, -1}, {{0}, 0}};
    const char *const cells[] = {"1", "2"};
    const struct probe_table rows = {(const struct probe_column *)columns, 2, cells, 1, 1};
    const struct probe_sizes larger = {
        .field = sizeof(*fields), .column = sizeof(*columns), .pair = sizeof(*pairs)};
    (void)state;
    fields[1].field = probe_rows("rows", &rows);
    const struct probe_finding reported = {.size = sizeof(reported),
                                           .summary = "s",
                                           .fields = &fields[0].field,
                                           .labels = &pairs[0].pair};
    struct finding *finding = finding_create(&reported, &measures, &larger);
    assert_int_equal(finding->values[USED].is.integer, 5);
    evidence_is("{\"evidence\":{\"rows\":[{\"a\":1,\"b\":\"2\"}]}}", finding);
    assert_string_equal(finding->labels[2], "ns");
    assert_string_equal(finding->labels[3], "ops");
    assert_null(finding->labels[4]);
    finding_destroy(finding);
}

static void a_finding_of_an_earlier_version_is_read_as_far_as_it_goes(void **state)
{
    const struct probe_finding reported = {.size = offsetof(struct probe_finding, fields),
                                           .summary = "s",
                                           .fields = (const void *)1,
                                           .labels = (const void *)1};
    (void)state;
    struct finding *finding = finding_create(&reported, &measures, &sizes);
    assert_string_equal(finding->summary, "s");
    assert_int_equal(finding->evidence_count, 0);
    finding_destroy(finding);
}

/* ------------------------------------------------------ secrets, characters ---- */

static void no_text_holds_a_secret(void **state)
{
    static const struct probe_column columns[] = {{"hunter22", PROBE_FIELD_TEXT},
                                                  {"n", PROBE_FIELD_INT}};
    static const char *const cells[] = {"x hunter22", "31415926"};
    const struct probe_table rows = {columns, 2, cells, 1, 1};
    const struct probe_pair labels[] = {{"app", "hunter22"}, {0}};
    int64_t left_out;
    (void)state;
    redact_learn("hunter22");
    redact_learn("31415926");
    struct finding *finding =
        report(.subject = "hunter22",
               .summary = "hunter22 is wrong",
               .hint = "use hunter22",
               .labels = labels,
               .fields =
                   PROBE_FIELDS(probe_text("mode", "hunter22"),
                                probe_text("t", "hunter22"),
                                probe_text("hunter22", "t"),
                                probe_json("j", "{\"hunter22\":\"hunter\\u00322\",\"n\":31415926}"),
                                probe_json("no", "hunter22}"),
                                probe_rows("rows", &rows),
                                probe_text("used", "hunter22")));
    assert_string_equal(finding->subject, "[redacted]");
    assert_string_equal(finding->summary, "[redacted] is wrong");
    assert_string_equal(finding->hint, "use [redacted]");
    assert_string_equal(finding->labels[1], "[redacted]");
    assert_string_equal(finding->values[MODE].is.word, "[redacted]");
    assert_null(strstr(finding->note, "hunter22"));
    assert_string_equal(evidence_in(finding, 10000, &left_out),
                        "{\"evidence\":{\"t\":\"[redacted]\",\"[redacted]\":\"t\","
                        "\"j\":{\"[redacted]\":\"[redacted]\",\"n\":\"[redacted]\"},"
                        "\"no\":\"[redacted]}\","
                        "\"rows\":[{\"[redacted]\":\"x [redacted]\",\"n\":\"[redacted]\"}],"
                        "\"used\":\"[redacted]\"}}");
    finding_destroy(finding);

    const struct probe_ending ending = {
        .size = sizeof(ending), .reason = "hunter22", .summary = "hunter22", .hint = "hunter22"};
    finding = finding_of_ending(&ending, PROBE_UNKNOWN, &measures);
    assert_string_equal(finding->summary, "[redacted]");
    assert_string_equal(finding->hint, "[redacted]");
    assert_string_equal(finding->error_class, "[redacted]");
    finding_destroy(finding);
}

static void control_characters_do_no_harm(void **state)
{
    (void)state;
    struct finding *finding = report(.subject = "a\nb",
                                     .summary = "\x1B[2J\x07red",
                                     .hint = "GRANT x\nTO y;\xC2\x9B\xFE");
    assert_string_equal(finding->subject, "a b");
    assert_string_equal(finding->summary, " [2J red");
    assert_string_equal(finding->hint, "GRANT x TO y; \xEF\xBF\xBD");
    finding_destroy(finding);
}

/* ----------------------------------------------------------------- others ---- */

static void an_ending_becomes_a_finding_with_its_class(void **state)
{
    static const struct probe_measure with_class[] = {{"error_class", "", PROBE_WORD}, {0}};
    const struct probe_ending refused = {.size = sizeof(refused),
                                         .how = PROBE_DOWN,
                                         .status = -ECONNREFUSED,
                                         .reason = "not_listening",
                                         .summary = "nobody listens at db:5432",
                                         .hint = "start it"};
    const struct probe_ending bare = {.size = sizeof(bare), .status = -ETIMEDOUT};
    struct measures own;
    (void)state;
    measures_init(&own, with_class);
    struct finding *finding = finding_of_ending(&refused, PROBE_CRITICAL, &own);
    assert_int_equal(finding->status, PROBE_CRITICAL);
    assert_null(finding->subject);
    assert_string_equal(finding->summary, "nobody listens at db:5432");
    assert_string_equal(finding->hint, "start it");
    assert_string_equal(finding->error_class, "not_listening");
    assert_string_equal(finding->values[0].is.word, "not_listening");
    finding_destroy(finding);
    measures_finish(&own);

    finding = finding_of_ending(&bare, PROBE_UNKNOWN, &measures);
    assert_string_equal(finding->error_class, "timeout");
    assert_string_equal(finding->summary, "could not be examined: Connection timed out");
    assert_int_equal(finding->values[USED].kind, VALUE_ABSENT);
    finding_destroy(finding);
}

static void a_plugin_that_reports_nonsense_is_answered_with_unknown(void **state)
{
    (void)state;
    struct finding *finding = report(.status = (enum probe_status)77, .summary = "", .hint = "");
    assert_null(finding->hint);
    assert_int_equal(finding->status, PROBE_UNKNOWN);
    assert_non_null(finding->note);
    assert_true(strlen(finding->summary) > 0);
    finding_destroy(finding);
    struct probe_field strange = probe_int("strange", 1);
    strange.kind = (enum probe_field_kind)99;
    int64_t left_out;
    finding = report(.summary = "s", .fields = PROBE_FIELDS(strange));
    assert_non_null(strstr(finding->note, "strange"));
    assert_string_equal(evidence_in(finding, 1000, &left_out), "{\"evidence\":{}}");
    assert_int_equal(left_out, 1);
    finding_destroy(finding);
}

/* All that an event says of it, and what no event says. */
static void describe(const struct finding *finding, struct text *out)
{
    struct writer writer;
    text_init(out, 10000);
    writer_init(&writer, out);
    writer_object(&writer, NULL);
    writer_string(&writer, "subject", finding->subject);
    writer_string(&writer, "summary", finding->summary);
    writer_string(&writer, "hint", finding->hint);
    writer_string(&writer, "error_class", finding->error_class);
    writer_string(&writer, "note", finding->note);
    writer_int(&writer, "status", finding->status);
    finding_write_measures(finding, &writer);
    (void)finding_write_evidence(finding, &writer, 70);
    writer_array(&writer, "labels");
    for (char **label = finding->labels; label && *label; label++)
        writer_string(&writer, NULL, *label);
    writer_end(&writer);
    writer_end(&writer);
}

/* Takes `finding` over. */
static void is_the_same_when_packed(struct finding *finding)
{
    struct text TEXT_AUTO expected, TEXT_AUTO found;
    describe(finding, &expected);
    assert_null(finding_pack(finding, 100));
    struct finding *packed = finding_pack(finding, 10000);
    finding_destroy(finding);
    describe(packed, &found);
    assert_string_equal(found.bytes, expected.bytes);
    free(packed);
}

static void a_packed_one_says_the_same(void **state)
{
    (void)state;
    static const char *const cells[] = {"1", "a", "2", NULL, "3", "c"};
    static const struct probe_column columns[] = {{"n", PROBE_FIELD_INT}, {"w", PROBE_FIELD_TEXT}};
    const struct probe_table rows = {
        .columns = columns, .column_count = 2, .cells = cells, .row_count = 3, .total = 7};
    is_the_same_when_packed(
        report(.status = PROBE_WARNING,
               .subject = "mails",
               .summary = "96 of 97",
               .hint = "end some",
               .labels = (const struct probe_pair[]){{"a", "b"}, {"queue", "mails"}, {0}},
               .fields =
                   PROBE_FIELDS(probe_int("used", 96),
                                probe_text("mode", "replica"),
                                probe_text("mode", "primary"), /* noted */
                                probe_text("leader", "n1"),
                                (struct probe_field){"rows", PROBE_FIELD_ROWS, .value.rows = &rows},
                                probe_real("ratio", 0.5))));
    is_the_same_when_packed(report(.summary = "nothing else"));
    const struct probe_ending ending = {
        .how = PROBE_DOWN, .status = -ECONNREFUSED, .summary = "refused", .hint = "start it"};
    is_the_same_when_packed(finding_of_ending(&ending, PROBE_CRITICAL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_that_are_declared_are_measures_and_others_are_evidence),
        TEST(measures_go_out_as_numbers_and_words_apart),
        TEST(what_is_of_another_kind_than_declared_is_evidence_and_noted),
        TEST(a_derived_measure_cannot_be_reported),
        TEST(what_is_not_a_number_is_absent_as_a_measure_and_null_as_evidence),
        TEST(the_first_of_two_is_kept_and_a_strange_word_noted),
        TEST(elements_of_a_later_version_may_be_larger),
        TEST(a_finding_of_an_earlier_version_is_read_as_far_as_it_goes),
        TEST(no_text_holds_a_secret),
        TEST(control_characters_do_no_harm),
        TEST(an_ending_becomes_a_finding_with_its_class),
        TEST(a_plugin_that_reports_nonsense_is_answered_with_unknown),
        TEST(a_packed_one_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
