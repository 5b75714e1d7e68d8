#include "base/exposition_otlp.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/writer.h"

/* ------------------------------------------------------------- families ---- */

static bool ends_in(const char *name, const char *ending)
{
    size_t len = strlen(name), tail = strlen(ending);
    return len >= tail && strcmp(name + len - tail, ending) == 0;
}

static const char *unit_of(const char *name)
{
    static const struct {
        const char *ending, *unit;
    } units[] = {{"_per_second", "1/s"},
                 {"_percent", "%"},
                 {"_bytes", "By"},
                 {"_seconds", "s"},
                 {"_ms", "ms"},
                 {"_us", "us"}};
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (ends_in(name, units[i].ending))
            return units[i].unit;
    return NULL;
}

static void close_metric(struct exposition *exposition)
{
    static const char *const ends[] = {[EXPOSITION_GAUGE] = "]}}",
                                       [EXPOSITION_INFO] = "]}}",
                                       [EXPOSITION_COUNTER] =
                                           "],\"aggregationTemporality\":2,\"isMonotonic\":true}}",
                                       [EXPOSITION_HISTOGRAM] = "],\"aggregationTemporality\":2}}"};
    struct exposition_otlp *otlp = exposition->otlp;
    if (otlp->in_metric)
        text_add(exposition->text, ends[otlp->kind]);
    otlp->in_metric = otlp->in_points = false;
}

/* Opened by its first point: a family without any is not there. */
static void open_metric(struct exposition *exposition)
{
    static const char *const kinds[] = {[EXPOSITION_GAUGE] = "gauge",
                                        [EXPOSITION_INFO] = "gauge",
                                        [EXPOSITION_COUNTER] = "sum",
                                        [EXPOSITION_HISTOGRAM] = "histogram"};
    struct exposition_otlp *otlp = exposition->otlp;
    struct text *text = exposition->text;
    const char *unit = unit_of(exposition->name);
    if (otlp->in_metric)
        return;
    text_print(text,
               "%s{\"name\":\"%s%s\",\"description\":",
               otlp->any ? "," : "",
               exposition->name,
               otlp->kind == EXPOSITION_INFO ? "_info" : "");
    exposition_otlp_string(text, otlp->help);
    if (unit)
        text_print(text, ",\"unit\":\"%s\"", unit);
    text_print(text, ",\"%s\":{\"dataPoints\":[", kinds[otlp->kind]);
    otlp->any = otlp->in_metric = true;
}

void exposition_otlp_family(struct exposition *exposition, enum exposition_kind kind,
                            const char *help)
{
    close_metric(exposition);
    exposition->otlp->kind = kind;
    exposition->otlp->help = help;
    exposition->otlp->buckets = 0;
}

void exposition_otlp_end(struct exposition *exposition)
{
    close_metric(exposition);
}

/* --------------------------------------------------------------- points ---- */

void exposition_otlp_string(struct text *out, const char *value)
{
    struct writer writer;
    writer_init(&writer, out);
    writer_string(&writer, NULL, value);
}

/* The end of a label's value, after its opening quote: its own quotes are escaped. */
static const char *end_of_value(const char *at)
{
    while (*at && *at != '"')
        at += *at == '\\' && at[1] ? 2 : 1;
    return at;
}

/* What stands between the quotes of a label is a JSON string but for control characters. */
static void add_quoted(struct text *text, const char *at, const char *end)
{
    for (; at < end; at++)
        if ((unsigned char)*at < 0x20)
            text_print(text, "\\u%04x", (unsigned)(unsigned char)*at);
        else
            text_add_char(text, *at);
}

static void add_attributes(struct text *text, const struct text *labels)
{
    const char *at = labels && labels->len ? labels->bytes : "";
    bool first = true;
    text_add(text, "\"attributes\":[");
    while (*at) {
        size_t name = strcspn(at, "=");
        const char *value = at + name + strlen("=\"");
        const char *end = end_of_value(value);
        text_print(text,
                   "%s{\"key\":\"%.*s\",\"value\":{\"stringValue\":\"",
                   first ? "" : ",",
                   (int)name,
                   at);
        add_quoted(text, value, end);
        text_add(text, "\"}}");
        first = false;
        at = end + (*end == '"');
        at += *at == ',';
    }
    text_add_char(text, ']');
}

static void begin_point(struct exposition *exposition, const struct text *labels)
{
    struct exposition_otlp *otlp = exposition->otlp;
    struct text *text = exposition->text;
    open_metric(exposition);
    text_add(text, otlp->in_points ? ",{" : "{");
    otlp->in_points = true;
    add_attributes(text, labels);
    if (otlp->kind == EXPOSITION_COUNTER || otlp->kind == EXPOSITION_HISTOGRAM)
        text_print(text, ",\"startTimeUnixNano\":\"%" PRId64 "000000\"", otlp->started_ms);
    text_print(text, ",\"timeUnixNano\":\"%" PRId64 "000000\"", otlp->now_ms);
}

static void add_double(struct text *text, double value)
{
    if (isfinite(value))
        text_print(text, "%.17g", value);
    else
        text_add(text, isnan(value) ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
}

/* All buckets, the sum and now the count are known. */
static void add_histogram(struct exposition *exposition, const struct text *labels, uint64_t count)
{
    struct exposition_otlp *otlp = exposition->otlp;
    struct text *text = exposition->text;
    size_t bounds = 0;
    uint64_t before = 0;
    while (bounds < otlp->buckets && isfinite(otlp->bound[bounds]))
        bounds++;
    begin_point(exposition, labels);
    text_print(text, ",\"count\":\"%" PRIu64 "\",\"sum\":", count);
    add_double(text, otlp->sum);
    text_add(text, ",\"bucketCounts\":[");
    for (size_t i = 0; i < bounds; i++) {
        text_print(text, "\"%" PRIu64 "\",", otlp->below[i] - before);
        before = otlp->below[i];
    }
    text_print(text, "\"%" PRIu64 "\"],\"explicitBounds\":[", count - before);
    for (size_t i = 0; i < bounds; i++) {
        text_add(text, i ? "," : "");
        add_double(text, otlp->bound[i]);
    }
    text_add(text, "]}");
    otlp->buckets = 0;
}

void exposition_otlp_count(struct exposition *exposition, const char *suffix,
                           const struct text *labels, uint64_t value)
{
    if (exposition->otlp->kind == EXPOSITION_HISTOGRAM) {
        if (suffix && strcmp(suffix, "_count") == 0)
            add_histogram(exposition, labels, value);
        return;
    }
    begin_point(exposition, labels);
    text_print(exposition->text, ",\"asInt\":\"%" PRIu64 "\"}", value);
}

void exposition_otlp_real(struct exposition *exposition, const char *suffix,
                          const struct text *labels, double value)
{
    (void)suffix;
    if (exposition->otlp->kind == EXPOSITION_HISTOGRAM) {
        exposition->otlp->sum = value;
        return;
    }
    begin_point(exposition, labels);
    text_add(exposition->text, ",\"asDouble\":");
    add_double(exposition->text, value);
    text_add_char(exposition->text, '}');
}

void exposition_otlp_bucket(struct exposition *exposition, double bound, uint64_t value)
{
    struct exposition_otlp *otlp = exposition->otlp;
    if (otlp->buckets == EXPOSITION_MOST_BUCKETS)
        return;
    otlp->bound[otlp->buckets] = bound;
    otlp->below[otlp->buckets++] = value;
}
