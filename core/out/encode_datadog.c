/*
 * encode_datadog - Datadog's logs intake (v2): a list of log items.
 *
 * The key goes into a header, `headers: {DD-API-KEY: "${file:...}"}`.  The event's labels become
 * tags, its label "service" the service; the whole event is the attribute `runbookd`.
 *
 * Layer: out.  Part of out/encode.
 */
#include "out/encode.h"
#include "out/view.h"

static void add_inner(struct text *out, struct view string)
{
    text_add_n(out, string.at + 1, string.len - 2);
}

/* "env:production,service:orders": what stands between quotes may stand between others. */
static void add_tags(struct text *out, struct view line)
{
    struct view_walk walk = {.rest = view_member(line, "labels")};
    struct view realm = view_member(view_member(line, "agent"), "realm");
    text_add(out, "\"ddtags\":\"source:runbookd");
    if (view_is_string(realm)) {
        text_add(out, ",realm:");
        add_inner(out, realm);
    }
    while (view_next(&walk)) {
        if (!view_is_string(walk.value))
            continue;
        text_add_char(out, ',');
        text_add_n(out, walk.key.at, walk.key.len);
        text_add_char(out, ':');
        add_inner(out, walk.value);
    }
    text_add_char(out, '"');
}

static void add(struct text *out, const char *key, struct view value, const char *otherwise)
{
    text_print(out, "\"%s\":", key);
    if (view_is_string(value))
        text_add_n(out, value.at, value.len);
    else
        text_add(out, otherwise);
    text_add_char(out, ',');
}

static void add_item(struct text *out, struct view line)
{
    struct view agent = view_member(line, "agent"), labels = view_member(line, "labels");
    text_add(out, "{\"ddsource\":\"runbookd\",");
    add(out, "hostname", view_member(agent, "node"), "\"\"");
    add(out, "service", view_member(labels, "service"), "\"runbookd\"");
    add(out, "status", view_member(line, "level"), "\"info\"");
    add(out, "timestamp", view_member(line, "time"), "\"\"");
    add(out, "message", view_member(line, "message"), "\"\"");
    add_tags(out, line);
    text_add(out, ",\"runbookd\":");
    text_add_n(out, line.at, line.len);
    text_add_char(out, '}');
}

static bool encode(const struct encode_wish *wish, const struct sink_parcel *parcel,
                   struct text *body)
{
    struct view rest = {parcel->lines, parcel->len}, line;
    bool first = true;
    (void)wish;
    text_add_char(body, '[');
    while (view_line(&rest, &line)) {
        if (!view_is_object(line))
            return false;
        if (!first)
            text_add_char(body, ',');
        add_item(body, line);
        first = false;
    }
    text_add_char(body, ']');
    return true;
}

const struct encoding encode_datadog = {
    .name = "datadog",
    .media = "application/json",
    .path = "/api/v2/logs",
    .encode = encode,
};
