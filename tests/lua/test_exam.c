/* lua/shelf, lua/exam: a folder of scripts, and tests of them that an operator writes. */
#include "lua_fixture.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lua/exam.h"

/* ------------------------------------------------------ a plugin with an action ---- */

struct limits {
    int64_t limit, older_than;
    const char *const *keep;
};

static void run_check(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    probe_done(run);
}

static void plan(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    probe_planned(run);
}

static void apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    (void)self;
    (void)step;
    probe_applied(run, .outcome = PROBE_APPLIED);
}

static const struct probe_option limits[] = {
    {"limit", PROBE_INT_AT(struct limits, limit), .fallback = "5", .min = 1, .max = 9},
    {"older_than", PROBE_DURATION_AT(struct limits, older_than), .fallback = "1m"},
    {"keep", PROBE_LIST_AT(struct limits, keep), .fallback = "[]"},
    {0},
};
static const struct probe_check checks[] = {
    {"connections", "t", .every = "1s", .timeout = "1s", .run = run_check}, {0}};
static const struct probe_action actions[] = {{.name = "stop",
                                               .help = "h",
                                               .effect = PROBE_DISRUPTIVE,
                                               .options = limits,
                                               .config_size = sizeof(struct limits),
                                               .plan = plan,
                                               .apply = apply},
                                              {0}};
static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "postgres",
    .version = "1",
    .summary = "s",
    .checks = checks,
    .actions = actions,
};

/* ------------------------------------------------------------------ the stage ---- */

static char folder[64];
static struct plugins plugins;

static int set_stage(void **state)
{
    struct error error;
    (void)state;
    open_stage();
    plugins = (struct plugins){0};
    (void)snprintf(folder, sizeof(folder), "/tmp/test_exam.XXXXXX");
    if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("lib", 0755) < 0 || mkdir("db", 0755) < 0)
        return -1;
    return plugin_add(&plugins, &plugin, "postgres.so", &error);
}

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *walk)
{
    (void)found;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int leave_stage(void **state)
{
    (void)state;
    plugins_finish(&plugins);
    return chdir("/") + nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) + close_stage();
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A script db/SCRIPT.lua with this for its run. */
static void put_script(const char *body)
{
    MEM_AUTO char *text =
        mem_print("return { summary = 's', targets = { db = 'postgres' }, needs = { 'db:stop' },\n"
                  "with = { limit = { 'integer', default = 5, max = 200 } }, deadline = '1m',\n"
                  "run = function(agent, finding, with) %s end }\n",
                  body);
    put("db/script.lua", text);
}

static void on_case(const char *name, const char *failure, void *data)
{
    (void)data;
    text_print(&stage.said, "%s: %s\n", name, failure ? failure : "ok");
}

/* What came of the cases of a test. */
static const char *examine(const char *body)
{
    struct error error = {0};
    MEM_AUTO char *text = mem_print("local test = require 'test'\n"
                                    "local finding = test.finding('pg/connections', {})\n%s\n",
                                    body);
    put("db/script_test.lua", text);
    struct shelf *shelf = shelf_open(".", &stage.problems);
    assert_non_null(shelf);
    text_cut_to(&stage.said, 0);
    if (exam_run(shelf, &plugins, "./db/script_test.lua", on_case, NULL, &error) < 0)
        text_print(&stage.said, "error: %s", error.message);
    shelf_close(shelf);
    return stage.said.bytes;
}

#define CASE(body) "test.case('c', function(t) " body " end)"

/* ------------------------------------------------------------------- a shelf ---- */

static void a_shelf_has_scripts_tests_and_libraries(void **state)
{
    (void)state;
    put("lib/words.lua", "return { hello = 'hello' }");
    put("top.lua",
        "local w = require 'words' return { summary = w.hello, targets = {}, run = function() end "
        "}");
    put_script("");
    put("db/script_test.lua", "");
    put("db/wrong.lua", "return {");
    put("db/README.md", "text");
    put("db/.hidden.lua", "return {");
    struct shelf *shelf = shelf_open(".", &stage.problems);
    assert_int_equal(shelf->count, 2);
    assert_string_equal(shelf->scripts[0]->name, "top");
    assert_string_equal(shelf->scripts[0]->summary, "hello");
    assert_string_equal(shelf_find(shelf, "db/script")->name, "db/script");
    assert_null(shelf_find(shelf, "script"));
    assert_int_equal(shelf->test_count, 1);
    assert_string_equal(shelf->tests[0], "./db/script_test.lua");
    assert_int_equal(stage.problems.errors, 1);
    assert_string_equal(stage.problems.all[0].file, "./db/wrong.lua");
    shelf_close(shelf);
    assert_null(shelf_open("./nowhere", &stage.problems));
    assert_int_equal(stage.problems.errors, 2);
}

static void a_script_that_everybody_may_write_is_refused(void **state)
{
    (void)state;
    put_script("");
    assert_int_equal(chmod("db/script.lua", 0666), 0);
    struct shelf *shelf = shelf_open(".", &stage.problems);
    assert_int_equal(shelf->count, 0);
    assert_string_equal(stage.problems.all[0].message, "everybody may write it");
    assert_string_equal(stage.problems.all[0].hint, "chmod o-w ./db/script.lua");
    shelf_close(shelf);
}

static void a_file_belongs_to_the_folder_with_a_lib(void **state)
{
    (void)state;
    MEM_AUTO char *beside = shelf_of_file("./top_test.lua");
    MEM_AUTO char *below = shelf_of_file("./db/script_test.lua");
    MEM_AUTO char *alone = shelf_of_file("script_test.lua");
    assert_string_equal(beside, ".");
    assert_string_equal(below, "./db/..");
    assert_string_equal(alone, ".");
    assert_int_equal(rmdir("lib"), 0);
    MEM_AUTO char *own = shelf_of_file("./db/script_test.lua");
    assert_string_equal(own, "./db");
}

static void what_it_asks_of_plugins_is_looked_at(void **state)
{
    static const struct {
        const char *head, *said;
    } cases[] = {
        {"targets = {db = 'postgres'}, needs = {'db:stpo'}",
         "x: needs: postgres has no action \"stpo\"; did you mean stop?\n"},
        {"targets = {}, expects = {plugin = 'postgres', check = 'connection'}",
         "x: expects.check: postgres has no check \"connection\"; did you mean connections?\n"},
        {"targets = {k = 'kubernetes'}, needs = {'k:scale'}",
         "x: warning: targets: there is no plugin \"kubernetes\" here: what is asked of it is not "
         "looked at\n"},
        {"targets = {db = 'postgres'}, needs = {'db:stop'}, expects = {plugin = 'postgres'}", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text TEXT_AUTO said;
        struct problems problems = {0};
        MEM_AUTO char *text =
            mem_print("return {summary = 's', run = function() end, %s}", cases[i].head);
        text_init(&said, 4096);
        const struct script *script =
            script_load(stage.arena, "x", "x", text, strlen(text), &stage.libs, &stage.problems);
        assert_non_null(script);
        bool fits = script_fits(script, &plugins, &problems);
        assert_int_equal(fits, problems.errors == 0);
        problems_print(&problems, &said);
        assert_string_equal(said.bytes, cases[i].said);
        problems_finish(&problems);
    }
}

/* ------------------------------------------------------------------- a test ---- */

static void a_case_passes_or_says_where_it_did_not(void **state)
{
    (void)state;
    put_script("local r = agent.act('db:stop', { limit = with.limit, keep = {} })\n"
               "agent.applied('%d of %d', r.done, r.planned)");
    assert_string_equal(
        examine(CASE(
            "t:answer('db:stop', { planned = 3, done = 2 })\n"
            "local outcome = t:run('script', finding, { limit = 7 })\n"
            "t:equal(outcome.kind, 'applied') t:equal(outcome.message, '2 of 3')\n"
            "t:equal(outcome.applied, 1) t:equal(t:asked('db:stop'), { limit = 7, keep = {} })\n"
            "t:equal(#t:acts(), 1) t:match(outcome.message, '^%d of') t:ok(true)")),
        "c: ok\n");
    assert_string_equal(
        examine(CASE(
            "t:answer('db:stop', { planned = 3, done = 2 })\n"
            "t:equal(t:run('db/script', finding).message, '3 of 3')") "\ntest.case('d', function() "
                                                                      "error({ 1 }) end)"),
        "c: script_test.lua:4: expected \"3 of 3\", got \"2 of 3\"; the script ended applied: 2 of "
        "3\nd: {1}\n");
}

static void answers_come_in_their_order_and_the_last_one_stays(void **state)
{
    (void)state;
    put_script("local seen = {}\n"
               "for i = 1, 4 do local r, why, code = agent.act('db:stop')\n"
               "seen[i] = r and r.done or why .. code end\n"
               "agent.leave(table.concat(seen, ' '))");
    assert_string_equal(
        examine(CASE("t:answer('db:stop', { done = 1 }) t:fail('db:stop', 'no', '!')\n"
                     "t:answer('db:stop', { done = 3 })\n"
                     "t:equal(t:run('script', finding).message, '1 no! 3 3')")),
        "c: ok\n");
}

static void time_is_the_tests(void **state)
{
    (void)state;
    put_script("local a = agent.now() agent.sleep('50s')\n"
               "agent.log('%.0f', agent.now() - a) agent.leave('%.0f', a)");
    assert_string_equal(examine(CASE("local outcome = t:run('script', finding)\n"
                                     "t:equal(outcome.message, '1767225600')\n"
                                     "t:equal(t:logged(), { '50' })\n"
                                     "t:ok(outcome.seconds >= 50 and outcome.seconds < 51)")),
                        "c: ok\n");
}

static void checks_are_answered_too(void **state)
{
    (void)state;
    put_script("agent.leave(agent.check('db/connections').status)");
    assert_string_equal(examine(CASE("t:check('db/connections', { status = 'ok' })\n"
                                     "t:equal(t:run('script', finding).message, 'ok')\n"
                                     "t:equal(t:checked(), { 'db/connections' })")),
                        "c: ok\n");
    assert_non_null(strstr(examine(CASE("t:equal(t:run('script', finding).kind, 'left')")),
                           "the test has no answer to it: t:check(\"db/connections\", {...})"));
}

static void each_end_of_an_action_can_be_had(void **state)
{
    (void)state;
    put_script("agent.act('db:stop') agent.applied('done')");
    assert_string_equal(
        examine("for _, why in ipairs { 'planned', 'refused', 'rejected', 'expired', 'lost' } do\n"
                "test.case(why, function(t) t:deny('db:stop', why, 'so it is')\n"
                "t:equal(t:run('script', finding).message, 'so it is')\n"
                "t:equal(t.outcome.kind, why) end) end\n"
                "test.case('late', function(t) t:hang('db:stop')\n"
                "t:equal(t:run('script', finding).kind, 'late') end)\n"
                "test.case('odd', function(t) t:deny('db:stop', 'done')\n"
                "t:match(t:run('script', finding).message, 't:deny says why') end)"),
        "planned: ok\nrefused: ok\nrejected: ok\nexpired: ok\nlost: ok\nlate: ok\nodd: ok\n");
}

static void each_end_but_the_good_one_claims_nothing(void **state)
{
    static const char asked[] =
        "test.claims_nothing('db:stop', function(t) return t:run('script', finding) end)";
    (void)state;
    put_script("agent.act('db:stop') agent.applied('done')");
    examine(asked);
    assert_non_null(strstr(stage.said.bytes, "claims nothing when the plan was lost: ok\n"));
    assert_null(strstr(stage.said.bytes, "expected"));
    put_script("agent.leave('all is well')");
    examine(asked);
    assert_non_null(
        strstr(stage.said.bytes,
               "claims nothing when the plan was planned: script_test.lua:3: expected planned, got "
               "left with 0 applied: all is well\n"));
    assert_non_null(strstr(stage.said.bytes, "plan was lost: script_test.lua:3: expected lost"));
}

static void what_the_action_would_refuse_is_refused(void **state)
{
    static const struct {
        const char *act, *said;
    } cases[] = {
        {"{ limti = 5 }", "script:3: db:stop: stop.limti: is not known here; did you mean limit?"},
        {"{ limit = 50 }", "script:3: db:stop: stop.limit: is 50, more than 9"},
        {"{ older_than = 60 }", "script:3: db:stop: stop.older_than: is 60 of no unit; write 60s"},
        {"{ older_than = '${file:/etc/passwd}' }", "stop.older_than: holds a reference, ${...}"},
        {"{ limit = 5, older_than = '10m', keep = { 'psql' } }", "failed: test"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        MEM_AUTO char *body = mem_print("agent.act('db:stop', %s) error('test', 0)", cases[i].act);
        put_script(body);
        examine(CASE("t:answer('db:stop', {}) t:equal(t:run('script', finding).kind, 'x')"));
        if (!strstr(stage.said.bytes, cases[i].said))
            fail_msg("%s: %s is not in: %s", cases[i].act, cases[i].said, stage.said.bytes);
    }
}

static void what_is_wrong_with_a_test_is_told(void **state)
{
    static const struct {
        const char *body, *said;
    } cases[] = {
        {"", "error: it has no test.case"},
        {"test.cas('x')", "error: script_test.lua:3: attempt to call a nil value (field 'cas')"},
        {"test.finding('connections')",
         "error: script_test.lua:3: test.finding: \"connections\" is not"},
        {CASE("t:run('nothing', finding)"),
         "c: script_test.lua:3: t:run: there is no script \"nothing\""},
        {CASE("t:run('script', finding, { limit = 500 })"),
         "c: script_test.lua:3: test: with.limit: is 500, more than 200"},
        {CASE("t:run('script', finding)"), "c: ok"},
        {CASE("t:equal(t:run('script', finding).message, 1)"),
         "the test has no answer to it: t:answer(\"db:stop\", {...})"},
    };
    (void)state;
    put_script("agent.act('db:stop')");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        examine(cases[i].body);
        if (!strstr(stage.said.bytes, cases[i].said))
            fail_msg("%s: %s is not in: %s", cases[i].body, cases[i].said, stage.said.bytes);
    }
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_stage, leave_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_shelf_has_scripts_tests_and_libraries),
        STAGED(a_script_that_everybody_may_write_is_refused),
        STAGED(a_file_belongs_to_the_folder_with_a_lib),
        STAGED(what_it_asks_of_plugins_is_looked_at),
        STAGED(a_case_passes_or_says_where_it_did_not),
        STAGED(answers_come_in_their_order_and_the_last_one_stays),
        STAGED(time_is_the_tests),
        STAGED(checks_are_answered_too),
        STAGED(each_end_of_an_action_can_be_had),
        STAGED(each_end_but_the_good_one_claims_nothing),
        STAGED(what_the_action_would_refuse_is_refused),
        STAGED(what_is_wrong_with_a_test_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
