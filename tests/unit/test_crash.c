/* io/crash and base/blame: what is noted of a crash, of whom, and that the signal takes its course. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/crash.h"

static char folder[] = "/tmp/runbookd-crash-XXXXXX", *path;
static const struct blame one = {"one run 1.2"}, other = {"other load 3.4"}, nameless = {""};

static int read_notes(struct crash_note notes[CRASH_NOTES])
{
    struct error error;
    int count = crash_open(path, notes, &error);
    crash_close();
    return count;
}

/* The signal by which a process ended that does this. */
static int ends_by(void (*does)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct crash_note notes[CRASH_NOTES];
        struct error error;
        for (int i = 0; i < 32; i++) /* as without AddressSanitizer, which has its own */
            (void)signal(i, SIG_DFL);
        if (crash_open(path, notes, &error) < 0)
            _exit(1);
        does();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void crash_in_one(void)
{
    BLAME(&one, (void)raise(SIGFPE));
}

static void abort_in_other_within_one(void)
{
    (void)blame_enter(&one);
    BLAME(&other, abort());
}

static void crash_in_one_after_other(void)
{
    (void)blame_enter(&one);
    BLAME(&other, (void)0);
    (void)raise(SIGBUS);
}

static void crash_in_our_own(void)
{
    BLAME(&one, (void)0);
    (void)raise(SIGSEGV);
}

static void crash_in_what_has_no_name(void)
{
    BLAME(&nameless, (void)raise(SIGILL));
}

static void is_told_by_another(void)
{
    (void)blame_enter(&one);
    pid_t child = fork();
    if (child == 0) {
        (void)kill(getppid(), SIGABRT);
        _exit(0);
    }
    for (;;)
        (void)pause();
}

static void ends_in_order(void)
{
    BLAME(&one, _exit(0));
}

static void whose_code_ran_is_noted_and_the_signal_is_the_same(void **state)
{
    (void)state;
    struct crash_note notes[CRASH_NOTES];
    assert_int_equal(ends_by(crash_in_one), SIGFPE);
    assert_int_equal(ends_by(abort_in_other_within_one), SIGABRT);
    assert_int_equal(ends_by(crash_in_one_after_other), SIGBUS);
    assert_int_equal(read_notes(notes), 3);
    assert_string_equal(notes[0].who.text, one.text);
    assert_int_equal(notes[0].signal, SIGFPE);
    assert_string_equal(notes[1].who.text, other.text);
    assert_int_equal(notes[1].signal, SIGABRT);
    assert_string_equal(notes[2].who.text, one.text);
    assert_true(notes[0].wall_ms <= notes[1].wall_ms && notes[1].wall_ms <= notes[2].wall_ms);
    assert_string_equal(crash_signal_name(notes[2].signal), "SIGBUS");
}

static void nobody_is_blamed_for_our_own_crashes_or_for_what_others_sent(void **state)
{
    (void)state;
    struct crash_note notes[CRASH_NOTES];
    assert_int_equal(ends_by(crash_in_our_own), SIGSEGV);
    assert_int_equal(ends_by(crash_in_what_has_no_name), SIGILL);
    assert_int_equal(ends_by(is_told_by_another), SIGABRT);
    assert_int_equal(ends_by(ends_in_order), 0);
    assert_int_equal(read_notes(notes), 0);
}

static void the_oldest_note_is_given_up_for_a_new_one(void **state)
{
    (void)state;
    struct crash_note notes[CRASH_NOTES];
    FILE *file = fopen(path, "w");
    for (int i = 0; i < CRASH_NOTES; i++) /* the oldest is the eighth */
        (void)fprintf(file, "%d 11 it run 1.1%109s\n", 1000 + (i + 24) % 32, "");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(ends_by(crash_in_one), SIGFPE);
    assert_int_equal(read_notes(notes), CRASH_NOTES);
    assert_int_equal(notes[0].wall_ms, 1001);
    assert_string_equal(notes[CRASH_NOTES - 2].who.text, "it run 1.1");
    assert_string_equal(notes[CRASH_NOTES - 1].who.text, one.text);
}

static void what_is_no_note_is_overwritten(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "words", "1 2", "-5 11 it run", "99999999999999999999 11 it"};
    struct crash_note notes[CRASH_NOTES];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        FILE *file = fopen(path, "w");
        (void)fputs(wrong[i], file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(read_notes(notes), 0);
        assert_int_equal(ends_by(crash_in_one), SIGFPE);
        assert_int_equal(read_notes(notes), 1);
    }
}

static void what_is_no_file_of_ours_is_refused(void **state)
{
    (void)state;
    struct crash_note notes[CRASH_NOTES];
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(read_notes(notes), -ELOOP);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(read_notes(notes), -EPERM);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(read_notes(notes), -EISDIR);
    assert_int_equal(rmdir(path), 0);
}

static int begin(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static int open_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    path = mem_print("%s/crashes", folder);
    return 0;
}

static int close_folder(void **state)
{
    (void)begin(state);
    free(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whose_code_ran_is_noted_and_the_signal_is_the_same, begin),
        cmocka_unit_test_setup(nobody_is_blamed_for_our_own_crashes_or_for_what_others_sent, begin),
        cmocka_unit_test_setup(the_oldest_note_is_given_up_for_a_new_one, begin),
        cmocka_unit_test_setup(what_is_no_note_is_overwritten, begin),
        cmocka_unit_test_setup(what_is_no_file_of_ours_is_refused, begin),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
