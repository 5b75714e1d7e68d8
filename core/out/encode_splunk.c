/*
 * encode_splunk - Splunk's HTTP Event Collector: one object an event, one after the other.
 *
 * Its token goes into a header, `headers: {Authorization: "Splunk ${file:...}"}`.
 *
 * Layer: out.  Part of out/encode.
 */
#include "base/writer.h"
#include "out/encode.h"
#include "out/view.h"

static void add_event(struct text *out, const struct encode_wish *wish, struct view line)
{
    struct writer writer;
    struct view agent = view_member(line, "agent"), node = view_member(agent, "node");
    int64_t ms = view_time(view_member(line, "time"));
    text_print(out, "{\"time\":%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
    if (view_is_string(node))
        text_print(out, ",\"host\":%.*s", (int)node.len, node.at);
    text_add(out, ",\"source\":\"runbookd\",\"sourcetype\":\"_json\"");
    if (wish->index && *wish->index) {
        text_add(out, ",\"index\":");
        writer_init(&writer, out);
        writer_string(&writer, NULL, wish->index);
    }
    text_add(out, ",\"event\":");
    text_add_n(out, line.at, line.len);
    text_add(out, "}\n");
}

static bool encode(const struct encode_wish *wish, const struct sink_parcel *parcel,
                   struct text *body)
{
    struct view rest = {parcel->lines, parcel->len}, line;
    while (view_line(&rest, &line)) {
        if (!view_is_object(line))
            return false;
        add_event(body, wish, line);
    }
    return true;
}

const struct encoding encode_splunk = {
    .name = "splunk",
    .media = "application/json",
    .path = "/services/collector/event",
    .encode = encode,
};
