/*
 * Any text as a condition: refused with words, or accepted, and then it answers over any values
 * without raising, as probe/expression promises.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "probe/condition.h"

static const char *const words[] = {"a", "up", NULL};

/* Short names, so that a fuzzer finds them. */
static const struct probe_measure table[] = {
    {"n", "number", PROBE_GAUGE},
    {"m", "number", PROBE_GAUGE, .optional = true},
    {"c", "counter", PROBE_COUNTER},
    {"w", "word", PROBE_WORD, .words = words},
    {"v", "word", PROBE_WORD, .optional = true},
    {"f", "flag", PROBE_FLAG},
    {"g", "flag", PROBE_FLAG, .optional = true},
    {0},
};

static const struct value choices[] = {
    {VALUE_ABSENT, {0}},
    {VALUE_INTEGER, {.integer = 0}},
    {VALUE_INTEGER, {.integer = 5}},
    {VALUE_INTEGER, {.integer = INT64_MIN}},
    {VALUE_REAL, {.real = -0.5}},
    {VALUE_REAL, {.real = NAN}},
    {VALUE_REAL, {.real = INFINITY}},
    {VALUE_FLAG, {.flag = false}},
    {VALUE_FLAG, {.flag = true}},
    {VALUE_WORD, {.word = (char *)""}},
    {VALUE_WORD, {.word = (char *)"up"}},
    {VALUE_WORD, {.word = (char *)"7"}},
};

static void ask_over_many(struct condition *condition, const struct measures *measures)
{
    struct value values[16] = {{0}};
    struct error error;
    for (size_t round = 0; round < 3 * COUNT_OF(choices); round++) {
        for (size_t slot = 0; slot < measures->count; slot++)
            values[slot] = choices[(round * (slot + 1) + slot) % COUNT_OF(choices)];
        if (condition_ask(condition, values, &error) == CONDITION_RAISED)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct measures measures;
    struct error error = {0};
    if (!measures.count)
        measures_init(&measures, table);
    char *text MEM_AUTO = mem_copy_n(bytes, len);
    struct condition *condition = condition_compile(text, &measures, &error);
    if (condition)
        ask_over_many(condition, &measures);
    else if (error.code == 0 || error.message[0] == '\0')
        abort();
    condition_release(condition);
    return 0;
}
