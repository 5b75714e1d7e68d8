/* lua/script: what a script declares, what is wrong with it, and what an operator may write for it. */
#include "lua_fixture.h"

#include "probe/yaml.h"

static int set_stage(void **state)
{
    (void)state;
    open_stage();
    return 0;
}

static int leave_stage(void **state)
{
    (void)state;
    return close_stage();
}

static const char kill_idle[] =
    "return {\n"
    "  summary = 'end idle client sessions, oldest first',\n"
    "  expects = { plugin = 'postgres', check = 'connections' },\n"
    "  targets = { db = 'postgres', cache = 'redis' },\n"
    "  needs   = { 'db:terminate_sessions' },\n"
    "  with = {\n"
    "    idle_for = { 'duration', default = '10m', min = '1m', help = 'how long' },\n"
    "    limit    = { 'integer',  default = 20, max = 200 },\n"
    "    share    = { 'number', default = 0.5, min = 0, max = 1 },\n"
    "    database = { 'string',   help = 'only sessions of this database' },\n"
    "    keep     = { 'list', default = { 'pg_dump', 'psql' } },\n"
    "    also     = { 'list', default = {} },\n"
    "    dry      = { 'boolean', default = false },\n"
    "    size     = { 'bytes', default = '64KiB' },\n"
    "    pace     = { 'rate', default = '120/m' },\n"
    "    order    = { 'string', default = 'oldest', choices = { 'oldest', 'newest' } },\n"
    "    where    = { 'string', required = true },\n"
    "    tags     = { 'map', default = { a = 'b' } },\n"
    "    what     = { 'any', default = { deep = { 1, true, 'x' } } },\n"
    "  },\n"
    "  deadline = '2m',\n"
    "  run = function(agent, finding, with) end,\n"
    "}\n";

static void what_it_declares_is_read(void **state)
{
    (void)state;
    const struct script *script = load("postgres/kill_idle", kill_idle);
    assert_string_equal(stage.said.bytes, "");
    assert_string_equal(script->name, "postgres/kill_idle");
    assert_string_equal(script->summary, "end idle client sessions, oldest first");
    assert_string_equal(script->plugin, "postgres");
    assert_string_equal(script->check, "connections");
    assert_int_equal(script->role_count, 2);
    assert_string_equal(script_role(script, "cache")->plugin, "redis");
    assert_int_equal(script->need_count, 1);
    assert_string_equal(script_need(script, "db:terminate_sessions")->role, "db");
    assert_string_equal(script_need(script, "db:terminate_sessions")->action, "terminate_sessions");
    assert_null(script_need(script, "db:terminate"));
    assert_int_equal(script->deadline_ms, 120000);
    assert_int_equal(strlen(script->digest), SCRIPT_DIGEST_LEN);
}

static void its_digest_is_of_all_that_it_is_made_of(void **state)
{
    static const char text[] = "local s = require('sessions')\n"
                               "return { summary = 's', targets = {}, run = function() end }";
    struct source libs[] = {{"sessions", "return {1}", 10}, {"other", "return {}", 9}};
    char first[SCRIPT_DIGEST_LEN + 1];
    (void)state;
    stage.libs = (struct sources){libs, 2};
    assert_non_null(load("a", text));
    (void)snprintf(first, sizeof(first), "%s", stage.script->digest);
    libs[1].text = "return 22";
    assert_non_null(load("a", text));
    assert_string_equal(stage.script->digest, first); /* what it does not require */
    libs[0].text = "return {2}";
    assert_non_null(load("a", text));
    assert_string_not_equal(stage.script->digest, first);
}

static void what_is_wrong_with_it_is_told_at_once(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"return {", "a.lua: a:1: unexpected symbol near"},
        {"return 5", "it returns no table, but number; end it with return {summary = "},
        {"error('x')", "a.lua: a:1: x\n"},
        {"return {}",
         "a.lua: summary: is missing\na.lua: targets: is missing\na.lua: run: is missing\n"},
        {"return {sumary = 'x'}", "sumary: is not known here; did you mean summary?"},
        {"return {summary = 5}", "summary: is number, not a sentence for people"},
        {"return {summary = ''}", "summary: is string, not a sentence"},
        {"return {run = print}", "run: is missing"},
        {"return {run = pcall}", "run: is no function of this script; write run = function(agent"},
        {"return {targets = {'db'}}", "targets: has a key that is no name"},
        {"return {targets = {Db = 'redis'}}", "targets.Db: \"Db\" is no name"},
        {"return {targets = {db = 5}}", "targets.db: is number, not the name of a plugin"},
        {"return {targets = 'db'}", "targets: is string, not a table; write {db = \"postgres\"}"},
        {"return {needs = {'terminate'}}",
         "needs: \"terminate\" is no verb; a verb is ROLE:ACTION"},
        {"return {targets = {db = 'x'}, needs = {'bd:stop'}}",
         "needs: \"bd:stop\" is of a role that targets does not have; did you mean db?"},
        {"return {needs = {'a:b', 'a:b'}}", "needs: has \"a:b\" twice"},
        {"return {needs = {a = 'a:b'}}", "needs: is no list of verbs"},
        {"return {deadline = '2 min'}", "deadline: is \"2 min\"; write a duration from 1s to 1h"},
        {"return {deadline = '2d'}", "deadline: is \"2d\"; write a duration from 1s to 1h"},
        {"return {deadline = 120}", "deadline: is number, not a duration"},
        {"return {expects = {chek = 'x'}}", "expects.chek: is not known here; did you mean check?"},
        {"return {with = {a = 'integer'}}", "with.a: is no declaration; write {\"duration\", "},
        {"return {with = {a = {}}}", "with.a: is nil, not the name of a type"},
        {"return {with = {a = {'intger'}}}", "there is no type \"intger\"; did you mean integer?"},
        {"return {with = {a = {'integer', defualt = 5}}}",
         "with.a.defualt: is not known here; did"},
        {"return {with = {a = {'integer', default = 500, max = 200}}}",
         "with.a: its default is 500, more than 200"},
        {"return {with = {a = {'duration', default = '5'}}}",
         "with.a: its default is 5 of no unit"},
        {"return {with = {a = {'duration', min = 5}}}", "with.a.min: is no bound of a duration"},
        {"return {with = {a = {'string', max = 5}}}", "with.a.max: says nothing: a string has no"},
        {"return {with = {a = {'string', choices = {'x', 'y'}, default = 'z'}}}",
         "with.a: its default is \"z\", which is none of x, y"},
        {"return {with = {a = {'string', default = 'x', required = true}}}",
         "with.a: is required and has a default"},
        {"return {with = {a = {'string', default = print or pcall}}}",
         "with.a.default: a function"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_null(load("a", cases[i].text));
        if (!strstr(stage.said.bytes, cases[i].said))
            fail_msg("%s: %s is not in: %s", cases[i].text, cases[i].said, stage.said.bytes);
    }
}

/* As an operator writes it, and as run() gets it. */
static char *with_of(const char *yaml)
{
    const struct node *node =
        *yaml ? yaml_read(stage.arena, "a.yaml", yaml, strlen(yaml), &stage.problems) : NULL;
    json_t *with = script_with(stage.script, node, "with", &stage.problems);
    char *text = with ? json_dumps(with, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    text_cut_to(&stage.said, 0);
    problems_print(&stage.problems, &stage.said);
    problems_finish(&stage.problems);
    stage.problems = (struct problems){0};
    json_decref(with);
    return text;
}

static void with_is_typed_and_has_defaults(void **state)
{
    (void)state;
    assert_non_null(load("kill_idle", kill_idle));
    MEM_AUTO char *plain = with_of("where: here");
    assert_string_equal(stage.said.bytes, "");
    assert_string_equal(
        plain,
        "{\"also\":[],\"dry\":false,\"idle_for\":\"10m\",\"keep\":[\"pg_dump\",\"psql\"],"
        "\"limit\":20,\"order\":\"oldest\",\"pace\":\"2/s\",\"share\":0.5,\"size\":\"65536\","
        "\"tags\":{\"a\":\"b\"},\"what\":{\"deep\":[1,true,\"x\"]},\"where\":\"here\"}");
    MEM_AUTO char *written =
        with_of("{where: x, idle_for: 600s, limit: 5, database: orders, keep: [], "
                "dry: true, size: 1MiB, order: newest, share: 1, what: false}");
    assert_string_equal(stage.said.bytes, "");
    assert_string_equal(
        written,
        "{\"also\":[],\"database\":\"orders\",\"dry\":true,\"idle_for\":\"10m\",\"keep\":[],"
        "\"limit\":5,\"order\":\"newest\",\"pace\":\"2/s\",\"share\":1.0,\"size\":\"1048576\","
        "\"tags\":{\"a\":\"b\"},\"what\":false,\"where\":\"x\"}");
}

static void what_an_operator_got_wrong_is_told_at_its_place(void **state)
{
    static const struct {
        const char *yaml, *said;
    } cases[] = {
        {"", "with.where: is missing"},
        {"{where: x, limit: 201}", "a.yaml:1:19: with.limit: is 201, more than 200"},
        {"{where: x, idle_for: 30s}", "with.idle_for: is 30s, less than 1m"},
        {"{where: x, idle: 30s}",
         "a.yaml:1:12: with.idle: is not known here; did you mean idle_for?"},
        {"{where: x, keep: psql}", "with.keep: is text, not a list"},
        {"{where: x, order: odd}", "with.order: is \"odd\", which is none of oldest, newest"},
        {"[a]", "with: is a list, not a map"},
    };
    (void)state;
    assert_non_null(load("kill_idle", kill_idle));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_null(with_of(cases[i].yaml));
        if (!strstr(stage.said.bytes, cases[i].said))
            fail_msg("%s: %s is not in: %s", cases[i].yaml, cases[i].said, stage.said.bytes);
    }
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_stage, leave_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(what_it_declares_is_read),
        STAGED(its_digest_is_of_all_that_it_is_made_of),
        STAGED(what_is_wrong_with_it_is_told_at_once),
        STAGED(with_is_typed_and_has_defaults),
        STAGED(what_an_operator_got_wrong_is_told_at_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
