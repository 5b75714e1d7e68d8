#include "payload.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 64, LONGEST_WORD = 32 };

/* ---------------------------------------------------------------- JSON ---- */

static const char *skip_space(const char *at)
{
    while (*at && isspace((unsigned char)*at))
        at++;
    return at;
}

/* Behind the string that begins at `at`, or NULL. */
static const char *skip_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : NULL;
}

/* Behind the value that begins at `at`, or NULL where it is cut off. */
static const char *skip_value(const char *at)
{
    int depth = 0;
    do {
        at = skip_space(at);
        if (*at == '"') {
            at = skip_string(at);
            if (!at)
                return NULL;
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (depth > 0 && (*at == ',' || *at == ':')) {
            at++;
        } else {
            size_t len = strcspn(at, ",:]}\" \t\r\n");
            if (len == 0)
                return NULL;
            at += len;
        }
    } while (depth > 0 && depth <= DEEPEST);
    return depth == 0 ? at : NULL;
}

/* The value of one member of the object at `at`, or NULL. */
static const char *member(const char *at, const char *name, size_t len)
{
    at = skip_space(at);
    if (*at != '{')
        return NULL;
    at = skip_space(at + 1);
    while (*at == '"') {
        const char *key = at + 1, *end = skip_string(at);
        if (!end)
            return NULL;
        bool found = (size_t)(end - 1 - key) == len && strncmp(key, name, len) == 0;
        at = skip_space(end);
        if (*at != ':')
            return NULL;
        at = skip_space(at + 1);
        if (found)
            return at;
        at = skip_value(at);
        if (!at)
            return NULL;
        at = skip_space(at);
        at = skip_space(at + (*at == ','));
    }
    return NULL;
}

static bool copy_string(const char *at, char *out, size_t room)
{
    size_t len = 0;
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) {
            at++;
            if (*at == 'u')
                return false; /* what we look for is plain */
        }
        if (len + 1 >= room)
            return false;
        out[len++] = (char)(*at == 'n' && at[-1] == '\\' ? '\n' : *at);
    }
    out[len] = '\0';
    return *at == '"';
}

bool payload_member(const char *json, const char *path, char *out, size_t room)
{
    const char *at = json;
    for (;;) {
        size_t len = strcspn(path, ".");
        at = member(at, path, len);
        if (!at)
            return false;
        if (!path[len])
            break;
        path += len + 1;
    }
    if (*at == '"')
        return copy_string(at, out, room);
    const char *end = skip_value(at);
    if (!end || (size_t)(end - at) >= room)
        return false;
    (void)snprintf(out, room, "%.*s", (int)(end - at), at);
    return true;
}

int64_t payload_score_ms(const char *text)
{
    static const double first_s = 1e9, first_ms = 1e11, last_ms = 1e13; /* 2001, 1973, 2286 */
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= first_s && value < last_ms))
        return -1;
    return (int64_t)(value < first_ms ? value * 1000 : value);
}

int64_t payload_first_time(const char *json, const char *const *paths)
{
    char text[40];
    for (; *paths; paths++) {
        bool there = payload_member(json, *paths, text, sizeof(text));
        int64_t at = there ? payload_score_ms(text) : -1;
        if (at > 0)
            return at;
    }
    return -1;
}

/* FNV-1a. */
uint64_t payload_mark(uint64_t before, const char *bytes, size_t len)
{
    uint64_t mark = before ? before : 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        mark = (mark ^ (unsigned char)bytes[i]) * 1099511628211u;
    return mark;
}

/* ------------------------------------------------------------- masking ---- */

static bool is_word(char c)
{
    return !isspace((unsigned char)c) && !strchr("\"'`()[]{}<>,;=", c);
}

/* Whether a word may be somebody's name, number, address or token. */
static bool is_private(const char *word, size_t len)
{
    if (len > LONGEST_WORD)
        return true;
    for (size_t i = 0; i < len; i++)
        if (isdigit((unsigned char)word[i]) || word[i] == '@' || (unsigned char)word[i] >= 0x80)
            return true;
    return false;
}

/* Behind what stands in quotes at `at`, or at the line's end. */
static const char *skip_quoted(const char *at)
{
    const char quote = *at;
    for (at++; *at && *at != quote && *at != '\n' && *at != '\r'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at == quote ? at + 1 : at;
}

void payload_mask(const char *text, char *out, size_t room)
{
    size_t len = 0;
    while (*text && *text != '\n' && *text != '\r' && len + LONGEST_WORD + 2 < room) {
        size_t word = 0;
        while (text[word] && is_word(text[word]))
            word++;
        bool quoted = word == 0 && strchr("\"'`", *text);
        if (quoted || is_private(text, word)) {
            out[len++] = '?';
            text = quoted ? skip_quoted(text) : text + word;
        } else if (word > 0) {
            memcpy(out + len, text, word);
            len += word;
            text += word;
        } else {
            out[len++] = (char)(isspace((unsigned char)*text) ? ' ' : *text);
            text++;
        }
    }
    out[len] = '\0';
}
