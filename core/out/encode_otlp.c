/*
 * encode_otlp - OTLP/HTTP logs as JSON (opentelemetry.proto.collector.logs.v1), by the mapping of
 * protobuf to JSON.
 *
 * The resource is the agent: service.name runbookd, service.version, service.instance.id (the boot),
 * host.name, k8s.pod.name, and what has no convention as runbookd.*.  A record's body is the message;
 * its attributes are the event's members as runbookd.*, with their types, nested ones as lists of
 * keys and values; event.name is runbookd.KIND.
 *
 * Layer: out.  Part of out/encode.
 */
#include <string.h>

#include "base/writer.h"
#include "out/encode.h"
#include "out/view.h"

enum { DEEPEST = 16 };

/* ---------------------------------------------------------------- values ---- */

static void add_value(struct text *out, struct view value, unsigned depth);

static void add_pair(struct text *out, const char *prefix, struct view key, struct view value,
                     unsigned depth)
{
    text_print(out, "{\"key\":\"%s", prefix);
    text_add_n(out, key.at, key.len);
    text_add(out, "\",\"value\":");
    add_value(out, value, depth);
    text_add_char(out, '}');
}

static void add_nested(struct text *out, struct view value, unsigned depth)
{
    struct view_walk walk = {.rest = value};
    bool list = *value.at == '[', first = true;
    text_add(out, list ? "{\"arrayValue\":{\"values\":[" : "{\"kvlistValue\":{\"values\":[");
    while (view_next(&walk)) {
        if (!first)
            text_add_char(out, ',');
        if (list)
            add_value(out, walk.value, depth + 1);
        else
            add_pair(out, "", walk.key, walk.value, depth + 1);
        first = false;
    }
    text_add(out, "]}}");
}

static bool is_whole(struct view value)
{
    enum { MOST_DIGITS = 18 }; /* of what surely is an int64 */
    size_t sign = *value.at == '-';
    for (size_t i = sign; i < value.len; i++)
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
    return value.len > sign && value.len - sign <= MOST_DIGITS;
}

/* An AnyValue.  An int64 is a string there; null is a value that is not set. */
static void add_value(struct text *out, struct view value, unsigned depth)
{
    int len = (int)value.len;
    switch (*value.at) {
    case '{':
    case '[':
        if (depth < DEEPEST)
            add_nested(out, value, depth);
        else
            text_add(out, "{}");
        return;
    case '"':
        text_print(out, "{\"stringValue\":%.*s}", len, value.at);
        return;
    case 'n':
        text_add(out, "{}");
        return;
    case 't':
    case 'f':
        text_print(out, "{\"boolValue\":%.*s}", len, value.at);
        return;
    default:
        if (is_whole(value))
            text_print(out, "{\"intValue\":\"%.*s\"}", len, value.at);
        else
            text_print(out, "{\"doubleValue\":%.*s}", len, value.at);
    }
}

/* -------------------------------------------------------------- resource ---- */

static void add_resource(struct text *out, struct view agent)
{
    static const struct {
        const char *member, *key;
    } known[] = {{"version", "service.version"},
                 {"boot", "service.instance.id"},
                 {"node", "host.name"},
                 {"pod", "k8s.pod.name"},
                 {"realm", "runbookd.realm"},
                 {"role", "runbookd.role"},
                 {"config", "runbookd.config"}};
    text_add(out,
             "{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
             "{\"stringValue\":\"runbookd\"}}");
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        struct view value = view_member(agent, known[i].member);
        if (!view_is_string(value))
            continue;
        text_add_char(out, ',');
        add_pair(out, "", (struct view){known[i].key, strlen(known[i].key)}, value, 0);
    }
    text_add(out, "]},\"scopeLogs\":[{\"scope\":{\"name\":\"runbookd\"},\"logRecords\":[");
}

/* ---------------------------------------------------------------- record ---- */

static int severity_of(struct view level)
{
    return view_equals(level, "\"error\"")  ? 17
           : view_equals(level, "\"warn\"") ? 13
           : view_equals(level, "\"info\"") ? 9
                                            : 5;
}

/* What stands elsewhere in the record. */
static bool is_elsewhere(struct view key)
{
    static const char *const names[] = {"schema", "time", "level", "message", "agent"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == key.len && memcmp(names[i], key.at, key.len) == 0)
            return true;
    return false;
}

static void add_record(struct text *out, struct view line)
{
    struct view level = view_member(line, "level"), message = view_member(line, "message"),
                kind = view_member(line, "kind");
    struct view_walk walk = {.rest = line};
    long long ms = (long long)view_time(view_member(line, "time"));
    text_print(out,
               "{\"timeUnixNano\":\"%lld000000\",\"observedTimeUnixNano\":\"%lld000000\","
               "\"severityNumber\":%d",
               ms,
               ms,
               severity_of(level));
    if (view_is_string(level))
        text_print(out, ",\"severityText\":%.*s", (int)level.len, level.at);
    if (view_is_string(message)) {
        text_add(out, ",\"body\":");
        add_value(out, message, 0);
    }
    text_add(out,
             ",\"attributes\":[{\"key\":\"event.name\",\"value\":{\"stringValue\":\"runbookd.");
    if (view_is_string(kind))
        text_add_n(out, kind.at + 1, kind.len - 2);
    text_add(out, "\"}}");
    while (view_next(&walk)) {
        if (is_elsewhere(walk.key) || *walk.value.at == 'n')
            continue;
        text_add_char(out, ',');
        add_pair(out, "runbookd.", walk.key, walk.value, 0);
    }
    text_add(out, "]}");
}

/* ----------------------------------------------------------------- whole ---- */

static bool encode(const struct encode_wish *wish, const struct sink_parcel *parcel,
                   struct text *body)
{
    struct view rest = {parcel->lines, parcel->len}, line, last = {NULL, 0};
    (void)wish;
    text_add(body, "{\"resourceLogs\":[");
    while (view_line(&rest, &line)) {
        struct view agent = view_member(line, "agent");
        if (!view_is_object(line) || !view_is_object(agent))
            return false;
        bool same = last.at && last.len == agent.len && memcmp(last.at, agent.at, agent.len) == 0;
        if (!same) {
            text_add(body, last.at ? "]}]}," : "");
            add_resource(body, agent);
        } else {
            text_add_char(body, ',');
        }
        add_record(body, line);
        last = agent;
    }
    text_add(body, last.at ? "]}]}]}" : "]}");
    return true;
}

/* Rejected records are not to be sent again, says the specification. */
static void judge(struct view reply, struct sink_answer *answer, struct text *message)
{
    struct view partial = view_member(reply, "partialSuccess");
    struct view count = view_member(partial, "rejectedLogRecords");
    struct text TEXT_AUTO digits;
    text_init(&digits, 32);
    if (view_is_string(count) && view_add_text(count, &digits))
        count = (struct view){digits.bytes, digits.len};
    int64_t rejected = view_int(count, 0);
    if (rejected <= 0)
        return;
    answer->lost = (size_t)rejected;
    if (!view_add_text(view_member(partial, "errorMessage"), message))
        text_add(message, "the collector rejected them");
}

const struct encoding encode_otlp = {
    .name = "otlp",
    .media = "application/json",
    .path = "/v1/logs",
    .encode = encode,
    .judge = judge,
};
