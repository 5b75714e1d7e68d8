/*
 * pagerduty_sink - type "pagerduty": what people are told (out/notice) as incidents, by Events API v2.
 *
 * What calls for a person triggers, what needs nobody any more resolves: a finding that is not ok, a
 * plan that waits, a remediation that has failed.  The key by which all that is said of it is one
 * incident is a finding's id, of a remediation its run and realm.  Warnings page nobody unless `only`
 * and the service say so: their severity is "warning".
 *
 * Layer: out.  Uses: base, io/secret, out/each, out/notice, out/sink.
 */
#include <string.h>

#include "base/mem.h"
#include "io/secret.h"
#include "out/each.h"
#include "out/notice.h"
#include "out/sink_types.h"

struct pagerduty_options {
    struct probe_secret *routing_key, *url;
    const struct probe_tls *tls;
    int64_t timeout_ms;
};

static const struct probe_option options[] = {
    {"routing_key",
     PROBE_SECRET_AT(struct pagerduty_options, routing_key),
     .help = "the integration key of a service, as a reference to a secret"},
    {"url",
     PROBE_SECRET_AT(struct pagerduty_options, url),
     .fallback = "https://events.pagerduty.com/v2/enqueue",
     .help = "where to; another one in the EU"},
    {"tls",
     PROBE_TLS_AT(struct pagerduty_options, tls),
     .fallback = "",
     .help = "certificate authority, name, verification"},
    {"timeout",
     PROBE_DURATION_AT(struct pagerduty_options, timeout_ms),
     .fallback = "30s",
     .min = 100,
     .max = 3600000,
     .help = "how long one request may take"},
    {0},
};

/* "critical" and "warning" are words of both; what cannot be examined is an error of ours. */
static const char *severity_of(const struct notice *notice)
{
    if (notice->remediation)
        return notice->waits ? "error" : "critical";
    return strcmp(notice->state.bytes, "critical") == 0  ? "critical"
           : strcmp(notice->state.bytes, "warning") == 0 ? "warning"
                                                         : "error";
}

static void write_details(struct writer *writer, const struct notice *notice, struct view line)
{
    struct view measures = view_member(line, "measures");
    writer_object(writer, "custom_details");
    if (notice->command.len)
        writer_string(writer, "command", notice->command.bytes);
    if (measures.at)
        writer_raw_n(writer, "measures", measures.at, measures.len);
    each_write_text(writer, "hint", line, "hint");
    each_write_text(writer, "owner", line, "owner");
    each_write_text(writer, "since", line, "since");
    if (notice->remediation && notice->body.len)
        writer_string(writer, "plan", notice->body.bytes);
    each_write_text(writer, "expires", line, "expires");
    each_write_text(writer, "finding", line, "finding");
    writer_end(writer);
}

static void write_payload(struct writer *writer, const struct notice *notice, struct view line)
{
    struct view agent = view_member(line, "agent");
    bool has_target = view_is_string(view_member(line, "target"));
    MEM_AUTO char *class = mem_print("runbookd.%s", notice->state.bytes);
    writer_object(writer, "payload");
    writer_string(writer, "summary", notice->title.bytes);
    writer_string(writer, "severity", severity_of(notice));
    if (has_target)
        each_write_text(writer, "source", line, "target");
    else
        each_write_text(writer, "source", agent, "realm");
    each_write_text(writer, "timestamp", line, "time");
    each_write_text(writer, "component", line, notice->remediation ? "remediation" : "name");
    if (notice->remediation)
        writer_string(writer, "class", class);
    else
        each_write_text(writer, "class", line, "check");
    each_write_text(writer, "group", agent, "realm");
    write_details(writer, notice, line);
    writer_end(writer);
}

static void write_link(struct writer *writer, struct view line)
{
    struct text TEXT_AUTO doc;
    text_init(&doc, 2000);
    (void)view_add_text(view_member(line, "doc"), &doc);
    if (strncmp(doc.bytes, "https://", 8) != 0 && strncmp(doc.bytes, "http://", 7) != 0)
        return;
    writer_array(writer, "links");
    writer_object(writer, NULL);
    writer_string(writer, "href", doc.bytes);
    writer_string(writer, "text", "the runbook");
    writer_end(writer);
    writer_end(writer);
}

/* What is only to be read along is nothing to an incident. */
static const char *action_of(const struct notice *notice)
{
    switch (notice->call) {
    case NOTICE_CALLS:
        return "trigger";
    case NOTICE_SEEN:
        return "acknowledge";
    case NOTICE_ENDS:
        return "resolve";
    case NOTICE_NEWS:
        break;
    }
    return NULL;
}

static bool make(const char *name, struct view line, struct text *body, void *routing_key)
{
    const char *key = secret_reveal(routing_key);
    struct notice NOTICE_AUTO notice;
    struct writer writer;
    if (!notice_make(line, name, &notice) || !action_of(&notice))
        return false;
    writer_init(&writer, body);
    writer_object(&writer, NULL);
    writer_string(&writer, "routing_key", key ? key : "");
    writer_string(&writer, "event_action", action_of(&notice));
    writer_string(&writer, "dedup_key", notice.key.bytes);
    if (notice.call == NOTICE_CALLS) {
        writer_string(&writer, "client", "runbookd");
        write_payload(&writer, &notice, line);
        write_link(&writer, line);
    }
    writer_end(&writer);
    return true;
}

static void *open_sink(const struct sink_place *place)
{
    const struct pagerduty_options *config = place->config;
    return each_open(place->name,
                     &(const struct each_wish){.loop = place->loop,
                                               .url = config->url,
                                               .tls = config->tls,
                                               .timeout_ms = config->timeout_ms,
                                               .make = make,
                                               .also = config->routing_key,
                                               .data = config->routing_key});
}

const struct sink_type pagerduty_sink = {
    .face =
        {
            .name = "pagerduty",
            .summary = "findings and plans that wait as incidents of PagerDuty",
            .options = options,
            .config_size = sizeof(struct pagerduty_options),
            .queued = true,
            .people = true,
        },
    .open = open_sink,
    .carry = each_carry,
    .ends = true,
    .close = each_close,
};
