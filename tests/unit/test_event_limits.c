/* event: lines that would be too long, and secrets at the second door. */
#include "event_fixture.h"

/* ------------------------------------------------------------------ length ---- */

/* A finding with more of everything than a line holds. */
static struct finding *large(void)
{
    static const char *many[2 * 900];
    static char text[2000];
    const struct probe_table table_of_many = {columns, 2, many, 900, 5000};
    memset(text, 'x', sizeof(text) - 1);
    memset(text, '"', 300); /* doubled by escapes */
    for (size_t i = 0; i < COUNT_OF(many); i += 2) {
        many[i] = "an application with a name";
        many[i + 1] = "12";
    }
    return report(.subject = text,
                  .summary = text,
                  .hint = text,
                  .fields = PROBE_FIELDS(probe_int("used", 96),
                                         probe_text("mode", text),
                                         probe_rows("rows", &table_of_many),
                                         probe_text("text", text)));
}

static json_t *member_of(const char *line, const char *name)
{
    json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(event);
    json_t *member = json_incref(json_object_get(event, name));
    json_decref(event);
    return member;
}

static void set_max(size_t max)
{
    struct event_speaker shorter = speaker;
    shorter.max_event = max;
    bus_set_speaker(now.bus, &shorter);
}

static void a_long_line_loses_evidence_first_and_says_how_much(void **state)
{
    (void)state;
    struct finding *finding = large();
    const struct event_finding event = about(finding);
    for (size_t max = 30000; max >= 7000; max -= 1000) {
        set_max(max);
        const char *line = emit(&event);
        assert_true(strlen(line) <= max);
        json_t *evidence = member_of(line, "evidence"),
               *gone = member_of(line, "evidence_truncated"), *hint = member_of(line, "hint"),
               *cut = member_of(line, "cut");
        size_t there = json_array_size(json_object_get(evidence, "rows"));
        assert_true(there > 0 && max - strlen(line) < 150); /* no more than need be */
        assert_int_equal(json_integer_value(gone), 5000 - there);
        assert_int_equal(strlen(json_string_value(hint)), FINDING_HINT_LEN);
        assert_null(cut);
        json_decref(evidence);
        json_decref(gone);
        json_decref(hint);
    }
    finding_destroy(finding);
}

static void the_default_maximum_fits_container_runtimes(void **state)
{
    (void)state;
    struct finding *finding = large();
    const struct event_finding event = about(finding);
    size_t len = strlen(emit(&event));
    assert_true(len <= 15 * 1024 && len > 14 * 1024);
    finding_destroy(finding);
}

static void then_it_loses_hint_message_labels_and_measures(void **state)
{
    static char text[4000];
    static const char *labels[2 * 12 + 1];
    static const char *const lost[] = {"hint", "message", "labels", "measures"};
    size_t deepest = 0;
    (void)state;
    memset(text, 'y', sizeof(text) - 1);
    struct finding *finding = large();
    struct event_finding event = about(finding);
    set_max(1); /* held to the least that is possible */
    for (size_t owner_len = 0; owner_len < 3500; owner_len += 10) {
        char owner[4000];
        (void)snprintf(owner, sizeof(owner), "%.*s", (int)owner_len, text);
        event.owner = owner;
        labels[0] = "long";
        labels[1] = owner;
        event.labels = labels;
        const char *line = emit(&event);
        assert_true(strlen(line) <= EVENT_SHORTEST_MAX);
        json_t *cut = member_of(line, "cut"), *message = member_of(line, "message");
        assert_true(json_array_size(cut) >= deepest); /* the longer, the more is lost */
        deepest = json_array_size(cut);
        for (size_t i = 0; i < deepest; i++)
            assert_string_equal(json_string_value(json_array_get(cut, i)), lost[i]);
        assert_int_equal(strlen(json_string_value(message)), deepest >= 2 ? 200 : 500);
        assert_true(strstr(line, "\"owner\"") ? deepest < 3 : owner_len == 0 || deepest >= 3);
        json_decref(cut);
        json_decref(message);
    }
    assert_int_equal(deepest, 3);
    finding_destroy(finding);
}

static void measures_go_last(void **state)
{
    enum { MANY = 200 };
    static struct probe_measure many[MANY + 1];
    static char names[MANY][40];
    struct measures measures;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "a_rather_long_measure_%zu", i);
        many[i] = (struct probe_measure){names[i], "", PROBE_GAUGE};
    }
    measures_init(&measures, many);
    struct finding finding = {
        .summary = (char *)"much", .measures = &measures, .values = values_create(MANY)};
    for (size_t i = 0; i < MANY; i++)
        finding.values[i] = (struct value){VALUE_INTEGER, {.integer = 1}};
    const struct event_finding event = about(&finding);
    set_max(1);
    assert_non_null(strstr(emit(&event), "\"measures\":{},\"words\":{}"));
    assert_non_null(strstr(now.last, "\"cut\":[\"hint\",\"message\",\"labels\",\"measures\"]}"));
    assert_true(strlen(now.last) <= EVENT_SHORTEST_MAX);
    values_destroy(finding.values, MANY);
    measures_finish(&measures);
}

static void write_much(struct writer *writer, void *data)
{
    writer_string(writer, "much", data);
}

static void an_agent_event_that_is_too_long_is_cut_too(void **state)
{
    static char text[20000];
    (void)state;
    memset(text, 'z', sizeof(text) - 1);
    (void)event_emit_agent(now.bus, LOG_INFO, "said", text, WALL, write_much, (char *)"little");
    assert_true(strlen(now.last) <= 15 * 1024);
    assert_non_null(strstr(now.last, "\"much\":\"little\""));
    (void)event_emit_agent(now.bus, LOG_INFO, "said", "short", WALL, write_much, text);
    assert_null(strstr(now.last, "\"much\""));
    assert_non_null(strstr(now.last, "\"message\":\"short\""));
    assert_non_null(strstr(now.last, "\"measures\"]}"));
}

/* ----------------------------------------------------------------- secrets ---- */

static void what_was_revealed_after_the_report_is_taken_out_at_the_second_door(void **state)
{
    (void)state;
    struct finding *finding = connections();
    struct event_finding event = about(finding);
    event.owner = "ask hunter\"22";
    redact_learn("hunter\"22");
    redact_learn("usable connections");
    redact_learn("backend");
    const char *line = emit(&event);
    assert_non_null(strstr(line, "\"message\":\"96 of 97 [redacted] are used\""));
    assert_non_null(strstr(line, "\"owner\":\"ask [redacted]\""));
    assert_non_null(strstr(line, "{\"application\":\"[redacted]\",\"sessions\":71}"));
    assert_string_equal(now.message, "96 of 97 [redacted] are used");
    json_decref(member_of(line, "id"));

    redact_learn("started well");
    (void)event_emit_agent(now.bus, LOG_INFO, "s", "it started well", WALL, NULL, NULL);
    assert_string_equal(now.message, "it [redacted]");
    assert_null(strstr(now.last, "started well"));
    finding_destroy(finding);
}

static void secrets_that_look_like_our_own_words_break_no_line(void **state)
{
    static const char *const silly[] = {"status",
                                        "measures",
                                        "used_percent",
                                        "null",
                                        "true",
                                        "false",
                                        "\":\"",
                                        "},\"words\":{",
                                        "2026",
                                        "30000",
                                        "labels",
                                        "\"}}",
                                        "seq\":",
                                        "96 of 97",
                                        "used\":96,",
                                        "71}]"};
    (void)state;
    struct finding *finding = connections();
    const struct event_finding event = about(finding);
    for (size_t i = 0; i < COUNT_OF(silly); i++)
        redact_learn(silly[i]);
    now.blanked = true;
    const char *line = emit(&event);
    json_t *measures = member_of(line, "measures"), *message = member_of(line, "message");
    assert_int_equal(json_integer_value(json_object_get(measures, "used")), 96);
    assert_string_equal(json_string_value(message), "[redacted] usable connections are used");
    json_decref(measures);
    json_decref(message);
    finding_destroy(finding);
}

static void redaction_that_lengthens_a_line_leaves_it_short_enough(void **state)
{
    static const char *many[2 * 900];
    const struct probe_table of_many = {columns, 2, many, 900, 0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = "abcd abcd abcd";
    struct finding *finding = report(.summary = "abcd",
                                     .hint = "abcd abcd abcd abcd",
                                     .fields = PROBE_FIELDS(probe_rows("rows", &of_many)));
    const struct event_finding event = about(finding);
    redact_learn("abcd");
    const char *line = emit(&event);
    assert_true(strlen(line) <= 15 * 1024 && strlen(line) > 13 * 1024);
    assert_false(redact_finds(line, strlen(line)));
    json_decref(member_of(line, "id"));
    finding_destroy(finding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_long_line_loses_evidence_first_and_says_how_much),
        TEST(the_default_maximum_fits_container_runtimes),
        TEST(then_it_loses_hint_message_labels_and_measures),
        TEST(measures_go_last),
        TEST(an_agent_event_that_is_too_long_is_cut_too),
        TEST(what_was_revealed_after_the_report_is_taken_out_at_the_second_door),
        TEST(secrets_that_look_like_our_own_words_break_no_line),
        TEST(redaction_that_lengthens_a_line_leaves_it_short_enough),
        TEST(every_line_is_as_the_schema_says),
    };
    return cmocka_run_group_tests(tests, open_lines, close_lines);
}
