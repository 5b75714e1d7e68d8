#include "blanks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_path.h"

enum { INSIDE_LONGEST = 160 };

/* ------------------------------------------------------------ references ---- */

/* What stands in the ${...} at `at`; NULL where it does not end.  `*ret_after` is what follows. */
static const char *take(const char *at, char inside[INSIDE_LONGEST], const char **ret_after)
{
    const char *end = strchr(at, '}');
    size_t len = end ? (size_t)(end - at) - 2 : INSIDE_LONGEST;
    if (len >= INSIDE_LONGEST)
        return NULL;
    memcpy(inside, at + 2, len);
    inside[len] = '\0';
    *ret_after = end + 1;
    return inside;
}

bool blanks_each(const char *text, bool (*each)(const char *inside, void *data), void *data)
{
    char inside[INSIDE_LONGEST];
    while (text && (text = strstr(text, "${")) != NULL)
        if (!take(text, inside, &text) || !each(inside, data))
            return false;
    return true;
}

static bool refuse(struct blanks *blanks, const char *inside, const char *what)
{
    (void)snprintf(blanks->why, sizeof(blanks->why), "%.100s %s", inside, what);
    return false;
}

/* The value that a reference stands for, to be dropped; NULL: there is none. */
static json_t *value_of(struct blanks *blanks, const char *inside)
{
    const json_t *value = NULL;
    if (strncmp(inside, "with.", 5) == 0)
        value = json_object_get(blanks->with, inside + 5);
    else if (strncmp(inside, "before.", 7) == 0)
        value = json_object_get(blanks->before, inside + 7);
    else if (strcmp(inside, "plan.hash") == 0 && blanks->hash)
        return json_string(blanks->hash);
    if (!value)
        (void)refuse(blanks, inside, "is not given");
    return value ? json_deep_copy(value) : NULL;
}

/* ------------------------------------------------------------ what fits ---- */

static bool has_control(const char *value)
{
    for (; *value; value++)
        if ((unsigned char)*value < ' ' || *value == 0x7F)
            return true;
    return false;
}

/* Whether a value may stand there; `query`: behind the path's question mark. */
static bool fits(struct blanks *blanks, const char *inside, const char *value, enum blanks_for what,
                 bool query)
{
    bool path = what == BLANKS_FOR_PATH && !query;
    if (strlen(value) > BLANKS_LONGEST)
        return refuse(blanks, inside, "is longer than 4096 bytes");
    if (path && !*value)
        return refuse(blanks, inside, "is empty, and stands in a path");
    if (path && strpbrk(value, "/\\"))
        return refuse(blanks, inside, "has a slash in it, and stands in a path");
    if (what != BLANKS_FOR_JSON && what != BLANKS_FOR_FORM && has_control(value))
        return refuse(blanks, inside, "has a control character in it");
    return true;
}

/* A server, or what stands before it, goes up at such a segment. */
static bool goes_up(const char *path)
{
    while (*path == '/') {
        size_t len = strcspn(path + 1, "/?#");
        if ((len == 1 || len == 2) && strncmp(path + 1, "..", len) == 0)
            return true;
        path += 1 + len;
    }
    return false;
}

/* ------------------------------------------------------------- in place ---- */

static void put_escaped(FILE *out, const char *value)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *value; value++)
        (void)fprintf(out, strchr(plain, *value) ? "%c" : "%%%02X", (unsigned char)*value);
}

static bool put(struct blanks *blanks, FILE *out, const char *inside, enum blanks_for what,
                bool query)
{
    char text[BLANKS_LONGEST + 2] = "";
    json_t *value = value_of(blanks, inside);
    bool fine = value != NULL;
    if (fine && (json_is_null(value) || json_is_object(value) || json_is_array(value)))
        fine =
            refuse(blanks, inside, "is no text, number or truth, and stands in the midst of text");
    if (fine) {
        json_path_print(value, text, sizeof(text));
        fine = fits(blanks, inside, text, what, query);
    }
    if (fine && (what == BLANKS_FOR_PATH || what == BLANKS_FOR_FORM))
        put_escaped(out, text);
    else if (fine)
        (void)fputs(text, out);
    json_decref(value);
    return fine;
}

char *blanks_text(struct blanks *blanks, const char *text, enum blanks_for what)
{
    char inside[INSIDE_LONGEST], *bytes = NULL;
    size_t len;
    bool fine = true, query = false;
    FILE *out = open_memstream(&bytes, &len);
    if (!out)
        abort();
    while (fine && *text) {
        const char *at = strstr(text, "${");
        size_t before = at ? (size_t)(at - text) : strlen(text);
        query |= memchr(text, '?', before) != NULL;
        (void)fwrite(text, 1, before, out);
        if (!at)
            break;
        fine = take(at, inside, &text) ? put(blanks, out, inside, what, query)
                                       : refuse(blanks, "a ${", "does not end");
    }
    (void)fclose(out);
    if (fine && what == BLANKS_FOR_PATH && goes_up(bytes))
        fine = refuse(blanks, "the path", "leads upwards");
    if (fine)
        return bytes;
    free(bytes);
    return NULL;
}

static json_t *filled(struct blanks *blanks, const json_t *json);

static json_t *filled_string(struct blanks *blanks, const char *text)
{
    char inside[INSIDE_LONGEST];
    const char *after;
    if (strncmp(text, "${", 2) == 0 && take(text, inside, &after) && !*after)
        return value_of(blanks, inside);
    char *plain = blanks_text(blanks, text, BLANKS_FOR_JSON);
    json_t *value = plain ? json_string(plain) : NULL;
    if (plain && !value)
        (void)refuse(blanks, "a text", "is no UTF-8");
    free(plain);
    return value;
}

static json_t *filled_object(struct blanks *blanks, const json_t *json)
{
    json_t *copy = json_object(), *part;
    const char *key;
    json_object_foreach((json_t *)json, key, part) {
        json_t *own = filled(blanks, part);
        if (!own) {
            json_decref(copy);
            return NULL;
        }
        (void)json_object_set_new(copy, key, own);
    }
    return copy;
}

static json_t *filled_array(struct blanks *blanks, const json_t *json)
{
    json_t *copy = json_array();
    for (size_t i = 0; i < json_array_size(json); i++) {
        json_t *own = filled(blanks, json_array_get(json, i));
        if (!own) {
            json_decref(copy);
            return NULL;
        }
        (void)json_array_append_new(copy, own);
    }
    return copy;
}

/* A copy with everything in place; NULL: `blanks->why`. */
static json_t *filled(struct blanks *blanks, const json_t *json)
{
    if (json_is_object(json))
        return filled_object(blanks, json);
    if (json_is_array(json))
        return filled_array(blanks, json);
    return json_is_string(json) ? filled_string(blanks, json_string_value(json))
                                : json_deep_copy(json);
}

char *blanks_json(struct blanks *blanks, const char *json)
{
    json_t *root = json_loads(json, JSON_DECODE_ANY, NULL);
    json_t *own = root ? filled(blanks, root) : NULL;
    char *text = own ? json_dumps(own, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (!root)
        (void)refuse(blanks, "json", "is none");
    json_decref(own);
    json_decref(root);
    return text;
}

char *blanks_field(char *form, const char *name, const char *value)
{
    char *bytes = NULL;
    size_t len;
    FILE *out = open_memstream(&bytes, &len);
    if (!out)
        abort();
    (void)fprintf(out, "%s%s", form ? form : "", form ? "&" : "");
    put_escaped(out, name);
    (void)fputc('=', out);
    put_escaped(out, value);
    (void)fclose(out);
    free(form);
    return bytes;
}
