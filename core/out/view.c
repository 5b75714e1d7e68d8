#include "out/view.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* ---------------------------------------------------------------- values ---- */

/* How long the string at `json` is, with its quotes; zero: it does not end. */
static size_t string_len(const char *json, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        if (json[i] == '\\')
            i++;
        else if (json[i] == '"')
            return i + 1;
    }
    return 0;
}

/* Of an object or a list: up to the bracket that closes it. */
static size_t nested_len(const char *json, size_t len)
{
    size_t depth = 0;
    for (size_t i = 0; i < len; i++) {
        if (json[i] == '"') {
            size_t string = string_len(json + i, len - i);
            if (string == 0)
                return 0;
            i += string - 1;
        } else if (json[i] == '{' || json[i] == '[') {
            depth++;
        } else if ((json[i] == '}' || json[i] == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

static size_t plain_len(const char *json, size_t len)
{
    size_t i = 0;
    while (i < len &&
           (isalnum((unsigned char)json[i]) || json[i] == '-' || json[i] == '+' || json[i] == '.'))
        i++;
    return i;
}

static size_t value_len(const char *json, size_t len)
{
    if (len == 0)
        return 0;
    return *json == '"'                   ? string_len(json, len)
           : *json == '{' || *json == '[' ? nested_len(json, len)
                                          : plain_len(json, len);
}

void view_dense(const char *json, size_t len, struct text *out)
{
    for (size_t i = 0; i < len;) {
        size_t string = json[i] == '"' ? string_len(json + i, len - i) : 0;
        if (string)
            text_add_n(out, json + i, string);
        else if (!isspace((unsigned char)json[i]))
            text_add_char(out, json[i]);
        i += string ? string : 1;
    }
}

/* --------------------------------------------------------------- walking ---- */

static void skip(struct view *rest, size_t len)
{
    rest->at += len;
    rest->len -= len;
}

static bool skip_char(struct view *rest, char c)
{
    if (rest->len == 0 || *rest->at != c)
        return false;
    skip(rest, 1);
    return true;
}

/* "key": before a member's value. */
static bool skip_key(struct view *rest, struct view *ret_key)
{
    size_t len = rest->len && *rest->at == '"' ? string_len(rest->at, rest->len) : 0;
    if (len == 0)
        return false;
    *ret_key = (struct view){rest->at + 1, len - 2};
    skip(rest, len);
    return skip_char(rest, ':');
}

bool view_next(struct view_walk *walk)
{
    struct view *rest = &walk->rest;
    if (!rest->at || rest->len == 0)
        return false;
    if (!walk->begun)
        walk->list = *rest->at == '[';
    if (!skip_char(rest, walk->begun ? ',' : walk->list ? '[' : '{'))
        return false;
    walk->begun = true;
    if (!walk->list && !skip_key(rest, &walk->key))
        return false;
    walk->value = (struct view){rest->at, value_len(rest->at, rest->len)};
    skip(rest, walk->value.len);
    return walk->value.len > 0;
}

bool view_line(struct view *rest, struct view *ret_line)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->at, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    *ret_line = (struct view){rest->at, len};
    skip(rest, end ? len + 1 : len);
    return true;
}

struct view view_member(struct view object, const char *key)
{
    struct view_walk walk = {.rest = object};
    size_t len = strlen(key);
    while (view_next(&walk))
        if (walk.key.at && walk.key.len == len && memcmp(walk.key.at, key, len) == 0)
            return walk.value;
    return (struct view){NULL, 0};
}

bool view_is_object(struct view value)
{
    return value.at && value.len >= 2 && *value.at == '{' &&
           nested_len(value.at, value.len) == value.len;
}

bool view_is_string(struct view value)
{
    return value.at && value.len >= 2 && *value.at == '"';
}

bool view_equals(struct view value, const char *json)
{
    return value.at && strlen(json) == value.len && memcmp(value.at, json, value.len) == 0;
}

/* ------------------------------------------------------------------ text ---- */

static bool hex4(const char *at, size_t left, unsigned *ret)
{
    *ret = 0;
    for (size_t i = 0; i < 4; i++) {
        if (i >= left || !isxdigit((unsigned char)at[i]))
            return false;
        unsigned char c = (unsigned char)at[i];
        *ret = *ret * 16 + (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return true;
}

static void add_code(struct text *out, unsigned code)
{
    if (code < 0x80) {
        text_add_char(out, (char)code);
    } else if (code < 0x800) {
        text_add_char(out, (char)(0xC0 | (code >> 6)));
        text_add_char(out, (char)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        text_add_char(out, (char)(0xE0 | (code >> 12)));
        text_add_char(out, (char)(0x80 | ((code >> 6) & 0x3F)));
        text_add_char(out, (char)(0x80 | (code & 0x3F)));
    } else {
        text_add_char(out, (char)(0xF0 | (code >> 18)));
        text_add_char(out, (char)(0x80 | ((code >> 12) & 0x3F)));
        text_add_char(out, (char)(0x80 | ((code >> 6) & 0x3F)));
        text_add_char(out, (char)(0x80 | (code & 0x3F)));
    }
}

/* The escape behind a backslash; how many bytes it took. */
static size_t add_escape(struct text *out, const char *at, size_t left)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = *at ? strchr(from, *at) : NULL;
    unsigned code = 0, low = 0;
    if (known) {
        text_add_char(out, to[known - from]);
        return 1;
    }
    if (*at != 'u' || !hex4(at + 1, left - 1, &code))
        return 1;
    bool pair = code >= 0xD800 && code < 0xDC00 && left >= 11 && at[5] == '\\' && at[6] == 'u' &&
                hex4(at + 7, left - 7, &low) && low >= 0xDC00 && low < 0xE000;
    if (pair)
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    add_code(out, code);
    return pair ? 11 : 5;
}

bool view_add_text(struct view value, struct text *out)
{
    if (!view_is_string(value))
        return false;
    const char *at = value.at + 1, *end = value.at + value.len - 1;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        text_add_n(out, at, (size_t)((escape ? escape : end) - at));
        if (!escape || escape + 1 >= end)
            break;
        at = escape + 1;
        at += add_escape(out, at, (size_t)(end - at));
    }
    return true;
}

/* --------------------------------------------------------------- numbers ---- */

/* `digits` of them at `at`. */
static bool number(const char *at, size_t digits, int *ret)
{
    *ret = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)at[i]))
            return false;
        *ret = *ret * 10 + (at[i] - '0');
    }
    return true;
}

int64_t view_int(struct view value, int64_t otherwise)
{
    enum { MOST_DIGITS = 18 };
    bool negative = value.at && value.len && *value.at == '-';
    size_t i = negative;
    int64_t result = 0;
    if (!value.at || value.len <= i || value.len - i > MOST_DIGITS)
        return otherwise;
    for (; i < value.len; i++) {
        if (!isdigit((unsigned char)value.at[i]))
            return otherwise;
        result = result * 10 + (value.at[i] - '0');
    }
    return negative ? -result : result;
}

int64_t view_time(struct view value)
{
    enum { LEN = 26 /* with both quotes */ };
    static const char shape[] = "\"dddd-dd-ddTdd:dd:dd.dddZ\"";
    struct tm tm = {0};
    int ms = 0;
    if (!value.at || value.len != LEN)
        return 0;
    for (size_t i = 0; i < LEN; i++)
        if (shape[i] != 'd' && shape[i] != value.at[i])
            return 0;
    const char *at = value.at + 1;
    if (!number(at, 4, &tm.tm_year) || !number(at + 5, 2, &tm.tm_mon) ||
        !number(at + 8, 2, &tm.tm_mday) || !number(at + 11, 2, &tm.tm_hour) ||
        !number(at + 14, 2, &tm.tm_min) || !number(at + 17, 2, &tm.tm_sec) ||
        !number(at + 20, 3, &ms))
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t wall_ms = (int64_t)timegm(&tm) * 1000 + ms;
    return wall_ms > 0 ? wall_ms : 0;
}
