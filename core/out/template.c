#include "out/template.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/writer.h"

enum { LONGEST_NAME = 200, LONGEST_VALUE = 1 << 20 };

struct template
{
    json_t *root;
};

/* What is said of one event. */
struct matter {
    struct view line;
    const struct notice *notice;
};

/* ------------------------------------------------------------- references ---- */

static const struct {
    const char *name;
    size_t at;
} words[] = {
    {"state", offsetof(struct notice, state)},
    {"key", offsetof(struct notice, key)},
    {"title", offsetof(struct notice, title)},
    {"body", offsetof(struct notice, body)},
    {"command", offsetof(struct notice, command)},
};

/* A stretch of a string: a reference's name, or text as it stands. */
struct piece {
    const char *at;
    size_t len;
    bool reference;
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The next piece; false: there is none.  A reference that does not end is text. */
static bool next_piece(const char **rest, struct piece *piece)
{
    const char *at = *rest, *end;
    if (!*at)
        return false;
    if (begins(at, "${") && (end = strchr(at, '}'))) {
        *piece = (struct piece){at + 2, (size_t)(end - at) - 2, true};
        *rest = end + 1;
        return true;
    }
    if (begins(at, "$${")) { /* its second half is text */
        *piece = (struct piece){at + 1, 2, false};
        *rest = at + 3;
        return true;
    }
    do
        at++;
    while (*at && !begins(at, "${") && !begins(at, "$${"));
    *piece = (struct piece){*rest, (size_t)(at - *rest), false};
    *rest = at;
    return true;
}

static const struct text *text_of(const struct notice *notice, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(words[i].name, name) == 0)
            return (const struct text *)(const void *)((const char *)notice + words[i].at);
    return NULL;
}

static bool is_known(const struct piece *piece)
{
    static const struct notice none;
    MEM_AUTO char *name = mem_copy_n(piece->at, piece->len);
    if (begins(name, "notice."))
        return text_of(&none, name + strlen("notice.")) != NULL;
    return strcmp(name, "event") == 0 || (begins(name, "event.") && name[strlen("event.")]);
}

/* The value that "event.a.b" names. */
static struct view find(struct view line, char *name)
{
    struct view value = line;
    char *rest = name, *word;
    (void)strsep(&rest, "."); /* "event" */
    while (value.at && (word = strsep(&rest, ".")))
        value = view_is_object(value) ? view_member(value, word) : (struct view){0};
    return value;
}

/* ---------------------------------------------------------------- writing ---- */

static void add_piece(const struct piece *piece, const struct matter *matter, struct text *out)
{
    if (!piece->reference) {
        text_add_n(out, piece->at, piece->len);
        return;
    }
    MEM_AUTO char *name = mem_copy_n(piece->at, piece->len);
    if (begins(name, "notice.")) {
        if (matter->notice)
            text_add(out, text_of(matter->notice, name + strlen("notice."))->bytes);
        return;
    }
    struct view value = find(matter->line, name);
    if (value.at && view_is_string(value))
        (void)view_add_text(value, out);
    else if (value.at && !view_equals(value, "null"))
        text_add_n(out, value.at, value.len);
}

static void expand(const char *string, const struct matter *matter, struct text *out)
{
    struct piece piece;
    while (next_piece(&string, &piece))
        add_piece(&piece, matter, out);
}

/* A string that is one reference to the event: the value as it is. */
static bool write_as_it_is(struct writer *writer, const char *key, const char *string,
                           const struct matter *matter)
{
    struct piece piece;
    if (!next_piece(&string, &piece) || *string || !piece.reference || !begins(piece.at, "event"))
        return false;
    MEM_AUTO char *name = mem_copy_n(piece.at, piece.len);
    struct view value = find(matter->line, name);
    if (value.at)
        writer_raw_n(writer, key, value.at, value.len);
    else
        writer_null(writer, key);
    return true;
}

static void write_string(struct writer *writer, const char *key, const char *string,
                         const struct matter *matter)
{
    struct text TEXT_AUTO text;
    text_init(&text, LONGEST_VALUE);
    if (write_as_it_is(writer, key, string, matter))
        return;
    expand(string, matter, &text);
    writer_string_n(writer, key, text.bytes, text.len);
}

static void write_value(struct writer *writer, const char *key, json_t *value,
                        const struct matter *matter)
{
    const char *name;
    json_t *child;
    size_t i;
    if (json_is_string(value)) {
        write_string(writer, key, json_string_value(value), matter);
    } else if (json_is_object(value)) {
        writer_object(writer, key);
        json_object_foreach(value, name, child)
            write_value(writer, name, child, matter);
        writer_end(writer);
    } else if (json_is_array(value)) {
        writer_array(writer, key);
        json_array_foreach(value, i, child)
            write_value(writer, NULL, child, matter);
        writer_end(writer);
    } else {
        char *json = json_dumps(value, JSON_ENCODE_ANY);
        writer_raw(writer, key, json ? json : "null");
        free(json);
    }
}

void template_write(const struct template *template, struct view line, const struct notice *notice,
                    struct text *out)
{
    const struct matter matter = {line, notice};
    struct writer writer;
    if (!template_is_json(template)) {
        expand(json_string_value(template->root), &matter, out);
        return;
    }
    writer_init(&writer, out);
    write_value(&writer, NULL, template->root, &matter);
}

/* --------------------------------------------------------------- checking ---- */

static int check_string(const char *string, struct error *error)
{
    struct piece piece;
    while (next_piece(&string, &piece))
        if (piece.reference && !is_known(&piece)) {
            (void)error_set(error, -EINVAL, "${%.*s} is not known here", (int)piece.len, piece.at);
            return error_hint(error,
                              "write ${event.MEMBER}, or ${notice.title}, .body, .command, .state "
                              "or .key; $${ for a plain ${");
        }
    return 0;
}

static int check(json_t *value, struct error *error)
{
    const char *name;
    json_t *child;
    size_t i;
    int status = json_is_string(value) ? check_string(json_string_value(value), error) : 0;
    json_object_foreach(value, name, child)
        if (status == 0)
            status = check(child, error);
    json_array_foreach(value, i, child)
        if (status == 0)
            status = check(child, error);
    return status;
}

/* JSON written by hand in a text would be broken by the first quote in a message. */
static int check_text(const char *text, struct error *error)
{
    text += strspn(text, " \t\r\n");
    if (*text != '{' && *text != '[')
        return 0;
    (void)error_set(error, -EINVAL, "is JSON in a text, which what is put in could break");
    return error_hint(error, "write it as a map, such as {text: \"${notice.title}\"}");
}

struct template *template_create(const char *json, struct error *error)
{
    json_t *root = json_loads(json, JSON_DECODE_ANY, NULL);
    if (!root) {
        (void)error_set(error, -EINVAL, "is no JSON");
        return NULL;
    }
    int status = check(root, error);
    if (status == 0 && json_is_string(root))
        status = check_text(json_string_value(root), error);
    if (status < 0) {
        json_decref(root);
        return NULL;
    }
    struct template *template = mem_new(sizeof(*template));
    template->root = root;
    return template;
}

void template_destroy(struct template *template)
{
    if (!template)
        return;
    json_decref(template->root);
    free(template);
}

bool template_is_json(const struct template *template)
{
    return !json_is_string(template->root);
}
