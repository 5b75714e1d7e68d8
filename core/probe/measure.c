#include "probe/measure.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

static size_t count_counters(const struct probe_measure *table)
{
    size_t count = 0;
    for (; table && table->name; table++)
        count += table->kind == PROBE_COUNTER;
    return count;
}

static size_t count_declared(const struct probe_measure *table)
{
    size_t count = 0;
    for (; table && table->name; table++)
        count++;
    return count;
}

static void derive(struct measures *measures, int counter, const char *suffix, const char *help)
{
    const char *of = measures->slots[counter].name;
    measures->slots[measures->count++] = (struct measure_slot){
        .name = mem_print("%s%s", of, suffix),
        .help = help,
        .kind = PROBE_GAUGE,
        .optional = true,
        .counter = counter,
    };
}

void measures_init(struct measures *measures, const struct probe_measure *table)
{
    measures->declared = count_declared(table);
    measures->slots =
        mem_array(measures->declared + 2 * count_counters(table), sizeof(*measures->slots));
    for (measures->count = 0; measures->count < measures->declared; measures->count++) {
        const struct probe_measure *from = &table[measures->count];
        measures->slots[measures->count] = (struct measure_slot){
            .name = from->name,
            .help = from->help,
            .kind = from->kind,
            .optional = from->optional,
            .words = from->words,
            .counter = -1,
        };
    }
    for (size_t i = 0; i < measures->declared; i++) {
        if (measures->slots[i].kind != PROBE_COUNTER)
            continue;
        derive(measures, (int)i, "_delta", "by how much it grew since the run before");
        derive(measures, (int)i, "_per_second", "how fast it grows, since the run before");
    }
}

void measures_finish(struct measures *measures)
{
    for (size_t i = measures->declared; i < measures->count; i++)
        free((char *)measures->slots[i].name);
    free(measures->slots);
    *measures = (struct measures){0};
}

int measures_find(const struct measures *measures, const char *name)
{
    /* Mostly the plugin's own literal, which its linker has made the same as in its table. */
    for (size_t i = 0; i < measures->count; i++)
        if (measures->slots[i].name == name)
            return (int)i;
    for (size_t i = 0; i < measures->count; i++)
        if (strcmp(measures->slots[i].name, name) == 0)
            return (int)i;
    return -1;
}

double value_number(const struct value *value)
{
    switch (value->kind) {
    case VALUE_INTEGER:
        return (double)value->is.integer;
    case VALUE_REAL:
        return value->is.real;
    case VALUE_FLAG:
        return value->is.flag;
    default:
        return NAN;
    }
}

struct value *values_create(size_t count)
{
    return mem_array(count, sizeof(struct value));
}

void values_destroy(struct value *values, size_t count)
{
    for (size_t i = 0; values && i < count; i++)
        if (values[i].kind == VALUE_WORD)
            free(values[i].is.word);
    free(values);
}

bool measure_name_fits(const char *name)
{
    static const char *const keywords[] = {"and",   "break", "do",       "else", "elseif", "end",
                                           "false", "for",   "function", "goto", "if",     "in",
                                           "local", "nil",   "not",      "or",   "repeat", "return",
                                           "then",  "true",  "until",    "while"};
    if (!islower((unsigned char)*name))
        return false;
    for (const char *c = name; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
            return false;
    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (strcmp(name, keywords[i]) == 0)
            return false;
    return true;
}
