/* What of a parcel that was taken in part the receiver has, while parcels grow, shrink and lose events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "out/progress.h"

static struct progress progress;
static struct text lines;

/* A parcel of the events with these numbers, ended by zero. */
static void carry(const unsigned *numbers)
{
    struct sink_parcel parcel = {0};
    text_finish(&lines);
    text_init(&lines, 100000);
    for (; *numbers; numbers++, parcel.count++)
        text_print(&lines, "{\"agent\":{\"boot\":\"b\"},\"seq\":%u}\n", *numbers);
    parcel.lines = lines.bytes;
    parcel.len = lines.len;
    progress_begin(&progress, &parcel);
    assert_int_equal(progress.parcel, parcel.count);
}

#define CARRY(...) carry((const unsigned[]){__VA_ARGS__, 0})

/* Of the present parcel, one letter each: x is done. */
static const char *done(void)
{
    static char said[100];
    for (size_t i = 0; i < progress.parcel; i++)
        said[i] = progress.events[i].done ? 'x' : '-';
    said[progress.parcel] = '\0';
    return said;
}

static void mark(size_t at)
{
    progress.events[at].done = true;
}

static int forget(void **state)
{
    (void)state;
    progress_finish(&progress);
    text_finish(&lines);
    return 0;
}

static void what_is_done_stays_done_while_others_come_behind_it(void **state)
{
    (void)state;
    CARRY(1, 2, 3);
    assert_string_equal(done(), "---");
    mark(1);
    CARRY(1, 2, 3, 4);
    assert_string_equal(done(), "-x--");
    mark(3);
    CARRY(1, 2, 3, 4, 5);
    assert_string_equal(done(), "-x-x-");
    progress_taken(&progress);
    assert_int_equal(progress.count, 0);
    CARRY(6, 7);
    assert_string_equal(done(), "--");
}

static void a_parcel_that_is_halved_keeps_what_is_known_of_the_rest(void **state)
{
    (void)state;
    CARRY(1, 2, 3, 4);
    mark(1);
    mark(3);
    CARRY(1, 2);
    assert_string_equal(done(), "-x");
    progress_taken(&progress);
    CARRY(3, 4, 5);
    assert_string_equal(done(), "-x-");
    CARRY(3);
    CARRY(4); /* that one was set aside */
    assert_string_equal(done(), "x");
}

static void what_the_queue_has_dropped_is_forgotten(void **state)
{
    (void)state;
    CARRY(1, 2, 3, 4);
    mark(0);
    mark(3);
    CARRY(3, 4, 5);
    assert_string_equal(done(), "-x-");
    CARRY(8, 9);
    assert_string_equal(done(), "--");
    assert_int_equal(progress.count, 2);
}

static void another_boot_has_its_own_numbers(void **state)
{
    static const char other[] = "{\"agent\":{\"boot\":\"c\"},\"seq\":1}\n";
    (void)state;
    CARRY(1, 2);
    mark(0);
    progress_begin(&progress,
                   &(const struct sink_parcel){.lines = other, .len = strlen(other), .count = 1});
    assert_string_equal(done(), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_done_stays_done_while_others_come_behind_it, forget),
        cmocka_unit_test_teardown(a_parcel_that_is_halved_keeps_what_is_known_of_the_rest, forget),
        cmocka_unit_test_teardown(what_the_queue_has_dropped_is_forgotten, forget),
        cmocka_unit_test_teardown(another_boot_has_its_own_numbers, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
