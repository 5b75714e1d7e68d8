/* io/watchdog: a loop that stands still, in a process of its own; and whose code it was. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/crash.h"
#include "io/loop.h"
#include "io/wait.h"
#include "io/watchdog.h"

enum { LIMIT_MS = 300 };

static const struct blame script = {"postgres/kill_idle script 0123456789abcdef"};
static char path[] = "/tmp/test_watchdog.XXXXXX";

static void stand_still(void *data)
{
    const struct blame *who = data;
    BLAME(who, for (volatile int i = 1; i;) i = 1);
}

/* The process that stands still, or `work` for a while, and ends. */
static int run(void (*fn)(void *data), const struct blame *who)
{
    struct crash_note notes[CRASH_NOTES];
    struct error error;
    struct timer begin = {0}, end = {0};
    bool done = false;
    (void)freopen("/dev/null", "w", stderr);
    (void)crash_open(path, notes, &error);
    struct loop *loop = loop_create();
    struct watchdog *watchdog = watchdog_start(loop, LIMIT_MS);
    if (fn)
        timer_start(&begin, loop, 20, fn, (void *)(uintptr_t)who);
    (void)loop_run_until(loop, &done, 5 * LIMIT_MS);
    timer_stop(&end);
    watchdog_stop(watchdog);
    crash_close();
    return loop_destroy(loop);
}

static int end_of(void (*fn)(void *data), const struct blame *who)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run(fn, who));
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int read_notes(struct crash_note notes[CRASH_NOTES])
{
    struct error error;
    int count = crash_open(path, notes, &error);
    crash_close();
    return count;
}

static void who_stands_still_is_noted_and_the_process_ends(void **state)
{
    struct crash_note notes[CRASH_NOTES];
    (void)state;
    int status = end_of(stand_still, &script);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_int_equal(read_notes(notes), 1);
    assert_string_equal(notes[0].who.text, script.text);
    assert_int_equal(notes[0].signal, CRASH_HUNG);
    assert_string_equal(crash_signal_name(CRASH_HUNG), "it stood still");
}

static void our_own_code_ends_as_well_and_nobody_is_blamed(void **state)
{
    struct crash_note notes[CRASH_NOTES];
    (void)state;
    int status = end_of(stand_still, NULL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(read_notes(notes), 1); /* the one from before */
}

static void a_loop_that_has_nothing_to_do_turns(void **state)
{
    (void)state;
    int status = end_of(NULL, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void who_was_stopped_and_goes_on_has_not_stood_still(void **state)
{
    int status = 0;
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run(NULL, NULL));
    for (int i = 0; i < 2; i++) {
        (void)usleep(50 * 1000);
        assert_int_equal(kill(child, SIGSTOP), 0);
        (void)usleep(2 * LIMIT_MS * 1000);
        assert_int_equal(kill(child, SIGCONT), 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_stands_still_is_noted_and_the_process_ends),
        cmocka_unit_test(our_own_code_ends_as_well_and_nobody_is_blamed),
        cmocka_unit_test(a_loop_that_has_nothing_to_do_turns),
        cmocka_unit_test(who_was_stopped_and_goes_on_has_not_stood_still),
    };
    int file = mkstemp(path);
    if (file >= 0)
        (void)close(file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
