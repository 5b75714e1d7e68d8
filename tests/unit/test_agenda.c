/* io/agenda: against a list that is searched for the first each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/agenda.h"
#include "io/wait.h"

enum { TIMERS = 500, STEPS = 200000 };

static struct timer timers[TIMERS];
static bool pending[TIMERS];

static struct timer *first_by_search(void)
{
    struct timer *first = NULL;
    for (size_t i = 0; i < TIMERS; i++) {
        struct timer *timer = &timers[i];
        if (pending[i] && (!first || timer->due_us < first->due_us ||
                           (timer->due_us == first->due_us && timer->order < first->order)))
            first = timer;
    }
    return first;
}

static void add(struct agenda *agenda, size_t which, uint64_t due_us, bool at_once)
{
    static uint64_t order;
    timers[which].due_us = due_us;
    timers[which].at_once = at_once;
    timers[which].order = order++;
    pending[which] = true;
    agenda_add(agenda, &timers[which]);
}

static void the_first_is_always_the_one_that_is_due_first(void **state)
{
    (void)state;
    struct agenda agenda = {0};
    uint64_t now_us = 0;
    unsigned seed = 4711;
    for (int step = 0; step < STEPS; step++) {
        size_t which = (size_t)rand_r(&seed) % TIMERS;
        unsigned what = (unsigned)rand_r(&seed) % 100;
        struct timer *first = agenda_first(&agenda);
        if (step % 16 == 0)
            assert_ptr_equal(first, first_by_search());
        if (pending[which] && what < 40) {
            agenda_remove(&agenda, &timers[which]);
            pending[which] = false;
        } else if (first && what < 60) {
            assert_ptr_equal(first, first_by_search());
            now_us = first->due_us > now_us ? first->due_us : now_us;
            agenda_remove(&agenda, first);
            pending[first - timers] = false;
        } else if (!pending[which]) {
            bool at_once = what < 80;
            add(&agenda,
                which,
                at_once ? now_us : now_us + (uint64_t)rand_r(&seed) % 100000,
                at_once);
        }
    }
    int left = 0;
    for (size_t i = 0; i < TIMERS; i++)
        left += pending[i];
    assert_int_equal(agenda_finish(&agenda), left);
    memset(pending, 0, sizeof(pending));
}

static void what_is_due_together_comes_as_it_was_added(void **state)
{
    (void)state;
    struct agenda agenda = {0};
    for (size_t i = 0; i < TIMERS; i++)
        add(&agenda, i, 7, i % 3 == 0);
    for (size_t i = 0; i < TIMERS; i++) {
        assert_ptr_equal(agenda_first(&agenda), &timers[i]);
        agenda_remove(&agenda, &timers[i]);
    }
    assert_null(agenda_first(&agenda));
    assert_int_equal(agenda_finish(&agenda), 0);
}

/* Its room is asked for by what waits, not by what has ever waited. */
static void a_queue_that_is_emptied_as_it_is_filled_does_not_grow(void **state)
{
    (void)state;
    struct agenda agenda = {0};
    for (size_t i = 0; i < 10000; i++) {
        add(&agenda, i % 8, i, true);
        if (i >= 7)
            agenda_remove(&agenda, &timers[(i + 1) % 8]);
    }
    assert_int_equal(agenda.queue_room, 64);
    assert_int_equal(agenda_finish(&agenda), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_always_the_one_that_is_due_first),
        cmocka_unit_test(what_is_due_together_comes_as_it_was_added),
        cmocka_unit_test(a_queue_that_is_emptied_as_it_is_filled_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
