/* evidence: JSON of every kind of field, and what is kept of too much of it. */
#include "finding_fixture.h"

/* -------------------------------------------------------------- evidence ---- */

static void each_kind_of_field_has_its_json(void **state)
{
    (void)state;
    struct finding *finding =
        report(.summary = "s",
               .fields = PROBE_FIELDS(probe_int("i", INT64_MIN),
                                      probe_real("r", 0.25),
                                      probe_bool("b", false),
                                      probe_text("t", "a \"b\"\x1B"),
                                      probe_text("n", NULL),
                                      probe_time("at", 1795229882118),
                                      probe_json("j", "{ \"a\" : [1.10, 2],\n\t\"b\": \"c d\" }"),
                                      probe_rows("none", NULL)));
    evidence_is("{\"evidence\":{\"i\":-9223372036854775808,\"r\":0.25,\"b\":false,"
                "\"t\":\"a \\\"b\\\"\\u001b\",\"n\":null,\"at\":\"2026-11-21T02:58:02.118Z\","
                "\"j\":{ \"a\" : [1.10, 2],\"b\": \"c d\" },\"none\":null}}",
                finding);
    finding_destroy(finding);
}

static void rows_are_objects_with_cells_as_their_columns_say(void **state)
{
    static const struct probe_column columns[] = {{"i", PROBE_FIELD_INT},
                                                  {"r", PROBE_FIELD_REAL},
                                                  {"b", PROBE_FIELD_BOOL},
                                                  {"t", PROBE_FIELD_TEXT},
                                                  {"at", PROBE_FIELD_TIME},
                                                  {"t", PROBE_FIELD_TEXT}};
    static const char *const cells[] = {
        "17",
        "0.50",
        "t",
        "x",
        "1795229882118",
        "again", /* as they should be */
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL, /* null */
        "007",
        "NaN",
        "false",
        "",
        "yesterday",
        "", /* text that is no number */
        "99999999999999999999",
        "1e400",
        "maybe",
        "\n",
        "-1",
        "",
    };
    const struct probe_table rows = {columns, 6, cells, 4, 9};
    int64_t left_out;
    (void)state;
    struct finding *finding =
        report(.summary = "s", .fields = PROBE_FIELDS(probe_rows("rows", &rows)));
    assert_string_equal(
        evidence_in(finding, 10000, &left_out),
        "{\"evidence\":{\"rows\":["
        "{\"i\":17,\"r\":0.50,\"b\":true,\"t\":\"x\",\"at\":\"2026-11-21T02:58:02.118Z\","
        "\"t_2\":\"again\"},"
        "{\"i\":null,\"r\":null,\"b\":null,\"t\":null,\"at\":null,\"t_2\":null},"
        "{\"i\":\"007\",\"r\":null,\"b\":false,\"t\":\"\",\"at\":\"yesterday\",\"t_2\":\"\"},"
        "{\"i\":\"99999999999999999999\",\"r\":\"1e400\",\"b\":\"maybe\",\"t\":\"\\n\","
        "\"at\":\"1969-12-31T23:59:59.999Z\",\"t_2\":\"\"}]}}");
    assert_int_equal(left_out, 5); /* the plugin says that there are nine */
    finding_destroy(finding);
}

static void json_that_is_none_is_kept_as_text(void **state)
{
    (void)state;
    struct finding *finding =
        report(.summary = "s",
               .fields = PROBE_FIELDS(probe_json("j", "{\"a\":}"), probe_json("n", NULL)));
    assert_non_null(strstr(finding->note, "j: "));
    evidence_is("{\"evidence\":{\"j\":\"{\\\"a\\\":}\",\"n\":null}}", finding);
    finding_destroy(finding);
}

/* ---------------------------------------------------------------- bounds ---- */

static char *long_text(size_t len, char last)
{
    char *text = mem_new(len + 1);
    memset(text, 'x', len);
    text[len - 1] = last;
    return text;
}

static void texts_are_cut_and_subjects_stay_apart(void **state)
{
    MEM_AUTO char *one = long_text(5000, '1'), *two = long_text(5000, '2');
    (void)state;
    struct finding *first = report(.subject = one, .summary = one, .hint = one);
    struct finding *second = report(.subject = two, .summary = two, .hint = two);
    assert_int_equal(strlen(first->summary), FINDING_SUMMARY_LEN);
    assert_int_equal(strlen(first->hint), FINDING_HINT_LEN);
    assert_int_equal(strlen(first->subject), FINDING_SUBJECT_LEN);
    assert_string_equal(first->summary, second->summary);
    assert_string_not_equal(first->subject, second->subject);
    finding_destroy(first);
    finding_destroy(second);
}

static void fields_and_labels_are_counted_beyond_the_most(void **state)
{
    struct probe_field fields[FINDING_FIELDS + 6] = {{0}};
    struct probe_pair labels[FINDING_LABELS + 3] = {{0}};
    char keys[FINDING_FIELDS + 6][16];
    int64_t left_out;
    (void)state;
    for (int i = 0; i < FINDING_FIELDS + 5; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        fields[i] = probe_int(keys[i], i);
        if (i < FINDING_LABELS + 2)
            labels[i] = (struct probe_pair){keys[i], i ? keys[i] : NULL};
    }
    struct finding *finding = report(.summary = "s", .fields = fields, .labels = labels);
    assert_int_equal(finding->evidence_count, FINDING_FIELDS);
    assert_non_null(strstr(finding->note, "64 fields"));
    (void)evidence_in(finding, 100000, &left_out);
    assert_int_equal(left_out, 5);
    assert_string_equal(finding->labels[0], "k1"); /* a secret's value is not said */
    assert_string_equal(finding->labels[2 * (FINDING_LABELS - 1) - 2], "k31");
    assert_null(finding->labels[2 * (FINDING_LABELS - 1)]);
    finding_destroy(finding);
}

static const struct probe_column one_column[] = {{"n", PROBE_FIELD_INT}};

static struct probe_table make_rows(const char ***cells, size_t count, const char *cell)
{
    *cells = mem_array(count, sizeof(**cells));
    for (size_t i = 0; i < count; i++)
        (*cells)[i] = cell;
    return (struct probe_table){one_column, 1, *cells, count, 0};
}

static void a_thousand_rows_are_kept_and_the_others_counted(void **state)
{
    const char **cells;
    struct probe_table rows = make_rows(&cells, 1234, "7");
    int64_t left_out;
    (void)state;
    struct finding *finding =
        report(.summary = "s", .fields = PROBE_FIELDS(probe_rows("r", &rows)));
    assert_int_equal(finding->evidence[0].row_count, 1000);
    assert_int_equal(finding->evidence[0].row_total, 1234);
    (void)evidence_in(finding, 100000, &left_out);
    assert_int_equal(left_out, 234);
    finding_destroy(finding);
    free(cells);
}

static void all_evidence_together_is_bounded(void **state)
{
    MEM_AUTO char *text = long_text(100000, 'y'), *json = long_text(70000, ']');
    const char **cells;
    struct probe_table rows = make_rows(&cells, 100, text);
    int64_t left_out;
    (void)state;
    json[0] = '[';
    struct finding *finding = report(.summary = "s",
                                     .fields = PROBE_FIELDS(probe_text("text", text),
                                                            probe_json("json", json),
                                                            probe_rows("rows", &rows),
                                                            probe_text("late", text),
                                                            probe_int("small", 1)));
    const char *evidence = evidence_in(finding, 500000, &left_out);
    size_t len = strlen(evidence);
    assert_true(len > 200000 && len < EVIDENCE_LEN + 200);
    assert_non_null(strstr(evidence, "x\xE2\x80\xA6\",\"rows\":[{"));
    assert_int_equal(finding->evidence[1].row_count, 14); /* of 16 KiB each, beside the text */
    assert_int_equal(finding->evidence[1].row_total, 100);
    assert_int_equal(left_out, 86 + 2); /* rows, the JSON, the late text */
    assert_non_null(strstr(evidence, "\"small\":1"));
    finding_destroy(finding);
    free(cells);
}

static void evidence_is_cut_between_rows_and_then_by_pieces(void **state)
{
    const char **cells;
    struct probe_table rows = make_rows(&cells, 50, "1");
    int64_t left_out;
    size_t before = SIZE_MAX;
    (void)state;
    struct finding *finding = report(.summary = "s",
                                     .fields = PROBE_FIELDS(probe_text("first \"\n", "abc"),
                                                            probe_rows("one", &rows),
                                                            probe_rows("two", &rows),
                                                            probe_text("last", "xyz")));
    for (size_t room = 1000; room >= 2; room--) {
        const char *evidence = evidence_in(finding, room, &left_out);
        assert_true(strlen(evidence) <= before);
        before = strlen(evidence);
        size_t written = 0;
        for (const char *c = evidence; (c = strstr(c, "{\"n\":1}")); c++)
            written++;
        size_t pieces = !!strstr(evidence, "first") + !!strstr(evidence, "last");
        assert_int_equal(left_out, (int64_t)(100 - written + 2 - pieces));
        if (written > 0)
            assert_int_equal(pieces, 2); /* rows go first */
        size_t len = strlen(evidence) - strlen("{\"evidence\":}");
        if (pieces == 2 && written < 100)
            assert_true(len + strlen(",{\"n\":1}") > room); /* no more than need be */
        if (room >= strlen("{\"first \\\"\\n\":\"abc\"}"))
            assert_non_null(strstr(evidence, "first"));
        if (written > 50)
            assert_non_null(strstr(evidence, "\"one\":[{\"n\":1},")); /* of the last piece */
    }
    assert_int_equal(before, strlen("{\"evidence\":{}}"));
    assert_int_equal(left_out, 102);
    finding_destroy(finding);
    free(cells);
}

static void rows_fill_the_room_that_is_left(void **state)
{
    const char **cells;
    struct probe_table rows = make_rows(&cells, 10, "1");
    const struct probe_field field = probe_rows("r", &rows);
    (void)state;
    for (size_t room = 3; room < 100; room++) {
        struct evidence piece;
        const char *wrong = NULL;
        assert_true(evidence_take(&piece, &field, sizeof(struct probe_column), room, &wrong));
        assert_int_equal(piece.json_len, strlen(piece.json));
        assert_true(piece.json_len <= room);
        assert_true(piece.row_count == 10 || piece.json_len + strlen(",{\"n\":1}") > room);
        json_t *tree = json_loads(piece.json, 0, NULL);
        assert_int_equal(json_array_size(tree), piece.row_count);
        json_decref(tree);
        evidence_finish(&piece);
    }
    free(cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_of_field_has_its_json),
        TEST(rows_are_objects_with_cells_as_their_columns_say),
        TEST(json_that_is_none_is_kept_as_text),
        TEST(texts_are_cut_and_subjects_stay_apart),
        TEST(fields_and_labels_are_counted_beyond_the_most),
        TEST(a_thousand_rows_are_kept_and_the_others_counted),
        TEST(all_evidence_together_is_bounded),
        TEST(evidence_is_cut_between_rows_and_then_by_pieces),
        TEST(rows_fill_the_room_that_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
