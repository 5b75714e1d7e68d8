/* A sink that is asked whether it has taken a certain event: it has, it has not, it never will. */
#include "delivery_fixture.h"

#include "out/receipts.h"

#define SINKS(more) "sinks: {a: {type: queued, deliver: 0s, " more "}, d: {type: direct}}"

static struct fake *a;
static char heard[400]; /* "-", or why not; each ended by "|" */

static void begin(const char *text)
{
    loop_drive(now.loop, 1000, WALL);
    open_sinks(text);
    a = fake_of("a");
    heard[0] = '\0';
}

static void on_taken(const char *why, void *data)
{
    size_t len = strlen(heard);
    (void)data;
    (void)snprintf(heard + len, sizeof(heard) - len, "%s|", why ? why : "-");
}

/* Of the last event that was emitted. */
static void ask(const char *sink)
{
    sinks_ask(now.sinks, sink, bus_count(now.bus), 5000, on_taken, heard);
}

static void it_goes_at_once_and_is_told_when_it_was_taken(void **state)
{
    (void)state;
    begin(SINKS("batch: {count: 100, age: 1h}"));
    emit(1);
    loop_advance(now.loop, 1000);
    assert_int_equal(a->parcels, 0);
    emit(1);
    ask("a");
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 2);
    assert_string_equal(heard, "");
    answer(a, SINK_TAKEN, 0);
    assert_string_equal(heard, ""); /* later, not from inside */
    loop_advance(now.loop, 0);
    assert_string_equal(heard, "-|");
    emit(1);
    loop_advance(now.loop, 10000); /* nobody waits any more: batches fill again */
    assert_int_equal(a->count, 0);
    assert_string_equal(heard, "-|");
}

static void a_pause_is_cut_short_but_not_one_that_was_asked_for(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}, retry: {first: 1h, most: 1h}"));
    emit(1);
    loop_advance(now.loop, 0);
    answer(a, SINK_LATER, 0);
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 0);
    ask("a");
    loop_advance(now.loop, 0);
    assert_int_equal(a->count, 1);
    answer(a, SINK_LATER, 60000); /* "Retry-After: 60" */
    ask("a");
    loop_advance(now.loop, 4999);
    assert_int_equal(a->count, 0);
    assert_string_equal(heard, "");
    loop_advance(now.loop, 2);
    assert_string_equal(heard,
                        "sink a has not acknowledged it within 5s: so|"
                        "sink a has not acknowledged it within 5s|");
}

static void what_is_refused_is_not_taken_though_what_follows_is(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}"));
    emit(1);
    ask("a");
    loop_advance(now.loop, 0);
    answer(a, SINK_REFUSED, 0);
    loop_advance(now.loop, 0);
    assert_string_equal(heard, "sink a refused it: so|");
    emit(1);
    ask("a");
    loop_advance(now.loop, 0);
    answer(a, SINK_TAKEN, 0);
    loop_advance(now.loop, 0);
    assert_string_equal(heard, "sink a refused it: so|-|");
}

static void what_another_agent_has_said_is_not_this_ones(void **state)
{
    static const char lines[] = "{\"seq\":3,\"agent\":{\"boot\":\"other\"}}\n",
                      ours[] = "{\"seq\":3,\"agent\":{\"boot\":\"ours\"}}\n";
    struct receipts *receipts = receipts_create(now.loop, "ours");
    (void)state;
    loop_drive(now.loop, 1000, WALL);
    heard[0] = '\0';
    receipts_ask(receipts, "a", 3, 5000, on_taken, heard);
    receipts_taken(receipts, "a", lines, sizeof(lines) - 1, 0);
    loop_advance(now.loop, 0);
    assert_string_equal(heard, "");
    receipts_taken(receipts, "b", ours, sizeof(ours) - 1, 0);
    loop_advance(now.loop, 0);
    assert_string_equal(heard, "");
    receipts_taken(receipts, "a", ours, sizeof(ours) - 1, 0);
    assert_false(receipts_wanted(receipts, "a"));
    loop_advance(now.loop, 0);
    assert_string_equal(heard, "-|");
    receipts_destroy(receipts);
}

static void what_the_receiver_has_lost_is_not_taken(void **state)
{
    const struct sink_answer lossy = {.verdict = SINK_TAKEN, .lost = 1, .message = "so"};
    (void)state;
    begin(SINKS("batch: {age: 0s}"));
    emit(2);
    ask("a");
    loop_advance(now.loop, 0);
    a->count = 0;
    a->fn(&lossy, a->data);
    loop_advance(now.loop, 0);
    assert_string_equal(heard, "the receiver of sink a has not kept all that it took|");
}

static void a_sink_that_is_not_there_or_keeps_nothing_says_so(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}"));
    ask("x");
    ask("d");
    assert_string_equal(heard, "");
    loop_advance(now.loop, 0);
    assert_string_equal(heard, "sink x is not at work|sink d is not at work|");
}

static void who_no_longer_waits_is_not_told(void **state)
{
    (void)state;
    begin(SINKS("batch: {age: 0s}"));
    emit(1);
    ask("a");
    loop_advance(now.loop, 0);
    answer(a, SINK_TAKEN, 0);
    sinks_forget(now.sinks, heard);
    loop_advance(now.loop, 10000);
    assert_string_equal(heard, "");
    emit(1);
    ask("a"); /* ... and the end of the sinks is not told to anybody */
}

#define CASE(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_goes_at_once_and_is_told_when_it_was_taken),
        CASE(a_pause_is_cut_short_but_not_one_that_was_asked_for),
        CASE(what_is_refused_is_not_taken_though_what_follows_is),
        CASE(what_another_agent_has_said_is_not_this_ones),
        CASE(what_the_receiver_has_lost_is_not_taken),
        CASE(a_sink_that_is_not_there_or_keeps_nothing_says_so),
        CASE(who_no_longer_waits_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
