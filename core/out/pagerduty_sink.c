/*
 * pagerduty_sink - type "pagerduty": findings as incidents, by Events API v2.
 *
 * What is not ok triggers, what is ok again resolves; a finding's id is the key by which both, and
 * every repetition, are one incident.  Warnings page nobody unless `only` and the service say so:
 * their severity is "warning".
 *
 * Layer: out.  Uses: base, io/secret, out/each, out/sink.
 */
#include <string.h>

#include "base/mem.h"
#include "io/secret.h"
#include "out/each.h"
#include "out/sink_types.h"

enum { LONGEST_SUMMARY = 1024 };

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

struct self {
    const struct pagerduty_options *config;
    struct each *each;
};

/* "critical" and "warning" are words of both; what cannot be examined is an error of ours. */
static const char *severity_of(struct view status)
{
    return view_equals(status, "\"critical\"")  ? "critical"
           : view_equals(status, "\"warning\"") ? "warning"
                                                : "error";
}

static void write_payload(struct writer *writer, struct view line)
{
    struct text TEXT_AUTO address, summary, command;
    struct view measures = view_member(line, "measures");
    text_init(&address, 1000);
    text_init(&summary, LONGEST_SUMMARY);
    text_init(&command, 1000);
    each_add_address(line, &address);
    text_print(&summary, "%s: ", address.bytes);
    (void)view_add_text(view_member(line, "message"), &summary);
    text_add(&command, "runbookd show ");
    (void)view_add_text(view_member(line, "target"), &command);
    text_add_char(&command, '/');
    (void)view_add_text(view_member(line, "name"), &command);

    writer_object(writer, "payload");
    writer_string(writer, "summary", summary.bytes);
    writer_string(writer, "severity", severity_of(view_member(line, "status")));
    each_write_text(writer, "source", line, "target");
    each_write_text(writer, "timestamp", line, "time");
    each_write_text(writer, "component", line, "name");
    each_write_text(writer, "class", line, "check");
    each_write_text(writer, "group", view_member(line, "agent"), "realm");
    writer_object(writer, "custom_details");
    writer_string(writer, "command", command.bytes);
    if (measures.at)
        writer_raw_n(writer, "measures", measures.at, measures.len);
    each_write_text(writer, "hint", line, "hint");
    each_write_text(writer, "owner", line, "owner");
    each_write_text(writer, "since", line, "since");
    writer_end(writer);
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

static bool make(struct view line, struct text *body, void *data)
{
    const struct self *self = data;
    const char *key = secret_reveal(self->config->routing_key);
    bool over = view_equals(view_member(line, "status"), "\"ok\"");
    struct writer writer;
    if (!each_concerns_people(line))
        return false;
    writer_init(&writer, body);
    writer_object(&writer, NULL);
    writer_string(&writer, "routing_key", key ? key : "");
    writer_string(&writer, "event_action", over ? "resolve" : "trigger");
    each_write_text(&writer, "dedup_key", line, "id");
    if (!over) {
        writer_string(&writer, "client", "runbookd");
        write_payload(&writer, line);
        write_link(&writer, line);
    }
    writer_end(&writer);
    return true;
}

static void *open_sink(const struct sink_place *place)
{
    struct self *self = mem_new(sizeof(*self));
    self->config = place->config;
    self->each = each_open(&(const struct each_wish){.loop = place->loop,
                                                     .url = self->config->url,
                                                     .tls = self->config->tls,
                                                     .timeout_ms = self->config->timeout_ms,
                                                     .make = make,
                                                     .data = self});
    return self;
}

static void carry(void *data, const struct sink_parcel *parcel, sink_carried_fn *fn, void *fn_data)
{
    struct self *self = data;
    each_carry(self->each, parcel, fn, fn_data);
}

static void close_sink(void *data)
{
    struct self *self = data;
    each_close(self->each);
    free(self);
}

const struct sink_type pagerduty_sink = {
    .face =
        {
            .name = "pagerduty",
            .summary = "findings as incidents of PagerDuty",
            .options = options,
            .config_size = sizeof(struct pagerduty_options),
            .queued = true,
            .people = true,
        },
    .open = open_sink,
    .carry = carry,
    .close = close_sink,
};
