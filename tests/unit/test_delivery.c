/* Sinks with a queue, in memory: batches, pauses, what is refused, what is said; on a driven clock. */
#include "delivery_fixture.h"

#define SINKS(more) "sinks: {a: {type: queued, deliver: 0s, " more "}}"

static struct fake *a;

static void begin(const char *text)
{
    loop_drive(now.loop, 1000, WALL);
    open_sinks(text);
    a = fake_of("a");
}

static void a_batch_goes_when_it_is_full_or_old(void **state)
{
    (void)state;
    begin(SINKS("batch: {count: 3, age: 1s}"));
    emit(2);
    loop_advance(now.loop, 999);
    assert_int_equal(a->parcels, 0);
    loop_advance(now.loop, 2);
    assert_int_equal(a->count, 2);
    answer(a, SINK_TAKEN, 0);
    emit(3);
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 3);
    emit(7); /* while that is under way */
    answer(a, SINK_TAKEN, 0);
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 3);
    answer(a, SINK_TAKEN, 0);
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 3);
    answer(a, SINK_TAKEN, 0);
    loop_advance(now.loop, 999);
    assert_int_equal(a->count, 0);
    loop_advance(now.loop, 2);
    assert_int_equal(a->count, 1);
    answer(a, SINK_TAKEN, 0);
    assert_string_equal(a->words, words(1, 12));
    assert_int_equal(counts_of("a").taken, 12);
    assert_int_equal(counts_of("a").waiting, 0);
}

static void a_batch_holds_no_more_bytes_than_it_may(void **state)
{
    (void)state;
    begin(SINKS("batch: {bytes: 16KiB, age: 0s}, spool: {memory: 1MiB}"));
    a->answers = true;
    emit(1000);
    loop_advance(now.loop, 10000);
    assert_string_equal(a->words, words(1, 1000));
    assert_true(a->parcels > 10 && a->parcels < 30);
}

static void pauses_grow_and_heed_what_the_receiver_asks_for(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}, retry: {first: 1s, most: 4s}"));
    emit(1);
    loop_advance(now.loop, 0);
    answer(a, SINK_LATER, 7000);
    loop_advance(now.loop, 6999);
    assert_int_equal(a->count, 0);
    loop_advance(now.loop, 1001); /* what it asked for, and the jitter's ceiling */
    assert_int_equal(a->count, 1);
    for (int i = 0; i < 40; i++) {
        answer(a, SINK_LATER, 0);
        loop_advance(now.loop, 4000);
        assert_int_equal(a->count, 1);
    }
    emit(1);
    answer(a, SINK_LATER, 0);
    loop_advance(now.loop, 4000);
    assert_int_equal(a->count, 2); /* what came meanwhile goes along */
    answer(a, SINK_TAKEN, 0);
    assert_string_equal(a->words, words(1, 2));
    assert_int_equal(counts_of("a").retries, 42);
}

static void down_and_up_are_said_but_not_through_the_sink_itself(void **state)
{
    (void)state;
    begin("sinks: {a: {type: queued, deliver: 0s, batch: {age: 0s}, retry: {first: 1s, most: 1s}}, "
          "b: {type: direct}}");
    emit(1);
    loop_advance(now.loop, 0);
    for (int i = 0; i < 30 && !*now.said; i++) {
        answer(a, SINK_LATER, 0);
        loop_advance(now.loop, 1000);
    }
    assert_string_equal(now.said, "sink_down ");
    assert_true(counts_of("a").down);
    for (int i = 0; i < 100; i++) { /* once is enough */
        answer(a, SINK_LATER, 0);
        loop_advance(now.loop, 1000);
    }
    answer(a, SINK_TAKEN, 0);
    loop_advance(now.loop, 0);
    assert_string_equal(now.said, "sink_down sink_up ");
    assert_string_equal(a->words, "w1 ");
    assert_int_equal(counts_of("a").waiting, 0);
    assert_int_equal(fake_of("b")->heard, 3);
}

static void a_short_failure_is_not_said(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}, retry: {first: 1s, most: 1s}"));
    emit(1);
    loop_advance(now.loop, 0);
    answer(a, SINK_LATER, 0);
    loop_advance(now.loop, 1000);
    answer(a, SINK_TAKEN, 0);
    assert_string_equal(now.said, "");
}

static void one_that_hangs_is_down_from_when_it_was_asked(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}, retry: {first: 1s, most: 4s}"));
    emit(1);
    loop_advance(now.loop, 0);
    loop_advance(now.loop, 30000);
    assert_string_equal(now.said, "");
    answer(a, SINK_LATER, 0);
    assert_string_equal(now.said, "sink_down ");
}

static void what_is_wrong_is_found_and_set_aside_and_the_rest_arrives(void **state)
{
    (void)state;
    begin(SINKS("batch: {count: 1000, age: 0s}"));
    a->answers = true;
    a->bad = "\"w500\"";
    emit(1000);
    loop_advance(now.loop, 100);
    char *expected = mem_print("%s", words(1, 499));
    assert_memory_equal(a->words, expected, strlen(expected));
    assert_string_equal(a->words + strlen(expected), words(501, 1000));
    free(expected);
    assert_true(a->parcels < 40); /* halves, not one by one */
    assert_string_equal(now.said, "sink_quarantined ");
    assert_int_equal(counts_of("a").aside, 1);
    assert_int_equal(counts_of("a").taken, 999);
}

static void a_receiver_that_refuses_everything_costs_few_events(void **state)
{
    (void)state;
    begin(SINKS("batch: {count: 1000, age: 0s}, retry: {first: 1m, most: 1m}"));
    a->answers = true;
    a->bad = "w";
    emit(1000);
    loop_advance(now.loop, 100);
    assert_int_equal(counts_of("a").aside, 8);
    loop_advance(now.loop, 10 * 60 * 1000);
    assert_true(counts_of("a").aside >= 18 && counts_of("a").aside < 60);
    a->bad = NULL;
    loop_advance(now.loop, 61 * 1000);
    assert_int_equal(counts_of("a").waiting, 0);
    assert_non_null(strstr(now.said, "sink_down "));
    assert_non_null(strstr(now.said, "sink_up "));
}

static void too_big_a_batch_makes_smaller_ones(void **state)
{
    (void)state;
    begin(SINKS("batch: {count: 100, age: 0s}"));
    emit(400);
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 100);
    answer(a, SINK_TOO_BIG, 0);
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 50);
    while (a->count) {
        assert_true(a->count <= 50);
        answer(a, SINK_TAKEN, 0);
        loop_advance(now.loop, 0);
    }
    assert_string_equal(a->words, words(1, 400));
}

static void what_memory_cannot_hold_is_dropped_oldest_first_and_the_count_arrives(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}, spool: {memory: 64KiB}, retry: {first: 1s, most: 1s}"));
    emit(1);
    loop_advance(now.loop, 0);
    emit(2000);
    struct sink_counts counts = counts_of("a");
    assert_true(counts.waiting_bytes <= 80 * 1024);
    assert_true(counts.dropped > 1000);
    assert_int_equal(counts.dropped + counts.waiting, 2001);
    a->answers = true;
    answer(a, SINK_TAKEN, 0); /* what is under way is not dropped */
    loop_advance(now.loop, 1000);
    assert_string_equal(now.said, "dropped ");
    char *expected =
        mem_print("w1 %u events were dropped: sink a could not keep what waited for it ",
                  (unsigned)counts.dropped);
    assert_non_null(strstr(a->words, "events were dropped"));
    assert_memory_equal(a->words, "w1 ", 3);
    assert_memory_equal(a->words + 3,
                        words((unsigned)counts.dropped + 2, 2001),
                        strlen(words((unsigned)counts.dropped + 2, 2001)));
    assert_string_equal(a->words + 3 + strlen(words((unsigned)counts.dropped + 2, 2001)),
                        expected + 3);
    free(expected);
}

static void what_is_too_old_is_dropped(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}, spool: {age: 30s}, retry: {first: 10s, most: 10s}"));
    emit(5);
    loop_advance(now.loop, 0);
    answer(a, SINK_LATER, 60000);
    loop_advance(now.loop, 50000);
    assert_int_equal(counts_of("a").dropped, 5);
    assert_int_equal(counts_of("a").waiting, 0);
}

static void a_changed_sink_goes_on_with_its_queue(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}"));
    emit(3);
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 3);
    take_over(SINKS("batch: {age: 0s}")); /* the same */
    assert_int_equal(a->opened, 1);
    take_over(SINKS("batch: {age: 1ms}"));
    assert_int_equal(a->opened, 2);
    assert_int_equal(a->closed, 1);
    emit(1);
    loop_advance(now.loop, 10);
    assert_int_equal(a->count, 4);
    answer(a, SINK_TAKEN, 0);
    assert_string_equal(a->words, words(1, 4));
}

static void a_removed_sink_delivers_or_says_what_is_lost(void **state)
{
    (void)state;
    begin("sinks: {a: {type: queued, deliver: 2s, batch: {age: 1h}}}");
    emit(3);
    take_over("sinks: {}");
    loop_advance(now.loop, 100);
    emit(1); /* not its any more */
    assert_int_equal(a->count, 3);
    answer(a, SINK_TAKEN, 0);
    loop_advance(now.loop, 100);
    assert_int_equal(a->closed, 1);
    assert_string_equal(a->words, words(1, 3));
    assert_string_equal(now.said, "sink_removed ");

    take_over("sinks: {b: {type: queued, deliver: 2s, batch: {age: 0s}}}");
    emit(2);
    loop_advance(now.loop, 0);
    take_over("sinks: {}");
    loop_advance(now.loop, 1900);
    assert_int_equal(fake_of("b")->closed, 0);
    loop_advance(now.loop, 200);
    assert_int_equal(fake_of("b")->closed, 1);
}

static void a_sink_that_waits_slows_no_other(void **state)
{
    (void)state;
    begin(
        "sinks: {a: {type: queued, deliver: 0s, batch: {age: 0s}}, b: {type: queued, deliver: 0s, "
        "batch: {age: 0s}}, c: {type: direct}}");
    fake_of("b")->answers = true;
    emit(1);
    loop_advance(now.loop, 0);
    emit(100); /* a has one under way, and never answers */
    loop_advance(now.loop, 1);
    assert_string_equal(fake_of("b")->words, words(1, 101));
    assert_int_equal(fake_of("c")->heard, 101);
    assert_int_equal(a->parcels, 1);
}

static void only_says_what_a_sink_gets(void **state)
{
    (void)state;
    begin("agent: {labels: {env: pro\"d}}\n"
          "sinks: {a: {type: direct, only: {kind: [finding]}}, b: {type: direct, only: {level: "
          "warn}}, c: {type: direct, only: {kind: [agent], level: info, labels: {}}}}");
    emit(2);
    (void)event_emit_agent(now.bus, LOG_ERROR, "word", "bad", WALL, NULL, NULL);
    assert_int_equal(a->heard, 0);
    assert_int_equal(fake_of("b")->heard, 1);
    assert_int_equal(fake_of("c")->heard, 3);
}

static void the_end_delivers_what_waits_for_its_batch(void **state)
{
    (void)state;
    open_sinks("sinks: {a: {type: queued, deliver: 5s, batch: {age: 1h}}}");
    a = fake_of("a");
    a->answers = true;
    emit(10);
    close_sinks();
    assert_string_equal(a->words, words(1, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_goes_when_it_is_full_or_old),
        TEST(a_batch_holds_no_more_bytes_than_it_may),
        TEST(pauses_grow_and_heed_what_the_receiver_asks_for),
        TEST(down_and_up_are_said_but_not_through_the_sink_itself),
        TEST(a_short_failure_is_not_said),
        TEST(one_that_hangs_is_down_from_when_it_was_asked),
        TEST(what_is_wrong_is_found_and_set_aside_and_the_rest_arrives),
        TEST(a_receiver_that_refuses_everything_costs_few_events),
        TEST(too_big_a_batch_makes_smaller_ones),
        TEST(what_memory_cannot_hold_is_dropped_oldest_first_and_the_count_arrives),
        TEST(what_is_too_old_is_dropped),
        TEST(a_changed_sink_goes_on_with_its_queue),
        TEST(a_removed_sink_delivers_or_says_what_is_lost),
        TEST(a_sink_that_waits_slows_no_other),
        TEST(only_says_what_a_sink_gets),
        TEST(the_end_delivers_what_waits_for_its_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
