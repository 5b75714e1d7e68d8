/*
 * slack_sink - type "slack": findings as messages of a channel, by an incoming webhook.
 *
 * Mattermost and whatever else takes Slack's webhooks is served as well.  What was never otherwise
 * than ok is not said; repetitions are, unless `only` leaves them out.
 *
 * Layer: out.  Uses: base, out/each, out/sink.
 */
#include "base/mem.h"
#include "out/each.h"
#include "out/sink_types.h"

enum { LONGEST_TEXT = 3000 };

struct slack_options {
    struct probe_secret *url;
    const struct probe_tls *tls;
    int64_t timeout_ms;
};

static const struct probe_option options[] = {
    {"url",
     PROBE_SECRET_AT(struct slack_options, url),
     .help = "the webhook, as a reference to a secret: who knows it can write there"},
    {"tls",
     PROBE_TLS_AT(struct slack_options, tls),
     .fallback = "",
     .help = "certificate authority, name, verification"},
    {"timeout",
     PROBE_DURATION_AT(struct slack_options, timeout_ms),
     .fallback = "30s",
     .min = 100,
     .max = 3600000,
     .help = "how long one request may take"},
    {0},
};

struct self {
    struct each *each;
};

/* Nothing of a finding is markup: no link, and nobody is called by name. */
static void add_plain(struct text *out, struct view line, const char *member)
{
    struct text TEXT_AUTO text;
    text_init(&text, LONGEST_TEXT);
    (void)view_add_text(view_member(line, member), &text);
    for (const char *c = text.bytes; *c; c++)
        if (*c == '&' || *c == '<' || *c == '>')
            text_add(out, *c == '&' ? "&amp;" : *c == '<' ? "&lt;" : "&gt;");
        else
            text_add_char(out, *c == '`' || *c == '*' ? '\'' : *c);
}

static void add_line(struct text *out, const char *before, struct view line, const char *member)
{
    struct view value = view_member(line, member);
    if (!value.at || !view_is_string(value))
        return;
    text_add(out, before);
    add_plain(out, line, member);
}

static void write_message(struct view line, struct text *out)
{
    struct view status = view_member(line, "status");
    text_add(out,
             view_equals(status, "\"ok\"")        ? ":large_green_circle: *ok* "
             : view_equals(status, "\"warning\"") ? ":large_orange_circle: *warning* "
             : view_equals(status, "\"unknown\"") ? ":large_purple_circle: *unknown* "
                                                  : ":red_circle: *critical* ");
    add_plain(out, line, "target");
    add_line(out, "/", line, "name");
    add_line(out, " ", line, "subject");
    add_line(out, ": ", line, "message");
    add_line(out, "\n", line, "hint");
    add_line(out, "\nowner ", line, "owner");
    add_line(out, "\n", line, "doc");
    if (view_equals(status, "\"ok\""))
        return;
    text_add(out, "\n`runbookd show ");
    add_plain(out, line, "target");
    add_line(out, "/", line, "name");
    text_add_char(out, '`');
}

static bool make(struct view line, struct text *body, void *data)
{
    struct text TEXT_AUTO message;
    struct writer writer;
    (void)data;
    text_init(&message, 4 * LONGEST_TEXT);
    if (!each_concerns_people(line))
        return false;
    write_message(line, &message);
    writer_init(&writer, body);
    writer_object(&writer, NULL);
    writer_string(&writer, "text", message.bytes);
    writer_end(&writer);
    return true;
}

static void *open_sink(const struct sink_place *place)
{
    const struct slack_options *config = place->config;
    struct self *self = mem_new(sizeof(*self));
    self->each = each_open(&(const struct each_wish){.loop = place->loop,
                                                     .url = config->url,
                                                     .tls = config->tls,
                                                     .timeout_ms = config->timeout_ms,
                                                     .make = make});
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

const struct sink_type slack_sink = {
    .face =
        {
            .name = "slack",
            .summary = "findings as messages, by an incoming webhook",
            .options = options,
            .config_size = sizeof(struct slack_options),
            .queued = true,
            .people = true,
        },
    .open = open_sink,
    .carry = carry,
    .close = close_sink,
};
