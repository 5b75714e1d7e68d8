/*
 * encode_elasticsearch - the _bulk API of Elasticsearch and OpenSearch: data streams, ECS fields.
 *
 * Each document is created under the id BOOT-SEQ: what comes again is refused as a conflict by the
 * receiver itself, so that nothing is there twice (within one backing index).  ECS has its fields
 * where it knows any; the rest lies below `runbookd`.  A field there has one type, whatever kind of
 * event it is of: packaging/collectors/elasticsearch-template.json maps all of them.
 *
 * Layer: out.  Part of out/encode.
 */
#include <string.h>

#include "out/encode.h"
#include "out/view.h"

#define USUAL_INDEX "logs-runbookd-default"

/* ,"KEY":VALUE, where there is such a value. */
static void add(struct text *out, const char *key, struct view value)
{
    if (!value.at || view_equals(value, "null"))
        return;
    text_print(out, "%s\"%s\":", out->bytes[out->len - 1] == '{' ? "" : ",", key);
    text_add_n(out, value.at, value.len);
}

static void add_text(struct text *out, struct view value)
{
    if (view_is_string(value))
        text_add_n(out, value.at + 1, value.len - 2);
}

static void add_action(struct text *out, const char *index, struct view line)
{
    struct view boot = view_member(view_member(line, "agent"), "boot");
    struct view seq = view_member(line, "seq");
    text_print(out, "{\"create\":{\"_index\":\"%s\"", index);
    if (view_is_string(boot) && seq.at) {
        text_add(out, ",\"_id\":\"");
        add_text(out, boot);
        text_print(out, "-%.*s\"", (int)seq.len, seq.at);
    }
    text_add(out, "}}\n");
}

/* ECS: event, whose kind is "alert" for what is wrong, "state" for what is well. */
static void add_event(struct text *out, struct view line)
{
    struct view kind = view_member(line, "kind"), status = view_member(line, "status");
    const char *ecs = "event";
    if (view_equals(kind, "\"finding\""))
        ecs = view_equals(status, "\"ok\"") ? "state" : "alert";
    text_print(
        out, ",\"event\":{\"kind\":\"%s\",\"module\":\"runbookd\",\"dataset\":\"runbookd.", ecs);
    add_text(out, kind);
    text_add_char(out, '"');
    add(out, "id", view_member(line, "id"));
    add(out, "sequence", view_member(line, "seq"));
    add(out, "reason", view_member(line, "reason"));
    add(out, "action", view_member(line, "step"));
    text_add_char(out, '}');
}

static void add_agent(struct text *out, struct view agent)
{
    text_add(out, ",\"agent\":{\"type\":\"runbookd\"");
    add(out, "version", view_member(agent, "version"));
    add(out, "name", view_member(agent, "node"));
    add(out, "ephemeral_id", view_member(agent, "boot"));
    text_add(out, "}");
    if (view_is_string(view_member(agent, "node"))) {
        text_add(out, ",\"host\":{");
        add(out, "name", view_member(agent, "node"));
        text_add_char(out, '}');
    }
    if (view_is_string(view_member(agent, "pod"))) {
        text_add(out, ",\"orchestrator\":{\"resource\":{\"type\":\"pod\"");
        add(out, "name", view_member(agent, "pod"));
        text_add(out, "}}");
    }
}

static bool is_elsewhere(struct view key)
{
    static const char *const names[] = {
        "schema", "time", "level", "message", "id", "seq", "agent", "labels", "step"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == key.len && memcmp(names[i], key.at, key.len) == 0)
            return true;
    return false;
}

/* A document with one name twice is refused, so the event's own member goes before its agent's. */
static void add_of_agent(struct text *out, struct view line, const char *key)
{
    if (!view_member(line, key).at)
        add(out, key, view_member(view_member(line, "agent"), key));
}

/* Of a remediation it is an entry's number, of a heartbeat the audit itself. */
static bool is_entry(const struct view_walk *walk)
{
    static const char audit[] = "audit";
    return walk->key.len == sizeof(audit) - 1 && memcmp(walk->key.at, audit, walk->key.len) == 0 &&
           *walk->value.at != '{';
}

static void add_own(struct text *out, struct view line)
{
    struct view_walk walk = {.rest = line};
    text_add(out, ",\"runbookd\":{");
    add_of_agent(out, line, "realm");
    add_of_agent(out, line, "role");
    add_of_agent(out, line, "config");
    while (view_next(&walk)) {
        if (is_elsewhere(walk.key) || *walk.value.at == 'n')
            continue;
        text_print(out, "%s\"", out->bytes[out->len - 1] == '{' ? "" : ",");
        text_add_n(out, walk.key.at, walk.key.len);
        text_add(out, is_entry(&walk) ? "_entry\":" : "\":");
        text_add_n(out, walk.value.at, walk.value.len);
    }
    text_add_char(out, '}');
}

static void add_document(struct text *out, struct view line)
{
    text_add(out, "{\"ecs\":{\"version\":\"8.11.0\"},\"log\":{\"logger\":\"runbookd\"");
    add(out, "level", view_member(line, "level"));
    text_add_char(out, '}');
    add(out, "@timestamp", view_member(line, "time"));
    add(out, "message", view_member(line, "message"));
    add_event(out, line);
    add_agent(out, view_member(line, "agent"));
    add(out, "labels", view_member(line, "labels"));
    add_own(out, line);
    text_add(out, "}\n");
}

static bool encode(const struct encode_wish *wish, const struct sink_parcel *parcel,
                   struct text *body)
{
    struct view rest = {parcel->lines, parcel->len}, line;
    while (view_line(&rest, &line)) {
        if (!view_is_object(line))
            return false;
        add_action(body, wish->index && *wish->index ? wish->index : USUAL_INDEX, line);
        add_document(body, line);
    }
    return true;
}

/* ------------------------------------------------------------------ reply ---- */

static void explain(struct view result, struct text *message)
{
    struct view reason = view_member(view_member(result, "error"), "reason");
    if (message->len == 0 && !view_add_text(reason, message))
        text_add(message, "a document was refused");
}

/* A 200 of which some documents may not have been taken.  A conflict: it is there already. */
static void judge(struct view reply, struct sink_answer *answer, struct text *message)
{
    enum { CREATED_BEFORE = 409, TOO_MANY = 429 };
    struct view_walk walk = {.rest = view_member(reply, "items")};
    if (!view_equals(view_member(reply, "errors"), "true"))
        return;
    while (view_next(&walk)) {
        struct view result = view_member(walk.value, "create");
        int64_t status = view_int(view_member(result, "status"), 0);
        if (status < 300 || status == CREATED_BEFORE)
            continue;
        explain(result, message);
        if (status == TOO_MANY || status >= 500 || status == 403 || status == 404)
            answer->verdict = SINK_LATER;
        else if (answer->verdict == SINK_TAKEN)
            answer->verdict = SINK_REFUSED;
    }
}

const struct encoding encode_elasticsearch = {
    .name = "elasticsearch",
    .media = "application/x-ndjson",
    .path = "/_bulk",
    .encode = encode,
    .judge = judge,
};
