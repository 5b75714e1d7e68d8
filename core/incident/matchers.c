#include "incident/matchers.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "base/mem.h"

struct matcher {
    char *name, *value;
    bool is_regex, is_equal;
    regex_t regex;
};

struct matchers {
    struct matcher all[MATCHERS_MOST];
    size_t count;
};

void matchers_destroy(struct matchers *matchers)
{
    if (!matchers)
        return;
    for (size_t i = 0; i < matchers->count; i++) {
        if (matchers->all[i].is_regex)
            regfree(&matchers->all[i].regex);
        free(matchers->all[i].name);
        free(matchers->all[i].value);
    }
    free(matchers);
}

/*
 * The same expression as POSIX has it, for a whole value; NULL: it cannot be said there.  A group
 * without a number is one with; classes such as \d and flags have no like.
 */
static char *translate(const char *pattern)
{
    struct text out;
    bool fits = true;
    text_init(&out, 2 * MATCHERS_LONGEST + 8);
    text_add(&out, "^(");
    for (const char *c = pattern; *c && fits; c++) {
        if (strncmp(c, "(?:", 3) == 0) {
            text_add_char(&out, '(');
            c += 2;
        } else if (strncmp(c, "(?", 2) == 0 ||
                   (*c == '\\' && (!c[1] || isalnum((unsigned char)c[1])))) {
            fits = c[0] == '\\' && (c[1] == 'w' || c[1] == 'W');
            text_add_n(&out, c, fits ? 2 : 0);
            c += fits;
        } else if (*c == '\\') {
            text_add_n(&out, c++, 2);
        } else if (*c == '[' && strchr(c, '\\')) { /* within brackets a \ is itself in POSIX */
            const char *close = strchr(c + 1, ']'), *escape = strchr(c, '\\');
            fits = close && close < escape;
            text_add_char(&out, *c);
        } else {
            text_add_char(&out, *c);
        }
    }
    text_add(&out, ")$");
    char *whole = text_take(&out);
    if (fits)
        return whole;
    free(whole);
    return NULL;
}

static bool compile(struct matcher *matcher)
{
    MEM_AUTO char *pattern = translate(matcher->value);
    return pattern && regcomp(&matcher->regex, pattern, REG_EXTENDED | REG_NOSUB) == 0;
}

static bool add(struct matchers *matchers, const json_t *written, char **ret_wrong)
{
    const char *name = json_string_value(json_object_get(written, "name"));
    const char *value = json_string_value(json_object_get(written, "value"));
    const json_t *equal = json_object_get(written, "isEqual");
    if (!name || !value || strlen(value) > MATCHERS_LONGEST || strlen(name) > MATCHERS_LONGEST) {
        *ret_wrong = mem_copy("a matcher without a name or a value, or with too long a one");
        return false;
    }
    struct matcher *matcher = &matchers->all[matchers->count++];
    matcher->name = mem_copy(name);
    matcher->value = mem_copy(value);
    matcher->is_equal = !json_is_false(equal); /* older ones have only this */
    if (!json_is_true(json_object_get(written, "isRegex")))
        return true;
    matcher->is_regex = compile(matcher);
    if (!matcher->is_regex)
        *ret_wrong = mem_print("%s=~\"%s\" is no expression that can be read here", name, value);
    return matcher->is_regex;
}

struct matchers *matchers_parse(const json_t *list, char **ret_wrong)
{
    struct matchers *matchers = mem_new(sizeof(*matchers));
    size_t index;
    json_t *written;
    *ret_wrong = NULL;
    if (!json_array_size(list) || json_array_size(list) > MATCHERS_MOST)
        *ret_wrong = mem_print("it has no matchers, or more than %d", (int)MATCHERS_MOST);
    json_array_foreach(list, index, written)
        if (*ret_wrong || !add(matchers, written, ret_wrong))
            break;
    if (!*ret_wrong)
        return matchers;
    matchers_destroy(matchers);
    return NULL;
}

static bool has(const struct matchers *matchers, const struct matcher *like)
{
    for (size_t i = 0; i < matchers->count; i++) {
        const struct matcher *each = &matchers->all[i];
        if (strcmp(each->name, like->name) == 0 && strcmp(each->value, like->value) == 0 &&
            each->is_regex == like->is_regex && each->is_equal == like->is_equal)
            return true;
    }
    return false;
}

bool matchers_same(const struct matchers *a, const struct matchers *b)
{
    if (!a || !b || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!has(b, &a->all[i]) || !has(a, &b->all[i]))
            return false;
    return true;
}

bool matchers_fit(const struct matchers *matchers, const json_t *labels)
{
    for (size_t i = 0; i < matchers->count; i++) {
        const struct matcher *matcher = &matchers->all[i];
        const char *value = json_string_value(json_object_get(labels, matcher->name));
        value = value ? value : "";
        bool same = matcher->is_regex ? regexec(&matcher->regex, value, 0, NULL, 0) == 0
                                      : strcmp(matcher->value, value) == 0;
        if (same != matcher->is_equal)
            return false;
    }
    return true;
}

void matchers_print(const struct matchers *matchers, struct text *out)
{
    for (size_t i = 0; i < matchers->count; i++) {
        const struct matcher *matcher = &matchers->all[i];
        text_print(out,
                   "%s%s%s%s\"%s\"",
                   i ? " " : "",
                   matcher->name,
                   matcher->is_equal ? "=" : "!",
                   matcher->is_regex   ? "~"
                   : matcher->is_equal ? ""
                                       : "=",
                   matcher->value);
    }
}
