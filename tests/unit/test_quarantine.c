/* app/quarantine, lua/shelf: a script that held up the loop does not run until it has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/quarantine.h"
#include "base/mem.h"
#include "lua/shelf.h"

enum { HOUR_MS = 3600 * 1000 };

static const int64_t now_ms = 1795229882118;

/* One note, so long ago. */
static struct quarantine noted(int64_t ago_ms, const char *text)
{
    struct quarantine quarantine = {.wall_ms = now_ms, .count = 1, .path = (char *)"/x/crashes"};
    quarantine.notes[0] = (struct crash_note){.wall_ms = now_ms - ago_ms, .signal = CRASH_HUNG};
    (void)snprintf(quarantine.notes[0].who.text, sizeof(quarantine.notes[0].who.text), "%s", text);
    return quarantine;
}

static void once_is_enough_for_a_day_and_for_this_source(void **state)
{
    struct quarantine quarantine = noted(HOUR_MS, "app/restart script 0123456789abcdef");
    (void)state;
    MEM_AUTO char *why = quarantine_judge_script("app/restart", "0123456789abcdef", &quarantine);
    assert_non_null(why);
    assert_non_null(strstr(why, "app/restart is set aside: the agent ended in it at 2026-11-2"));
    assert_non_null(strstr(why, "(it stood still)"));
    assert_non_null(strstr(why, "/x/crashes"));
    assert_null(quarantine_judge_script("app/restart", "changed", &quarantine));
    assert_null(quarantine_judge_script("app/other", "0123456789abcdef", &quarantine));
    quarantine = noted(25 * HOUR_MS, "app/restart script 0123456789abcdef");
    assert_null(quarantine_judge_script("app/restart", "0123456789abcdef", &quarantine));
    quarantine = noted(HOUR_MS, "app/restart run 0123456789abcdef");
    assert_null(quarantine_judge_script("app/restart", "0123456789abcdef", &quarantine));
}

static void the_shelf_sets_that_one_aside_and_no_other(void **state)
{
    struct problems problems = {0};
    MEM_AUTO char *folder = mem_print("%s/../scripts", getenv("TESTS"));
    struct shelf *shelf = shelf_open(folder, &problems);
    (void)state;
    assert_non_null(shelf);
    const struct script *script = shelf_find(shelf, "postgres/kill_idle");
    assert_non_null(script);
    struct quarantine quarantine = noted(0, script->blame.text);
    shelf_judge(shelf, quarantine_judge_script, &quarantine);
    for (size_t i = 0; i < shelf->count; i++)
        assert_int_equal(shelf->scripts[i]->aside != NULL, shelf->scripts[i] == script);
    shelf_close(shelf);
    problems_finish(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_is_enough_for_a_day_and_for_this_source),
        cmocka_unit_test(the_shelf_sets_that_one_aside_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
