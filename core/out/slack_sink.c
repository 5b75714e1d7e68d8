/*
 * slack_sink - type "slack": what people are told (out/notice), as messages of a channel, by an
 * incoming webhook.
 *
 * Mattermost and whatever else takes Slack's webhooks is served as well.  Repetitions are said, too,
 * unless `only` leaves them out.
 *
 * Layer: out.  Uses: base, out/each, out/notice, out/sink.
 */
#include <string.h>

#include "base/mem.h"
#include "out/each.h"
#include "out/notice.h"
#include "out/sink_types.h"

enum { LONGEST_TEXT = 38000 }; /* Slack cuts a message at 40,000 characters */

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

/* Nothing of an event is markup: no link, nobody is called by name, and nothing ends what is code. */
static void add_plain(struct text *out, const struct text *text, bool code)
{
    for (const char *c = text->bytes; *c; c++)
        if (*c == '&' || *c == '<' || *c == '>')
            text_add(out, *c == '&' ? "&amp;" : *c == '<' ? "&lt;" : "&gt;");
        else if (code && *c == '\n')
            text_add(out, "`\n`");
        else
            text_add_char(out, *c == '`' || (*c == '*' && !code) ? '\'' : *c);
}

static const char *sign_of(const struct notice *notice)
{
    if (notice->waits)
        return ":hourglass_flowing_sand:";
    switch (notice->call) {
    case NOTICE_NEWS:
        return ":wrench:";
    case NOTICE_SEEN:
        return ":eyes:";
    case NOTICE_ENDS:
        return notice->remediation ? ":white_circle:" : ":large_green_circle:";
    case NOTICE_CALLS:
        break;
    }
    return notice->remediation                           ? ":red_circle:"
           : strcmp(notice->state.bytes, "warning") == 0 ? ":large_orange_circle:"
           : strcmp(notice->state.bytes, "unknown") == 0 ? ":large_purple_circle:"
                                                         : ":red_circle:";
}

static void write_message(const struct notice *notice, struct text *out)
{
    text_print(out, "%s *%s* ", sign_of(notice), notice->state.bytes);
    add_plain(out, &notice->title, false);
    if (notice->body.len) {
        text_add_char(out, '\n');
        add_plain(out, &notice->body, false);
    }
    if (notice->command.len) {
        text_add(out, "\n`");
        add_plain(out, &notice->command, true);
        text_add_char(out, '`');
    }
}

static bool make(const char *name, struct view line, struct text *body, void *data)
{
    struct notice NOTICE_AUTO notice;
    struct text TEXT_AUTO message;
    struct writer writer;
    (void)data;
    text_init(&message, LONGEST_TEXT);
    if (!notice_make(line, name, &notice))
        return false;
    write_message(&notice, &message);
    writer_init(&writer, body);
    writer_object(&writer, NULL);
    writer_string(&writer, "text", message.bytes);
    writer_end(&writer);
    return true;
}

static void *open_sink(const struct sink_place *place)
{
    const struct slack_options *config = place->config;
    return each_open(place->name,
                     &(const struct each_wish){.loop = place->loop,
                                               .url = config->url,
                                               .tls = config->tls,
                                               .timeout_ms = config->timeout_ms,
                                               .make = make});
}

const struct sink_type slack_sink = {
    .face =
        {
            .name = "slack",
            .summary = "findings and plans that wait as messages, by an incoming webhook",
            .options = options,
            .config_size = sizeof(struct slack_options),
            .queued = true,
            .people = true,
        },
    .open = open_sink,
    .carry = each_carry,
    .close = each_close,
};
