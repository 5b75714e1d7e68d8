/* out: what a person sees. */
#include <math.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "out/screen.h"
#include "table_fixture.h"

static struct table *three_rows(const struct table_look *look)
{
    struct table *table = table_create(look);
    struct finding other = {.summary = (char *)"PONG in 1 ms"};
    struct ledger_report fine = {.status = PROBE_OK, .since_wall_ms = now_ms};
    struct event_finding third = {
        .finding = &other, .report = &fine, .target = "redis", .name = "connect"};
    table_add(table, &third, now_ms);
    table_add(table, &said, now_ms);
    fine.status = PROBE_UNKNOWN;
    other = (struct finding){.summary = (char *)"may not read slots",
                             .hint = (char *)"grant pg_monitor to runbookd",
                             .subject = (char *)"s1"};
    third.target = "pg", third.name = "slots";
    table_add(table, &third, now_ms);
    return table;
}

/* ---- the table ---- */

static void rows_come_worst_first_in_columns(void **data)
{
    (void)data;
    assert_string_equal(printed(three_rows(&(const struct table_look){0})),
                        "STATUS    FOR    TARGET/CHECK[SUBJECT]  WHAT\n"
                        "critical  3m12s  pg/connections         "
                        "96 of 97 usable connections are used\n"
                        "unknown          pg/slots[s1]           may not read slots\n"
                        "                                        "
                        "grant pg_monitor to runbookd\n"
                        "ok               redis/connect          PONG in 1 ms\n"
                        "1 critical, 1 unknown, 1 ok\n");
}

static void equals_stay_in_the_order_in_which_they_came(void **data)
{
    (void)data;
    static const char *const targets[] = {"c", "a", "b", "z", "d"};
    struct table *table = table_create(&(const struct table_look){0});
    struct nagios *nagios = nagios_create();
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        said.target = targets[i];
        table_add(table, &said, now_ms);
        nagios_add(nagios, &said, NULL, NULL);
    }
    const char *at = printed(table);
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        MEM_AUTO char *row = mem_print("3m12s  %s/connections", targets[i]);
        at = strstr(at, row);
        assert_non_null(at);
    }
    at = as_nagios(nagios);
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        MEM_AUTO char *row = mem_print("[CRITICAL] %s/connections", targets[i]);
        at = strstr(at, row);
        assert_non_null(at);
    }
}

static void what_is_ok_needs_no_hint(void **data)
{
    (void)data;
    struct table *table = table_create(&(const struct table_look){0});
    finding.hint = (char *)"raise max_connections";
    report.status = PROBE_OK;
    table_add(table, &said, now_ms);
    assert_null(strstr(printed(table), "raise"));
}

static void what_is_ok_may_be_counted_only(void **data)
{
    (void)data;
    const char *text = printed(three_rows(&(const struct table_look){.fold_ok = true}));
    assert_null(strstr(text, "redis"));
    assert_non_null(strstr(text, "1 critical, 1 unknown, 1 ok\n"));
}

static void an_empty_table_says_so(void **data)
{
    (void)data;
    struct table *table = table_create(&(const struct table_look){0});
    assert_int_equal(table_worst(table), PROBE_GRADED);
    assert_string_equal(printed(table), "nothing was found\n");
}

static void the_worst_status_is_known(void **data)
{
    (void)data;
    struct table *table = table_create(&(const struct table_look){.fold_ok = true});
    report.status = PROBE_OK;
    table_add(table, &said, now_ms);
    assert_int_equal(table_worst(table), PROBE_OK);
    report.status = PROBE_UNKNOWN;
    table_add(table, &said, now_ms);
    assert_int_equal(table_worst(table), PROBE_UNKNOWN);
    report.status = PROBE_WARNING;
    table_add(table, &said, now_ms);
    assert_int_equal(table_worst(table), PROBE_WARNING);
    table_destroy(table);
}

static void measures_stand_below_with_what_they_mean(void **data)
{
    (void)data;
    static const char *const held[] = {"replication", "locks", NULL};
    struct table *table = table_create(&(const struct table_look){.measures = true});
    values[SIZE_BYTES] = (struct value){VALUE_INTEGER, {.integer = 15728640}};
    values[AGE_SECONDS] = (struct value){VALUE_REAL, {.real = 302.5}};
    values[EVICTED] = (struct value){VALUE_INTEGER, {.integer = -1}};
    values[STATE] = (struct value){VALUE_WORD, {.word = (char *)"up"}};
    values[PRIMARY] = (struct value){VALUE_FLAG, {.flag = true}};
    said.held = held;
    table_add(table, &said, now_ms);
    const char *text = printed(table);
    assert_non_null(strstr(text,
                           "  used 96  used_percent 98.97  size_bytes 15728640 (15.0 MiB)  "
                           "age_seconds 302.5 (5m2s)  evicted -1  state up  primary true\n"));
    assert_non_null(strstr(text, "  these checks wait for it: replication, locks\n"));
}

static void numbers_are_short_and_honest(void **data)
{
    (void)data;
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "used_percent 0\n"},
                 {100, "used_percent 100\n"},
                 {0.5, "used_percent 0.5\n"},
                 {0.00123, "used_percent 0.00123\n"},
                 {-3.14159, "used_percent -3.14\n"},
                 {1e20, "used_percent 1e+20\n"},
                 {NAN, "used_percent nan\n"},
                 {INFINITY, "used_percent inf\n"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct table *table = table_create(&(const struct table_look){.measures = true});
        values[USED_PERCENT].is.real = cases[i].number;
        table_add(table, &said, now_ms);
        if (!strstr(printed(table), cases[i].text))
            fail_msg("%s in %s", cases[i].text, out.bytes);
    }
}

/* Every line of what was printed takes at most `columns` cells. */
static void hold_width(const char *text, size_t columns)
{
    MEM_AUTO char *copy = mem_copy(text);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (screen_width(line) > columns)
            fail_msg("%zu cells, not %zu: %s", screen_width(line), columns, line);
}

static void no_line_is_wider_than_the_terminal(void **data)
{
    (void)data;
    finding.summary = (char *)"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E are used by many and many "
                              "more "
                              "applications than anybody thought that there could ever be";
    finding.hint = (char *)"select pg_terminate_backend(pid) from pg_stat_activity where "
                           "state = "
                           "'idle'; "
                           "averyveryveryveryveryverylongwordthatfitsnowhereatallontheline";
    said.name = "a_check_with_a_very_long_name_that_somebody_thought_of";
    for (size_t columns = 40; columns < 160; columns++) {
        const struct table_look look = {.screen = {.columns = columns}, .measures = true};
        struct table *table = table_create(&look);
        table_add(table, &said, now_ms);
        hold_width(printed(table), columns);
    }
    assert_non_null(strstr(out.bytes, "\xE2\x80\xA6")); /* the address was cut */
    assert_non_null(strstr(out.bytes, "pg_terminate_backend(pid)"));
}

static void a_hint_is_wrapped_and_never_cut(void **data)
{
    (void)data;
    const struct screen screen = {.columns = 20};
    screen_wrap(&screen, &out, "grant pg_monitor to runbookd; then averyverylongword", 4, " ");
    assert_string_equal(out.bytes,
                        "    grant pg_monitor\n"
                        "    to runbookd;\n"
                        "    then\n"
                        "    averyverylongwor\n"
                        "    d\n");
}

static void a_measure_and_its_value_stay_together(void **data)
{
    (void)data;
    const struct screen screen = {.columns = 24};
    screen_wrap(&screen, &out, "used 96  usable 97  used_percent 98.97  x 1", 2, "  ");
    assert_string_equal(out.bytes, "  used 96  usable 97\n  used_percent 98.97\n  x 1\n");
}

static void a_narrow_terminal_shows_all_that_is_said_on_lines_of_its_own(void **data)
{
    (void)data;
    struct table *table = table_create(&(const struct table_look){.screen = {.columns = 50}});
    table_add(table, &said, now_ms);
    assert_non_null(strstr(printed(table),
                           "critical  3m12s  pg/connections\n"
                           "    96 of 97 usable connections are used\n"));
}

static void a_wide_one_cuts_it_with_an_ellipsis(void **data)
{
    (void)data;
    struct table *table = table_create(&(const struct table_look){.screen = {.columns = 74}});
    finding.summary = (char *)"96 of 97 usable connections are used, which is too many";
    table_add(table, &said, now_ms);
    assert_non_null(strstr(printed(table),
                           "critical  3m12s  pg/connections  96 of 97 usable connections are used, "
                           "wh\xE2\x80\xA6\n"));
}

static void colours_stand_around_the_status_only_where_wanted(void **data)
{
    (void)data;
    const struct table_look plain = {.screen = {.columns = 100}};
    const struct table_look colour = {.screen = {.columns = 100, .colour = true}};
    assert_null(strchr(printed(three_rows(&plain)), '\x1b'));
    const char *text = printed(three_rows(&colour));
    assert_non_null(strstr(text, "\x1b[1;31mcritical\x1b[0m  3m12s  pg/connections"));
    assert_non_null(strstr(text, "\x1b[35munknown \x1b[0m"));
    assert_non_null(strstr(text, "\x1b[32mok      \x1b[0m"));
}

static void a_pipe_is_endless_and_has_no_colour(void **data)
{
    (void)data;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct screen screen = screen_of(ends[1]);
    assert_int_equal(screen.columns, 0);
    assert_false(screen.colour);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_terminal_has_its_width_and_colours_unless_refused(void **data)
{
    (void)data;
    const struct winsize size = {.ws_row = 25, .ws_col = 123};
    int terminal = -1, master = -1;
    assert_int_equal(openpty(&master, &terminal, NULL, NULL, &size), 0);
    (void)setenv("TERM", "xterm", 1);
    (void)unsetenv("NO_COLOR");
    assert_int_equal(screen_of(terminal).columns, 123);
    assert_true(screen_of(terminal).colour);
    (void)setenv("NO_COLOR", "1", 1);
    assert_false(screen_of(terminal).colour);
    (void)unsetenv("NO_COLOR");
    (void)setenv("TERM", "dumb", 1);
    assert_false(screen_of(terminal).colour);
    (void)close(terminal);
    (void)close(master);
}

/* ---- what data may not do ---- */

static void nothing_that_a_terminal_obeys_gets_through(void **data)
{
    (void)data;
    static const char *const cases[][2] = {
        {"\x1b[2Jgone", "\\x1b[2Jgone"},
        {"a\nb\tc\rd", "a\\nb\\tc\\x0dd"},
        {"\x07\x7f", "\\x07\\x7f"},
        {"\xC2\x9B"
         "31m",
         "\\u{9b}31m"}, /* CSI in one character */
        {"a\xFF"
         "b\xC3",
         "a\\xffb\\xc3"}, /* no UTF-8 */
        {"\xE2\x80\xAE"
         "evil",
         "\\u{202e}evil"},                   /* right to left from here */
        {"ok\xE2\x80\x8B", "ok\\u{200b}"},   /* not seen */
        {"\xED\xA0\x80", "\\xed\\xa0\\x80"}, /* half a pair */
        {"caf\xC3\xA9 \xE6\x97\xA5", "caf\xC3\xA9 \xE6\x97\xA5"},
        {"e\xCC\x81", "e\xCC\x81"}, /* combined */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        text_cut_to(&out, 0);
        (void)screen_add(&out, cases[i][0], 0);
        assert_string_equal(out.bytes, cases[i][1]);
    }
    finding.summary = finding.hint = (char *)"x\x1b[31m\n";
    said.target = finding.summary;
    finding.subject = (char *)"\x1b]0;title\x07";
    struct table *table = table_create(&(const struct table_look){.measures = true});
    values[STATE] = (struct value){VALUE_WORD,
                                   {.word = (char *)"\x1b"
                                                    "c"}};
    table_add(table, &said, now_ms);
    assert_null(strchr(printed(table), '\x1b'));
    assert_null(strchr(out.bytes, '\x07'));
}

static void widths_are_cells(void **data)
{
    (void)data;
    assert_int_equal(screen_width("caf\xC3\xA9"), 4);
    assert_int_equal(screen_width("\xE6\x97\xA5\xE6\x9C\xAC"), 4);
    assert_int_equal(screen_width("e\xCC\x81"), 1);
    assert_int_equal(screen_width("\xF0\x9F\x94\xA5"), 2);
    assert_int_equal(screen_width("\x1b"), 4);
    assert_int_equal(screen_add(&out, "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 4), 3);
    assert_string_equal(out.bytes, "\xE6\x97\xA5\xE2\x80\xA6"); /* two cells and the ellipsis */
    text_cut_to(&out, 0);
    screen_pad(&out, "\xE6\x97\xA5", 4);
    assert_string_equal(out.bytes, "\xE6\x97\xA5  ");
    text_cut_to(&out, 0);
    assert_int_equal(screen_add(&out, "exact", 5), 5);
    assert_string_equal(out.bytes, "exact");
}

/* ---- events as they come ---- */

static void an_event_is_a_line_with_its_time(void **data)
{
    (void)data;
    const struct table_look look = {0};
    struct event event = {.kind = EVENT_FINDING,
                          .level = LOG_ERROR,
                          .message = "96 of 97 usable connections are used",
                          .finding = &said};
    finding.hint = (char *)"raise max_connections";
    table_print_event(&look, &event, now_ms, &out);
    assert_string_equal(out.bytes,
                        "02:58:02Z  critical  pg/connections                "
                        "96 of 97 usable connections are used\n"
                        "                     raise max_connections\n");
    text_cut_to(&out, 0);
    report.status = PROBE_OK;
    table_print_event(&look, &event, now_ms, &out);
    assert_null(strstr(out.bytes, "raise")); /* nothing to do */
    text_cut_to(&out, 0);
    event = (struct event){.kind = EVENT_AGENT, .level = LOG_INFO, .message = "started"};
    table_print_event(&look, &event, now_ms, &out);
    assert_string_equal(out.bytes, "02:58:02Z  agent     started\n");
}

static void an_event_line_keeps_to_the_terminal(void **data)
{
    (void)data;
    struct event event = {.kind = EVENT_FINDING,
                          .message = "a message that is long enough to be cut by many a terminal",
                          .finding = &said};
    finding.hint = (char *)"a hint that is long enough to be wrapped";
    for (size_t columns = 52; columns < 130; columns++) {
        const struct table_look look = {.screen = {.columns = columns}};
        text_cut_to(&out, 0);
        table_print_event(&look, &event, now_ms, &out);
        hold_width(out.bytes, columns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_FINDING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_FINDING(rows_come_worst_first_in_columns),
        WITH_FINDING(equals_stay_in_the_order_in_which_they_came),
        WITH_FINDING(what_is_ok_needs_no_hint),
        WITH_FINDING(what_is_ok_may_be_counted_only),
        WITH_FINDING(an_empty_table_says_so),
        WITH_FINDING(the_worst_status_is_known),
        WITH_FINDING(measures_stand_below_with_what_they_mean),
        WITH_FINDING(numbers_are_short_and_honest),
        WITH_FINDING(no_line_is_wider_than_the_terminal),
        WITH_FINDING(a_hint_is_wrapped_and_never_cut),
        WITH_FINDING(a_measure_and_its_value_stay_together),
        WITH_FINDING(a_narrow_terminal_shows_all_that_is_said_on_lines_of_its_own),
        WITH_FINDING(a_wide_one_cuts_it_with_an_ellipsis),
        WITH_FINDING(colours_stand_around_the_status_only_where_wanted),
        WITH_FINDING(a_pipe_is_endless_and_has_no_colour),
        WITH_FINDING(a_terminal_has_its_width_and_colours_unless_refused),
        WITH_FINDING(nothing_that_a_terminal_obeys_gets_through),
        WITH_FINDING(widths_are_cells),
        WITH_FINDING(an_event_is_a_line_with_its_time),
        WITH_FINDING(an_event_line_keeps_to_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
