/* probe: conditions are shared, small and quick. */
#include <stdio.h>
#include <time.h>

#include "condition_fixture.h"

static void the_same_text_over_the_same_measures_is_compiled_once(void **data)
{
    (void)data;
    struct measures other;
    measures_init(&other, table); /* another target's, of the same kind */
    struct condition *first = condition_compile("used > 5", &measures, &error);
    size_t memory = condition_memory();
    struct condition *second = condition_compile(" used > 5 ", &other, &error);
    assert_ptr_equal(first, second);
    assert_int_equal(condition_memory(), memory);
    measures_finish(&other); /* a reload; the condition stays */
    condition_release(first);
    assert_int_equal(condition_ask(second, usual, &error), CONDITION_TRUE);
    assert_string_equal(condition_text(second), "used > 5");
    condition_shutdown(); /* nothing: one is alive */
    assert_int_equal(condition_ask(second, usual, &error), CONDITION_TRUE);
    condition_release(second);
    condition_release(NULL);
}

static void the_same_text_over_other_measures_reads_its_own_slots(void **data)
{
    (void)data;
    static const struct probe_measure others[] = {
        {"max", "sessions", PROBE_GAUGE}, {"used", "sessions", PROBE_GAUGE}, {0}};
    struct measures other;
    struct value values[2] = {{VALUE_INTEGER, {.integer = 100}}, {VALUE_INTEGER, {.integer = 3}}};
    measures_init(&other, others);
    struct condition *a = condition_compile("used > 5", &measures, &error);
    struct condition *b = condition_compile("used > 5", &other, &error);
    assert_ptr_not_equal(a, b);
    assert_int_equal(condition_ask(a, usual, &error), CONDITION_TRUE);
    assert_int_equal(condition_ask(b, values, &error), CONDITION_FALSE);
    condition_release(a);
    condition_release(b);
    b = condition_compile("max > 99", &other, &error); /* a measure goes before a function */
    assert_int_equal(condition_ask(b, values, &error), CONDITION_TRUE);
    condition_release(b);
    assert_null(condition_compile("max(used, 1) > 0", &other, &error));
    assert_string_equal(error.message, "max is a measure here, not a function");
    measures_finish(&other);
}

enum { COUNT = 1000 };

static void compile_thousand(struct condition **all, int first)
{
    for (int i = 0; i < COUNT; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "used_percent > %d and state ~= 'up'", first + i);
        all[i] = condition_compile(text, &measures, &error);
        assert_non_null(all[i]);
    }
}

static void a_thousand_conditions_are_small_and_go_again(void **data)
{
    (void)data;
    static struct condition *all[COUNT];
    struct condition *last = condition_compile("used > 5", &measures, &error);
    compile_thousand(all, 0);
    print_message("a thousand different conditions: %zu bytes\n", condition_memory());
    assert_true(condition_memory() < 1u << 20);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(condition_ask(all[i], usual, &error),
                         i < 99 ? CONDITION_TRUE : CONDITION_FALSE);
    for (int reload = 1; reload < 20; reload++) {
        for (int i = 0; i < COUNT; i++)
            condition_release(all[i]);
        compile_thousand(all, reload * COUNT);
    }
    assert_true(condition_memory() < 2u << 20); /* what was released is collected */
    for (int i = 0; i < COUNT; i++)
        condition_release(all[i]);
    condition_release(last);
}

/* Every word, once: allocated for the asking, and collected. */
static void asking_again_and_again_keeps_nothing(void **data)
{
    (void)data;
    char word[32];
    struct condition *condition =
        condition_compile("issuer == 'R3' and used > 5", &measures, &error);
    size_t before = condition_memory(), most = before;
    usual[ISSUER].is.word = word;
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(word, sizeof(word), "issuer %d", i);
        assert_int_equal(condition_ask(condition, usual, &error), CONDITION_FALSE);
        most = condition_memory() > most ? condition_memory() : most;
    }
    assert_true(most < 3 * before);
    condition_release(condition);
}

static void asking_is_quick(void **data)
{
    (void)data;
    enum { TIMES = 100000 };
    struct timespec begin, end;
    struct condition *condition =
        condition_compile("used_percent > 80 and state ~= 'up'", &measures, &error);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (int i = 0; i < TIMES; i++)
        (void)condition_ask(condition, usual, &error);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double ns = (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
    print_message("asking: %.0f ns\n", ns / TIMES);
    assert_true(ns / TIMES < 20000); /* sanitizers and a busy machine included */
    condition_release(condition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_MEASURES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_MEASURES(the_same_text_over_the_same_measures_is_compiled_once),
        WITH_MEASURES(the_same_text_over_other_measures_reads_its_own_slots),
        WITH_MEASURES(a_thousand_conditions_are_small_and_go_again),
        WITH_MEASURES(asking_again_and_again_keeps_nothing),
        WITH_MEASURES(asking_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
