#include "vm/pattern.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Which bytes a single item matches. */
struct byte_set {
    bool has[256];
};

static bool class_has(int class, int byte)
{
    bool yes;
    switch (tolower(class)) {
    case 'a':
        yes = isalpha(byte);
        break;
    case 'c':
        yes = iscntrl(byte);
        break;
    case 'd':
        yes = isdigit(byte);
        break;
    case 'g':
        yes = isgraph(byte);
        break;
    case 'l':
        yes = islower(byte);
        break;
    case 'p':
        yes = ispunct(byte);
        break;
    case 's':
        yes = isspace(byte);
        break;
    case 'u':
        yes = isupper(byte);
        break;
    case 'w':
        yes = isalnum(byte);
        break;
    case 'x':
        yes = isxdigit(byte);
        break;
    default:
        return class == byte; /* %. */
    }
    return isupper(class) ? !yes : yes;
}

static void add_class(struct byte_set *set, int class)
{
    for (int byte = 0; byte < 256; byte++)
        set->has[byte] |= class_has(class, byte);
}

/* Reads "[^%a_0-9]" from its bracket on, and returns where it ends. */
static const char *read_set(const char *at, const char *end, struct byte_set *set)
{
    bool inverted = ++at < end && *at == '^';
    if (inverted)
        at++;
    for (bool first = true; at < end && (first || *at != ']'); first = false) {
        if (*at == '%' && at + 1 < end) {
            add_class(set, (unsigned char)at[1]);
            at += 2;
        } else if (at + 2 < end && at[1] == '-' && at[2] != ']') {
            for (int byte = (unsigned char)*at; byte <= (unsigned char)at[2]; byte++)
                set->has[byte] = true;
            at += 3;
        } else {
            set->has[(unsigned char)*at++] = true;
        }
    }
    for (int byte = 0; inverted && byte < 256; byte++)
        set->has[byte] = !set->has[byte];
    return at < end ? at + 1 : end;
}

/* Reads one item without its repetition, and returns where it ends. */
static const char *read_item(const char *at, const char *end, struct byte_set *set)
{
    memset(set, 0, sizeof(*set));
    switch (*at) {
    case '.':
        memset(set->has, true, sizeof(set->has));
        return at + 1;
    case '[':
        return read_set(at, end, set);
    case '%':
        if (at + 1 < end) {
            add_class(set, (unsigned char)at[1]);
            return at + 2;
        }
        return at + 1;
    default:
        set->has[(unsigned char)*at] = true;
        return at + 1;
    }
}

static size_t longest_run(const struct byte_set *set, const char *subject, size_t len)
{
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < len; i++) {
        run = set->has[(unsigned char)subject[i]] ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* Whether an item begins here that walks the subject by itself: %b() %1 %f[set]. */
static bool walks(const char *at, const char *end)
{
    return *at == '%' && at + 1 < end &&
           (at[1] == 'b' || at[1] == 'f' || isdigit((unsigned char)at[1]));
}

double pattern_steps(const char *pattern, size_t pattern_len, const char *subject,
                     size_t subject_len, int anchored_at_start)
{
    const char *at = pattern, *end = pattern + pattern_len;
    bool anchored = anchored_at_start && at < end && *at == '^';
    double ways = 1, each = 1;
    if (anchored)
        at++;
    while (at < end) {
        if (*at == '(' || *at == ')') { /* a capture repeats nothing */
            at++;
            continue;
        }
        if (walks(at, end)) {
            each += at[1] == 'f' ? 1 : (double)subject_len;
            at += at[1] == 'b' && end - at > 4 ? 4 : 2; /* the set after %f is read as an item */
            continue;
        }
        struct byte_set set;
        const char *item = at;
        at = read_item(at, end, &set);
        each += (double)(at - item); /* a long set takes long to look through */
        if (at < end && memchr("*+-?", *at, 4)) {
            ways *= *at == '?' ? 2 : (double)longest_run(&set, subject, subject_len) + 1;
            at++;
        }
    }
    return ways * each * (anchored ? 1 : (double)subject_len + 1);
}
