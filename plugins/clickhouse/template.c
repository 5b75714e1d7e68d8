#include "template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------- reading ---- */

/* What stands between braces: a name, and perhaps two texts to choose from. */
struct choice {
    const char *name, *yes, *no, *end; /* `end` is behind the closing brace */
    size_t name_len, yes_len, no_len;
    bool chooses;
};

/* Where, outside of inner braces, `mark` stands before `end`; or `end`. */
static const char *find(const char *at, const char *end, const char *mark)
{
    size_t len = strlen(mark), depth = 0;
    for (; at + len <= end; at++) {
        if (depth == 0 && strncmp(at, mark, len) == 0)
            return at;
        depth += (*at == '{') - (size_t)(*at == '}' && depth > 0);
    }
    return end;
}

/* False where no brace closes, or there is nothing to choose from. */
static bool read_choice(const char *open, const char *limit, struct choice *ret)
{
    const char *name = open + 1, *close = find(name, limit, "}");
    if (close == limit)
        return false;
    const char *question = find(name, close, " ? ");
    *ret = (struct choice){.name = name, .name_len = (size_t)(question - name), .end = close + 1};
    if (question == close)
        return ret->name_len > 0;
    const char *colon = find(question + 3, close, " : ");
    if (colon == close)
        return false;
    ret->chooses = true;
    ret->yes = question + 3;
    ret->yes_len = (size_t)(colon - ret->yes);
    ret->no = colon + 3;
    ret->no_len = (size_t)(close - ret->no);
    return ret->name_len > 0;
}

static bool is_feature(const char *name, size_t len)
{
    return memchr(name, '.', len) != NULL;
}

bool template_has(const char *features, const char *feature, size_t len)
{
    for (const char *at = features; at && (at = strchr(at, '\n')); at++)
        if (strncmp(at + 1, feature, len) == 0 && at[1 + len] == '\n')
            return true;
    return false;
}

/* -------------------------------------------------------------- filling ---- */

static const char *given(const struct template_facts *facts, const char *name, size_t len)
{
    const struct template_param *param = facts->params;
    for (; param && param->name; param++)
        if (strlen(param->name) == len && strncmp(param->name, name, len) == 0)
            return param->text;
    return NULL;
}

static bool holds(const struct template_facts *facts, const struct choice *choice)
{
    return is_feature(choice->name, choice->name_len)
               ? template_has(facts->features, choice->name, choice->name_len)
               : given(facts, choice->name, choice->name_len) != NULL;
}

static bool fill(FILE *out, const char *at, const char *end, const struct template_facts *facts)
{
    struct choice choice;
    while (at < end) {
        if (*at != '{') {
            (void)fputc(*at++, out);
            continue;
        }
        if (!read_choice(at, end, &choice))
            return false;
        at = choice.end;
        const char *text = given(facts, choice.name, choice.name_len);
        if (!choice.chooses && !text)
            return false;
        bool yes = choice.chooses && holds(facts, &choice);
        if (!choice.chooses)
            (void)fputs(text, out);
        else if (!fill(out,
                       yes ? choice.yes : choice.no,
                       yes ? choice.yes + choice.yes_len : choice.no + choice.no_len,
                       facts))
            return false;
    }
    return true;
}

char *template_fill(const char *text, const struct template_facts *facts)
{
    char *filled = NULL;
    size_t len;
    FILE *out = open_memstream(&filled, &len);
    if (!out)
        return NULL;
    bool fine = fill(out, text, text + strlen(text), facts);
    if (fclose(out) != 0 || !fine) {
        free(filled);
        return NULL;
    }
    return filled;
}

static void look(const char *at, const char *end, template_feature_fn *each, void *data)
{
    struct choice choice;
    char feature[128];
    while ((at = memchr(at, '{', (size_t)(end - at)))) {
        if (!read_choice(at, end, &choice))
            return;
        if (is_feature(choice.name, choice.name_len) && choice.name_len < sizeof(feature)) {
            (void)snprintf(feature, sizeof(feature), "%.*s", (int)choice.name_len, choice.name);
            each(feature, data);
        }
        if (choice.chooses) {
            look(choice.yes, choice.yes + choice.yes_len, each, data);
            look(choice.no, choice.no + choice.no_len, each, data);
        }
        at = choice.end;
    }
}

void template_features(const char *text, template_feature_fn *each, void *data)
{
    look(text, text + strlen(text), each, data);
}

/* -------------------------------------------------------------- quoting ---- */

static char *quote(const char *text, char mark)
{
    char *out = malloc(2 * strlen(text) + 3), *to = out;
    if (!out)
        return NULL;
    *to++ = mark;
    for (; *text; text++) {
        if (*text == mark || *text == '\\')
            *to++ = '\\';
        *to++ = *text;
    }
    *to++ = mark;
    *to = '\0';
    return out;
}

char *template_literal(const char *text)
{
    return quote(text, '\'');
}

char *template_name(const char *text)
{
    return quote(text, '`');
}

char *template_table(const char *table, const char *database)
{
    const char *dot = strchr(table, '.');
    char *first = dot ? strndup(table, (size_t)(dot - table)) : strdup(database ? database : "");
    char *left = first && *first ? template_name(first) : NULL;
    char *right = template_name(dot ? dot + 1 : table), *both = NULL;

    if (right && asprintf(&both, "%s%s%s", left ? left : "", left ? "." : "", right) < 0)
        both = NULL;
    free(first);
    free(left);
    free(right);
    return both;
}

char *template_literals(const char *const *texts)
{
    char *list = NULL;
    size_t len;
    FILE *out = open_memstream(&list, &len);
    if (!out)
        return NULL;
    if (!texts || !*texts)
        (void)fputs("''", out);
    for (const char *joint = ""; texts && *texts; texts++, joint = ", ") {
        char *literal = template_literal(*texts);
        (void)fprintf(out, "%s%s", joint, literal ? literal : "''");
        free(literal);
    }
    return fclose(out) == 0 ? list : NULL;
}
