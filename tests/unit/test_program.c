/* io/program: programs that may be started, held to what they contain. */
#include <errno.h>
#include <sys/stat.h>

#include "io/digest.h"
#include "io/program.h"
#include "program_fixture.h"

/* A script in the test's folder, and the SHA-256 of what it holds. */
static const char *script_of(const char *name, const char *text, char digest[65])
{
    struct text TEXT_AUTO whole;
    const char *path = in_folder(name);
    write_file(path, text);
    assert_int_equal(chmod(path, 0755), 0);
    text_init(&whole, 1 << 20);
    text_add(&whole, text);
    digest_text(&whole, 64, digest);
    return path;
}

static void a_program_runs_with_the_content_that_is_allowed_and_with_no_other(void **state)
{
    struct result result;
    char digest[65], other[65];
    const char *path = script_of("held", "#!/bin/sh\necho held $1\n", digest);
    (void)script_of("other", "#!/bin/sh\necho other\n", other);
    const char *const argv[] = {path, "fast", NULL};
    child_allow((const struct child_permit[]){{path, digest}, {0}});
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, 0);
    assert_string_equal(result.output, "held fast\n");
    child_allow((const struct child_permit[]){{path, other}, {0}});
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, -EKEYREJECTED);
    assert_string_equal(result.output, "");
    child_allow((const struct child_permit[]){{path, other}, {path, digest}, {0}}); /* either */
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, 0);
    write_file(path, "#!/bin/sh\necho changed\n");
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, -EKEYREJECTED);
}

static void the_whole_of_a_long_program_counts(void **state)
{
    enum { LEN = 200 * 1000 }; /* it is read in parts */
    struct result result;
    char digest[65];
    MEM_AUTO char *text = mem_new(LEN + 1);
    memset(text, '\n', LEN);
    memcpy(text, "#!/bin/sh\n", 10);
    memcpy(text + LEN - 12, "\necho first\n", 12);
    const char *path = script_of("long", text, digest);
    const char *const argv[] = {path, NULL};
    child_allow((const struct child_permit[]){{path, digest}, {0}});
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, 0);
    assert_string_equal(result.output, "first\n");
    memcpy(text + LEN - 12, "\necho other\n", 12);
    write_file(path, text);
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, -EKEYREJECTED);
}

static void a_program_that_others_may_write_is_refused(void **state)
{
    struct result result;
    char digest[65];
    const char *path = script_of("open", "#!/bin/sh\n", digest);
    const char *const argv[] = {path, NULL};
    child_allow((const struct child_permit[]){{path, digest}, {0}});
    assert_int_equal(chmod(path, 0757), 0);
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, -EPERM);
    assert_int_equal(chmod(path, 0775), 0);
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, -EPERM);
    assert_int_equal(chmod(path, 0644), 0); /* nobody may execute it */
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, -EACCES);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(unlink(path) + mkfifo(path, 0755), 0); /* it is no file */
    run(*state, &result, EXEC(.argv = argv));
    assert_int_equal(result.status, -EACCES);
    path = script_of("others", "#!/bin/sh\n", digest);
    if (geteuid() != 0 || chown(path, 65534, 0) < 0)
        return;
    child_allow((const struct child_permit[]){{path, digest}, {0}});
    run(*state, &result, EXEC(.argv = (const char *const[]){path, NULL}));
    assert_int_equal(result.status, -EPERM);
}

static void what_was_opened_is_what_runs_whatever_stands_there_later(void **state)
{
    char digest[65], other[65], name[64], byte[32] = "";
    const char *path = script_of("first", "#!/bin/sh\necho first\n", digest);
    const char *late = script_of("late", "#!/bin/sh\necho late\n", other);
    char *digests[] = {digest, NULL};
    int ends[2];
    (void)state;
    int fd = program_open(path, digests);
    assert_true(fd >= 0);
    assert_int_equal(rename(late, path), 0); /* between the look and the start */
    assert_int_equal(program_open(path, digests), -EKEYREJECTED);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)snprintf(name, sizeof(name), "%s", path);
        char *argv[] = {name, NULL}, *env[] = {NULL};
        (void)dup2(ends[1], STDOUT_FILENO);
        _exit(program_become(fd, argv, env) ? 1 : 0);
    }
    (void)close(fd);
    (void)close(ends[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(read(ends[0], byte, sizeof(byte) - 1) > 0);
    assert_string_equal(byte, "first\n");
    (void)close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_runs_with_the_content_that_is_allowed_and_with_no_other),
        TEST(the_whole_of_a_long_program_counts),
        TEST(a_program_that_others_may_write_is_refused),
        TEST(what_was_opened_is_what_runs_whatever_stands_there_later),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
