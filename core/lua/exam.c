#include "lua/exam.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/loop.h"
#include "lua/task.h"
#include "lua/value.h"
#include "probe/act.h"
#include "test_module.h"

/* 2026-01-01T00:00:00Z, where every run begins. */
#define BEGIN_WALL_MS INT64_C(1767225600000)

/* One test file at work. */
struct exam {
    const struct shelf *shelf;
    const struct plugins *plugins;
    const char *folder; /* of the test, below the shelf's: "postgres"; or "" */
    exam_case_fn *fn;
    void *data;
    size_t cases;
};

/* One run of a script in it. */
struct trial {
    const struct exam *exam;
    const struct script *script;
    struct loop *loop;
    json_t *answers, *checks; /* lists, by verb and by role/name */
    json_t *acts, *checked, *logged;
    json_t *outcome; /* NULL: it has not ended */
    uint64_t begun_us;
};

/* --------------------------------------------------------------- the world ---- */

/* The next answer; the last one stays. */
static json_t *next_answer(json_t *answers, const char *key)
{
    json_t *list = json_object_get(answers, key);
    json_t *answer = json_incref(json_array_get(list, 0));
    if (json_array_size(list) > 1)
        (void)json_array_remove(list, 0);
    return answer;
}

static enum task_end end_of(const char *name)
{
    for (enum task_end end = TASK_PLANNED; name && end <= TASK_LOST; end++)
        if (strcmp(task_end_name(end), name) == 0)
            return end;
    return TASK_ENDS;
}

static void misuse(struct task *task, const char *message)
{
    task_answer(task, &(struct task_answer){.kind = ANSWER_MISUSE, .message = message});
}

/* As the test says. */
static void give(struct task *task, const json_t *answer)
{
    const char *kind = json_string_value(json_object_get(answer, "kind"));
    const char *end = json_string_value(json_object_get(answer, "end"));
    struct task_answer given = {
        .message = json_string_value(json_object_get(answer, "message")),
        .code = json_string_value(json_object_get(answer, "code")),
    };
    if (!kind || strcmp(kind, "never") == 0)
        return;
    if (strcmp(kind, "failure") == 0) {
        given.kind = ANSWER_FAILURE;
    } else if (strcmp(kind, "end") == 0) {
        given.kind = ANSWER_END;
        given.end = end_of(end);
        if (given.end == TASK_ENDS) {
            misuse(task, "t:deny says why: planned, refused, rejected, expired or lost");
            return;
        }
    } else {
        json_t *value = json_object_get(answer, "value");
        given.kind = ANSWER_VALUE;
        given.value = value ? json_incref(value) : json_object();
    }
    task_answer(task, &given);
}

/* Whether the plugin's action takes these arguments; what it would refuse goes to the script. */
static bool action_takes(const struct trial *trial, const struct script_need *need,
                         const json_t *args, struct text *wrong)
{
    const char *name = script_role(trial->script, need->role)->plugin;
    const struct plugin *plugin = plugin_find(trial->exam->plugins, name);
    const struct probe_action *action = plugin ? act_find(plugin, need->action) : NULL;
    struct problems problems = {0};
    if (plugin && !action)
        text_print(wrong, "%s has no action \"%s\"", name, need->action);
    if (!action)
        return !plugin;
    struct arena *memory = arena_create();
    const struct node *map = node_from_json(memory, args, need->verb);
    bool takes = act_configure(memory, action, map, need->action, &problems) != NULL;
    problems_print(&problems, wrong);
    text_cut_to(wrong, strcspn(wrong->bytes, "\n"));
    problems_finish(&problems);
    arena_destroy(memory);
    return takes;
}

static void on_act(struct task *task, const struct script_need *need, const char *args, void *data)
{
    struct trial *trial = data;
    struct text TEXT_AUTO wrong;
    json_t *json = json_loads(args, 0, NULL);
    text_init(&wrong, 400);
    (void)json_array_append_new(trial->acts,
                                json_pack("{s:s,s:O}", "verb", need->verb, "args", json));
    if (!action_takes(trial, need, json, &wrong)) {
        misuse(task, wrong.bytes);
    } else {
        json_t *answer = next_answer(trial->answers, need->verb);
        if (!answer) {
            text_print(&wrong, "the test has no answer to it: t:answer(\"%s\", {...})", need->verb);
            misuse(task, wrong.bytes);
        } else {
            give(task, answer);
        }
        json_decref(answer);
    }
    json_decref(json);
}

static void on_check(struct task *task, const struct script_role *role, const char *name,
                     void *data)
{
    struct trial *trial = data;
    MEM_AUTO char *address = mem_print("%s/%s", role->name, name);
    json_t *answer = next_answer(trial->checks, address);
    (void)json_array_append_new(trial->checked, json_string(address));
    if (answer) {
        give(task, answer);
    } else {
        MEM_AUTO char *wrong =
            mem_print("the test has no answer to it: t:check(\"%s\", {...})", address);
        misuse(task, wrong);
    }
    json_decref(answer);
}

static void on_log(struct task *task, const char *text, void *data)
{
    struct trial *trial = data;
    (void)task;
    (void)json_array_append_new(trial->logged, json_string(text));
}

static void on_over(const struct task_outcome *outcome, void *data)
{
    struct trial *trial = data;
    double seconds = (double)(loop_now_us(trial->loop) - trial->begun_us) / 1e6;
    trial->outcome = json_pack("{s:s,s:s,s:i,s:f}",
                               "kind",
                               task_end_name(outcome->end),
                               "message",
                               outcome->message,
                               "applied",
                               (int)outcome->applied,
                               "seconds",
                               seconds);
}

/* ------------------------------------------------------------------- a run ---- */

static json_t *member(const json_t *request, const char *name)
{
    json_t *value = json_object_get(request, name);
    return value ? json_incref(value) : json_object();
}

/* Its end, with what it did; NULL where it has none, which is a bug of ours. */
static json_t *run_trial(struct trial *trial, const json_t *finding, const json_t *with)
{
    const struct task_world world = {on_act, on_check, on_log, NULL, trial};
    trial->loop = loop_create();
    loop_drive(trial->loop, 1000, BEGIN_WALL_MS);
    trial->begun_us = loop_now_us(trial->loop);
    (void)task_start(trial->loop, trial->script, finding, with, &world, NULL, on_over, trial);
    loop_advance(trial->loop, (uint64_t)trial->script->deadline_ms + 1000);
    (void)loop_destroy(trial->loop);
    if (trial->outcome) {
        (void)json_object_set(trial->outcome, "acts", trial->acts);
        (void)json_object_set(trial->outcome, "checked", trial->checked);
        (void)json_object_set(trial->outcome, "logged", trial->logged);
    }
    return trial->outcome;
}

/* `with` as the operator's configuration would have it; NULL, with why. */
static json_t *with_of(const struct script *script, const json_t *written, struct text *wrong)
{
    struct arena *memory = arena_create();
    struct problems problems = {0};
    json_t *with = script_with(script, node_from_json(memory, written, "test"), "with", &problems);
    problems_print(&problems, wrong);
    problems_finish(&problems);
    arena_destroy(memory);
    return with;
}

static const struct script *find_script(const struct exam *exam, const char *name)
{
    const struct script *script = name ? shelf_find(exam->shelf, name) : NULL;
    if (script || !name)
        return script;
    MEM_AUTO char *beside = mem_print("%s/%s", exam->folder, name);
    return shelf_find(exam->shelf, beside);
}

static json_t *answer_request(const struct exam *exam, const json_t *request, struct text *wrong)
{
    const char *name = json_string_value(json_object_get(request, "script"));
    const struct script *script = find_script(exam, name);
    if (!script) {
        text_print(wrong, "t:run: there is no script \"%s\" that is fine", name ? name : "");
        return NULL;
    }
    json_t *written = member(request, "with"), *finding = member(request, "finding");
    struct trial trial = {
        .exam = exam,
        .script = script,
        .answers = member(request, "answers"),
        .checks = member(request, "checks"),
        .acts = json_array(),
        .checked = json_array(),
        .logged = json_array(),
    };
    json_t *with = with_of(script, written, wrong);
    json_t *outcome = with ? run_trial(&trial, finding, with) : NULL;
    json_t *const done[] = {written,
                            finding,
                            with,
                            trial.answers,
                            trial.checks,
                            trial.acts,
                            trial.checked,
                            trial.logged};
    for (size_t i = 0; i < COUNT_OF(done); i++)
        json_decref(done[i]);
    return outcome;
}

static int exam_run_script(lua_State *lua)
{
    struct exam *exam = lua_touserdata(lua, lua_upvalueindex(1));
    struct text wrong;
    const char *why = NULL;
    luaL_checktype(lua, 1, LUA_TTABLE);
    char *text = value_print(lua, 1, &why);
    if (!text)
        return luaL_error(lua, "t:run: %s", why);
    json_t *request = json_loads(text, 0, NULL);
    text_init(&wrong, 2000);
    json_t *outcome = answer_request(exam, request, &wrong);
    json_decref(request);
    free(text);
    json_t *said = outcome ? NULL : json_string(wrong.bytes);
    text_finish(&wrong);
    if (outcome) {
        value_push_own(lua, outcome);
        return 1;
    }
    lua_pushnil(lua);
    value_push_own(lua, said);
    return 2;
}

/* ---------------------------------------------------------------- a test file ---- */

static int exam_note(lua_State *lua)
{
    struct exam *exam = lua_touserdata(lua, lua_upvalueindex(1));
    const char *name = luaL_checkstring(lua, 1), *failure = luaL_optstring(lua, 2, NULL);
    exam->cases++;
    exam->fn(name, failure, exam->data);
    return 0;
}

static int open_exam(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"run", exam_run_script}, {"note", exam_note}, {NULL, NULL}};
    luaL_newlibtable(lua, functions);
    lua_pushvalue(lua, 1);
    luaL_setfuncs(lua, functions, 1);
    lua_setglobal(lua, "exam");
    return 0;
}

/* The libraries of the shelf, and the one of tests. */
static struct sources with_module(const struct shelf *shelf)
{
    struct source *all = mem_array(shelf->libs.count + 1, sizeof(*all));
    if (shelf->libs.count)
        memcpy(all, shelf->libs.all, shelf->libs.count * sizeof(*all));
    all[shelf->libs.count] = (struct source){"test", test_module, sizeof(test_module) - 1};
    return (struct sources){all, shelf->libs.count + 1};
}

/* "postgres" of SHELF/postgres/kill_idle_test.lua; of one beside the shelf's scripts "". */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *begin = slash;
    while (begin && begin > path && begin[-1] != '/')
        begin--;
    return slash ? mem_copy_n(begin, (size_t)(slash - begin)) : mem_copy("");
}

static int run_file(struct exam *exam, const char *path, const char *text, size_t len,
                    struct error *error)
{
    static const struct state_limits limits = {
        .memory_bytes = 64u << 20, .instructions = UINT64_MAX / 2, .cpu_ms = 5000};
    const char *slash = strrchr(path, '/');
    const struct source source = {slash ? slash + 1 : path, text, len};
    struct sources libs = with_module(exam->shelf);
    struct state *state = sandbox_run(&source, &libs, &limits, open_exam, exam, error);
    free((void *)libs.all);
    state_destroy(state);
    if (state && exam->cases == 0)
        return error_set(error, -EINVAL, "it has no test.case");
    return state ? 0 : error->code;
}

int exam_run(const struct shelf *shelf, const struct plugins *plugins, const char *path,
             exam_case_fn *fn, void *data, struct error *error)
{
    struct arena *memory = arena_create();
    struct problems problems = {0};
    MEM_AUTO char *folder = folder_of(path);
    struct exam exam = {shelf, plugins, folder, fn, data, 0};
    size_t len = 0;
    const char *text = shelf_read(memory, path, &len, &problems);
    int status = text ? run_file(&exam, path, text, len, error)
                      : error_set(error, -ENOENT, "%s", problems.all[0].message);
    problems_finish(&problems);
    arena_destroy(memory);
    return status;
}
