#include "base/writer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

void writer_init(struct writer *writer, struct text *text)
{
    *writer = (struct writer){.text = text};
}

static void escaped(struct text *text, unsigned char c)
{
    switch (c) {
    case '"':
        text_add_n(text, "\\\"", 2);
        break;
    case '\\':
        text_add_n(text, "\\\\", 2);
        break;
    case '\n':
        text_add_n(text, "\\n", 2);
        break;
    case '\r':
        text_add_n(text, "\\r", 2);
        break;
    case '\t':
        text_add_n(text, "\\t", 2);
        break;
    default:
        text_print(text, "\\u%04x", c);
    }
}

/* How many of the first bytes stand in JSON as they are: eight at a time, then one by one. */
static size_t plain_len(const char *string, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    size_t at = 0;
    for (uint64_t eight; at + sizeof(eight) <= len; at += sizeof(eight)) {
        memcpy(&eight, string + at, sizeof(eight));
        uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\',
                 delete = eight ^ ones * 0x7F;
        uint64_t low = (eight - ones * 0x20) | (quote - ones) | (slash - ones) | (delete - ones);
        if ((low | eight) & highs)
            break;
    }
    for (; at < len; at++) {
        unsigned char c = (unsigned char)string[at];
        if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\')
            break;
    }
    return at;
}

/* The same for what needs no escape and fits, which is nearly everything; false: it does not. */
static bool quoted_plain(struct text *text, const char *string, size_t len)
{
    char *at = plain_len(string, len) == len ? text_extend(text, len + 2) : NULL;
    if (!at)
        return false;
    at[0] = '"';
    memcpy(at + 1, string, len);
    at[len + 1] = '"';
    return true;
}

static void quoted(struct text *text, const char *string, size_t len)
{
    if (quoted_plain(text, string, len))
        return;
    const unsigned char *at = (const unsigned char *)string;
    text_add_char(text, '"');
    for (size_t i = 0, plain = 0; i < len; plain = i) {
        while (i < len && at[i] >= 0x20 && at[i] < 0x7F && at[i] != '"' && at[i] != '\\')
            i++;
        text_add_n(text, at + plain, i - plain);
        if (i == len)
            break;
        size_t wide = at[i] >= 0x80 ? text_character(string + i, len - i) : 0;
        if (wide) {
            text_add_n(text, at + i, wide);
            i += wide;
        } else if (at[i] >= 0x80) {
            text_add_n(text, "\xEF\xBF\xBD", 3);
            i++;
        } else {
            escaped(text, at[i++]);
        }
    }
    text_add_char(text, '"');
}

/* What comes before a value: a comma, the key. */
static void before(struct writer *writer, const char *key)
{
    bool comma = writer->filled[writer->depth];
    size_t len = key ? strlen(key) : 0;
    char *at =
        key && plain_len(key, len) == len ? text_extend(writer->text, comma + len + 3) : NULL;
    writer->filled[writer->depth] = true;
    if (at) {
        if (comma)
            *at++ = ',';
        at[0] = '"';
        memcpy(at + 1, key, len);
        memcpy(at + 1 + len, "\":", 2);
        return;
    }
    if (comma)
        text_add_char(writer->text, ',');
    if (key) {
        quoted(writer->text, key, len);
        text_add_char(writer->text, ':');
    }
}

static void begin(struct writer *writer, const char *key, char opener, char closer)
{
    assert(writer->depth + 1 < WRITER_DEEPEST);
    before(writer, key);
    text_add_char(writer->text, opener);
    writer->depth++;
    writer->closer[writer->depth] = closer;
    writer->filled[writer->depth] = false;
}

void writer_object(struct writer *writer, const char *key)
{
    begin(writer, key, '{', '}');
}

void writer_array(struct writer *writer, const char *key)
{
    begin(writer, key, '[', ']');
}

void writer_end(struct writer *writer)
{
    assert(writer->depth > 0);
    text_add_char(writer->text, writer->closer[writer->depth--]);
}

void writer_string_n(struct writer *writer, const char *key, const char *value, size_t len)
{
    before(writer, key);
    quoted(writer->text, value, len);
}

void writer_string(struct writer *writer, const char *key, const char *value)
{
    if (value)
        writer_string_n(writer, key, value, strlen(value));
    else
        writer_null(writer, key);
}

enum { DIGITS = 24 };

/* The number in front of digits[at]; where it begins. */
static size_t put_digits(uint64_t number, char digits[DIGITS], size_t at)
{
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return at;
}

void writer_int(struct writer *writer, const char *key, int64_t value)
{
    char digits[DIGITS];
    size_t at = put_digits(value < 0 ? -(uint64_t)value : (uint64_t)value, digits, sizeof(digits));
    if (value < 0)
        digits[--at] = '-';
    before(writer, key);
    text_add_n(writer->text, digits + at, sizeof(digits) - at);
}

/* Hundredths below ten thousand, as most measures are: as %.6g prints them, at a tenth of its cost. */
static bool write_hundredths(struct writer *writer, double value)
{
    char digits[DIGITS];
    size_t at = sizeof(digits);
    double scaled = value * 100;
    if (!(scaled >= 0 && scaled < 1e6) || (double)(unsigned)scaled != scaled || signbit(value))
        return false;
    unsigned whole = (unsigned)scaled / 100, rest = (unsigned)scaled % 100;
    if (rest % 10)
        digits[--at] = (char)('0' + rest % 10);
    if (rest) {
        digits[--at] = (char)('0' + rest / 10);
        digits[--at] = '.';
    }
    at = put_digits(whole, digits, at);
    text_add_n(writer->text, digits + at, sizeof(digits) - at);
    return true;
}

void writer_real(struct writer *writer, const char *key, double value)
{
    before(writer, key);
    if (!isfinite(value)) {
        text_add(writer->text, "null");
        return;
    }
    if (write_hundredths(writer, value))
        return;
    char digits[40];
    (void)snprintf(digits, sizeof(digits), "%.6g", value);
    if (fabs(value) >= 1e6 && fabs(value) < 1e15) /* no exponent where people read it */
        (void)snprintf(digits, sizeof(digits), value == floor(value) ? "%.0f" : "%.3f", value);
    text_add(writer->text, digits);
}

void writer_bool(struct writer *writer, const char *key, bool value)
{
    before(writer, key);
    text_add(writer->text, value ? "true" : "false");
}

void writer_null(struct writer *writer, const char *key)
{
    before(writer, key);
    text_add(writer->text, "null");
}

void writer_time(struct writer *writer, const char *key, int64_t wall_ms)
{
    char time[UNITS_TIME_LEN];
    units_print_time(wall_ms, time);
    writer_string_n(writer, key, time, UNITS_TIME_LEN - 1);
}

void writer_raw_n(struct writer *writer, const char *key, const char *json, size_t len)
{
    before(writer, key);
    text_add_n(writer->text, json, len);
}

void writer_raw(struct writer *writer, const char *key, const char *json)
{
    writer_raw_n(writer, key, json, strlen(json));
}
