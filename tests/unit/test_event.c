/* event: the members of a line, its identity, and in which order it is told. */
#include <time.h>

#include "event_fixture.h"

/* ---------------------------------------------------------------- members ---- */

static void a_finding_has_its_members_in_the_order_of_the_design(void **state)
{
    (void)state;
    struct finding *finding = connections();
    const struct event_finding event = about(finding);
    assert_string_equal(
        emit(&event),
        "{\"schema\":1,\"time\":\"2026-11-21T02:58:02.118Z\",\"kind\":\"finding\","
        "\"level\":\"error\",\"message\":\"96 of 97 usable connections are used\","
        "\"id\":\"51b25d5fd8862291\",\"seq\":1,"
        "\"agent\":{\"realm\":\"orders/production\",\"role\":\"cluster\",\"node\":\"n1\","
        "\"pod\":\"runbookd-x\",\"boot\":\"b7c1\",\"version\":\"0.1.0\",\"config\":\"7c1e22\"},"
        "\"scope\":\"cluster\",\"target\":\"orders-db\",\"name\":\"connections\","
        "\"check\":\"postgres.connections\",\"subject\":null,\"status\":\"critical\","
        "\"previous\":\"warning\",\"reason\":\"change\",\"since\":\"2026-11-21T02:57:31.004Z\","
        "\"changed\":\"2026-11-21T02:58:02.118Z\",\"streak\":3,"
        "\"valid_until\":\"2026-11-21T03:13:02.118Z\",\"condition\":\"used_percent > 95\","
        "\"for_ms\":30000,\"flapping\":false,\"silenced_by\":null,"
        "\"measures\":{\"used\":96,\"usable\":97,\"used_percent\":98.9691},"
        "\"words\":{\"mode\":\"primary\"},"
        "\"evidence\":{\"by_application\":[{\"application\":\"backend\",\"sessions\":71}]},"
        "\"hint\":\"end leaked sessions\",\"owner\":\"#dba\","
        "\"doc\":\"https://runbooks.example.org/orders-db\",\"duration_ms\":1.9,"
        "\"labels\":{\"service\":\"orders\",\"team\":\"dba\",\"env\":\"staging\",\"pod\":\"p1\"}}");
    assert_int_equal(now.heard.kind, EVENT_FINDING);
    assert_int_equal(now.heard.level, LOG_ERROR);
    assert_int_equal(now.heard.seq, 1);
    assert_int_equal(now.heard.wall_ms, WALL);
    assert_ptr_equal(now.heard.finding, &event);
    finding_destroy(finding);
}

static void what_is_not_known_is_null_or_left_out(void **state)
{
    (void)state;
    struct finding *finding = report(.subject = "mails", .summary = "all is well");
    struct event_finding event = about(finding);
    const struct ledger_report start = {
        .reason = "start", .status = PROBE_OK, .since_wall_ms = WALL, .changed_wall_ms = WALL};
    event.report = &start;
    event.condition = event.owner = event.doc = NULL;
    event.labels = NULL;
    json_t *line = json_loads(emit(&event), 0, NULL);
    static const char *const absent[] = {
        "condition", "owner", "doc", "hint", "held", "evidence_truncated", "cut"};
    for (size_t i = 0; i < COUNT_OF(absent); i++)
        assert_null(json_object_get(line, absent[i]));
    assert_true(json_is_null(json_object_get(line, "previous")));
    assert_true(json_is_null(json_object_get(line, "valid_until")));
    assert_true(json_is_null(json_object_get(line, "silenced_by")));
    assert_string_equal(json_string_value(json_object_get(line, "subject")), "mails");
    assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
    json_decref(line);
    finding_destroy(finding);
}

static void a_failed_run_says_its_class_and_what_waits_for_it(void **state)
{
    static const char *const held[] = {"connections", "replication", NULL};
    const struct probe_ending ending = {
        .size = sizeof(ending), .reason = "refused", .summary = "nobody listens"};
    (void)state;
    struct finding *finding = finding_of_ending(&ending, PROBE_CRITICAL, &now.measures);
    struct event_finding event = about(finding);
    event.held = held;
    assert_non_null(strstr(emit(&event),
                           "\"silenced_by\":null,\"held\":[\"connections\",\"replication\"],"
                           "\"measures\":{},\"words\":{\"error_class\":\"refused\"}"));
    finding_destroy(finding);
}

static void levels_follow_the_status(void **state)
{
    (void)state;
    assert_int_equal(event_level_of(PROBE_OK), LOG_INFO);
    assert_int_equal(event_level_of(PROBE_WARNING), LOG_WARN);
    assert_int_equal(event_level_of(PROBE_UNKNOWN), LOG_WARN);
    assert_int_equal(event_level_of(PROBE_CRITICAL), LOG_ERROR);
    assert_string_equal(event_status_name(PROBE_UNKNOWN), "unknown");
}

static void write_more(struct writer *writer, void *data)
{
    writer_int(writer, "runs", *(int *)data);
}

static void an_agent_event_has_further_members(void **state)
{
    int runs = 472;
    (void)state;
    uint64_t seq =
        event_emit_agent(now.bus, LOG_INFO, "heartbeat", "118 checks", WALL, write_more, &runs);
    assert_int_equal(seq, 1);
    assert_string_equal(now.last,
                        "{\"schema\":1,\"time\":\"2026-11-21T02:58:02.118Z\",\"kind\":\"agent\","
                        "\"level\":\"info\",\"message\":\"118 checks\","
                        "\"id\":\"agent/orders/production/runbookd-x\",\"seq\":1,"
                        "\"agent\":{\"realm\":\"orders/production\",\"role\":\"cluster\","
                        "\"node\":\"n1\",\"pod\":\"runbookd-x\",\"boot\":\"b7c1\","
                        "\"version\":\"0.1.0\",\"config\":\"7c1e22\"},\"step\":\"heartbeat\","
                        "\"runs\":472,\"labels\":{\"service\":\"orders\",\"env\":\"production\"}}");
    assert_string_equal(now.message, "118 checks");
}

static void a_log_line_has_no_seq_and_is_told_to_nobody(void **state)
{
    struct text TEXT_AUTO out;
    (void)state;
    redact_learn("hunter22");
    text_init(&out, 10000);
    event_encode_log(now.bus, LOG_WARN, "cannot read\n\"hunter22\"", WALL, &out);
    assert_non_null(strstr(out.bytes,
                           "\"kind\":\"log\",\"level\":\"warn\","
                           "\"message\":\"cannot read \\\"[redacted]\\\"\",\"agent\":{"));
    assert_null(strstr(out.bytes, "seq"));
    assert_int_equal(now.count, 0);
    assert_int_equal(bus_count(now.bus), 0);
    (void)fprintf(now.lines, "%s\n", out.bytes);
}

static void a_log_line_fits_the_text_it_is_for(void **state)
{
    static char text[20000];
    (void)state;
    memset(text, '"', sizeof(text) - 1);
    for (size_t max = 1024; max < 20000; max += 700) {
        struct text TEXT_AUTO out;
        text_init(&out, max);
        event_encode_log(now.bus, LOG_WARN, text, WALL, &out);
        assert_false(out.cut);
        assert_true(out.len <= 15 * 1024);
        (void)fprintf(now.lines, "%s\n", out.bytes);
    }
}

/* --------------------------------------------------------------- identity ---- */

static void ids_are_sha256_of_the_parts(void **state)
{
    char id[EVENT_ID_LEN], other[EVENT_ID_LEN];
    (void)state;
    /* printf 'orders/production\0\0orders-db\0connections\0' | sha256sum */
    event_id(now.bus, "cluster", "orders-db", "connections", NULL, id);
    assert_string_equal(id, "51b25d5fd8862291");
    /* printf 'orders/production\0n1\0host\0disk\0/var\0' | sha256sum */
    event_id(now.bus, "node", "host", "disk", "/var", id);
    assert_string_equal(id, "c48d33308f453f90");
    event_id(now.bus, "cluster", "host", "disk", "/var", other);
    assert_string_not_equal(id, other);
    event_id(now.bus, "cluster", "host", "disk", NULL, id);
    event_id(now.bus, "cluster", "host", "disk", "", other);
    assert_string_not_equal(id, other);
    event_id(now.bus, "cluster", "hos", "tdisk", NULL, other);
    assert_string_not_equal(id, other);
}

static void seq_counts_without_a_gap_whoever_speaks(void **state)
{
    struct event_speaker next = speaker;
    (void)state;
    struct finding *finding = connections();
    const struct event_finding event = about(finding);
    (void)emit(&event);
    assert_int_equal(event_emit_agent(now.bus, LOG_INFO, "a", "a", WALL, NULL, NULL), 2);
    next.config = "ffffff";
    next.boot = "other"; /* a boot ends with the process */
    bus_set_speaker(now.bus, &next);
    assert_non_null(strstr(emit(&event), "\"seq\":3,"));
    assert_non_null(strstr(now.last, "\"boot\":\"b7c1\""));
    assert_non_null(strstr(now.last, "\"config\":\"ffffff\""));
    assert_int_equal(bus_count(now.bus), 3);
    finding_destroy(finding);
}

static void each_bus_has_a_boot_of_its_own(void **state)
{
    const struct event_speaker nobody = {0};
    static char first[sizeof(now.last)];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct bus *bus = bus_create(&nobody);
        bus_subscribe(bus, on_event, NULL);
        (void)event_emit_agent(bus, LOG_INFO, "started", "hello", WALL, NULL, NULL);
        assert_non_null(strstr(now.last, "\"agent\":{\"realm\":\"default\",\"boot\":\""));
        if (i == 0)
            memcpy(first, now.last, sizeof(first));
        bus_destroy(bus);
    }
    assert_string_not_equal(first, now.last);
}

/* ----------------------------------------------------------------- telling ---- */

static char order[64];

static void note_seq(const char *who, const struct event *event)
{
    size_t len = strlen(order);
    (void)snprintf(order + len, sizeof(order) - len, "%s%d ", who, (int)event->seq);
}

static void on_first(const struct event *event, void *data)
{
    (void)data;
    note_seq("a", event);
    if (event->seq == 1) {
        assert_int_equal(event_emit_agent(now.bus, LOG_INFO, "x", "two", WALL, NULL, NULL), 2);
        assert_int_equal(event_emit_agent(now.bus, LOG_INFO, "x", "three", WALL, NULL, NULL), 3);
        assert_non_null(strstr(event->json, "\"seq\":1,")); /* still its own */
    }
}

static void on_second(const struct event *event, void *data)
{
    (void)data;
    note_seq("b", event);
    if (event->seq == 2) {
        assert_string_equal(event->message, "two");
        bus_unsubscribe(now.bus, on_first, NULL);
    }
    if (event->seq == 3)
        bus_unsubscribe(now.bus, on_second, NULL);
}

static void what_subscribers_emit_comes_after_and_in_order(void **state)
{
    (void)state;
    order[0] = '\0';
    bus_subscribe(now.bus, on_first, NULL);
    bus_subscribe(now.bus, on_second, NULL);
    struct finding *finding = connections();
    const struct event_finding event = about(finding);
    (void)emit(&event);
    assert_string_equal(order, "a1 b1 a2 b2 b3 ");
    (void)emit(&event);
    assert_string_equal(order, "a1 b1 a2 b2 b3 "); /* nobody of them listens any more */
    assert_int_equal(now.count, 4);
    finding_destroy(finding);
}

static void on_echo(const struct event *event, void *data)
{
    (void)event;
    *(uint64_t *)data = event_emit_agent(now.bus, LOG_INFO, "echo", "echo", WALL, NULL, NULL);
}

static void a_subscriber_that_answers_itself_ends_somewhere(void **state)
{
    uint64_t last = 1;
    (void)state;
    bus_subscribe(now.bus, on_echo, &last);
    (void)event_emit_agent(now.bus, LOG_INFO, "start", "start", WALL, NULL, NULL);
    assert_int_equal(last, 0); /* refused, and not counted: no gap */
    assert_int_equal(bus_count(now.bus), 1 + EVENT_MOST_WAITING);
    assert_int_equal(now.count, 1 + EVENT_MOST_WAITING);
    assert_int_equal(event_emit_agent(now.bus, LOG_INFO, "x", "x", WALL, NULL, NULL),
                     2 + EVENT_MOST_WAITING); /* and the next one is told as ever */
}

/* ------------------------------------------------------------------ others ---- */

static void an_event_is_encoded_fast(void **state)
{
    enum { ROUNDS = 20000 };
    struct timespec from, to;
    (void)state;
    bus_unsubscribe(now.bus, on_event, NULL);
    for (int i = 0; i < 5; i++) {
        char secret[32];
        (void)snprintf(secret, sizeof(secret), "%csecret%d!", 'a' + i, i);
        redact_learn(secret);
    }
    struct finding *finding = connections();
    const struct event_finding event = about(finding);
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < ROUNDS; i++)
        event_emit_finding(now.bus, &event, WALL + i);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    print_message("%.2f us an event, in this build\n", ns / ROUNDS / 1000);
    finding_destroy(finding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_finding_has_its_members_in_the_order_of_the_design),
        TEST(what_is_not_known_is_null_or_left_out),
        TEST(a_failed_run_says_its_class_and_what_waits_for_it),
        TEST(levels_follow_the_status),
        TEST(an_agent_event_has_further_members),
        TEST(a_log_line_has_no_seq_and_is_told_to_nobody),
        TEST(a_log_line_fits_the_text_it_is_for),
        TEST(ids_are_sha256_of_the_parts),
        TEST(seq_counts_without_a_gap_whoever_speaks),
        TEST(each_bus_has_a_boot_of_its_own),
        TEST(what_subscribers_emit_comes_after_and_in_order),
        TEST(a_subscriber_that_answers_itself_ends_somewhere),
        TEST(an_event_is_encoded_fast),
        TEST(every_line_is_as_the_schema_says),
    };
    return cmocka_run_group_tests(tests, open_lines, close_lines);
}
