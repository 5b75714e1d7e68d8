#include "probe/condition.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "probe/expression.h"
#include "probe/function.h"
#include "vm/state.h"

/* 10,000 different conditions take 3.8 MB (measured); this is some 150,000. */
enum { MEMORY_BYTES = 64 << 20, BUCKETS = 1024, LONGEST_WORD = 4096 };

/* Measures as conditions see them: their own copy, since a configuration may go while they stay. */
struct scene {
    struct list link;
    unsigned references;
    struct measures measures; /* no words, no help: those are asked when a text is checked */
    int environment;          /* in Lua's registry: the _ENV of its conditions */
};

struct condition {
    struct condition *next; /* in its bucket */
    unsigned references;
    struct scene *scene;
    int function; /* in Lua's registry */
    char text[];
};

static struct state *state;
static struct list scenes = {&scenes, &scenes};
static struct condition *buckets[BUCKETS];

/* What is being asked: one condition at a time. */
static struct {
    const struct scene *scene;
    const struct value *values;
    int missing; /* the first required slot that was read and is absent; -1: none */
} asked;

/* ---- what conditions see ---- */

/* By the slot's kind, which the text was checked for, whatever the value holds. */
static bool push_value(lua_State *lua, const struct measure_slot *slot, const struct value *value)
{
    double number = value_number(value); /* NaN: none */
    if (slot->kind == PROBE_WORD && value->kind == VALUE_WORD)
        lua_pushlstring(lua, value->is.word, strnlen(value->is.word, LONGEST_WORD));
    else if (slot->kind == PROBE_FLAG && !isnan(number))
        lua_pushboolean(lua, number != 0);
    else if (slot->kind != PROBE_WORD && value->kind == VALUE_INTEGER)
        lua_pushinteger(lua, value->is.integer);
    else if (slot->kind != PROBE_WORD && value->kind != VALUE_WORD && value->kind != VALUE_ABSENT)
        lua_pushnumber(lua, number);
    else
        lua_pushnil(lua);
    return !lua_isnil(lua, -1);
}

/* __index of every environment: a measure's present value, or a function. */
static int look_up(lua_State *lua)
{
    if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNUMBER)
        return 1;
    int slot = (int)lua_tointeger(lua, -1);
    const struct measure_slot *measure = &asked.scene->measures.slots[slot];
    bool present = push_value(lua, measure, &asked.values[slot]);
    if (!present && !measure->optional && asked.missing < 0)
        asked.missing = slot;
    return 1;
}

/* ---- scenes ---- */

static bool same_slots(const struct measures *a, const struct measures *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->slots[i].kind != b->slots[i].kind || a->slots[i].optional != b->slots[i].optional ||
            strcmp(a->slots[i].name, b->slots[i].name) != 0)
            return false;
    return true;
}

/* Argument: the scene.  Result: the reference of its environment. */
static int make_environment(lua_State *lua)
{
    const struct scene *scene = lua_touserdata(lua, 1);
    lua_newtable(lua);          /* environment */
    lua_createtable(lua, 0, 1); /* its metatable */
    lua_newtable(lua);          /* what it looks up */
    for (const struct function *function = functions; function->name; function++) {
        lua_pushcfunction(lua, function->call);
        lua_setfield(lua, -2, function->name);
    }
    for (size_t i = 0; i < scene->measures.count; i++) { /* a measure goes before a function */
        lua_pushinteger(lua, (lua_Integer)i);
        lua_setfield(lua, -2, scene->measures.slots[i].name);
    }
    lua_pushcclosure(lua, look_up, 1);
    lua_setfield(lua, -2, "__index");
    (void)lua_setmetatable(lua, -2);
    lua_pushinteger(lua, luaL_ref(lua, LUA_REGISTRYINDEX));
    return 1;
}

static void scene_release(struct scene *scene)
{
    if (--scene->references > 0)
        return;
    luaL_unref(state_lua(state), LUA_REGISTRYINDEX, scene->environment);
    list_remove(&scene->link);
    for (size_t i = 0; i < scene->measures.count; i++)
        free((char *)scene->measures.slots[i].name);
    free(scene->measures.slots);
    free(scene);
}

static struct scene *scene_create(const struct measures *measures)
{
    struct scene *scene = mem_new(sizeof(*scene));
    scene->environment = LUA_NOREF;
    scene->measures.count = measures->count;
    scene->measures.slots = mem_array(measures->count, sizeof(*measures->slots));
    for (size_t i = 0; i < measures->count; i++)
        scene->measures.slots[i] = (struct measure_slot){.name = mem_copy(measures->slots[i].name),
                                                         .kind = measures->slots[i].kind,
                                                         .optional = measures->slots[i].optional};
    list_add(&scenes, &scene->link);
    return scene;
}

/* The scene of these measures, with one more reference, or NULL where memory ran out. */
static struct scene *scene_get(const struct measures *measures, struct error *error)
{
    struct scene *scene;
    list_for_each(scene, &scenes, struct scene, link) {
        if (same_slots(&scene->measures, measures)) {
            scene->references++;
            return scene;
        }
    }
    lua_State *lua = state_lua(state);
    scene = scene_create(measures);
    scene->references = 1;
    lua_pushcfunction(lua, make_environment);
    lua_pushlightuserdata(lua, scene);
    if (state_call(state, 1, 1, error) < 0) {
        scene_release(scene);
        return NULL;
    }
    scene->environment = (int)lua_tointeger(lua, -1);
    lua_pop(lua, 1);
    return scene;
}

/* ---- compiling ---- */

static struct condition **bucket_of(const struct scene *scene, const char *text)
{
    uint32_t hash = 2166136261u ^ (uint32_t)scene->environment;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return &buckets[hash % BUCKETS];
}

/* Arguments: the compiled function, its environment's reference.  Result: its reference. */
static int keep_function(lua_State *lua)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, lua_tointeger(lua, 2));
    (void)lua_setupvalue(lua, 1, 1);
    lua_settop(lua, 1);
    lua_pushinteger(lua, luaL_ref(lua, LUA_REGISTRYINDEX));
    return 1;
}

/* Compiles `text` over `scene`: the function's reference, or LUA_NOREF and `*error`. */
static int compile(const struct scene *scene, const char *text, struct error *error)
{
    struct text TEXT_AUTO source;
    lua_State *lua = state_lua(state);
    text_init(&source, EXPRESSION_MAX_LEN + 16);
    text_print(&source, "return %s", text);
    lua_pushcfunction(lua, keep_function);
    if (state_load(state, source.bytes, source.len, "condition", error) < 0) {
        lua_pop(lua, 1);
        return LUA_NOREF;
    }
    lua_pushinteger(lua, scene->environment);
    if (state_call(state, 2, 1, error) < 0)
        return LUA_NOREF;
    int reference = (int)lua_tointeger(lua, -1);
    lua_pop(lua, 1);
    return reference;
}

/* Takes over the reference to `scene`. */
static struct condition *condition_get(struct scene *scene, const char *text, struct error *error)
{
    struct condition **bucket = bucket_of(scene, text), *condition;
    for (condition = *bucket; condition; condition = condition->next) {
        if (condition->scene == scene && strcmp(condition->text, text) == 0) {
            condition->references++;
            scene_release(scene);
            return condition;
        }
    }
    int function = compile(scene, text, error);
    if (function == LUA_NOREF) {
        scene_release(scene);
        return NULL;
    }
    size_t room = strlen(text) + 1;
    condition = mem_new(sizeof(*condition) + room);
    *condition =
        (struct condition){.next = *bucket, .references = 1, .scene = scene, .function = function};
    memcpy(condition->text, text, room);
    *bucket = condition;
    return condition;
}

struct condition *condition_compile(const char *text, const struct measures *measures,
                                    struct error *error)
{
    static const char white[] = " \t\r\n";
    const struct state_limits limits = {.memory_bytes = MEMORY_BYTES, .nil_compares = true};
    if (expression_check(text ? text : "", measures, error) < 0)
        return NULL;
    text += strspn(text, white); /* NOLINT: nothing at all was refused above */
    size_t len = strlen(text);
    while (strchr(white, text[len - 1]))
        len--;
    MEM_AUTO char *trimmed = mem_copy_n(text, len);
    if (!state)
        state = state_create(&limits);
    struct scene *scene = scene_get(measures, error);
    return scene ? condition_get(scene, trimmed, error) : NULL;
}

void condition_release(struct condition *condition)
{
    if (!condition || --condition->references > 0)
        return;
    struct condition **at = bucket_of(condition->scene, condition->text);
    while (*at != condition)
        at = &(*at)->next;
    *at = condition->next;
    luaL_unref(state_lua(state), LUA_REGISTRYINDEX, condition->function);
    scene_release(condition->scene);
    free(condition);
}

const char *condition_text(const struct condition *condition)
{
    return condition->text;
}

/* ---- asking ---- */

enum condition_answer condition_ask(struct condition *condition, const struct value *values,
                                    struct error *error)
{
    lua_State *lua = state_lua(state);
    asked.scene = condition->scene;
    asked.values = values;
    asked.missing = -1;
    (void)lua_rawgeti(lua, LUA_REGISTRYINDEX, condition->function);
    int status = state_call(state, 0, 1, error);
    bool yes = status == 0 && lua_toboolean(lua, -1);
    if (status == 0)
        lua_pop(lua, 1);
    if (asked.missing >= 0) {
        const char *name = asked.scene->measures.slots[asked.missing].name;
        error_set(error, -ENODATA, "the finding has no %s", name);
        return CONDITION_NO_MEASURE;
    }
    return status < 0 ? CONDITION_RAISED : yes ? CONDITION_TRUE : CONDITION_FALSE;
}

size_t condition_memory(void)
{
    return state ? state_used(state) : 0;
}

void condition_shutdown(void)
{
    if (!list_empty(&scenes))
        return;
    state_destroy(state);
    state = NULL;
}
