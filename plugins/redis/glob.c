#include "glob.h"

#include <string.h>

/* Reads "[...]" at `pattern`; where it ends, and whether `c` is among it. */
static const char *read_set(const char *pattern, char c, bool *ret_in)
{
    const char *at = pattern + 1;
    bool invert = *at == '^', in = false;
    for (at += invert; *at && *at != ']'; at++) {
        if (*at == '\\' && at[1])
            at++;
        if (at[1] == '-' && at[2] && at[2] != ']') {
            char low = *at < at[2] ? *at : at[2], high = *at < at[2] ? at[2] : *at;
            in = in || (c >= low && c <= high);
            at += 2;
        } else {
            in = in || *at == c;
        }
    }
    *ret_in = in != invert;
    return *at ? at + 1 : at;
}

/* One character of `text` against what stands at `pattern`; where that ends, or NULL. */
static const char *fit_one(const char *pattern, char c)
{
    bool in;
    if (*pattern == '?')
        return pattern + 1;
    if (*pattern == '[') {
        const char *end = read_set(pattern, c, &in);
        return in ? end : NULL;
    }
    if (*pattern == '\\' && pattern[1])
        pattern++;
    return *pattern == c ? pattern + 1 : NULL;
}

/* Goes back to the last star only, so it ends after length times length steps at most. */
bool glob_fits(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;
    while (*text) {
        const char *next = *pattern == '*' ? NULL : *pattern ? fit_one(pattern, *text) : NULL;
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (next) {
            pattern = next;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

size_t glob_literal(const char *pattern)
{
    return strcspn(pattern, "*?[\\");
}

bool glob_quote(char *out, size_t room, const char *text)
{
    size_t at = strlen(out);
    for (; *text; text++) {
        if (at + 3 > room)
            return false;
        if (strchr("*?[]\\", *text))
            out[at++] = '\\';
        out[at++] = *text;
    }
    out[at] = '\0';
    return true;
}
