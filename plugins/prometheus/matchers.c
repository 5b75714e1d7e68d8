#include "matchers.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_name(const char *text, size_t len, bool colons)
{
    if (len == 0 || isdigit((unsigned char)*text))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_' && !(colons && text[i] == ':'))
            return false;
    return true;
}

bool matchers_is_metric(const char *text)
{
    return is_name(text, strlen(text), true);
}

bool matchers_is_label(const char *text)
{
    return is_name(text, strlen(text), false);
}

/* One matcher, as it stands. */
struct matcher {
    const char *at;
    size_t len, name_len;
};

static const char *skip(const char *at)
{
    return at + strspn(at, " \t\n");
}

/* The end of a quoted text; NULL: it has none. */
static const char *close_quotes(const char *at)
{
    char quote = *at;
    if (!quote || !strchr("\"'`", quote))
        return NULL;
    for (at++; *at && *at != quote; at++)
        if (*at == '\\' && quote != '`' && at[1])
            at++;
    return *at ? at + 1 : NULL;
}

/* Takes a matcher, and the comma behind it, off the list. */
static bool take(const char **text, struct matcher *ret_matcher)
{
    static const char *const signs[] = {"=~", "!~", "!=", "="};
    const char *at = skip(*text), *end, *value = NULL;
    ret_matcher->at = at;
    ret_matcher->name_len = strcspn(at, " \t\n=!~\"");
    if (!is_name(at, ret_matcher->name_len, false))
        return false;
    at = skip(at + ret_matcher->name_len);
    for (size_t i = 0; !value && i < sizeof(signs) / sizeof(*signs); i++)
        if (strncmp(at, signs[i], strlen(signs[i])) == 0)
            value = skip(at + strlen(signs[i]));
    end = value ? close_quotes(value) : NULL;
    if (!end)
        return false;
    ret_matcher->len = (size_t)(end - ret_matcher->at);
    end = skip(end);
    if (*end && *end != ',')
        return false;
    *text = *end ? skip(end + 1) : end;
    return true;
}

bool matchers_are(const char *text)
{
    struct matcher matcher;
    if (!text)
        return true;
    text = skip(text);
    while (*text)
        if (!take(&text, &matcher))
            return false;
    return true;
}

bool matchers_without(const char *text, const char *name, char *out, size_t room)
{
    struct matcher matcher;
    size_t used = 0;
    out[0] = '\0';
    text = skip(text ? text : "");
    while (*text && take(&text, &matcher)) {
        if (strlen(name) == matcher.name_len && strncmp(matcher.at, name, matcher.name_len) == 0)
            continue;
        used += (size_t)snprintf(
            out + used, room - used, "%s%.*s", used ? "," : "", (int)matcher.len, matcher.at);
        if (used >= room)
            return false;
    }
    return true;
}

bool matchers_list(const char *const *labels, char *out, size_t room)
{
    size_t used = 0;
    out[0] = '\0';
    for (; labels && *labels; labels++) {
        if (!matchers_is_label(*labels))
            return false;
        used += (size_t)snprintf(out + used, room - used, "%s%s", used ? ", " : "", *labels);
        if (used >= room)
            return false;
    }
    return true;
}
