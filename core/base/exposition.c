#include "base/exposition.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/exposition_otlp.h"

/* ------------------------------------------------------------ families ---- */

static const char *type_of(enum exposition_kind kind, bool open)
{
    static const char *const names[] = {"gauge", "counter", "histogram", "info"};
    return kind == EXPOSITION_INFO && !open ? "gauge" : names[kind];
}

/* In the older format a family is called what its samples are called. */
static const char *ending_of(enum exposition_kind kind, bool open)
{
    return open                         ? ""
           : kind == EXPOSITION_COUNTER ? "_total"
           : kind == EXPOSITION_INFO    ? "_info"
                                        : "";
}

void exposition_family(struct exposition *exposition, enum exposition_kind kind, const char *name,
                       const char *help)
{
    const char *ending = ending_of(kind, exposition->open);
    if (exposition->otlp)
        exposition_otlp_family(exposition, kind, help);
    exposition->name = name;
    if (exposition->otlp)
        return;
    text_print(exposition->text,
               "# HELP %s%s %s\n# TYPE %s%s %s\n",
               name,
               ending,
               help,
               name,
               ending,
               type_of(kind, exposition->open));
}

void exposition_end(struct exposition *exposition)
{
    if (exposition->otlp)
        exposition_otlp_end(exposition);
    else if (exposition->open)
        text_add(exposition->text, "# EOF\n");
}

/* -------------------------------------------------------------- labels ---- */

static void add_escaped(struct text *labels, const char *value)
{
    while (*value) {
        size_t plain = strcspn(value, "\\\"\n");
        const char *end = value + plain;
        while (value < end) { /* what is not UTF-8 would make the whole page unreadable */
            size_t len = text_character(value, (size_t)(end - value));
            if (len)
                text_add_n(labels, value, len);
            else
                text_add(labels, "\xEF\xBF\xBD");
            value += len ? len : 1;
        }
        if (*value) {
            text_add(labels, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\");
            value++;
        }
    }
}

void exposition_label(struct text *labels, const char *name, const char *value)
{
    if (!value)
        return;
    if (labels->len)
        text_add_char(labels, ',');
    text_add(labels, name);
    text_add(labels, "=\"");
    add_escaped(labels, value);
    text_add_char(labels, '"');
}

/* Whether there is a label of that name; values cannot look like one: their quotes are escaped. */
static bool has_label(const struct text *labels, const char *name)
{
    size_t len = strlen(name);
    const char *at = labels->bytes;
    while ((at = strstr(at, name))) {
        bool begins = at == labels->bytes || (at[-1] == ',' && at[-2] == '"');
        if (begins && at[len] == '=' && at[len + 1] == '"')
            return true;
        at += len;
    }
    return false;
}

void exposition_label_name(const char *key, const char *before, char out[EXPOSITION_LABEL])
{
    bool begins = *before || isalpha((unsigned char)*key);
    (void)snprintf(out, EXPOSITION_LABEL, "%s%s", begins ? before : "label_", key);
    for (char *c = out; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            *c = '_';
}

void exposition_labels(struct text *labels, const char *const *pairs)
{
    for (; pairs && pairs[0]; pairs += 2) {
        char name[EXPOSITION_LABEL];
        exposition_label_name(pairs[0], "", name);
        if (has_label(labels, name))
            exposition_label_name(pairs[0], "label_", name);
        if (!has_label(labels, name))
            exposition_label(labels, name, pairs[1]);
    }
}

/* ------------------------------------------------------------- samples ---- */

static void begin_sample(struct exposition *exposition, const char *suffix,
                         const struct text *labels)
{
    struct text *text = exposition->text;
    text_add(text, exposition->name);
    if (suffix)
        text_add(text, suffix);
    if (labels && labels->len) {
        text_add_char(text, '{');
        text_add_n(text, labels->bytes, labels->len);
        text_add_char(text, '}');
    }
    text_add_char(text, ' ');
}

static void add_count(struct text *text, uint64_t value)
{
    char digits[24], *at = digits + sizeof(digits);
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    text_add_n(text, at, (size_t)(digits + sizeof(digits) - at));
}

/* The shortest way to write it that reads as the same number. */
static void add_real(struct text *text, double value)
{
    char digits[40];
    if (!isfinite(value)) {
        text_add(text, isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf");
        return;
    }
    if (value == floor(value) && fabs(value) < 1e15) {
        if (value < 0)
            text_add_char(text, '-');
        add_count(text, (uint64_t)fabs(value));
        return;
    }
    (void)snprintf(digits, sizeof(digits), "%.15g", value);
    if (strtod(digits, NULL) != value)
        (void)snprintf(digits, sizeof(digits), "%.17g", value);
    text_add(text, digits);
}

void exposition_count(struct exposition *exposition, const char *suffix, const struct text *labels,
                      uint64_t value)
{
    if (exposition->otlp) {
        exposition_otlp_count(exposition, suffix, labels, value);
        return;
    }
    begin_sample(exposition, suffix, labels);
    add_count(exposition->text, value);
    text_add_char(exposition->text, '\n');
}

void exposition_real(struct exposition *exposition, const char *suffix, const struct text *labels,
                     double value)
{
    if (exposition->otlp) {
        exposition_otlp_real(exposition, suffix, labels, value);
        return;
    }
    begin_sample(exposition, suffix, labels);
    add_real(exposition->text, value);
    text_add_char(exposition->text, '\n');
}

void exposition_bucket(struct exposition *exposition, const struct text *labels, double bound,
                       uint64_t value)
{
    struct text *text = exposition->text;
    if (exposition->otlp) {
        exposition_otlp_bucket(exposition, bound, value);
        return;
    }
    text_add(text, exposition->name);
    text_add(text, "_bucket{");
    if (labels && labels->len) {
        text_add_n(text, labels->bytes, labels->len);
        text_add_char(text, ',');
    }
    text_add(text, "le=\"");
    add_real(text, bound);
    if (isfinite(bound) && bound == floor(bound))
        text_add(text, ".0"); /* as OpenMetrics has it */
    text_add(text, "\"} ");
    add_count(text, value);
    text_add_char(text, '\n');
}

/* -------------------------------------------------------------- wishes ---- */

/* The weight of one media range of an Accept, between 0 and 1. */
static double weight_of(const char *range, size_t len)
{
    for (const char *at = range; at + 2 < range + len; at++)
        if (*at == ';' && strspn(at + 1, " ") + 3 < (size_t)(range + len - at)) {
            const char *name = at + 1 + strspn(at + 1, " ");
            if ((name[0] == 'q' || name[0] == 'Q') && name[1] == '=')
                return strtod(name + 2, NULL);
        }
    return 1;
}

bool exposition_wanted_open(const char *accept)
{
    static const char open[] = "application/openmetrics-text", plain[] = "text/plain";
    double open_weight = 0, plain_weight = 0;
    while (*accept) {
        accept += strspn(accept, " \t,");
        size_t len = strcspn(accept, ",");
        if (strncasecmp(accept, open, strlen(open)) == 0)
            open_weight = fmax(open_weight, weight_of(accept, len));
        else if (strncasecmp(accept, plain, strlen(plain)) == 0)
            plain_weight = fmax(plain_weight, weight_of(accept, len));
        accept += len;
    }
    return open_weight > 0 && open_weight >= plain_weight;
}

const char *exposition_type(bool open)
{
    return open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                : "text/plain; version=0.0.4; charset=utf-8";
}
