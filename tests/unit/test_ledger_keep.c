/* ledger: subjects that come and go, their counters, and how many they may be. */
#include <math.h>
#include <time.h>

#include "ledger_fixture.h"

/* ------------------------------------------------------- gone and removed ---- */

static char closed[256];

static void on_gone(const char *subject, const struct ledger_report *report, void *data)
{
    assert_ptr_equal(data, &now);
    size_t len = strlen(closed);
    (void)snprintf(closed + len,
                   sizeof(closed) - len,
                   "%s:%s:%d<%d ",
                   subject ? subject : "-",
                   report->reason,
                   report->status,
                   report->previous);
}

static void subject(const char *name, enum probe_status status, int64_t ms)
{
    const struct ledger_sample taken = {status, true, NULL};
    struct ledger_entry *entry = ledger_entry(now.ledger, "queues", "depth", name);
    (void)ledger_take(entry, &now.rules, &taken, at(ms));
}

static const char *finish(int64_t ms)
{
    closed[0] = '\0';
    ledger_finish_run(now.ledger, "queues", "depth", at(ms), on_gone, &now);
    return closed;
}

static const char *forget(const char *name, bool all, const char *reason)
{
    closed[0] = '\0';
    ledger_forget(now.ledger, "queues", "depth", name, all, reason, at(0), on_gone, &now);
    return closed;
}

static void a_subject_absent_from_two_finished_runs_is_gone(void **state)
{
    (void)state;
    subject("mails", CRITICAL, 0);
    subject("jobs", OK, 0);
    assert_string_equal(finish(0), "");
    subject("jobs", OK, 1);
    assert_string_equal(finish(1), "");
    subject("jobs", OK, 2);
    assert_string_equal(finish(2), "mails:gone:1<3 ");
    subject("jobs", OK, 3);
    assert_string_equal(finish(3), ""); /* heard once */
}

static void a_subject_that_comes_back_in_time_is_not_gone(void **state)
{
    (void)state;
    subject("mails", CRITICAL, 0);
    assert_string_equal(finish(0), "");
    assert_string_equal(finish(1), "");
    subject("mails", CRITICAL, 2);
    assert_string_equal(finish(2), "");
    assert_string_equal(finish(3), "");
    assert_string_equal(finish(4), "mails:gone:1<3 ");
}

static void a_subject_that_was_gone_starts_anew(void **state)
{
    (void)state;
    hold(30 * SECOND, 30 * SECOND);
    subject("mails", OK, 0);
    assert_string_equal(finish(0), "");
    assert_string_equal(finish(1), "");
    assert_string_equal(finish(2), "mails:gone:1<1 ");
    subject("mails", CRITICAL, 3);
    assert_string_equal(finish(3), "");
    assert_string_equal(finish(4), "");
    assert_string_equal(finish(5), ""); /* never reported: forgotten without a word */
}

static void the_target_itself_may_be_a_subject_beside_others(void **state)
{
    (void)state;
    subject(NULL, WARNING, 0);
    subject("", CRITICAL, 0);
    assert_string_equal(finish(0), "");
    subject("", CRITICAL, 1);
    assert_string_equal(finish(1), "");
    subject("", CRITICAL, 2);
    assert_string_equal(finish(2), "-:gone:1<2 ");
}

static void who_is_gone_is_said_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    static const char *const names[] = {"c", "a", "d", "b"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        subject(names[i], OK, 0);
    (void)finish(0);
    (void)finish(1);
    assert_string_equal(finish(2), "c:gone:1<1 a:gone:1<1 d:gone:1<1 b:gone:1<1 ");
}

static void a_run_of_another_check_says_nothing_of_this_one(void **state)
{
    (void)state;
    subject("mails", CRITICAL, 0);
    (void)finish(0);
    for (int i = 0; i < 5; i++) {
        ledger_finish_run(now.ledger, "queues", "depths", at(1), on_gone, &now);
        ledger_finish_run(now.ledger, "queue", "sdepth", at(1), on_gone, &now);
    }
    assert_string_equal(forget("mails", false, "gone"), "mails:gone:1<3 ");
}

static void what_is_retired_or_removed_ends_at_once(void **state)
{
    (void)state;
    subject("mails", CRITICAL, 0);
    subject("jobs", WARNING, 0);
    subject(NULL, UNKNOWN, 0); /* not reported yet */
    assert_string_equal(forget("nobody", false, "gone"), "");
    assert_string_equal(forget("mails", false, "gone"), "mails:gone:1<3 ");
    assert_string_equal(forget("mails", false, "gone"), "");
    assert_string_equal(forget(NULL, true, "removed"), "jobs:removed:1<2 ");
    assert_string_equal(forget(NULL, true, "removed"), "");
}

static void the_tally_counts_who_stands_where(void **state)
{
    unsigned count[PROBE_UNKNOWN + 1];
    (void)state;
    subject("a", CRITICAL, 0);
    subject("b", CRITICAL, 0);
    subject("c", OK, 0);
    subject("d", UNKNOWN, 0);
    ledger_tally(now.ledger, count);
    assert_int_equal(count[PROBE_GRADED], 2); /* d, and the entry of set_up() */
    assert_int_equal(count[OK], 1);
    assert_int_equal(count[CRITICAL], 2);
    subject("a", OK, 1);
    (void)forget("b", false, "gone");
    ledger_tally(now.ledger, count);
    assert_int_equal(count[OK], 2);
    assert_int_equal(count[CRITICAL], 0);
}

/* -------------------------------------------------------------- counters ---- */

static const struct probe_measure counting[] = {
    {"used", "", PROBE_GAUGE},
    {"errors", "", PROBE_COUNTER},
    {"seconds", "", PROBE_COUNTER},
    {0},
};
enum { USED, ERRORS, SECONDS, ERRORS_DELTA, ERRORS_RATE, SECONDS_DELTA, SECONDS_RATE };

static struct value integer(int64_t number)
{
    return (struct value){VALUE_INTEGER, {.integer = number}};
}

static void counters_bring_a_delta_and_a_rate_from_the_second_run_on(void **state)
{
    struct measures measures;
    (void)state;
    measures_init(&measures, counting);
    struct value first[7] = {integer(5), integer(100), {VALUE_REAL, {.real = 1.5}}};
    ledger_count(now.entry, &measures, first, at(0));
    assert_int_equal(first[ERRORS_DELTA].kind, VALUE_ABSENT);
    assert_int_equal(first[ERRORS_RATE].kind, VALUE_ABSENT);

    struct value second[7] = {integer(1), integer(130), {VALUE_REAL, {.real = 4.0}}};
    ledger_count(now.entry, &measures, second, at(10 * SECOND));
    assert_int_equal(second[ERRORS_DELTA].kind, VALUE_INTEGER);
    assert_int_equal(second[ERRORS_DELTA].is.integer, 30);
    assert_true(fabs(second[ERRORS_RATE].is.real - 3.0) < 1e-9);
    assert_true(fabs(second[SECONDS_DELTA].is.real - 2.5) < 1e-9);
    assert_true(fabs(second[SECONDS_RATE].is.real - 0.25) < 1e-9);

    struct value failed[7] = {{0}}; /* a run that could not look */
    ledger_count(now.entry, &measures, failed, at(15 * SECOND));
    struct value again[7] = {integer(1), integer(140)};
    ledger_count(now.entry, &measures, again, at(20 * SECOND));
    assert_int_equal(again[ERRORS_DELTA].is.integer, 10);
    assert_true(fabs(again[ERRORS_RATE].is.real - 1.0) < 1e-9);
    measures_finish(&measures);
}

static void a_counter_that_went_down_counts_from_zero(void **state)
{
    struct measures measures;
    (void)state;
    measures_init(&measures, counting);
    struct value before[7] = {integer(0), integer(1000), {VALUE_REAL, {.real = 9.5}}};
    ledger_count(now.entry, &measures, before, at(0));
    struct value after[7] = {integer(0), integer(20), {VALUE_REAL, {.real = 1.5}}};
    ledger_count(now.entry, &measures, after, at(10 * SECOND));
    assert_true(fabs(after[SECONDS_DELTA].is.real - 1.5) < 1e-9);
    assert_int_equal(after[ERRORS_DELTA].is.integer, 20);
    assert_true(fabs(after[ERRORS_RATE].is.real - 2.0) < 1e-9);

    struct value at_once[7] = {integer(0), integer(25)};
    ledger_count(now.entry, &measures, at_once, at(10 * SECOND));
    assert_int_equal(at_once[ERRORS_DELTA].is.integer, 5);
    assert_int_equal(at_once[ERRORS_RATE].kind, VALUE_ABSENT); /* no time has passed */

    struct value lowest[7] = {integer(0), integer(INT64_MIN)};
    struct value highest[7] = {integer(0), integer(INT64_MAX)};
    ledger_count(now.entry, &measures, lowest, at(20 * SECOND));
    ledger_count(now.entry, &measures, highest, at(30 * SECOND));
    assert_true(highest[ERRORS_DELTA].is.real > 1.8e19);
    measures_finish(&measures);
}

static void counters_of_another_kind_of_check_are_not_mixed(void **state)
{
    static const struct probe_measure other[] = {{"bytes", "", PROBE_COUNTER}, {0}};
    struct measures one, two;
    (void)state;
    measures_init(&one, counting);
    measures_init(&two, other);
    struct value values[7] = {integer(0), integer(1000), integer(7)};
    ledger_count(now.entry, &one, values, at(0));
    struct value bytes[3] = {integer(5000)};
    ledger_count(now.entry, &two, bytes, at(1));
    assert_int_equal(bytes[1].kind, VALUE_ABSENT);
    measures_finish(&one);
    measures_finish(&two);
}

/* ------------------------------------------------------------ many, and all ---- */

static void a_check_keeps_a_bounded_number_of_subjects(void **state)
{
    char name[16];
    (void)state;
    for (int i = 0; i < LEDGER_MOST_SUBJECTS; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        assert_non_null(ledger_entry(now.ledger, "queues", "depth", name));
    }
    assert_null(ledger_entry(now.ledger, "queues", "depth", "one more"));
    assert_non_null(ledger_entry(now.ledger, "queues", "depth", "17"));
    assert_non_null(ledger_entry(now.ledger, "queues", "age", "one more"));
    (void)forget("17", false, "gone");
    assert_non_null(ledger_entry(now.ledger, "queues", "depth", "one more"));
}

static void a_hundred_thousand_entries_are_told_apart(void **state)
{
    enum { CHECKS = 100, SUBJECTS = 1000 };
    static struct ledger_entry *entries[CHECKS][SUBJECTS];
    char name[24], subject_name[32];
    struct timespec from, to;
    (void)state;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    for (int round = 0; round < 2; round++) {
        for (int c = 0; c < CHECKS; c++) {
            (void)snprintf(name, sizeof(name), "check%d", c);
            for (int s = 0; s < SUBJECTS; s++) {
                (void)snprintf(subject_name, sizeof(subject_name), "subject%d", s);
                struct ledger_entry *entry = ledger_entry(now.ledger, "db", name, subject_name);
                assert_true(round == 0 || entry == entries[c][s]);
                entries[c][s] = entry;
                now.entry = entry;
                assert_string_equal(sample(round, s % 2 ? OK : WARNING), round ? "" : "start");
            }
        }
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    print_message("%.0f ns a sample, in this build\n", seconds * 1e9 / (2 * CHECKS * SUBJECTS));
    unsigned count[PROBE_UNKNOWN + 1];
    ledger_tally(now.ledger, count);
    assert_int_equal(count[OK], CHECKS * SUBJECTS / 2);
    assert_int_equal(count[WARNING], CHECKS * SUBJECTS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_subject_absent_from_two_finished_runs_is_gone),
        TEST(a_subject_that_comes_back_in_time_is_not_gone),
        TEST(a_subject_that_was_gone_starts_anew),
        TEST(the_target_itself_may_be_a_subject_beside_others),
        TEST(who_is_gone_is_said_in_the_order_in_which_they_came),
        TEST(a_run_of_another_check_says_nothing_of_this_one),
        TEST(what_is_retired_or_removed_ends_at_once),
        TEST(the_tally_counts_who_stands_where),
        TEST(counters_bring_a_delta_and_a_rate_from_the_second_run_on),
        TEST(a_counter_that_went_down_counts_from_zero),
        TEST(counters_of_another_kind_of_check_are_not_mixed),
        TEST(a_check_keeps_a_bounded_number_of_subjects),
        TEST(a_hundred_thousand_entries_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
