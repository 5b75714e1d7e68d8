/* lua/task: a script at work: what it asks, how it waits, how it ends; on a driven clock. */
#include "lua_fixture.h"

#include "base/redact.h"

static int set_stage(void **state)
{
    (void)state;
    open_stage();
    loop_drive(stage.loop, 1000000, 1795229882118);
    return 0;
}

static int leave_stage(void **state)
{
    (void)state;
    if (stage.task)
        task_cancel(stage.task);
    redact_forget_all();
    return close_stage();
}

static void run(const char *body)
{
    load_run(body);
    start(NULL);
    loop_advance(stage.loop, 100);
}

#define SAID(text) assert_string_equal(stage.said.bytes, (text))
#define ASKED(text) assert_string_equal(stage.asked.bytes, (text))

/* ---------------------------------------------------------------- what it sees ---- */

static void it_sees_the_finding_and_its_options(void **state)
{
    (void)state;
    (void)json_object_set_new(stage.with, "limit", json_integer(20));
    (void)json_object_set_new(stage.with, "keep", json_pack("[s,s]", "psql", "pg_dump"));
    (void)json_object_set_new(stage.finding, "subject", json_null());
    run("assert(finding.subject == nil and finding.measures.used_percent == 96.0)\n"
        "assert(math.type(with.limit) == 'integer')\n"
        "agent.leave('%s is %s at %g, %d, %s of %d', finding.target, finding.status, "
        "finding.measures.used_percent, with.limit, with.keep[2], #with.keep)");
    SAID("left: orders-db is critical at 96, 20, pg_dump of 2");
}

static void it_knows_the_time(void **state)
{
    (void)state;
    run("agent.leave('%.3f %g %g', agent.now(), agent.minutes('1h30m'), agent.seconds('250ms'))");
    SAID("left: 1795229882.118 90 0.25");
}

static void what_it_logs_has_no_secret(void **state)
{
    (void)state;
    redact_learn("s3cret-word");
    run("agent.log('%d of %s', 3, 's3cret-word') agent.leave('%s', 's3cret-word')");
    ASKED("log 3 of [redacted]; ");
    SAID("left: [redacted]");
}

/* --------------------------------------------------------------------- asking ---- */

static void an_action_that_was_applied_gives_its_result(void **state)
{
    (void)state;
    stage.answer.value = json_pack("{s:i,s:i}", "planned", 12, "done", 11);
    run("local result = agent.act('db:stop', { older_than = '10m', limit = 40 / 2, keep = { 'psql' "
        "} })\n"
        "return agent.applied('%d of %d', result.done, result.planned)");
    ASKED("db:stop {\"keep\":[\"psql\"],\"limit\":20,\"older_than\":\"10m\"}; ");
    SAID("applied: 11 of 12 (1 applied)");
    json_decref(stage.answer.value);
}

static char blamed[128];

static void note_blame(struct task *task, const json_t *args)
{
    (void)args;
    (void)snprintf(blamed, sizeof(blamed), "%s", blame_running ? blame_running->text : "nobody");
    answer_now(task);
}

static void who_holds_up_the_loop_is_known_by_name(void **state)
{
    (void)state;
    stage.on_act = note_blame;
    run("agent.act('db:look') agent.leave('x')");
    MEM_AUTO char *expected = mem_print("test script %s", stage.script->digest);
    assert_string_equal(blamed, expected);
    assert_null(blame_running);
}

static void one_that_is_set_aside_does_not_run(void **state)
{
    (void)state;
    load_run("agent.act('db:look') agent.leave('x')");
    ((struct script *)(uintptr_t)stage.script)->aside = "the script test is set aside";
    start(NULL);
    loop_advance(stage.loop, 100);
    ASKED("");
    SAID("failed: the script test is set aside");
}

static void arguments_may_be_left_out(void **state)
{
    (void)state;
    run("agent.act('db:look') agent.act('db:look', {}) agent.leave('x')");
    ASKED("db:look {}; db:look {}; ");
    SAID("left: x (2 applied)");
}

static void an_action_that_failed_is_nil_and_words(void **state)
{
    (void)state;
    stage.answer = (struct task_answer){
        .kind = ANSWER_FAILURE, .message = "the connection broke", .code = "reset"};
    run("local result, why, code = agent.act('db:stop', {})\n"
        "assert(result == nil) agent.hand_over('%s (%s)', why, code)");
    SAID("handed_over: the connection broke (reset)");
}

static void a_check_answers_with_its_finding(void **state)
{
    (void)state;
    stage.answer.value = json_pack("{s:s,s:{s:i}}", "status", "ok", "measures", "used", 5);
    run("local seen = agent.check('db/connections') agent.leave('%s %d', seen.status, "
        "seen.measures.used)");
    ASKED("db(postgres)/connections; ");
    SAID("left: ok 5");
    json_decref(stage.answer.value);
}

static void a_check_that_there_is_not_raises(void **state)
{
    (void)state;
    stage.answer =
        (struct task_answer){.kind = ANSWER_MISUSE, .message = "orders-db has no check x"};
    run("agent.check('db/x')");
    SAID("failed: test:3: orders-db has no check x");
    run("agent.check('db') agent.leave('x')");
    assert_non_null(strstr(stage.said.bytes, "\"db\" is not ROLE/NAME"));
    run("agent.act('db:stpo', {})");
    assert_non_null(strstr(stage.said.bytes, "is not in the script's needs; did you mean db:stop"));
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    stage.later = true;
    run("agent.act('db:stop', {}) agent.applied('done')");
    SAID("");
    loop_advance(stage.loop, 10000);
    SAID("");
    answer_now(stage.task);
    SAID(""); /* never from within the answer */
    loop_advance(stage.loop, 1);
    SAID("applied: done (1 applied)");
}

static void a_second_answer_is_ignored(void **state)
{
    (void)state;
    stage.later = true;
    run("agent.act('db:stop', {}) agent.sleep('1s') agent.applied('done')");
    answer_now(stage.task);
    answer_now(stage.task);
    loop_advance(stage.loop, 500);
    answer_now(stage.task);
    SAID("");
    loop_advance(stage.loop, 600);
    SAID("applied: done (1 applied)");
}

static void each_outcome_of_an_action_ends_it(void **state)
{
    (void)state;
    for (enum task_end end = TASK_PLANNED; end <= TASK_LOST; end++) {
        stage.answer = (struct task_answer){.kind = ANSWER_END, .end = end, .message = "so it was"};
        run("pcall(agent.act, 'db:stop', {}) agent.log('still here') agent.applied('done')");
        ASKED("db:stop {}; ");
        MEM_AUTO char *said = mem_print("%s: so it was", task_end_name(end));
        SAID(said);
    }
}

/* -------------------------------------------------------------------- waiting ---- */

static void it_sleeps_while_the_loop_goes_on(void **state)
{
    (void)state;
    run("local before = agent.now() agent.sleep('5s') agent.sleep(1.5)\n"
        "agent.leave('%g', agent.now() - before)");
    SAID("");
    loop_advance(stage.loop, 6300);
    SAID("");
    loop_advance(stage.loop, 200);
    assert_int_equal(strncmp(stage.said.bytes, "left: 6.5", 9), 0);
}

static void its_deadline_ends_it_wherever_it_is(void **state)
{
    (void)state;
    stage.later = true;
    run("agent.act('db:stop', {})");
    loop_advance(stage.loop, 59000);
    SAID("");
    loop_advance(stage.loop, 1000);
    SAID("late: it was not through at its deadline, while it waited");
    ASKED("db:stop {}; dropped; ");
}

static void waiting_for_a_person_is_not_counted(void **state)
{
    (void)state;
    stage.later = true;
    run("agent.act('db:stop', {}) agent.sleep('50s') agent.applied('done')");
    task_stop_clock(stage.task);
    loop_advance(stage.loop, 3600000);
    SAID("");
    task_start_clock(stage.task);
    answer_now(stage.task);
    loop_advance(stage.loop, 50100);
    SAID("applied: done (1 applied)");
}

static void one_that_is_canceled_says_nothing(void **state)
{
    (void)state;
    stage.later = true;
    run("agent.act('db:stop', {})");
    task_cancel(stage.task);
    stage.task = NULL;
    ASKED("db:stop {}; dropped; ");
    loop_advance(stage.loop, 100000);
    SAID("");
    start(NULL);
    task_cancel(stage.task); /* before it began */
    stage.task = NULL;
    loop_advance(stage.loop, 100);
    SAID("");
}

/* --------------------------------------------------------------------- slices ---- */

/* What else is on the loop has its turn while three scripts spin. */
static void others_have_their_turn_while_scripts_spin(void **state)
{
    static const struct task_limits limits = {.cpu_ms = 300, .instructions = UINT64_MAX / 2};
    static const struct task_limits endless = {.cpu_ms = 60000, .instructions = UINT64_MAX / 2};
    static const struct task_world world = {on_act, on_check, on_log, on_drop, NULL};
    struct task *tasks[2];
    (void)state;
    (void)close_stage();
    open_stage(); /* on the clock on the wall */
    load_run("while true do end");
    for (size_t i = 0; i < COUNT_OF(tasks); i++) /* they are never over in the test's eyes */
        tasks[i] = task_start(
            stage.loop, stage.script, stage.finding, stage.with, &world, &endless, on_over, NULL);
    start(&limits);
    begin_ticks();
    assert_true(loop_run_until(stage.loop, &stage.over, 30000));
    timer_stop(&tick.timer);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        task_cancel(tasks[i]);
    assert_non_null(strstr(stage.said.bytes, "spent: it ran too long and was stopped, at line 3"));
    (void)printf("three scripts spin: %u ticks, the loop was held %.1f ms at worst\n",
                 tick.count,
                 (double)tick.worst_us / 1000.0);
    assert_true(tick.count > 50);
    assert_true(tick.worst_us < 30000); /* three slices of 1 ms, and what sanitizers take */
}

static void a_long_computation_gets_through(void **state)
{
    (void)state;
    load_run("local n = 0 for i = 1, 2000000 do n = n + i % 7 end agent.leave('%d', n)");
    start(NULL);
    loop_advance(stage.loop, 5000);
    SAID("left: 5999997");
}

static void instructions_are_a_budget_too(void **state)
{
    (void)state;
    load_run("while true do end");
    start(&(struct task_limits){.instructions = 100000});
    loop_advance(stage.loop, 5000);
    SAID("spent: it ran too long and was stopped, at line 3");
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_stage, leave_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(it_sees_the_finding_and_its_options),
        STAGED(it_knows_the_time),
        STAGED(what_it_logs_has_no_secret),
        STAGED(an_action_that_was_applied_gives_its_result),
        STAGED(who_holds_up_the_loop_is_known_by_name),
        STAGED(one_that_is_set_aside_does_not_run),
        STAGED(arguments_may_be_left_out),
        STAGED(an_action_that_failed_is_nil_and_words),
        STAGED(a_check_answers_with_its_finding),
        STAGED(a_check_that_there_is_not_raises),
        STAGED(an_answer_may_come_later),
        STAGED(a_second_answer_is_ignored),
        STAGED(each_outcome_of_an_action_ends_it),
        STAGED(it_sleeps_while_the_loop_goes_on),
        STAGED(its_deadline_ends_it_wherever_it_is),
        STAGED(waiting_for_a_person_is_not_counted),
        STAGED(one_that_is_canceled_says_nothing),
        STAGED(others_have_their_turn_while_scripts_spin),
        STAGED(a_long_computation_gets_through),
        STAGED(instructions_are_a_budget_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
