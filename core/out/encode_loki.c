/*
 * encode_loki - Loki's push API: streams by a few labels, the line as it is.
 *
 * Labels are what Loki indexes, so there are few: those of `labels`, each one of the event's labels,
 * of its agent's members (realm, node, ...) or of its own (kind, level, target, ...).  Everything
 * else stays in the line, for `| json`.
 *
 * Layer: out.  Part of out/encode.
 */
#include <ctype.h>
#include <string.h>

#include "base/writer.h"
#include "out/encode.h"
#include "out/view.h"

static const char *const usual[] = {"service", "env", "realm", "kind", "level", NULL};

static struct view value_of(struct view line, const char *name)
{
    static const char *const containers[] = {"labels", "agent"};
    for (size_t i = 0; i < COUNT_OF(containers); i++) {
        struct view value = view_member(view_member(line, containers[i]), name);
        if (view_is_string(value))
            return value;
    }
    return view_member(line, name);
}

/* Loki's names are like Prometheus': letters, digits and underscores. */
static void add_name(struct text *out, const char *name)
{
    text_add_char(out, '"');
    for (; *name; name++)
        text_add_char(out, isalnum((unsigned char)*name) ? *name : '_');
    text_add(out, "\":");
}

/* {"kind":"finding"}: the same text for the same stream. */
static void add_labels(struct text *out, const char *const *names, struct view line)
{
    bool any = false;
    text_add_char(out, '{');
    for (; *names; names++) {
        struct view value = value_of(line, *names);
        if (!view_is_string(value) || value.len == 2)
            continue;
        if (any)
            text_add_char(out, ',');
        add_name(out, *names);
        text_add_n(out, value.at, value.len);
        any = true;
    }
    text_add(out, any ? "}" : "\"service_name\":\"runbookd\"}"); /* one at least there must be */
}

static void add_value(struct text *out, struct view line)
{
    struct writer writer;
    text_print(out, "[\"%lld000000\",", (long long)view_time(view_member(line, "time")));
    writer_init(&writer, out);
    writer_string_n(&writer, NULL, line.at, line.len);
    text_add_char(out, ']');
}

static bool encode(const struct encode_wish *wish, const struct sink_parcel *parcel,
                   struct text *body)
{
    const char *const *names = wish->labels && *wish->labels ? wish->labels : usual;
    struct view rest = {parcel->lines, parcel->len}, line;
    struct text TEXT_AUTO last;
    struct text TEXT_AUTO labels;
    bool first = true;
    text_init(&last, ENCODE_LONGEST_LABELS);
    text_init(&labels, ENCODE_LONGEST_LABELS);
    text_add(body, "{\"streams\":[");
    while (view_line(&rest, &line)) {
        if (!view_is_object(line))
            return false;
        text_cut_to(&labels, 0);
        add_labels(&labels, names, line);
        if (first || strcmp(labels.bytes, last.bytes) != 0) {
            text_print(body, "%s{\"stream\":%s,\"values\":[", first ? "" : "]},", labels.bytes);
            text_cut_to(&last, 0);
            text_add_n(&last, labels.bytes, labels.len);
        } else {
            text_add_char(body, ',');
        }
        add_value(body, line);
        first = false;
    }
    text_add(body, first ? "]}" : "]}]}");
    return !labels.cut;
}

const struct encoding encode_loki = {
    .name = "loki", .media = "application/json", .path = "/loki/api/v1/push", .encode = encode};
