/* vm: a bounded Lua state; what scripts could do to the loop, and cannot. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "vm/pattern.h"
#include "vm/state.h"

static struct error error;

static int set_up(void **data)
{
    *data = state_create(&(const struct state_limits){.nil_compares = true});
    return 0;
}

static int tear_down(void **data)
{
    assert_int_equal(lua_gettop(state_lua(*data)), 0); /* every test leaves the stack balanced */
    state_destroy(*data);
    return 0;
}

/* Runs `source`; its one result, as text, in `said`. */
static char said[256];

static int run(struct state *state, const char *source)
{
    lua_State *lua = state_lua(state);
    error = (struct error){0};
    int status = state_load(state, source, strlen(source), "test", &error);
    if (status == 0)
        status = state_call(state, 0, 1, &error);
    if (status < 0)
        return status;
    (void)snprintf(said,
                   sizeof(said),
                   "%s",
                   lua_isboolean(lua, -1) ? (lua_toboolean(lua, -1) ? "true" : "false")
                   : lua_isnil(lua, -1)   ? "nil"
                                          : lua_tostring(lua, -1));
    lua_pop(lua, 1);
    return 0;
}

static uint64_t cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void what_was_compiled_is_run_and_answers(void **data)
{
    struct state *state = *data;
    assert_int_equal(run(state, "return 6 * 7"), 0);
    assert_string_equal(said, "42");
    assert_int_equal(run(state, "return ('a,b'):gsub(',', ';')"), 0);
    assert_string_equal(said, "a;b");
    assert_int_equal(run(state, "return table.concat({1, 2, 3}, '-')"), 0);
    assert_string_equal(said, "1-2-3");
    assert_int_equal(run(state, "return table.concat({select(2, xpcall(math.max, error, 7, 9))})"),
                     0);
    assert_string_equal(said, "9");
    assert_int_equal(
        run(state, "return select(2, xpcall(error, function(e) return e .. '!' end, 'oh'))"), 0);
    assert_string_equal(said, "oh!");
}

static void a_chunk_has_one_upvalue_its_environment(void **data)
{
    struct state *state = *data;
    lua_State *lua = state_lua(state);
    assert_int_equal(state_load(state, "return x", 8, "test", &error), 0);
    assert_string_equal(lua_getupvalue(lua, -1, 1), "_ENV");
    assert_null(lua_getupvalue(lua, -2, 2));
    lua_pop(lua, 2);
}

static void wrong_source_says_what_lua_says(void **data)
{
    assert_int_equal(run(*data, "return 1 +"), -EINVAL);
    assert_string_equal(error.message, "test:1: unexpected symbol near <eof>");
}

static void bytecode_is_refused(void **data)
{
    assert_int_equal(state_load(*data, "\x1bLua", 4, "test", &error), -EINVAL);
    assert_non_null(strstr(error.message, "mode is 't'"));
}

static void what_is_raised_is_an_error_with_its_words(void **data)
{
    assert_int_equal(run(*data, "error('no such thing', 0)"), -EINVAL);
    assert_string_equal(error.message, "no such thing");
    assert_int_equal(run(*data, "error({})"), -EINVAL);
    assert_string_equal(error.message, "it raised a table");
    assert_int_equal(run(*data, "error(setmetatable({}, {__tostring = error}))"), -EINVAL);
}

static void a_long_message_is_cut_on_a_whole_character(void **data)
{
    assert_int_equal(run(*data, "error(('\xC3\xA9'):rep(1000), 0)"), -EINVAL);
    assert_int_equal(strlen(error.message), 510); /* 511 would hold half of one */
}

static void what_reaches_the_system_or_makes_code_is_not_there(void **data)
{
    static const char *const absent[] = {"io",
                                         "os",
                                         "debug",
                                         "package",
                                         "require",
                                         "load",
                                         "loadfile",
                                         "loadstring",
                                         "dofile",
                                         "coroutine",
                                         "print",
                                         "collectgarbage",
                                         "warn",
                                         "string.dump",
                                         "string.pack",
                                         "string.unpack"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
        char source[64];
        (void)snprintf(source, sizeof(source), "return %s == nil", absent[i]);
        assert_int_equal(run(*data, source), 0);
        assert_string_equal(said, "true");
    }
}

/* ---- time ---- */

static void endless_code_ends_in_whatever_it_hides(void **data)
{
    static const char *const endless[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "return pcall(function() while true do end end)",
        "while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
        "xpcall(function() while true do end end, function() while true do end end)",
        "local function f() return f() end return f()",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return t[1]",
        "local t = {} local o = setmetatable({}, t) "
        "t.__close = function() while true do pcall(error) end end "
        "local x <close> = o while true do end",
        "for _ in ('x'):rep(60000):gmatch('x') do while true do end end",
        "return (('x'):rep(1000):gsub('x', function() while true do end end))",
    };
    for (size_t i = 0; i < sizeof(endless) / sizeof(*endless); i++) {
        int status = run(*data, endless[i]);
        if (status != -ETIME && status != -EINVAL && status != -ENOMEM)
            fail_msg("%s: %d", endless[i], status);
        if (i != 6) /* that one runs out of C stack first */
            assert_int_equal(status, -ETIME);
    }
    assert_int_equal(run(*data, "return 'still well'"), 0);
}

static void a_budget_is_for_one_call(void **data)
{
    for (int i = 0; i < 20; i++)
        assert_int_equal(run(*data, "for i = 1, 200000 do end"), 0);
}

static void instructions_and_time_are_budgets_of_their_own(void **unused)
{
    (void)unused;
    struct state *state =
        state_create(&(const struct state_limits){.instructions = 1000, .cpu_ms = 60000});
    assert_int_equal(run(state, "for i = 1, 100 do end"), 0);
    assert_int_equal(run(state, "for i = 1, 100000 do end"), -ETIME);
    assert_string_equal(error.message, "it ran too long and was stopped");
    state_destroy(state);
    state =
        state_create(&(const struct state_limits){.instructions = UINT64_MAX / 2, .cpu_ms = 20});
    assert_int_equal(run(state, "for i = 1, 1e12 do end"), -ETIME);
    state_destroy(state);
}

static int burn(lua_State *lua)
{
    uint64_t begin = cpu_ms();
    while (cpu_ms() - begin < 20)
        continue;
    state_hold_time(lua);
    return 0;
}

static void a_c_function_that_takes_long_asks_for_itself(void **unused)
{
    (void)unused;
    struct state *state = state_create(&(const struct state_limits){.cpu_ms = 50});
    lua_register(state_lua(state), "burn", burn);
    uint64_t begin = cpu_ms();
    assert_int_equal(run(state, "while true do pcall(burn) end"), -ETIME);
    assert_true(cpu_ms() - begin < 500); /* some four burns, not the fifty until the next hook */
    state_destroy(state);
}

static void few_instructions_that_copy_much_are_stopped_by_the_clock(void **data)
{
    struct state *state = *data;
    uint64_t begin = cpu_ms();
    assert_int_equal(run(state,
                         "local a, b = ('x'):rep(60000), ('x'):rep(60000) a = a:rep(8) b = b:rep(8)"
                         "a = a .. 'y' b = b .. 'z' local n = 0 "
                         "for i = 1, 1e9 do if a < b then n = n + #(a .. 'x') end end return n"),
                     -ETIME);
    assert_true(cpu_ms() - begin < 3000); /* 250 and a tail; sanitizers are slow */
}

static void long_c_functions_are_refused_before_they_begin(void **data)
{
    static const char *const refused[] = {
        "return string.find(('a'):rep(60), ('a*'):rep(30) .. 'b')",
        "return ('a'):rep(5000):match('.-.-.-b')",
        "return ('a'):rep(5000):gsub('a-a-a-b', '')",
        "return ('a'):rep(5000):gmatch('a*a*a*b')",
        "return ('a'):rep(60000):rep(2):find('b')",
        "return ('a'):find(('a'):rep(300))",
        "return ('a'):rep(60000):rep(10):find(('a'):rep(60000) .. 'b', 1, true)",
        "return (''):rep(1 << 40)",
        "return table.move({}, 1, 1e9, 1, {})",
        "return table.concat({}, '', 1, 1e9)",
        "return table.concat({}, '', math.mininteger, math.maxinteger)",
        "return table.unpack({}, 1, 1e9)",
        "return table.insert(setmetatable({}, {__len = function() return 1 << 40 end}), 1, 1)",
        "local t = {} for i = 61, 0, -1 do t[1 << i] = 1 end return table.insert(t, 1, 1)",
        "local t = {} for i = 61, 0, -1 do t[1 << i] = 1 end return table.remove(t, 1)",
        "local t = {} for i = 1, 20000 do t[i] = 20000 - i end table.sort(t)",
        "local t, s = {}, ('a'):rep(60000) for i = 1, 100 do t[i] = s .. i end table.sort(t)",
        "setmetatable({}, {__gc = function() end})",
        "setmetatable({}, {__close = function() end})",
        "getmetatable('').__index = nil",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        uint64_t begin = cpu_ms();
        if (run(*data, refused[i]) != -EINVAL)
            fail_msg("%s: %s", refused[i], error.message);
        assert_true(cpu_ms() - begin < 1000);
    }
}

static void refused_patterns_in_a_loop_are_stopped_too(void **data)
{
    uint64_t begin = cpu_ms();
    assert_int_equal(
        run(*data, "local s = ('a'):rep(1200) for i = 1, 1e9 do pcall(s.find, s, '.-.-b') end"),
        -ETIME);
    assert_true(cpu_ms() - begin < 3000);
}

static void usual_patterns_pass(void **data)
{
    static const char *const cases[][2] = {
        {"return ('  key = value '):match('^%s*(%w+)%s*=%s*(.-)%s*$')", "key"},
        {"return ('redis-7.0.15'):match('(%d+)%.(%d+)%.(%d+)')", "7"},
        {"return ('a b c'):gsub('%s', '_')", "a_b_c"},
        {"return ('[x] y'):match('^%[(.-)%]')", "x"},
        {"return ('f(a(b)c)'):match('%b()')", "(a(b)c)"},
        {"return ('x'):rep(60000):find('y')", "nil"},
        {"return ('a-b]c'):match('[]-]', 3)", "]"},
        {"return ('THE (quick) fox'):find('%f[%a]%a+%f[%A]')", "1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (run(*data, cases[i][0]) != 0)
            fail_msg("%s: %s", cases[i][0], error.message);
        assert_string_equal(said, cases[i][1]);
    }
}

static double steps_of(const char *pattern, const char *subject)
{
    return pattern_steps(pattern, strlen(pattern), subject, strlen(subject), 1);
}

static void the_bound_counts_runs_not_lengths(void **data)
{
    (void)data;
    assert_true(steps_of("^%d+x", "12a345b6") ==
                4 * 4); /* a run of 3; 3 bytes of pattern and one */
    assert_true(steps_of("%d+", "12a") == 3 * 3 * 4);
    assert_true(steps_of("^[^a]*", "aab") == 2 * 5);
    assert_true(steps_of("^a?a?a?", "aaa") == 8 * 4);
    assert_true(steps_of("^[%d-]*", "1-2") == 4 * 6);
    assert_true(pattern_steps("^\0*", 3, "\0\0\0", 3, 1) == 4 * 2); /* NUL is a byte like any */
    static const char *const malformed[] = {
        "%", "[", "[^", "[]", "[%", "%b", "%bx", "%f", "a%", "(", "%1"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
        assert_true(steps_of(malformed[i], "abc") >= 1);
}

/* ---- memory ---- */

static void memory_has_a_cap_and_a_block_an_eighth_of_it(void **data)
{
    struct state *state = *data;
    assert_int_equal(run(state, "local t = {} while true do t[#t + 1] = {} end"), -ENOMEM);
    assert_string_equal(error.message, "it wanted more memory than its 8.0 MiB");
    assert_int_equal(run(state, "return #('x'):rep(60000):rep(20)"), -ENOMEM);
    assert_int_equal(run(state, "return pcall(string.rep, ('x'):rep(60000), 20)"), 0);
    assert_string_equal(said, "false"); /* a script may go on without it */
    assert_true(state_used(state) <= 8u << 20);
    assert_int_equal(run(state, "return 'still well'"), 0);
}

static void a_full_state_answers_errors_and_never_aborts(void **unused)
{
    const struct state_limits limits = {.memory_bytes = 64u << 10};
    struct state *state = state_create(&limits);
    (void)unused;
    assert_int_equal(run(state, "kept = {} for i = 1, 1e6 do kept[i] = {} end"), -ENOMEM);
    for (int i = 0; i < 200; i++) /* loads and calls at the brink */
        (void)run(state, "local s = 'a' for i = 1, 12 do s = s .. s kept[#kept + 1] = s end");
    int status = run(state, "return 1");
    assert_true(status == 0 || status == -ENOMEM);
    lua_settop(state_lua(state), 0);
    state_destroy(state);
}

static void an_empty_state_is_small(void **unused)
{
    struct state *state = state_create(NULL);
    (void)unused;
    print_message("an empty state: %zu bytes\n", state_used(state));
    assert_true(state_used(state) < 32u << 10);
    state_destroy(state);
}

/* ---- nil ---- */

static void nil_compares_false_and_counts_to_nil(void **data)
{
    static const char *const cases[][2] = {
        {"return nil > 5", "false"},
        {"return 5 > nil", "false"},
        {"return nil <= 5", "false"},
        {"return nil < 'a'", "false"},
        {"return nil >= nil", "false"},
        {"return not (nil > 5)", "true"},
        {"return nil + 1", "nil"},
        {"return 1 - nil", "nil"},
        {"return -nil", "nil"},
        {"return 'a' .. nil", "nil"},
        {"return '1' * nil", "nil"},
        {"return 2 ^ nil // 3 % 4 / 5 * 6", "nil"},
        {"return nil == 5", "false"},
        {"return nil ~= 5", "true"},
        {"return #nil == nil", "true"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char source[100];
        (void)snprintf(source, sizeof(source), "local nil_ = nil %s", cases[i][0]);
        if (run(*data, source) != 0)
            fail_msg("%s: %s", cases[i][0], error.message);
        assert_string_equal(said, cases[i][1]);
    }
    assert_int_equal(run(*data, "return nothing()"), -EINVAL);
    assert_int_equal(run(*data, "return nothing.x"), -EINVAL);
}

static void nil_raises_where_that_was_not_asked_for(void **unused)
{
    struct state *state = state_create(NULL);
    (void)unused;
    assert_int_equal(run(state, "return nil > 5"), -EINVAL);
    assert_int_equal(run(state, "return nil + 5"), -EINVAL);
    state_destroy(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_STATE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_STATE(what_was_compiled_is_run_and_answers),
        WITH_STATE(a_chunk_has_one_upvalue_its_environment),
        WITH_STATE(wrong_source_says_what_lua_says),
        WITH_STATE(bytecode_is_refused),
        WITH_STATE(what_is_raised_is_an_error_with_its_words),
        WITH_STATE(a_long_message_is_cut_on_a_whole_character),
        WITH_STATE(what_reaches_the_system_or_makes_code_is_not_there),
        WITH_STATE(endless_code_ends_in_whatever_it_hides),
        WITH_STATE(a_budget_is_for_one_call),
        cmocka_unit_test(instructions_and_time_are_budgets_of_their_own),
        cmocka_unit_test(a_c_function_that_takes_long_asks_for_itself),
        WITH_STATE(few_instructions_that_copy_much_are_stopped_by_the_clock),
        WITH_STATE(long_c_functions_are_refused_before_they_begin),
        WITH_STATE(refused_patterns_in_a_loop_are_stopped_too),
        WITH_STATE(usual_patterns_pass),
        cmocka_unit_test(the_bound_counts_runs_not_lengths),
        WITH_STATE(memory_has_a_cap_and_a_block_an_eighth_of_it),
        cmocka_unit_test(a_full_state_answers_errors_and_never_aborts),
        cmocka_unit_test(an_empty_state_is_small),
        WITH_STATE(nil_compares_false_and_counts_to_nil),
        cmocka_unit_test(nil_raises_where_that_was_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
