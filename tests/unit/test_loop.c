/* io: loop, timers, watches, lives. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/life.h"
#include "io/loop.h"
#include "io/wait.h"

static char said[256];

static void say(void *data)
{
    (void)strncat(said, data, sizeof(said) - strlen(said) - 1);
}

static int set_up(void **state)
{
    *state = loop_create();
    said[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    return loop_destroy(*state); /* a handle left is a failure */
}

static void a_driven_hour_fires_timers_in_order(void **state)
{
    struct loop *loop = *state;
    struct timer timers[4] = {{0}};
    loop_drive(loop, 1000, 5000);
    timer_start(&timers[0], loop, 3600000, say, (void *)"d");
    timer_start(&timers[1], loop, 10, say, (void *)"b");
    timer_start(&timers[2], loop, 10, say, (void *)"c");
    timer_start(&timers[3], loop, 0, say, (void *)"a");
    assert_string_equal(said, ""); /* never from inside the call */
    loop_advance(loop, 10);
    assert_string_equal(said, "abc");
    assert_int_equal(loop_wall_ms(loop), 5010);
    timer_stop(&timers[0]);
    timer_start(&timers[0], loop, 3599990, say, (void *)"d");
    loop_advance(loop, 3599989);
    assert_string_equal(said, "abc");
    loop_advance(loop, 1);
    assert_string_equal(said, "abcd");
}

struct busy {
    struct loop *loop;
    struct timer timer;
    unsigned fired;
    bool seen;
};

/* Due again before it has returned. */
static void keep_busy(void *data)
{
    struct busy *busy = data;
    uint64_t begin_us = loop_now_us(busy->loop);
    busy->fired++;
    timer_start(&busy->timer, busy->loop, 0, keep_busy, busy);
    while (loop_now_us(busy->loop) < begin_us + 2000)
        continue;
}

static void on_seen(int status, unsigned events, void *data)
{
    struct busy *busy = data;
    assert_int_equal(status, 0);
    assert_int_equal(events, WATCH_READABLE);
    busy->seen = true;
}

static void descriptors_have_their_turn_while_timers_are_always_due(void **state)
{
    struct busy busy = {.loop = *state};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    struct watch *watch = watch_create(busy.loop, ends[0], WATCH_READABLE, on_seen, &busy);
    keep_busy(&busy);
    assert_true(loop_run_until(busy.loop, &busy.seen, 10000));
    assert_true(busy.fired < 20);
    timer_stop(&busy.timer);
    watch_destroy(watch);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void many_timers_stay_sorted(void **state)
{
    struct loop *loop = *state;
    static struct timer timers[1000];
    static char words[1000][2];
    memset(timers, 0, sizeof(timers));
    loop_drive(loop, 0, 0);
    for (int i = 0; i < 1000; i++) {
        words[i][0] = (char)('a' + (i * 7919) % 1000 / 100);
        timer_start(&timers[i], loop, (uint64_t)((i * 7919) % 1000), say, words[i]);
    }
    for (int i = 0; i < 1000; i++) /* leave one in ten, then one of each hundred */
        if ((i * 7919) % 1000 % 100 != 50)
            timer_stop(&timers[i]);
    loop_advance(loop, 1000);
    assert_string_equal(said, "abcdefghij");
}

static void on_due(void *data)
{
    *(bool *)data = true;
}

static void waiting_ends_as_soon_as_a_timer_has_fired(void **state)
{
    struct timer timer = {0};
    bool fired = false;
    uint64_t start = loop_now_us(*state);
    timer_start(&timer, *state, 0, on_due, &fired);
    assert_true(loop_run_until(*state, &fired, 5000));
    assert_true(loop_now_us(*state) - start < 4000000);
}

static void on_readable(int status, unsigned events, void *data)
{
    assert_int_equal(status, 0);
    assert_int_equal(events, WATCH_READABLE);
    *(bool *)data = true;
}

static void a_watch_sees_bytes_and_is_silent_once_destroyed(void **state)
{
    int fds[2];
    bool seen = false;
    assert_int_equal(pipe(fds), 0);
    struct watch *watch = watch_create(*state, fds[0], WATCH_READABLE, on_readable, &seen);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_true(loop_run_until(*state, &seen, 2000));
    seen = false;
    watch_destroy(watch);
    assert_false(loop_run_until(*state, &seen, 20));
    close(fds[0]);
    close(fds[1]);
}

static void on_refused(int status, unsigned events, void *data)
{
    assert_int_equal(events, 0);
    *(bool *)data = status < 0;
}

static void a_file_cannot_be_watched_and_says_so_later(void **state)
{
    bool refused = false;
    int fd = dup(0);
    close(fd);
    struct watch *watch = watch_create(*state, fd, WATCH_READABLE, on_refused, &refused);
    assert_false(refused);
    assert_true(loop_run_until(*state, &refused, 2000));
    watch_destroy(watch);
}

/* An operation that says its name and the status it was ended with. */
struct word {
    struct op op;
    const char *name;
    struct life *starts; /* starts another one when it is ended */
};

static void word_end(struct op *op, int status)
{
    struct word *word = container_of(op, struct word, op);
    say((void *)word->name);
    say((void *)(status == -ETIMEDOUT ? "t " : status == -ECANCELED ? "c " : "? "));
    if (word->starts) {
        static struct word another;
        static const struct op_kind kind = {"word", word_end, NULL};
        another = (struct word){.name = "z"};
        op_begin(&another.op, word->starts, &kind);
    }
}

static void word_drop(struct op *op)
{
    struct word *word = container_of(op, struct word, op);
    say((void *)word->name);
    say((void *)"dropped ");
}

static const struct op_kind word_kind = {"word", word_end, word_drop};

static void ending_a_life_calls_back_in_order_and_cancels_what_starts_meanwhile(void **state)
{
    struct life life;
    struct word a = {.name = "a"}, b = {.name = "b"};
    life_init(&life, *state);
    a.starts = &life;
    op_begin(&a.op, &life, &word_kind);
    op_begin(&b.op, &life, &word_kind);
    life_end(&life, -ETIMEDOUT);
    assert_string_equal(said, "at bt zc ");
    assert_true(life.ended);
}

static void drop_the_rest(struct op *op, int status)
{
    struct word *word = container_of(op, struct word, op);
    (void)status;
    life_drop(word->starts);
}

static void a_callback_may_end_what_is_being_ended(void **state)
{
    static const struct op_kind ending_kind = {"word", drop_the_rest, NULL};
    struct life life;
    struct word a = {.name = "a", .starts = &life}, b = {.name = "b"};
    life_init(&life, *state);
    op_begin(&a.op, &life, &ending_kind);
    op_begin(&b.op, &life, &word_kind);
    life_end(&life, -ETIMEDOUT);
    assert_string_equal(said, "bdropped ");
}

static void on_failed(int status, void *data)
{
    *(bool *)data = status == -EINVAL;
}

static void what_cannot_begin_fails_later_and_once(void **state)
{
    struct life life;
    bool failed = false;
    life_init(&life, *state);
    op_fail(&life, -EINVAL, on_failed, &failed);
    op_cancel(op_fail(&life, -EINVAL, on_failed, &failed));
    assert_false(failed);
    assert_true(loop_run_until(*state, &failed, 2000));
    life_drop(&life);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_driven_hour_fires_timers_in_order),
        TEST(descriptors_have_their_turn_while_timers_are_always_due),
        TEST(many_timers_stay_sorted),
        TEST(waiting_ends_as_soon_as_a_timer_has_fired),
        TEST(a_watch_sees_bytes_and_is_silent_once_destroyed),
        TEST(a_file_cannot_be_watched_and_says_so_later),
        TEST(ending_a_life_calls_back_in_order_and_cancels_what_starts_meanwhile),
        TEST(a_callback_may_end_what_is_being_ended),
        TEST(what_cannot_begin_fails_later_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
