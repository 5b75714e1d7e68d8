/* io: child's programs and its spawner, with real ones. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "io/job.h"
#include "program_fixture.h"

/* ------------------------------------------------------------ programs ---- */

static void a_program_runs_and_says_how_it_ended(void **state)
{
    struct result result;
    run(*state, &result, EXEC(SHELL("echo out; echo err >&2; exit 3")));
    assert_int_equal(result.status, 0);
    assert_int_equal(result.end.code, 3);
    assert_int_equal(result.end.signal, 0);
    assert_string_equal(result.output, "out\n");
    assert_string_equal(result.errors, "err\n");
    assert_false(result.end.truncated);
    assert_true(result.end.duration_us > 0 && result.end.duration_us < 20000000);
    assert_true(result.end.max_resident_bytes > 100000);
    run(*state, &result, EXEC(SHELL("kill -SEGV $$")));
    assert_int_equal(result.status, 0);
    assert_int_equal(result.end.signal, SIGSEGV);
    run(*state, &result, EXEC(SHELL("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done")));
    assert_true(result.end.cpu_us > 1000);
}

static void a_program_sees_only_what_it_is_given(void **state)
{
    static const struct probe_pair env[] = {
        {.name = "A", .value = "1 2"}, {.name = "B", .value = ""}, {0}};
    struct result result;
    run(*state, &result, EXEC(.argv = (const char *const[]){"/usr/bin/env", NULL}, .env = env));
    assert_string_equal(result.output, "A=1 2\nB=\n");
    run(*state, &result, EXEC(.argv = (const char *const[]){"/bin/ls", "/proc/self/fd", NULL}));
    assert_string_equal(result.output, "0\n1\n2\n3\n"); /* 3: ls reads the folder */
    run(*state, &result, EXEC(SHELL("pwd; cat")));
    assert_string_equal(result.output, "/\n");
    run(*state,
        &result,
        EXEC(SHELL("pwd; cat"), .directory = "/usr", .input = "some words", .input_len = 10));
    assert_string_equal(result.output, "/usr\nsome words");
    run(*state,
        &result,
        EXEC(SHELL("ps -o pid=,sid= -p $$ | (read p s; [ $p = $s ] && echo own)")));
    assert_string_equal(result.output, "own\n");
    run(*state, &result, EXEC(SHELL("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'")));
    assert_string_equal(result.output, "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
}

static void what_cannot_be_started_says_why(void **state)
{
    struct result result;
    char text[64];
    (void)snprintf(text, sizeof(text), "%s/text", folder);
    (void)close(open(text, O_CREAT | O_WRONLY, 0755));
    const struct child_permit programs[] = {{"/nowhere/at/all", NULL},
                                            {"/etc/passwd", NULL},
                                            {"/bin/sh", NULL},
                                            {text, NULL},
                                            {"sh", NULL},
                                            {0}};
    child_allow(programs);
    run(*state, &result, EXEC(.argv = (const char *const[]){"/nowhere/at/all", NULL}));
    assert_int_equal(result.status, -ENOENT);
    assert_int_equal(result.end.code, 0);
    run(*state, &result, EXEC(.argv = (const char *const[]){"/etc/passwd", NULL}));
    assert_int_equal(result.status, -EACCES);
    run(*state, &result, EXEC(.argv = (const char *const[]){text, NULL}));
    assert_int_equal(result.status, -ENOEXEC);
    run(*state, &result, EXEC(SHELL("true"), .directory = "/nowhere"));
    assert_int_equal(result.status, -ENOENT);
    run(*state, &result, EXEC(.argv = (const char *const[]){"/bin/cat", NULL})); /* not allowed */
    assert_int_equal(result.status, -EACCES);
    run(*state, &result, EXEC(.argv = (const char *const[]){"sh", NULL})); /* not absolute */
    assert_int_equal(result.status, -EACCES);
    run(*state, &result, EXEC(.argv = NULL));
    assert_int_equal(result.status, -EINVAL);
    run(*state, &result, EXEC(SHELL("true"), .user = "nobody-of-that-name"));
    assert_int_equal(result.status, -ENOENT);
}

static void a_program_runs_as_another_user_only_for_root(void **state)
{
    struct result result;
    run(*state, &result, EXEC(SHELL("id -un; id -Gn; id -ru"), .user = "nobody"));
    if (geteuid() != 0) {
        assert_int_equal(result.status, -EPERM);
        return;
    }
    assert_int_equal(result.status, 0);
    assert_string_equal(result.output, "nobody\nnogroup\n65534\n");
}

static void output_is_bounded_and_the_rest_is_read(void **state)
{
    struct result result;
    run(*state,
        &result,
        EXEC(SHELL("yes | head -c 3000000; yes 2 | head -c 300 >&2; exit 5"), .max_output = 1000));
    assert_int_equal(result.status, 0);
    assert_int_equal(result.end.code, 5); /* it could write all of it */
    assert_int_equal(result.end.output_len, 1000);
    assert_int_equal(result.end.errors_len, 300);
    assert_true(result.end.truncated);
}

static void the_deadline_ends_the_whole_session(void **state)
{
    struct life *life = *state;
    struct result result;
    pid_t spawner = spawner_pid();
    const char *stubborn =
        "trap '' TERM; set -m; (sleep 1000; true) & echo begun; sleep 1000; true";
    uint64_t before = loop_now_us(life->loop);
    run(life, &result, EXEC(SHELL(stubborn), .timeout_ms = 200));
    assert_int_equal(result.status, -ETIMEDOUT);
    assert_string_equal(result.output, "begun\n");
    assert_in_range(loop_now_us(life->loop) - before, 200000, 900000); /* not held up by the KILL */
    pid_t last;
    assert_true(children_of(spawner, &last) > 0);
    assert_true(workers_gone(life->loop, spawner, 5000));
    assert_in_range(loop_now_us(life->loop) - before, 1200000, 5000000); /* a second of grace */
}

static void a_program_may_end_in_order_when_told_to(void **state)
{
    struct life *life = *state;
    struct result result;
    char command[256], path[64];
    (void)snprintf(path, sizeof(path), "%s/in_order", folder);
    (void)snprintf(command,
                   sizeof(command),
                   "trap 'echo bye; touch %s; exit' TERM; echo; while :; do sleep 0.02; done",
                   path);
    pid_t spawner = spawner_pid();
    run(life, &result, EXEC(SHELL(command), .timeout_ms = 200));
    assert_int_equal(result.status, -ETIMEDOUT);
    uint64_t before = loop_now_us(life->loop);
    assert_true(workers_gone(life->loop, spawner, 5000));
    assert_true(loop_now_us(life->loop) - before < 900000); /* by TERM */
    assert_int_equal(access(path, F_OK), 0);
}

static void what_a_program_leaves_running_goes_with_it(void **state)
{
    struct life *life = *state;
    struct result result;
    pid_t spawner = spawner_pid();
    uint64_t before = loop_now_us(life->loop);
    run(life, &result, EXEC(SHELL("sleep 1000 & echo $!"))); /* it holds the pipe open, too */
    assert_int_equal(result.status, 0);
    assert_true(loop_now_us(life->loop) - before < 2000000);
    assert_true(workers_gone(life->loop, spawner, 5000));
    assert_int_equal(kill((pid_t)strtol(result.output, NULL, 10), 0), -1);
}

static void the_end_of_a_life_ends_its_programs(void **state)
{
    struct life *life = *state;
    struct result result[3];
    pid_t spawner = spawner_pid();
    for (int i = 0; i < 3; i++)
        (void)start(life, &result[i], EXEC(SHELL("sleep 1000")));
    life_end(life, -ECANCELED);
    for (int i = 0; i < 3; i++)
        assert_int_equal(result[i].status, -ECANCELED);
    (void)start(life, &result[0], EXEC(SHELL("true")));
    assert_false(result[0].done);
    assert_true(loop_run_until(life->loop, &result[0].done, 2000));
    assert_int_equal(result[0].status, -ECANCELED);
    assert_true(workers_gone(life->loop, spawner, 5000));
}

static void a_cancelled_program_is_silent_and_ends(void **state)
{
    struct life *life = *state;
    struct result result;
    pid_t spawner = spawner_pid();
    op_cancel(start(life, &result, EXEC(SHELL("sleep 1000"))));
    assert_true(workers_gone(life->loop, spawner, 5000));
    assert_false(result.done);
}

static void nothing_is_left_of_a_hundred_programs(void **state)
{
    struct life *life = *state;
    struct result result;
    pid_t spawner = spawner_pid();
    unsigned ours = open_files(getpid());
    for (int i = 0; i < 100; i++) {
        run(life, &result, EXEC(SHELL("echo $$")));
        assert_int_equal(result.status, 0);
    }
    assert_true(workers_gone(life->loop, spawner, 5000));
    assert_int_equal(open_files(getpid()), ours);
    assert_true(spawner_rests(life->loop, spawner));
}

static void more_than_fit_at_once_all_run(void **state)
{
    struct life *life = *state;
    enum { COUNT = 150 };
    static struct result results[COUNT];
    pid_t spawner = spawner_pid();
    unsigned ours = open_files(getpid());
    for (int i = 0; i < COUNT; i++)
        (void)start(life, &results[i], EXEC(SHELL("echo $$; exit 7"), .timeout_ms = 30000));
    for (int i = 0; i < COUNT; i++) {
        assert_true(loop_run_until(life->loop, &results[i].done, 30000));
        assert_int_equal(results[i].status, 0);
        assert_int_equal(results[i].end.code, 7);
        assert_true(strlen(results[i].output) > 1);
    }
    assert_true(workers_gone(life->loop, spawner, 5000));
    assert_int_equal(open_files(getpid()), ours);
    assert_true(spawner_rests(life->loop, spawner));
}

static void only_so_many_run_at_once(void **state)
{
    struct life *life = *state;
    enum { MORE = 6 };
    static struct result results[JOB_MOST_AT_ONCE + MORE];
    pid_t spawner = spawner_pid(), last;
    bool never = false;
    unsigned ours = open_files(getpid());
    struct op *running[JOB_MOST_AT_ONCE];
    for (int i = 0; i < JOB_MOST_AT_ONCE; i++)
        running[i] = start(life, &results[i], EXEC(SHELL("echo; exec sleep 1000")));
    for (int i = JOB_MOST_AT_ONCE; i < JOB_MOST_AT_ONCE + MORE; i++)
        (void)start(life, &results[i], EXEC(SHELL("echo; exec sleep 1000"), .timeout_ms = 1500));
    while (children_of(spawner, &last) < JOB_MOST_AT_ONCE)
        (void)loop_run_until(life->loop, &never, 5);
    (void)loop_run_until(life->loop, &never, 50);
    assert_int_equal(children_of(spawner, &last), JOB_MOST_AT_ONCE);
    assert_int_equal(open_files(getpid()) - ours, 3 * JOB_MOST_AT_ONCE); /* who waits has none */
    op_cancel(running[0]);                                               /* makes room for one */
    for (int i = JOB_MOST_AT_ONCE; i < JOB_MOST_AT_ONCE + MORE; i++) {
        assert_true(loop_run_until(life->loop, &results[i].done, 10000));
        assert_int_equal(results[i].status, -ETIMEDOUT); /* also those that waited in vain */
    }
    for (int i = 1; i < JOB_MOST_AT_ONCE; i++)
        op_cancel(running[i]);
    assert_true(workers_gone(life->loop, spawner, 10000));
    assert_true(spawner_rests(life->loop, spawner));
}

/* --------------------------------------------------------- the spawner ---- */

struct seen {
    bool done;
    int status;
};

static void on_sight(int status, const struct probe_sight *sight, void *data)
{
    assert_int_equal(sight->len, 0);
    *(struct seen *)data = (struct seen){.done = true, .status = status};
}

static void without_a_spawner_nothing_works(void **state)
{
    struct life *life = *state;
    struct result result;
    struct seen seen = {0};
    child_stop();
    pid_t last;
    assert_int_equal(children_of(getpid(), &last), 0);
    child_allow((const struct child_permit[]){{"/bin/sh", NULL}, {0}});
    run(life, &result, EXEC(SHELL("true")));
    assert_int_equal(result.status, -ENOSYS);
    (void)child_look(life, PROBE_LOOK_READ, "/etc/passwd", 0, on_sight, &seen);
    assert_true(loop_run_until(life->loop, &seen.done, 5000));
    assert_int_equal(seen.status, -ENOSYS);
}

static void a_dead_spawner_ends_operations_and_not_the_agent(void **state)
{
    struct life *life = *state;
    struct result result[2];
    struct seen seen = {0};
    pid_t spawner = spawner_pid();
    (void)start(life, &result[0], EXEC(SHELL("exec sleep 1000")));
    (void)start(life, &result[1], EXEC(SHELL("exec sleep 1000")));
    assert_int_equal(mkfifo(in_folder("another"), 0644), 0);
    (void)child_look(life, PROBE_LOOK_READ, in_folder("another"), 0, on_sight, &seen);
    bool never = false;
    (void)loop_run_until(life->loop, &never, 50);
    assert_int_equal(kill(spawner, SIGKILL), 0);
    assert_true(loop_run_until(life->loop, &result[0].done, 5000));
    assert_true(loop_run_until(life->loop, &result[1].done, 5000));
    assert_true(loop_run_until(life->loop, &seen.done, 5000));
    assert_int_equal(result[0].status, -EPIPE);
    assert_int_equal(result[1].status, -EPIPE);
    assert_int_equal(seen.status, -EPIPE);
    run(life, &result[0], EXEC(SHELL("true")));
    assert_int_equal(result[0].status, -EPIPE);
}

/* Another agent, in a process of its own, which holds the pipe `mark`, and so does its spawner. */
static _Noreturn void be_an_agent(int mark)
{
    struct life life;
    struct result result;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing */
    (void)dup2(mark, STDERR_FILENO);
    if (close_range(3, ~0U, 0) < 0 || child_start() < 0)
        _exit(1);
    child_allow((const struct child_permit[]){{"/bin/sh", NULL}, {0}});
    life_init(&life, loop_create());
    (void)start(&life, &result, EXEC(SHELL("trap '' TERM; sleep 1000 & echo; sleep 1000")));
    (void)loop_run_until(life.loop, &result.done, 60000);
    _exit(1);
}

static void everything_ends_with_the_agent(void **state)
{
    struct life *life = *state;
    int ends[2];
    char byte;
    child_stop();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t agent = fork();
    if (agent == 0)
        be_an_agent(ends[1]);
    (void)close(ends[1]);
    bool never = false;
    pid_t spawner = 0, program = 0;
    while (children_of(agent, &spawner) == 0 || children_of(spawner, &program) == 0)
        (void)loop_run_until(life->loop, &never, 5);
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_int_equal(waitpid(agent, NULL, 0), agent);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* the spawner, the last of them, is gone */
    (void)close(ends[0]);
    assert_int_equal(kill(program, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_runs_and_says_how_it_ended),
        TEST(a_program_sees_only_what_it_is_given),
        TEST(what_cannot_be_started_says_why),
        TEST(a_program_runs_as_another_user_only_for_root),
        TEST(output_is_bounded_and_the_rest_is_read),
        TEST(the_deadline_ends_the_whole_session),
        TEST(a_program_may_end_in_order_when_told_to),
        TEST(what_a_program_leaves_running_goes_with_it),
        TEST(the_end_of_a_life_ends_its_programs),
        TEST(a_cancelled_program_is_silent_and_ends),
        TEST(nothing_is_left_of_a_hundred_programs),
        TEST(more_than_fit_at_once_all_run),
        TEST(only_so_many_run_at_once),
        TEST(without_a_spawner_nothing_works),
        TEST(a_dead_spawner_ends_operations_and_not_the_agent),
        TEST(everything_ends_with_the_agent),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
