#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"
#include "io/digest.h"
#include "lua/script_parts.h"

enum { DEFAULT_DEADLINE_MS = 60 * 1000, LONGEST_DEADLINE_MS = 3600 * 1000, LONGEST_NAME = 64 };

/* ---------------------------------------------------------------- reading ---- */

const char *reading_text(struct reading *reading, const char *key, const char *expected)
{
    if (lua_type(reading->lua, -1) == LUA_TSTRING) {
        const char *text = lua_tostring(reading->lua, -1);
        if (*text && strlen(text) == lua_rawlen(reading->lua, -1))
            return arena_copy(reading->memory, text);
    }
    (void)script_refuse(reading,
                        key,
                        "is %s, not %s",
                        lua_typename(reading->lua, lua_type(reading->lua, -1)),
                        expected);
    return NULL;
}

bool reading_name_fits(struct reading *reading, const char *name, const char *key)
{
    bool fits = islower((unsigned char)*name) && strlen(name) <= LONGEST_NAME;
    for (const char *c = name; *c; c++)
        fits &= islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_';
    if (!fits)
        problem_hint(script_refuse(reading, key, "\"%s\" is no name", name),
                     "a name is of lower-case letters, digits and _");
    return fits;
}

static bool is_table(struct reading *reading, const char *key, const char *such_as)
{
    if (lua_istable(reading->lua, -1))
        return true;
    problem_hint(script_refuse(reading,
                               key,
                               "is %s, not a table",
                               lua_typename(reading->lua, lua_type(reading->lua, -1))),
                 "write %s",
                 such_as);
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, since Lua has no order of its own, and what is said should always be the same. */
void reading_each(struct reading *reading, const char *key, reading_fn *fn)
{
    enum { MOST = 256 };
    lua_State *lua = reading->lua;
    const char **names = arena_array(reading->memory, MOST, sizeof(*names));
    size_t count = 0;
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        lua_pop(lua, 1);
        bool first = lua_isinteger(lua, -1) && lua_tointeger(lua, -1) == 1;
        if (lua_type(lua, -1) != LUA_TSTRING && !(first && reading->typed))
            (void)script_refuse(reading, key, "has a key that is no name");
        else if (lua_type(lua, -1) == LUA_TSTRING && count < MOST)
            names[count++] = arena_copy(reading->memory, lua_tostring(lua, -1));
    }
    qsort(names, count, sizeof(*names), by_text);
    for (size_t i = 0; i < count; i++) {
        lua_pushnil(lua); /* a lookup by text could need memory: this finds what is there */
        while (lua_next(lua, -2)) {
            if (lua_type(lua, -2) == LUA_TSTRING && strcmp(lua_tostring(lua, -2), names[i]) == 0)
                break;
            lua_pop(lua, 1);
        }
        fn(reading, names[i], node_path(reading->memory, key, names[i]));
        lua_pop(lua, 2);
    }
}

/* ---------------------------------------------------------------- members ---- */

static void read_summary(struct reading *reading, const char *key)
{
    reading->script->summary = reading_text(reading, key, "a sentence for people");
}

static void read_expected(struct reading *reading, const char *name, const char *key)
{
    static const char *const known[] = {"plugin", "check", NULL};
    if (strcmp(name, "plugin") == 0)
        reading->script->plugin = reading_text(reading, key, "the name of a plugin");
    else if (strcmp(name, "check") == 0)
        reading->script->check = reading_text(reading, key, "the name of a check");
    else
        problem_hint_words(script_refuse(reading, key, "is not known here"), name, known);
}

static void read_expects(struct reading *reading, const char *key)
{
    if (is_table(reading, key, "{plugin = \"postgres\", check = \"connections\"}"))
        reading_each(reading, key, read_expected);
}

static void read_role(struct reading *reading, const char *name, const char *key)
{
    struct script *script = reading->script;
    const char *plugin = reading_text(reading, key, "the name of a plugin");
    if (!plugin || !reading_name_fits(reading, name, key) ||
        !reading_name_fits(reading, plugin, key))
        return;
    if (script->role_count == SCRIPT_MOST_ROLES) {
        (void)script_refuse(reading, key, "is one of more than %d", (int)SCRIPT_MOST_ROLES);
        return;
    }
    ((struct script_role *)script->roles)[script->role_count++] =
        (struct script_role){name, plugin};
}

static void read_targets(struct reading *reading, const char *key)
{
    if (is_table(reading, key, "{db = \"postgres\"}"))
        reading_each(reading, key, read_role);
}

static void add_need(struct reading *reading, const char *verb, const char *key)
{
    struct script *script = reading->script;
    const char *colon = verb ? strchr(verb, ':') : NULL;
    if (!verb)
        return;
    if (!colon || colon == verb || !colon[1]) {
        problem_hint(script_refuse(reading, key, "\"%s\" is no verb", verb),
                     "a verb is ROLE:ACTION, such as db:terminate_sessions");
        return;
    }
    if (script->need_count == SCRIPT_MOST_NEEDS || script_need(script, verb)) {
        (void)script_refuse(reading, key, "has \"%s\" twice, or more than 32 verbs", verb);
        return;
    }
    ((struct script_need *)script->needs)[script->need_count++] = (struct script_need){
        .role = arena_copy_n(reading->memory, verb, (size_t)(colon - verb)),
        .action = colon + 1,
        .verb = verb,
    };
}

static void read_needs(struct reading *reading, const char *key)
{
    lua_State *lua = reading->lua;
    if (!is_table(reading, key, "{\"db:terminate_sessions\"}"))
        return;
    lua_Unsigned len = lua_rawlen(lua, -1);
    for (lua_Unsigned i = 1; i <= len && i <= SCRIPT_MOST_NEEDS + 1; i++) {
        (void)lua_rawgeti(lua, -1, (lua_Integer)i);
        add_need(reading, reading_text(reading, key, "a verb, ROLE:ACTION"), key);
        lua_pop(lua, 1);
    }
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        lua_pop(lua, 1);
        if (lua_isinteger(lua, -1) && lua_tointeger(lua, -1) >= 1 &&
            (lua_Unsigned)lua_tointeger(lua, -1) <= len)
            continue;
        (void)script_refuse(reading, key, "is no list of verbs");
        lua_pop(lua, 1);
        return;
    }
}

static void read_with(struct reading *reading, const char *key)
{
    if (is_table(reading, key, "{limit = {\"integer\", default = 20, max = 200, help = \"...\"}}"))
        reading_options(reading);
}

static void read_deadline(struct reading *reading, const char *key)
{
    const char *text = reading_text(reading, key, "a duration such as \"2m\"");
    int64_t *ms = &reading->script->deadline_ms;
    if (text && (units_duration(text, ms) < 0 || *ms < 1000 || *ms > LONGEST_DEADLINE_MS))
        problem_hint(script_refuse(reading, key, "is \"%s\"", text),
                     "write a duration from 1s to 1h, such as 2m");
}

static void read_run(struct reading *reading, const char *key)
{
    if (!lua_isfunction(reading->lua, -1) || lua_iscfunction(reading->lua, -1))
        problem_hint(script_refuse(reading, key, "is no function of this script"),
                     "write run = function(agent, finding, with) ... end");
}

static const struct {
    const char *name;
    void (*read)(struct reading *reading, const char *key);
    bool required;
} members[] = {
    {"summary", read_summary, true},
    {"expects", read_expects, false},
    {"targets", read_targets, true},
    {"needs", read_needs, false},
    {"with", read_with, false},
    {"deadline", read_deadline, false},
    {"run", read_run, true},
};

static void read_member(struct reading *reading, const char *name, const char *key)
{
    const char *known[COUNT_OF(members) + 1] = {0};
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        known[i] = members[i].name;
        if (strcmp(members[i].name, name) == 0) {
            members[i].read(reading, key);
            return;
        }
    }
    problem_hint_words(script_refuse(reading, key, "is not known here"), name, known);
}

static bool has_member(lua_State *lua, const char *name)
{
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        lua_pop(lua, 1);
        if (lua_type(lua, -1) == LUA_TSTRING && strcmp(lua_tostring(lua, -1), name) == 0) {
            lua_pop(lua, 1);
            return true;
        }
    }
    return false;
}

static void check_needs(struct reading *reading)
{
    const struct script *script = reading->script;
    const char *roles[SCRIPT_MOST_ROLES + 1] = {0};
    for (size_t i = 0; i < script->role_count; i++)
        roles[i] = script->roles[i].name;
    for (size_t i = 0; i < script->need_count; i++)
        if (!script_role(script, script->needs[i].role))
            problem_hint_words(script_refuse(reading,
                                             "needs",
                                             "\"%s\" is of a role that targets does not have",
                                             script->needs[i].verb),
                               script->needs[i].role,
                               roles);
}

static void read_table(struct reading *reading)
{
    struct script *script = reading->script;
    script->roles = arena_array(reading->memory, SCRIPT_MOST_ROLES, sizeof(*script->roles));
    script->needs = arena_array(reading->memory, SCRIPT_MOST_NEEDS, sizeof(*script->needs));
    script->options = arena_array(reading->memory, 1, sizeof(*script->options));
    script->deadline_ms = DEFAULT_DEADLINE_MS;
    lua_settop(reading->lua, 1);
    reading_each(reading, "", read_member);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (members[i].required && !has_member(reading->lua, members[i].name))
            (void)script_refuse(reading, members[i].name, "is missing");
    check_needs(reading);
}

/* ------------------------------------------------------------------ whole ---- */

static void digest(struct script *script, struct state *state)
{
    struct text TEXT_AUTO text;
    text_init(&text, 64u << 20);
    text_add_n(&text, script->source.text, script->source.len);
    for (size_t i = 0; script->libs && i < script->libs->count; i++) {
        const struct source *lib = &script->libs->all[i];
        if (!sandbox_required(state, lib->name))
            continue;
        text_print(&text, "\n--- lib/%s\n", lib->name);
        text_add_n(&text, lib->text, lib->len);
    }
    digest_text(&text, SCRIPT_DIGEST_LEN, script->digest);
    (void)snprintf(script->blame.text,
                   sizeof(script->blame.text),
                   "%s script %s",
                   script->name,
                   script->digest);
}

const struct script *script_load(struct arena *memory, const char *name, const char *path,
                                 const char *text, size_t len, const struct sources *libs,
                                 struct problems *problems)
{
    struct script *script = arena_new(memory, sizeof(*script));
    struct reading reading = {.memory = memory, .problems = problems, .script = script};
    struct error error = {0};
    size_t errors = problems->errors;
    script->name = arena_copy(memory, name);
    script->path = arena_copy(memory, path);
    script->source = (struct source){script->name, arena_copy_n(memory, text, len), len};
    script->libs = libs;
    struct state *state = sandbox_open(&script->source, libs, &error);
    if (!state) {
        struct problem *problem = script_refuse(&reading, NULL, "%s", error.message);
        if (*error.hint)
            problem_hint(problem, "%s", error.hint);
        return NULL;
    }
    reading.lua = state_lua(state);
    if (lua_checkstack(reading.lua, 32))
        read_table(&reading);
    digest(script, state);
    state_destroy(state);
    return problems->errors == errors ? script : NULL;
}

const struct script_need *script_need(const struct script *script, const char *verb)
{
    for (size_t i = 0; i < script->need_count; i++)
        if (strcmp(script->needs[i].verb, verb) == 0)
            return &script->needs[i];
    return NULL;
}

const struct script_role *script_role(const struct script *script, const char *name)
{
    for (size_t i = 0; i < script->role_count; i++)
        if (strcmp(script->roles[i].name, name) == 0)
            return &script->roles[i];
    return NULL;
}
