/* lua/value: JSON into Lua and back, and json.* as scripts have it. */
#include "lua_fixture.h"

static int set_stage(void **state)
{
    (void)state;
    open_stage();
    loop_drive(stage.loop, 1000000, 0);
    return 0;
}

static int leave_stage(void **state)
{
    (void)state;
    return close_stage();
}

/* What an expression is as JSON; what it raises stands in `said` as well. */
static const char *encoded(const char *expression)
{
    MEM_AUTO char *body = mem_print("agent.leave('%%s', json.encode(%s))", expression);
    load_run(body);
    start(NULL);
    loop_advance(stage.loop, 100);
    return stage.said.bytes;
}

static void values_go_out_as_json(void **state)
{
    static const struct {
        const char *expression, *json;
    } cases[] = {
        {"{}", "left: {}"},
        {"json.list()", "left: []"},
        {"json.list{}", "left: []"},
        {"{ 1, 2, 3 }", "left: [1,2,3]"},
        {"{ b = 1, a = { 'x' }, c = {} }", "left: {\"a\":[\"x\"],\"b\":1,\"c\":{}}"},
        {"{ 40 / 2, 0.5, -3, 1e300, 2^53 }", "left: [20,0.5,-3,1e+300,9007199254740992]"},
        {"0.123456789", "left: 0.123456789"},
        {"{ true, false, json.null }", "left: [true,false,null]"},
        {"'a\"b\\n'", "left: \"a\\\"b\\n\""},
        {"'\\xff'", "left: \"\xEF\xBF\xBD\""},
        {"nil", "left: null"},
        {"{ [1] = 'a', x = 'b' }",
         "failed: test:3: json.encode: a table has keys that are no text"},
        {"{ 1, nil, 3 }", "failed: test:3: json.encode: a table has keys that are no text"},
        {"{ ['a\\0b'] = 1 }", "failed: test:3: json.encode: a key holds a zero byte"},
        {"0/0", "failed: test:3: json.encode: a number is infinite, or none"},
        {"math.huge", "failed: test:3: json.encode: a number is infinite, or none"},
        {"pcall", "failed: test:3: json.encode: a function, or something else"},
        {"setmetatable({ a = 1 }, { __pairs = error, __index = error })", "left: {\"a\":1}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (strncmp(encoded(cases[i].expression), cases[i].json, strlen(cases[i].json)) != 0)
            fail_msg("%s: %s", cases[i].expression, stage.said.bytes);
}

static void a_table_of_many_members_is_refused(void **state)
{
    (void)state;
    (void)encoded(
        "(function() local t = {} for i = 1, 1001 do t['k' .. i] = i end return t end)()");
    assert_non_null(strstr(stage.said.bytes, "a table has more than 1000 members"));
    (void)encoded("(function() local t = {} for i = 1, 5000 do t[i] = i end return t end)()");
    assert_non_null(strstr(stage.said.bytes, "[1,2,3,"));
}

static void what_was_read_goes_out_as_it_was(void **state)
{
    static const char *const cases[] = {
        "{\"a\":[],\"b\":{},\"c\":[[],{}]}",
        "[1,null,3]",
        "[1.5,\"x\",true]",
        "9223372036854775807",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        MEM_AUTO char *expression = mem_print("(json.decode([==[%s]==]))", cases[i]);
        MEM_AUTO char *expected = mem_print("left: %s", cases[i]);
        if (strcmp(encoded(expression), expected) != 0)
            fail_msg("%s: %s", cases[i], stage.said.bytes);
    }
}

static void what_is_no_json_is_nil_and_words(void **state)
{
    (void)state;
    load_run("local value, why = json.decode('{a}') agent.leave('%s: %s', value, why)");
    start(NULL);
    loop_advance(stage.loop, 100);
    assert_int_equal(strncmp(stage.said.bytes, "left: nil: line 1: ", 19), 0);
    load_run("local t = json.decode('{\"a\": null, \"b\": [null]}')\n"
             "agent.leave('%s %s', t.a, t.b[1] == json.null)");
    start(NULL);
    loop_advance(stage.loop, 100);
    assert_string_equal(stage.said.bytes, "left: nil true");
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_stage, leave_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(values_go_out_as_json),
        STAGED(a_table_of_many_members_is_refused),
        STAGED(what_was_read_goes_out_as_it_was),
        STAGED(what_is_no_json_is_nil_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
