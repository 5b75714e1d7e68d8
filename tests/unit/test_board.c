/* probe/board: what checks did and found last, bounded. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/board.h"

static const struct probe_measure table[] = {
    {"used", "how much", .kind = PROBE_GAUGE}, {"state", "a word", .kind = PROBE_WORD}, {0}};
static struct measures measures;

static int set_up(void **state)
{
    measures_init(&measures, table);
    *state = board_create(3);
    return 0;
}

static int tear_down(void **state)
{
    board_destroy(*state);
    measures_finish(&measures);
    return 0;
}

static void sample(struct board *board, const char *subject, int64_t used)
{
    struct value values[2] = {{VALUE_INTEGER, {.integer = used}},
                              {VALUE_WORD, {.word = (char *)"up"}}};
    board_sample(board, "db", "queues", subject, PROBE_WARNING, &measures, values);
}

static void over(struct board *board, bool failed)
{
    const struct board_run run = {.late_us = 200000, .duration_us = 7000, .failed = failed};
    board_over(board, "db", "queues", &run);
}

static void a_run_is_counted_and_its_measures_are_there(void **state)
{
    struct board *board = *state;
    sample(board, "a", 5);
    over(board, false);
    const struct board_row *row = board_row(board, "db", "queues");
    assert_int_equal(row->runs, 1);
    assert_int_equal(row->failures, 0);
    assert_int_equal(row->late, 1);
    assert_int_equal(row->bucket[2], 1); /* 5 ms to 25 ms */
    assert_int_equal(row->count, 1);
    assert_int_equal(row->cells[0].status, PROBE_WARNING);
    assert_true(row->cells[0].numbers[0] == 5);
    assert_true(isnan(row->cells[0].numbers[1])); /* a word is no number */
    assert_null(board_row(board, "db", "other"));
}

static void what_is_not_measured_now_is_not_shown_as_it_was(void **state)
{
    struct board *board = *state;
    sample(board, "a", 5);
    sample(board, "b", 6);
    over(board, false);
    sample(board, "b", 7);
    over(board, false);
    const struct board_row *row = board_row(board, "db", "queues");
    assert_null(row->cells[0].numbers);
    assert_true(row->cells[1].numbers[0] == 7);
    over(board, true);
    assert_null(row->cells[1].numbers);
    assert_int_equal(row->cells[1].status, PROBE_WARNING); /* what was said of it stands */
    assert_int_equal(row->failures, 1);
}

static void subjects_beyond_the_limit_are_counted(void **state)
{
    struct board *board = *state;
    char name[16];
    for (int run = 0; run < 2; run++) {
        for (int i = 0; i < 10; i++) {
            (void)snprintf(name, sizeof(name), "q%d", i);
            sample(board, name, i);
        }
        sample(board, NULL, 0); /* the target itself always has its place */
        over(board, false);
    }
    const struct board_row *row = board_row(board, "db", "queues");
    assert_int_equal(row->count, 4);
    assert_int_equal(row->left_out, 7);
    board_gone(board, "db", "queues", "q1");
    board_gone(board, "db", "queues", "q9");
    board_gone(board, "db", "queues", NULL);
    board_gone(board, "nothing", "queues", NULL);
    assert_int_equal(row->count, 2);
    assert_string_equal(row->cells[1].subject, "q2");
    board_limit(board, 100);
    sample(board, "q9", 9);
    over(board, false);
    assert_int_equal(row->count, 3);
    assert_int_equal(row->left_out, 0);
}

static void all_cells_together_have_a_limit(void **state)
{
    struct board *board = *state;
    char name[16];
    struct value values[2] = {{VALUE_ABSENT, {.integer = 0}}, {VALUE_ABSENT, {.integer = 0}}};
    board_limit(board, BOARD_MOST_CELLS);
    for (int check = 0; check < 3; check++)
        for (int i = 0; i < BOARD_MOST_CELLS / 2; i++) {
            (void)snprintf(name, sizeof(name), "q%d", i);
            board_sample(board,
                         "db",
                         check == 0   ? "a"
                         : check == 1 ? "b"
                                      : "c",
                         name,
                         PROBE_OK,
                         &measures,
                         values);
        }
    board_over(board, "db", "c", &(struct board_run){0});
    assert_int_equal(board_row(board, "db", "c")->count, 0);
    assert_int_equal(board_row(board, "db", "c")->left_out, BOARD_MOST_CELLS / 2);
}

static void rows_that_nobody_uses_are_forgotten(void **state)
{
    struct board *board = *state;
    sample(board, "a", 5);
    board_over(board, "db", "other", &(struct board_run){0});
    assert_non_null(board_row(board, "db", "queues"));
    board_sweep(board);
    assert_non_null(board_row(board, "db", "queues"));
    assert_null(board_row(board, "db", "other"));
    board_sweep(board);
    board_sweep(board);
    assert_null(board_row(board, "db", "queues"));
}

static void what_another_agent_asks_is_not_known_here(void **state)
{
    struct board *board = *state;
    sample(board, "a", 5);
    board_over(board, "db", "other", &(struct board_run){0});
    board_forget(board, "db", "queues");
    board_forget(board, "db", "queues");
    assert_null(board_row(board, "db", "queues"));
    assert_non_null(board_row(board, "db", "other"));
    sample(board, "a", 5);
    assert_int_equal(board_row(board, "db", "queues")->count, 1);
}

static void nobody_needs_a_board(void **state)
{
    (void)state;
    sample(NULL, "a", 1);
    over(NULL, false);
    board_gone(NULL, "db", "queues", "a");
    assert_null(board_row(NULL, "db", "queues"));
    board_sweep(NULL);
    board_forget(NULL, "db", "queues");
    board_limit(NULL, 1);
    board_destroy(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_run_is_counted_and_its_measures_are_there),
        TEST(what_is_not_measured_now_is_not_shown_as_it_was),
        TEST(subjects_beyond_the_limit_are_counted),
        TEST(all_cells_together_have_a_limit),
        TEST(rows_that_nobody_uses_are_forgotten),
        TEST(what_another_agent_asks_is_not_known_here),
        TEST(nobody_needs_a_board),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
