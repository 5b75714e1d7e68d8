#include "probe/part.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"
#include "probe/problem.h"

bool part_only(const struct part *part, unsigned types)
{
    return (part->types & ~types) == 0;
}

/* ---- what parts are, in words ---- */

static const char *what_is(const struct part *part)
{
    if (part_only(part, IS_NIL))
        return "nil";
    if (part_only(part, IS_NUMBER | IS_NIL))
        return "a number";
    if (part_only(part, IS_WORD | IS_NIL))
        return "a word";
    if (part_only(part, IS_FLAG | IS_NIL))
        return "true or false";
    return "now this, now that";
}

/* What would make a test of it: "keys > 0", "state == \"down\"". */
static int hint_test(struct error *error, const struct part *part)
{
    const struct measure_slot *measure = part->shape == SHAPE_MEASURE ? part->measure : NULL;
    if (measure && measure->kind == PROBE_WORD)
        return error_hint(error,
                          "did you mean %s == \"%s\"?",
                          measure->name,
                          measure->words && *measure->words ? *measure->words : "...");
    if (part_only(part, IS_NUMBER | IS_NIL) && part->shape != SHAPE_LITERAL)
        return error_hint(error, "did you mean %.*s > 0?", PART_SHOWN(part));
    return error_hint(error, "compare it with something: used_percent > 80");
}

/* As many of `words` as a hint holds: "a, b, c". */
int part_hint_list(struct error *error, const char *lead, const char *const *words)
{
    struct text TEXT_AUTO list;
    text_init(&list, sizeof(error->hint) - 40);
    for (size_t i = 0; words[i] && !list.cut; i++)
        text_print(&list, "%s%s", i ? ", " : "", words[i]);
    return error_hint(error, "%s %s%s", lead, list.bytes, list.cut ? ", ..." : "");
}

/* ---- comparing ---- */

/* Whether `word` is one that `measure` can say. */
int part_check_word(struct error *error, const struct part *measure, const struct token *token)
{
    const char *const *words = measure->shape == SHAPE_MEASURE ? measure->measure->words : NULL;
    if (!words || token->kind != TOKEN_WORD)
        return 0;
    for (size_t i = 0; words[i]; i++)
        if (token_is(token, words[i]))
            return 0;
    MEM_AUTO char *word = mem_copy_n(token->at, token->len);
    error_set(error, -EINVAL, "%s is never \"%.100s\"", measure->measure->name, word);
    const char *nearest = problem_nearest(word, words);
    if (nearest)
        return error_hint(error, "did you mean \"%s\"?", nearest);
    return part_hint_list(error, "it is one of", words);
}

static bool is_number_in_quotes(const struct part *part)
{
    return part->shape == SHAPE_LITERAL && part->token.kind == TOKEN_WORD &&
           isdigit((unsigned char)*part->token.at);
}

/* "length == \"5\"", "state == 3", "up == 1". */
static int refuse_unlike(struct error *error, const struct part *a, const struct part *b)
{
    const struct part *flag = part_only(a, IS_FLAG | IS_NIL) ? a : b;
    const struct part *word = part_only(a, IS_WORD | IS_NIL) ? a : b;
    error_set(error,
              -EINVAL,
              "%.*s is %s, and %.*s is %s: they are never equal",
              PART_SHOWN(a),
              what_is(a),
              PART_SHOWN(b),
              what_is(b));
    if (part_only(flag, IS_FLAG | IS_NIL))
        return error_hint(error, "write %.*s, or not %.*s", PART_SHOWN(flag), PART_SHOWN(flag));
    if (is_number_in_quotes(a) || is_number_in_quotes(b))
        return error_hint(error, "write the number without quotes");
    return word->shape == SHAPE_MEASURE ? hint_test(error, word) : -EINVAL;
}

int part_check_equality(struct error *error, const struct part *a, const struct part *b)
{
    static const unsigned kinds[] = {IS_NUMBER, IS_WORD, IS_FLAG};
    bool alike = part_only(a, IS_NIL) || part_only(b, IS_NIL);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        alike |= part_only(a, kinds[i] | IS_NIL) && part_only(b, kinds[i] | IS_NIL);
    if (!alike)
        return refuse_unlike(error, a, b);
    if (b->shape == SHAPE_LITERAL)
        return part_check_word(error, a, &b->token);
    return a->shape == SHAPE_LITERAL ? part_check_word(error, b, &a->token) : 0;
}

int part_check_number(struct error *error, const struct part *part, const char *use)
{
    if (part_only(part, IS_NUMBER | IS_NIL) && part->types != IS_NIL)
        return 0;
    error_set(error, -EINVAL, "%.*s is %s: it cannot be %s", PART_SHOWN(part), what_is(part), use);
    if (part->shape == SHAPE_MEASURE && part->measure->kind == PROBE_FLAG)
        error_hint(error, "write %s, or not %s", part->measure->name, part->measure->name);
    else if (part->shape == SHAPE_MEASURE)
        hint_test(error, part);
    else if (part->shape == SHAPE_LITERAL && part->token.kind == TOKEN_WORD)
        error_hint(error, "write a number, without quotes");
    return -EINVAL;
}

/* duration() is milliseconds: over age_seconds it would never be reached. */
static int check_unit(struct error *error, const struct part *a, const struct part *b)
{
    static const struct {
        const char *suffix;
        double ms;
    } units[] = {{"_seconds", 1e3},
                 {"_minutes", 60e3},
                 {"_hours", 3600e3},
                 {"_days", 864e5},
                 {"days_left", 864e5}};
    const struct part *measure = a->shape == SHAPE_MEASURE ? a : b;
    const struct part *duration = measure == a ? b : a;
    if (measure->shape != SHAPE_MEASURE || duration->shape != SHAPE_DURATION)
        return 0;
    const char *name = measure->measure->name;
    int64_t ms = 0;
    MEM_AUTO char *word = mem_copy_n(duration->token.at, duration->token.len);
    (void)units_duration(word, &ms);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        size_t len = strlen(units[i].suffix);
        if (strlen(name) < len || strcmp(name + strlen(name) - len, units[i].suffix) != 0)
            continue;
        error_set(error, -EINVAL, "duration() is milliseconds, %s is not", name);
        return error_hint(error, "write %g", (double)ms / units[i].ms);
    }
    return 0;
}

int part_check_order(struct error *error, const struct part *a, const struct part *b)
{
    if (a->shape == SHAPE_ORDER && part_only(b, IS_NUMBER | IS_NIL)) {
        error_set(error, -EINVAL, "%.*s is true or false: it has no order", PART_SHOWN(a));
        return error_hint(error, "compare twice: low < used and used < high");
    }
    if (a->shape == SHAPE_NOT) {
        error_set(error, -EINVAL, "not comes before < and >: %.*s is true or false", PART_SHOWN(a));
        return error_hint(error, "write not (...) around the comparison");
    }
    int status = part_check_number(error, a, "ordered");
    status = status ? status : part_check_number(error, b, "ordered");
    return status ? status : check_unit(error, a, b);
}

/* ---- tests and answers ---- */

int part_check_test(struct error *error, const struct part *part)
{
    if (part->types & IS_NO)
        return 0;
    if (part_only(part, IS_TRUE))
        return error_set(error, -EINVAL, "%.*s is always true: it is no test", PART_SHOWN(part));
    error_set(error,
              -EINVAL,
              "%.*s is %s, never false: even 0 counts as true",
              PART_SHOWN(part),
              what_is(part));
    return hint_test(error, part);
}

int part_check_answer(struct error *error, const struct part *part)
{
    if (part_only(part, IS_FLAG | IS_NIL) && (part->types & IS_FLAG))
        return 0;
    if (part->types & IS_FLAG) {
        error_set(error, -EINVAL, "the condition may yield something else than true and false");
        return error_hint(error, "compare on both sides of and and or: a > 80 or b > 80");
    }
    error_set(error, -EINVAL, "%.*s is %s, not true or false", PART_SHOWN(part), what_is(part));
    return hint_test(error, part);
}
