/* redact_json - takes secrets out of JSON without taking it apart: token by token, in one pass. */
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "base/redact.h"
#include "base/writer.h"

/* How long the string at `at` is, with both its quotes. */
static size_t string_len(const char *at, size_t left)
{
    size_t len = 1;
    while (len < left && at[len] != '"')
        len += at[len] == '\\' ? 2 : 1;
    return len < left ? len + 1 : left;
}

/* A number or a word ends where a separator follows. */
static size_t scalar_len(const char *at, size_t left)
{
    size_t len = 0;
    while (len < left && !strchr(",:]}\" \t\r\n", at[len]))
        len++;
    return len;
}

/* Adds the string of these bytes, redacted; false: there is nothing to take out. */
static bool add_redacted(struct text *text, const char *bytes, size_t len)
{
    if (!redact_finds(bytes, len))
        return false;
    struct text TEXT_AUTO plain;
    struct writer writer;
    text_init(&plain, text->max);
    redact_add(&plain, bytes, len);
    writer_init(&writer, text);
    writer_string_n(&writer, NULL, plain.bytes, plain.len);
    return true;
}

/*
 * A string is judged by what it means: its secrets may be escaped in many ways, and its escapes
 * may look like one.
 */
static void add_string(struct text *text, const char *quoted, size_t len)
{
    bool escaped = memchr(quoted, '\\', len) != NULL;
    json_t *string =
        escaped ? json_loadb(quoted, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    bool found = string ? add_redacted(text, json_string_value(string), json_string_length(string))
                        : len > 2 && add_redacted(text, quoted + 1, len - 2);
    if (!found)
        text_add_n(text, quoted, len);
    json_decref(string);
}

static bool is_name(const char *after, size_t left)
{
    while (left && isspace((unsigned char)*after))
        after++, left--;
    return left && *after == ':';
}

void redact_add_json(struct text *text, const char *json, size_t len, unsigned own_depth)
{
    unsigned depth = 0;
    for (size_t i = 0, token; i < len; i += token) {
        const char *at = json + i;
        bool own = own_depth && depth <= own_depth;
        token = 1;
        if (*at == '"') {
            token = string_len(at, len - i);
            if (own && is_name(at + token, len - i - token))
                text_add_n(text, at, token);
            else
                add_string(text, at, token);
        } else if (*at == '-' || isdigit((unsigned char)*at)) {
            token = scalar_len(at, len - i);
            if (!own && redact_finds(at, token))
                text_add(text, "\"" REDACT_MARK "\"");
            else
                text_add_n(text, at, token);
        } else {
            depth += *at == '{' || *at == '[';
            depth -= *at == '}' || *at == ']';
            text_add_n(text, at, 1);
        }
    }
}
