/*
 * script_with - `with`: the options of a script, declared in Lua, read and told about as those of plugins.
 *
 * Layer: lua.  Part of lua/script.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"
#include "lua/script_parts.h"
#include "lua/value.h"
#include "probe/schema.h"

/* A type of option as scripts call it. */
static const struct kind {
    const char *name;
    enum probe_type type;
    size_t size; /* of the member that holds it */
    bool bounded;
} kinds[] = {
    {"string", PROBE_STRING, sizeof(const char *), false},
    {"boolean", PROBE_BOOL, sizeof(bool), false},
    {"integer", PROBE_INT, sizeof(int64_t), true},
    {"number", PROBE_REAL, sizeof(double), true},
    {"duration", PROBE_DURATION, sizeof(int64_t), true},
    {"bytes", PROBE_BYTES, sizeof(int64_t), true},
    {"rate", PROBE_RATE, sizeof(double), false},
    {"list", PROBE_LIST, sizeof(const char *const *), false},
    {"map", PROBE_PAIRS, sizeof(const struct probe_pair *), false},
    {"any", PROBE_JSON, sizeof(const char *), false},
};

/* An option while its declaration is read. */
struct declaration {
    struct probe_option option;
    const struct kind *kind;
    bool required, has_min, has_max;
};

/* ------------------------------------------------------------ declarations ---- */

static const struct kind *kind_of(struct reading *reading, const char *key)
{
    const char *names[COUNT_OF(kinds) + 1] = {0};
    (void)lua_rawgeti(reading->lua, -1, 1);
    const char *word = reading_text(reading, key, "the name of a type");
    lua_pop(reading->lua, 1);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        names[i] = kinds[i].name;
        if (word && strcmp(kinds[i].name, word) == 0)
            return &kinds[i];
    }
    if (word)
        problem_hint_words(
            script_refuse(reading, key, "there is no type \"%s\"", word), word, names);
    return NULL;
}

/* The text of a default, as an operator would have written it. */
static const char *fallback_of(struct reading *reading, const char *key)
{
    const char *wrong = NULL;
    if (lua_type(reading->lua, -1) == LUA_TSTRING)
        return arena_copy(reading->memory, lua_tostring(reading->lua, -1));
    MEM_AUTO char *json = value_print(reading->lua, -1, &wrong);
    if (!json)
        (void)script_refuse(reading, key, "%s", wrong);
    else if (strcmp(json, "{}") == 0 && reading->declaration->option.type == PROBE_LIST)
        return "[]";
    return arena_copy(reading->memory, json);
}

static int64_t bound_of(struct reading *reading, const char *key)
{
    const struct kind *kind = reading->declaration->kind;
    int64_t bound = 0;
    int status = -EINVAL;
    if (!kind->bounded) {
        (void)script_refuse(reading, key, "says nothing: a %s has no order", kind->name);
        return 0;
    }
    if (lua_type(reading->lua, -1) == LUA_TSTRING) {
        const char *text = lua_tostring(reading->lua, -1);
        status = kind->type == PROBE_DURATION ? units_duration(text, &bound)
                 : kind->type == PROBE_BYTES  ? units_bytes(text, &bound)
                                              : -EINVAL;
    } else if (lua_isinteger(reading->lua, -1) && kind->type != PROBE_DURATION) {
        bound = lua_tointeger(reading->lua, -1);
        status = 0;
    }
    if (status < 0)
        (void)script_refuse(reading, key, "is no bound of a %s", kind->name);
    return bound;
}

static void read_choices(struct reading *reading, const char *key)
{
    lua_State *lua = reading->lua;
    size_t len = lua_istable(lua, -1) ? lua_rawlen(lua, -1) : 0;
    if (reading->declaration->option.type != PROBE_STRING || len == 0 || len > 100) {
        (void)script_refuse(reading, key, "is no list of words, for a string");
        return;
    }
    const char **choices = arena_array(reading->memory, len + 1, sizeof(*choices));
    for (size_t i = 0; i < len; i++) {
        (void)lua_rawgeti(lua, -1, (lua_Integer)i + 1);
        const char *word = reading_text(reading, key, "a word");
        choices[i] = word ? word : "";
        lua_pop(lua, 1);
    }
    reading->declaration->option.choices = choices;
}

static void read_attribute(struct reading *reading, const char *name, const char *key)
{
    static const char *const known[] = {
        "default", "min", "max", "choices", "required", "help", NULL};
    struct declaration *own = reading->declaration;
    if (strcmp(name, "default") == 0)
        own->option.fallback = fallback_of(reading, key);
    else if (strcmp(name, "min") == 0)
        own->option.min = bound_of(reading, key), own->has_min = true;
    else if (strcmp(name, "max") == 0)
        own->option.max = bound_of(reading, key), own->has_max = true;
    else if (strcmp(name, "choices") == 0)
        read_choices(reading, key);
    else if (strcmp(name, "help") == 0)
        own->option.help = reading_text(reading, key, "a sentence");
    else if (strcmp(name, "required") == 0 && lua_isboolean(reading->lua, -1))
        own->required = lua_toboolean(reading->lua, -1);
    else
        problem_hint_words(script_refuse(reading, key, "is not known here"), name, known);
}

/* A bound that was not given is none; both zero would mean that there are none at all. */
static void finish_bounds(struct declaration *own)
{
    if (own->has_min && !own->has_max)
        own->option.max = INT64_MAX;
    if (own->has_max && !own->has_min)
        own->option.min = INT64_MIN;
}

static void read_option(struct reading *reading, const char *name, const char *key)
{
    struct script *script = reading->script;
    struct declaration own = {.option = {.name = name}};
    size_t at = 0;
    if (!lua_istable(reading->lua, -1)) {
        problem_hint(script_refuse(reading, key, "is no declaration"),
                     "write {\"duration\", default = \"10m\", help = \"...\"}");
        return;
    }
    own.kind = kind_of(reading, key);
    if (!own.kind || !reading_name_fits(reading, name, key))
        return;
    own.option.type = own.kind->type;
    reading->declaration = &own;
    reading->typed = true;
    reading_each(reading, key, read_attribute);
    reading->typed = false;
    finish_bounds(&own);
    if (!own.required && !own.option.fallback)
        own.option.fallback = ""; /* it may be absent */
    if (own.required && own.option.fallback)
        (void)script_refuse(reading, key, "is required and has a default");
    while (script->options[at].name)
        at++;
    if (at == SCRIPT_MOST_OPTIONS) {
        (void)script_refuse(reading, key, "is one of more than %d", (int)SCRIPT_MOST_OPTIONS);
        return;
    }
    own.option.offset = script->config_size;
    script->config_size += (own.kind->size + 7) / 8 * 8;
    ((struct probe_option *)script->options)[at] = own.option;
}

/* A default is held to what is held of operators. */
static void check_defaults(struct reading *reading)
{
    struct script *script = reading->script;
    struct problems problems = {0};
    struct schema schema = {.memory = reading->memory, .problems = &problems};
    void *config = arena_new(reading->memory, script->config_size);
    const struct node *none = node_create(reading->memory, NODE_MAP, (struct place){0}, NULL);
    for (const struct probe_option *option = script->options; option->name; option++) {
        const struct probe_option alone[] = {*option, {0}};
        if (!option->fallback)
            continue;
        schema_fill(&schema, alone, none, "with", config);
        if (problems.errors)
            (void)script_refuse(reading,
                                node_path(reading->memory, "with", option->name),
                                "its default %s",
                                problems.all[0].message);
        problems_finish(&problems);
        problems = (struct problems){0};
    }
}

void reading_options(struct reading *reading)
{
    struct script *script = reading->script;
    script->options =
        arena_array(reading->memory, SCRIPT_MOST_OPTIONS + 1, sizeof(*script->options));
    reading_each(reading, "with", read_option);
    check_defaults(reading);
}

/* ---------------------------------------------------------------- values ---- */

static json_t *list_of(const char *const *items)
{
    json_t *list = json_array();
    for (; items && *items; items++)
        (void)json_array_append_new(list, json_string(*items));
    return list;
}

static json_t *map_of(const struct probe_pair *pairs)
{
    json_t *map = json_object();
    for (; pairs && pairs->name; pairs++)
        (void)json_object_set_new(map, pairs->name, json_string(pairs->value ? pairs->value : ""));
    return map;
}

static json_t *value_of(const struct probe_option *option, const void *config)
{
    const void *member = (const char *)config + option->offset;
    char text[64];
    switch (option->type) {
    case PROBE_BOOL:
        return json_boolean(*(const bool *)member);
    case PROBE_INT:
        return json_integer(*(const int64_t *)member);
    case PROBE_REAL:
        return json_real(*(const double *)member);
    case PROBE_LIST:
        return list_of(*(const char *const *const *)member);
    case PROBE_PAIRS:
        return map_of(*(const struct probe_pair *const *)member);
    case PROBE_JSON:
        return json_loads(*(const char *const *)member, JSON_DECODE_ANY, NULL);
    case PROBE_DURATION:
        units_print_duration(*(const int64_t *)member, text);
        return json_string(text);
    case PROBE_BYTES:
        (void)snprintf(text, sizeof(text), "%" PRId64, *(const int64_t *)member);
        return json_string(text);
    case PROBE_RATE:
        (void)snprintf(text, sizeof(text), "%.9g/s", *(const double *)member);
        return json_string(text);
    default:
        return json_string(*(const char *const *)member);
    }
}

json_t *script_with(const struct script *script, const struct node *written, const char *path,
                    struct problems *problems)
{
    struct arena *memory = arena_create();
    struct schema schema = {.memory = memory, .problems = problems};
    const struct schema_keys keys = {.tables = {script->options}};
    void *config = arena_new(memory, script->config_size);
    json_t *with = json_object();
    size_t errors = problems->errors;
    if (node_is_absent(written))
        written = node_create(memory, NODE_MAP, (struct place){0}, NULL);
    if (written->kind != NODE_MAP) {
        (void)problem_add(
            problems, written->place, path, "is %s, not a map", node_kind_name(written));
    } else {
        schema_refuse_unknown(&schema, &keys, written, path);
        schema_fill(&schema, script->options, written, path, config);
    }
    for (const struct probe_option *option = script->options; option->name; option++)
        if ((option->fallback && *option->fallback) ||
            !node_is_absent(node_find(written, option->name)))
            (void)json_object_set_new(with, option->name, value_of(option, config));
    arena_destroy(memory);
    if (problems->errors == errors)
        return with;
    json_decref(with);
    return NULL;
}
