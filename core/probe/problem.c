#include "probe/problem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"

static void forget(struct problem *problem)
{
    free(problem->file);
    free(problem->key);
    free(problem->message);
    free(problem->hint);
    *problem = (struct problem){0};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/*
 * The same words about the same place: a default that a hundred targets inherit is wrong once.
 * What has no place is told apart by its key.
 */
static struct problem *find_same(struct problems *problems, const struct problem *problem)
{
    for (size_t i = 0; i < problems->count; i++) {
        struct problem *other = &problems->all[i];
        if (other->line == problem->line && other->column == problem->column &&
            other->warning == problem->warning && same_text(other->file, problem->file) &&
            (problem->line > 0 || same_text(other->key, problem->key)) &&
            same_text(other->message, problem->message))
            return other;
    }
    return NULL;
}

/* Where the next one is kept; beyond the maximum in a place that is not printed. */
static struct problem *next_slot(struct problems *problems)
{
    if (problems->count == PROBLEMS_MOST) {
        forget(&problems->beyond);
        problems->untold++;
        return &problems->beyond;
    }
    if (problems->count == problems->room) {
        problems->room = problems->room ? 2 * problems->room : 16;
        problems->all = mem_resize(problems->all, problems->room * sizeof(*problems->all));
    }
    return &problems->all[problems->count++];
}

__attribute__((format(printf, 5, 0))) static struct problem *add(struct problems *problems,
                                                                 struct place place,
                                                                 const char *key, bool warning,
                                                                 const char *fmt, va_list args)
{
    struct problem made = {
        .file = mem_copy(place.file),
        .line = place.line,
        .column = place.column,
        .key = mem_copy(key),
        .warning = warning,
    };
    if (vasprintf(&made.message, fmt, args) < 0)
        made.message = mem_copy("");
    struct problem *same = find_same(problems, &made);
    if (same) {
        forget(&made);
        return same;
    }
    problems->errors += !warning;
    struct problem *slot = next_slot(problems);
    *slot = made;
    return slot;
}

struct problem *problem_add(struct problems *problems, struct place place, const char *key,
                            const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct problem *problem = add(problems, place, key, false, fmt, args);
    va_end(args);
    return problem;
}

struct problem *problem_warn(struct problems *problems, struct place place, const char *key,
                             const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct problem *problem = add(problems, place, key, true, fmt, args);
    va_end(args);
    return problem;
}

void problem_hint(struct problem *problem, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    free(problem->hint);
    if (vasprintf(&problem->hint, fmt, args) < 0)
        problem->hint = NULL;
    va_end(args);
}

static int by_place(const void *left, const void *right)
{
    const struct problem *a = *(const struct problem *const *)left;
    const struct problem *b = *(const struct problem *const *)right;
    int order = strcmp(a->file ? a->file : "", b->file ? b->file : "");
    if (order == 0)
        order = a->line < b->line ? -1 : a->line > b->line;
    if (order == 0)
        order = a->column < b->column ? -1 : a->column > b->column;
    return order ? order : a < b ? -1 : 1; /* the order they were found in */
}

static void print(const struct problem *problem, struct text *out)
{
    if (problem->file)
        text_add(out, problem->file);
    if (problem->line)
        text_print(out, ":%u:%u", problem->line, problem->column);
    if (problem->file)
        text_add(out, ": ");
    if (problem->warning)
        text_add(out, "warning: ");
    if (problem->key && *problem->key)
        text_print(out, "%s: ", problem->key);
    text_add(out, problem->message);
    if (problem->hint)
        text_print(out, "; %s", problem->hint);
}

void problems_print(const struct problems *problems, struct text *out)
{
    MEM_AUTO const struct problem **sorted = mem_array(problems->count, sizeof(*sorted));
    for (size_t i = 0; i < problems->count; i++)
        sorted[i] = &problems->all[i];
    qsort(sorted, problems->count, sizeof(*sorted), by_place);
    for (size_t i = 0; i < problems->count; i++) {
        struct text TEXT_AUTO line;
        text_init(&line, 4096);
        print(sorted[i], &line);
        redact_add(out, line.bytes, line.len);
        text_add_char(out, '\n');
    }
    if (problems->untold > 0)
        text_print(out, "and %zu more\n", problems->untold);
}

void problems_finish(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        forget(&problems->all[i]);
    forget(&problems->beyond);
    free(problems->all);
    *problems = (struct problems){0};
}

/* ------------------------------------------------------------- nearest ---- */

enum { LONGEST_WORD = 64 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many letters must change, come, go or swap places with a neighbour to get from a to b. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][LONGEST_WORD + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > LONGEST_WORD || b_len > LONGEST_WORD)
        return LONGEST_WORD;
    for (unsigned j = 0; j <= b_len; j++)
        before[j] = last[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned changed = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(last[j] + 1, row[j - 1] + 1, changed);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        unsigned *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_len];
}

static bool has_letter(const char *word)
{
    for (; *word; word++)
        if (isalpha((unsigned char)*word))
            return true;
    return false;
}

const char *problem_nearest(const char *word, const char *const *words)
{
    const char *nearest = NULL;
    if (!has_letter(word)) /* no number is a slip of another one */
        return NULL;
    unsigned least_far = (unsigned)(strlen(word) < 4 ? 1 : strlen(word) < 8 ? 2 : 3);
    for (; *words; words++) {
        bool begins = strlen(word) > 2 && strncmp(word, *words, strlen(word)) == 0;
        unsigned far = begins ? 1 : distance(word, *words);
        bool nearer = nearest ? far < least_far : far <= least_far;
        if (nearer && far < strlen(*words)) {
            nearest = *words;
            least_far = far;
        }
    }
    return nearest;
}

void problem_hint_words(struct problem *problem, const char *word, const char *const *words)
{
    const char *nearest = problem_nearest(word, words);
    struct text TEXT_AUTO known;
    text_init(&known, 400);
    for (size_t i = 0; words[i]; i++)
        text_print(&known, "%s%s", i ? ", " : "", words[i]);
    if (nearest)
        problem_hint(problem, "did you mean %s?", nearest);
    else if (known.len)
        problem_hint(problem, known.cut ? "known are %s..." : "known are %s", known.bytes);
}
