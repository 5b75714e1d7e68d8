/* A file of lines: whole lines or none, rotated by itself and by others. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "out/log_file.h"

static char folder[32], path[64];
static struct log_file file;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/test_log_file.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/events", folder);
    file = (struct log_file){.path = path, .mode = 0640, .keep = 2, .fd = -1};
    return 0;
}

static int remove_one(const char *name, const struct stat *seen, int kind, struct FTW *walk)
{
    (void)seen;
    (void)kind;
    (void)walk;
    return remove(name);
}

static int tear_down(void **state)
{
    (void)state;
    log_file_close(&file);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int put(const char *lines)
{
    memset(&error, 0, sizeof(error));
    return log_file_write(&file, lines, strlen(lines), &error);
}

static void holds(const char *suffix, const char *lines)
{
    char seen[400] = "";
    MEM_AUTO char *name = mem_print("%s%s", path, suffix);
    FILE *stream = fopen(name, "r");
    if (!stream)
        fail_msg("%s is not there", name);
    seen[fread(seen, 1, sizeof(seen) - 1, stream)] = '\0';
    (void)fclose(stream);
    assert_string_equal(seen, lines);
}

static void is_missing(const char *suffix)
{
    MEM_AUTO char *name = mem_print("%s%s", path, suffix);
    assert_int_equal(access(name, F_OK), -1);
}

static void lines_are_appended_in_a_file_of_its_mode(void **state)
{
    struct stat seen;
    (void)state;
    file.sync = LOG_FILE_SYNC_BATCH;
    mode_t before = umask(077);
    assert_int_equal(put("one\ntwo\n"), 0);
    (void)umask(before);
    assert_int_equal(put("three\n"), 0);
    holds("", "one\ntwo\nthree\n");
    assert_int_equal(stat(path, &seen), 0);
    assert_int_equal(seen.st_mode & 07777, 0640);
}

static void it_is_rotated_between_lines_and_the_oldest_goes(void **state)
{
    (void)state;
    file.rotate = 8;
    assert_int_equal(put("aa\nbb\ncc\ndd\n"), 0);
    holds(".1", "aa\nbb\n");
    holds("", "cc\ndd\n");
    assert_int_equal(put("ee\n"), 0);
    holds(".2", "aa\nbb\n");
    holds(".1", "cc\ndd\n");
    holds("", "ee\n");
    assert_int_equal(put("longer than a file may be\nff\n"), 0);
    holds(".2", "ee\n");
    holds(".1", "longer than a file may be\n");
    holds("", "ff\n");
    is_missing(".3");
}

static void others_may_rotate_it(void **state)
{
    MEM_AUTO char *other = mem_print("%s-20261129", path);
    (void)state;
    assert_int_equal(put("one\n"), 0);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(put("two\n"), 0); /* without being told */
    holds("-20261129", "one\n");
    holds("", "two\n");
    assert_int_equal(truncate(path, 0), 0); /* copytruncate */
    assert_int_equal(put("three\n"), 0);
    holds("", "three\n");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(put("four\n"), 0);
    holds("", "four\n");
}

static void a_line_that_was_left_unfinished_is_ended(void **state)
{
    (void)state;
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "{\"half", 6), 6);
    (void)close(fd);
    assert_int_equal(put("one\n"), 0);
    holds("", "{\"half\none\n");
}

static void what_a_full_disk_cut_off_is_taken_back(void **state)
{
    struct rlimit before, tight;
    (void)state;
    assert_int_equal(put("one\n"), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = (struct rlimit){10, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int status = put("two\nthree\nfour\n"); /* six of its bytes fit */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, -EFBIG);
    assert_non_null(strstr(error.message, "cannot write to /tmp/"));
    assert_non_null(strstr(error.message, "File too large"));
    holds("", "one\n");
    assert_int_equal(put("two\nthree\nfour\n"), 0);
    holds("", "one\ntwo\nthree\nfour\n");
}

static void what_is_no_file_of_ours_is_refused(void **state)
{
    MEM_AUTO char *elsewhere = mem_print("%s/x", folder);
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(put("one\n"), -EINVAL);
    assert_non_null(strstr(error.message, "is not a regular file"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_int_equal(put("one\n"), -ELOOP);
    assert_non_null(strstr(error.hint, "symbolic link"));
    assert_int_equal(unlink(path), 0);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(put("one\n"), -EBUSY);
    assert_non_null(strstr(error.message, "another process writes to"));
    (void)close(fd);
    assert_int_equal(put("one\n"), 0);
    log_file_close(&file);
    file.path = "/tmp/no/such/folder/events";
    assert_int_equal(put("one\n"), -ENOENT);
    assert_non_null(strstr(error.hint, "make its folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            lines_are_appended_in_a_file_of_its_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            it_is_rotated_between_lines_and_the_oldest_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_may_rotate_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_line_that_was_left_unfinished_is_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_full_disk_cut_off_is_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_of_ours_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
