#include "common/json_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_ROOM = 128 };

/* One step: a name, or a place where `name` is empty. */
struct step {
    char name[NAME_ROOM];
    size_t place;
};

static bool take_name(const char **at, const char *end, struct step *ret_step)
{
    size_t len = (size_t)(end - *at);
    if (len == 0 || len >= NAME_ROOM)
        return false;
    memcpy(ret_step->name, *at, len);
    ret_step->name[len] = '\0';
    *at = end;
    return true;
}

/* What stands in brackets: ["a.b"] or [0]. */
static bool take_brackets(const char **at, struct step *ret_step)
{
    const char *from = *at + 1, *end;
    char *after;
    if (*from == '"') {
        end = strstr(from + 1, "\"]");
        from++;
        if (!end || !take_name(&from, end, ret_step))
            return false;
        *at = end + 2;
        return true;
    }
    if (*from < '0' || *from > '9')
        return false;
    ret_step->name[0] = '\0';
    ret_step->place = strtoul(from, &after, 10);
    *at = after + 1;
    return *after == ']';
}

/* Takes a step off the path; false where it is written wrong, or at its end. */
static bool take(const char **at, struct step *ret_step)
{
    if (**at == '[')
        return take_brackets(at, ret_step);
    if (!take_name(at, *at + strcspn(*at, ".["), ret_step))
        return false;
    return true;
}

static const char *begin(const char *path)
{
    return strncmp(path, "json.", 5) == 0 ? path + 5 : path;
}

/* Past the point between two steps; false: something else stands there. */
static bool go_on(const char **at)
{
    if (**at != '.')
        return **at == '[';
    (*at)++;
    return **at != '[';
}

bool json_path_is(const char *path)
{
    const char *at = begin(path);
    struct step step;
    do {
        if (!take(&at, &step))
            return false;
    } while (*at && go_on(&at));
    return *at == '\0';
}

const json_t *json_path_find(const json_t *root, const char *path)
{
    const char *at = begin(path);
    const json_t *value = root;
    struct step step;
    do {
        if (!take(&at, &step))
            return NULL;
        value = *step.name ? json_object_get(value, step.name) : json_array_get(value, step.place);
    } while (value && *at && go_on(&at));
    return value && *at == '\0' ? value : NULL;
}

void json_path_print(const json_t *value, char *out, size_t room)
{
    char *text = NULL;
    if (json_is_string(value)) {
        (void)snprintf(out, room, "%s", json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    (void)snprintf(out, room, "%s", text ? text : "");
    free(text);
}
