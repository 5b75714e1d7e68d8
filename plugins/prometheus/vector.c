#include "vector.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_type(const json_t *data, const char *type)
{
    const char *have = json_string_value(json_object_get(data, "resultType"));
    return have && strcmp(have, type) == 0;
}

int vector_count(const json_t *data)
{
    if (is_type(data, "scalar"))
        return 1;
    return is_type(data, "vector") ? (int)json_array_size(json_object_get(data, "result")) : -1;
}

/* A sample is [time, "value"]. */
static bool read_sample(const json_t *sample, struct series *ret_series)
{
    const json_t *at = json_array_get(sample, 0);
    const char *text = json_string_value(json_array_get(sample, 1));
    char *end;
    if (!json_is_number(at) || !text || !*text)
        return false;
    ret_series->at_seconds = json_number_value(at);
    ret_series->value = strtod(text, &end);
    return *end == '\0';
}

bool vector_at(const json_t *data, size_t nth, struct series *ret_series)
{
    const json_t *result = json_object_get(data, "result");
    const json_t *one = json_array_get(result, nth);
    ret_series->labels = NULL;
    if (is_type(data, "scalar"))
        return read_sample(result, ret_series);
    ret_series->labels = json_object_get(one, "metric");
    return read_sample(json_object_get(one, "value"), ret_series);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* FNV-1a, 32 bits. */
static uint32_t mix(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return (hash ^ 0xFFu) * 16777619u;
}

void vector_subject(const json_t *labels, char out[VECTOR_SUBJECT])
{
    enum { MOST = 64, TAIL = 10 };
    const char *names[MOST], *name;
    size_t count = 0, used = 0;
    uint32_t hash = 2166136261u;
    json_t *value;
    bool cut = false;
    out[0] = '\0';
    json_object_foreach((json_t *)labels, name, value) {
        if (strcmp(name, "__name__") != 0 && count < MOST)
            names[count++] = name;
    }
    qsort(names, count, sizeof(*names), compare);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_object_get(labels, names[i]));
        size_t room = VECTOR_SUBJECT - TAIL - used;
        size_t len =
            (size_t)snprintf(out + used, room, "%s%s=%s", i ? "," : "", names[i], text ? text : "");
        hash = mix(mix(hash, names[i]), text ? text : "");
        cut = cut || len >= room;
        used += len < room ? len : room - 1;
    }
    if (cut) { /* not in the middle of a character */
        while (used > 0 && ((unsigned char)out[used - 1] & 0xC0) == 0x80)
            used--;
        if (used > 0 && (unsigned char)out[used - 1] >= 0xC0)
            used--;
        (void)snprintf(out + used, VECTOR_SUBJECT - used, "~%08" PRIx32, hash);
    }
}

void vector_print(double value, char out[32])
{
    if (isnan(value))
        (void)snprintf(out, 32, "NaN");
    else if (isinf(value))
        (void)snprintf(out, 32, value > 0 ? "+Inf" : "-Inf");
    else
        (void)snprintf(out, 32, "%.6g", value);
}
