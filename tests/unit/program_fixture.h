/* What test_child and test_program share: a program that runs to its end. */
#ifndef TESTS_PROGRAM_FIXTURE_H
#define TESTS_PROGRAM_FIXTURE_H

#include "child_fixture.h"

struct result {
    bool done;
    unsigned times;
    int status;
    struct probe_exit end;
    char output[4096], errors[256];
};

static inline void on_exit_(int status, const struct probe_exit *end, void *data)
{
    struct result *result = data;
    result->done = true;
    result->times++;
    result->status = status;
    result->end = *end;
    (void)snprintf(result->output, sizeof(result->output), "%s", end->output);
    (void)snprintf(result->errors, sizeof(result->errors), "%s", end->errors);
}

static inline struct op *start(struct life *life, struct result *result,
                               struct probe_command command)
{
    *result = (struct result){0};
    return child_exec(life, &command, on_exit_, result);
}

static inline void run(struct life *life, struct result *result, struct probe_command command)
{
    (void)start(life, result, command);
    assert_false(result->done); /* never from inside the call */
    assert_true(loop_run_until(life->loop, &result->done, 20000));
    assert_int_equal(result->times, 1);
}

#define SHELL(text)                                                                                \
    .argv = (const char *const[])                                                                  \
    {                                                                                              \
        "/bin/sh", "-c", (text), NULL                                                              \
    }
#define EXEC(...) ((struct probe_command){.size = sizeof(struct probe_command), __VA_ARGS__})

#endif
