/* A hand: jobs on a thread of its own, and what becomes of one that hangs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/hand.h"
#include "io/loop.h"
#include "io/thread.h"

struct state {
    int number, *dropped;
    int gate[2]; /* what a job reads from before it is done; -1: it does not wait */
};

static struct loop *loop;
static int told, status;

static int work(void *data)
{
    struct state *state = data;
    char byte;
    if (state->gate[0] >= 0 && read(state->gate[0], &byte, 1) < 0)
        return -errno;
    return state->number;
}

static void drop(void *data)
{
    struct state *state = data;
    int *dropped = state->dropped;
    free(state);
    __atomic_add_fetch(dropped, 1, __ATOMIC_SEQ_CST);
}

static void on_done(int result, void *data)
{
    told++;
    status = result;
    *(bool *)data = true;
}

static struct state *state_create(int *dropped)
{
    struct state *state = mem_new(sizeof(*state));
    *state = (struct state){.number = -7, .dropped = dropped, .gate = {-1, -1}};
    told = 0;
    return state;
}

static void jobs_are_done_one_by_one_and_told(void **unused)
{
    int dropped = 0;
    struct state *state = state_create(&dropped);
    (void)unused;
    loop = loop_create();
    struct hand *hand = hand_open(loop, work, drop, state);
    assert_non_null(hand);
    for (int i = 1; i <= 3; i++) {
        bool done = false;
        state->number = -i;
        hand_do(hand, on_done, &done);
        assert_true(hand_at_work(hand));
        assert_true(loop_run_until(loop, &done, 10000));
        assert_false(hand_at_work(hand));
        assert_int_equal(status, -i);
    }
    hand_close(hand, 10000);
    assert_int_equal(dropped, 1);
    assert_int_equal(told, 3);
    assert_int_equal(loop_destroy(loop), 0);
}

static void one_that_hangs_is_left_to_itself(void **unused)
{
    int dropped = 0, gate[2];
    bool done = false;
    struct state *state = state_create(&dropped);
    (void)unused;
    assert_int_equal(pipe(gate), 0);
    state->gate[0] = gate[0];
    loop = loop_create();
    struct hand *hand = hand_open(loop, work, drop, state);
    hand_do(hand, on_done, &done);
    hand_close(hand, 0);
    assert_int_equal(loop_destroy(loop), 0);
    assert_int_equal(told, 0);
    assert_int_equal(thread_wait_for_left(20),
                     1); /* the end of the process waits, and not for ever */
    assert_int_equal(__atomic_load_n(&dropped, __ATOMIC_SEQ_CST), 0);
    assert_int_equal(write(gate[1], "x", 1), 1);
    while (__atomic_load_n(&dropped, __ATOMIC_SEQ_CST) == 0)
        (void)usleep(1000); /* the thread frees what is left; ctest's time limit ends the test */
    assert_int_equal(thread_wait_for_left(60000), 0);
    (void)close(gate[0]);
    (void)close(gate[1]);
}

static void a_closed_one_tells_nothing_more(void **unused)
{
    int dropped = 0;
    bool done = false;
    (void)unused;
    struct state *state = state_create(&dropped);
    loop = loop_create();
    struct hand *hand = hand_open(loop, work, drop, state);
    hand_do(hand, on_done, &done);
    hand_close(hand, 10000);
    assert_int_equal(dropped, 1);
    assert_int_equal(loop_destroy(loop), 0);
    assert_int_equal(told, 0);
    hand_close(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_done_one_by_one_and_told),
        cmocka_unit_test(one_that_hangs_is_left_to_itself),
        cmocka_unit_test(a_closed_one_tells_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
