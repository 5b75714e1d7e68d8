/*
 * email_sink - type "email": what people are told (out/notice), by SMTP.
 *
 * What comes within `batch.age`, 30 s by default, is one mail: a hundred findings are not a hundred
 * mails.  How the mail reads is out/email_text's.
 *
 * Where a server takes a mail for some of those who are to get it, these are not told again: for whom it
 * says "not now" (4xx) it is asked twice more, while later mails wait; for whom it says "never", or still not,
 * the event `recipient_refused` says so, once an hour, and the mail counts as sent.  Where it takes it for
 * nobody, it is the server, and the mail waits as for any receiver.
 *
 * Layer: out.  Uses: base, io/mail, out/email_text, out/sink, probe/event.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/mail.h"
#include "io/secret.h"
#include "io/wait.h"
#include "out/email_text.h"
#include "out/sink.h"
#include "out/sink_types.h"

enum {
    LONGEST_TEXT = 16 << 20,
    BATCH_AGE_MS = 30000,
    NOT_NOW = 400,
    NEVER = 500,
    TOO_BIG = 552,
    MOST_TRIES = 3, /* for those whom a server does not take now */
    PAUSE_MS = 5000,
    SAID_EVERY_MS = 60 * 60 * 1000
};

/* ---------------------------------------------------------------- options ---- */

struct email_options {
    const struct probe_url *url;
    const char *from, *user, *starttls, *subject;
    const char *const *to;
    struct probe_secret *password;
    const struct probe_tls *tls;
    int64_t timeout_ms;
};

static const char *const ways[] = {"required", "if_offered", "never", NULL};

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct email_options, url),
     .help = "smtp://HOST[:25], or smtps://HOST[:465], where TLS is from the start"},
    {"from",
     PROBE_STRING_AT(struct email_options, from),
     .help = "whose mail it is: ADDRESS, or NAME <ADDRESS>"},
    {"to", PROBE_LIST_AT(struct email_options, to), .help = "who gets it, the same for each"},
    {"starttls",
     PROBE_STRING_AT(struct email_options, starttls),
     .fallback = "required",
     .choices = ways,
     .help = "of smtp://: whether anything is said without TLS"},
    {"user",
     PROBE_STRING_AT(struct email_options, user),
     .fallback = "",
     .help = "who logs in at the server"},
    {"password",
     PROBE_SECRET_AT(struct email_options, password),
     .fallback = "",
     .help = "and its password"},
    {"tls",
     PROBE_TLS_AT(struct email_options, tls),
     .fallback = "",
     .help = "certificate authority, client certificate, name, verification"},
    {"subject",
     PROBE_STRING_AT(struct email_options, subject),
     .fallback = "",
     .help = "what subjects begin with; default: [runbookd REALM]"},
    {"timeout",
     PROBE_DURATION_AT(struct email_options, timeout_ms),
     .fallback = "1m",
     .min = 100,
     .max = 3600000,
     .help = "how long one mail may take"},
    {0},
};

static bool goes_by(const struct email_options *config, const char *scheme)
{
    return config->url && config->url->scheme && strcmp(config->url->scheme, scheme) == 0;
}

static int check_address(const char *key, const char *written, struct error *error)
{
    MEM_AUTO char *bare = NULL;
    if (!written || email_address(written, &bare))
        return 0;
    (void)error_set(error, -EINVAL, "%s: %.200s is no address", key, written);
    return error_hint(error, "write name@example.org, or Name <name@example.org>");
}

static int check(const void *data, struct error *error)
{
    const struct email_options *config = data;
    bool user = config->user && *config->user;
    if (config->url && !goes_by(config, "smtp") && !goes_by(config, "smtps"))
        return error_set(error, -EINVAL, "url: is neither smtp:// nor smtps://");
    if (config->to && !*config->to)
        return error_set(error, -EINVAL, "to: is empty");
    for (const char *const *to = config->to; to && *to; to++)
        if (check_address("to", *to, error) < 0)
            return error->code;
    if (config->subject && strpbrk(config->subject, "\r\n"))
        return error_set(error, -EINVAL, "subject: is more than one line");
    if (user != (config->password != NULL))
        return error_set(error, -EINVAL, "user: and password belong together");
    return check_address("from", config->from, error);
}

/* -------------------------------------------------------------------- self ---- */

struct recipient {
    char *address; /* bare */
    bool due;      /* the mail under way is for it */
    bool refused;  /* the last one was not taken for it; said then */
    uint64_t said_us;
};

struct self {
    struct loop *loop;
    struct bus *bus;
    const struct email_options *config;
    struct mailer *mailer; /* NULL: no thread could be started */
    char *name, *from;
    struct recipient *recipients;
    const char **asked; /* of these the addresses that are due, in order; ended by NULL */
    size_t count;
    struct text text; /* the mail under way */
    unsigned tries;
    bool reached; /* somebody has it */
    struct timer later;
    struct sink_answer now; /* what is answered without a mail */
    sink_carried_fn *fn;
    void *data;
};

static void post(struct self *self);

/* ------------------------------------------------------------- who got it ---- */

struct refusal {
    const char *sink, *why;
};

static void write_refusal(struct writer *writer, void *data)
{
    const struct refusal *refusal = data;
    writer_string(writer, "sink", refusal->sink);
    writer_string(writer, "error", refusal->why);
}

static void say_refused(const struct self *self, struct recipient *recipient, const char *why)
{
    uint64_t now = loop_now_us(self->loop);
    struct refusal refusal = {self->name, why};
    MEM_AUTO char *message =
        mem_print("sink %s: a mail was not taken for %s: %s", self->name, recipient->address, why);
    log_warn("%s", message);
    recipient->due = false;
    if (recipient->refused && now - recipient->said_us < (uint64_t)SAID_EVERY_MS * 1000)
        return;
    recipient->refused = true;
    recipient->said_us = now;
    (void)event_emit_agent(self->bus,
                           LOG_WARN,
                           "recipient_refused",
                           message,
                           loop_wall_ms(self->loop),
                           write_refusal,
                           &refusal);
}

/* Of those who were asked for: who has it, who never gets it, and who may yet.  How many may. */
static size_t settle(struct self *self, const struct mail_end *end)
{
    const struct mail_answer *answer = end->answers;
    bool last = ++self->tries >= MOST_TRIES;
    size_t left = 0;
    for (size_t i = 0; i < self->count; i++) {
        struct recipient *recipient = &self->recipients[i];
        if (!recipient->due)
            continue;
        int code = answer ? answer->code : 0;
        if (end->status == 0 && code < NOT_NOW)
            recipient->due = recipient->refused = false;
        else if (code >= NEVER || last)
            say_refused(self, recipient, code >= NOT_NOW ? answer->text : end->message);
        else
            left++;
        answer = answer ? answer + 1 : NULL;
    }
    return left;
}

static void on_again(void *data)
{
    post(data);
}

static void on_end(const struct mail_end *end, void *data)
{
    struct self *self = data;
    const struct sink_answer answer = {
        .verdict = end->code == TOO_BIG ? SINK_TOO_BIG : SINK_LATER,
        .message = end->message,
    };
    if (end->status == -EACCES && self->config->password)
        secret_forget(self->config->password);
    self->reached = self->reached || end->status == 0;
    if (!self->reached)
        self->fn(&answer, self->data);
    else if (settle(self, end) > 0)
        timer_start(&self->later, self->loop, PAUSE_MS, on_again, self);
    else
        self->fn(&(const struct sink_answer){.verdict = SINK_TAKEN}, self->data);
}

static void on_later(void *data)
{
    struct self *self = data;
    self->fn(&self->now, self->data);
}

static void answer_later(struct self *self, enum sink_verdict verdict, const char *message)
{
    self->now = (struct sink_answer){.verdict = verdict, .message = message};
    timer_start(&self->later, self->loop, 0, on_later, self);
}

static enum mail_secure secure_of(const struct email_options *config)
{
    if (goes_by(config, "smtps"))
        return MAIL_TLS;
    return strcmp(config->starttls, ways[0]) == 0   ? MAIL_STARTTLS
           : strcmp(config->starttls, ways[1]) == 0 ? MAIL_IF_OFFERED
                                                    : MAIL_CLEAR;
}

static void post(struct self *self)
{
    static const char unread[] = "the secret that it needs cannot be read";
    const struct email_options *config = self->config;
    const char *password = config->password ? secret_reveal(config->password) : NULL;
    size_t asked = 0;
    if (config->password && !password) {
        on_end(&(const struct mail_end){.status = -ENOENT, .message = unread}, self);
        return;
    }
    for (size_t i = 0; i < self->count; i++)
        if (self->recipients[i].due)
            self->asked[asked++] = self->recipients[i].address;
    self->asked[asked] = NULL;
    const struct mail_wish wish = {
        .host = config->url->host,
        .port = config->url->port,
        .secure = secure_of(config),
        .tls = config->tls,
        .user = password ? config->user : NULL,
        .password = password,
        .from = self->from,
        .to = self->asked,
        .text = self->text.bytes,
        .len = self->text.len,
        .timeout_ms = config->timeout_ms,
    };
    mailer_send(self->mailer, &wish, on_end, self);
}

static void carry(void *data, const struct sink_parcel *parcel, sink_carried_fn *fn, void *fn_data)
{
    struct self *self = data;
    const struct email_wish wish = {.from = self->config->from,
                                    .to = self->config->to,
                                    .prefix = self->config->subject ? self->config->subject : "",
                                    .sink = self->name,
                                    .wall_ms = loop_wall_ms(self->loop)};
    text_finish(&self->text);
    text_init(&self->text, LONGEST_TEXT);
    self->fn = fn;
    self->data = fn_data;
    self->reached = false;
    self->tries = 0;
    for (size_t i = 0; i < self->count; i++)
        self->recipients[i].due = true;
    if (!email_write(&wish, (struct view){parcel->lines, parcel->len}, &self->text))
        answer_later(self, SINK_TAKEN, NULL);
    else if (!self->mailer)
        answer_later(self, SINK_LATER, "no thread can be started to send it");
    else
        timer_start(&self->later, self->loop, 0, on_again, self);
}

/* -------------------------------------------------------------- open, close ---- */

static void *open_sink(const struct sink_place *place)
{
    const struct email_options *config = place->config;
    struct self *self = mem_new(sizeof(*self));
    self->loop = place->loop;
    self->bus = place->bus;
    self->config = config;
    self->name = mem_copy(place->name);
    (void)email_address(config->from, &self->from);
    text_init(&self->text, LONGEST_TEXT);
    while (config->to[self->count])
        self->count++;
    self->recipients = mem_array(self->count, sizeof(*self->recipients));
    self->asked = mem_array(self->count + 1, sizeof(*self->asked));
    for (size_t i = 0; i < self->count; i++)
        (void)email_address(config->to[i], &self->recipients[i].address);
    self->mailer = mailer_open(place->loop);
    return self;
}

static void close_sink(void *data)
{
    struct self *self = data;
    timer_stop(&self->later);
    mailer_close(self->mailer);
    for (size_t i = 0; i < self->count; i++)
        free(self->recipients[i].address);
    free(self->recipients);
    free(self->asked);
    text_finish(&self->text);
    free(self->from);
    free(self->name);
    free(self);
}

const struct sink_type email_sink = {
    .face =
        {
            .name = "email",
            .summary = "what people are told, by SMTP",
            .options = options,
            .config_size = sizeof(struct email_options),
            .queued = true,
            .people = true,
            .batch_age_ms = BATCH_AGE_MS,
            .check = check,
        },
    .open = open_sink,
    .carry = carry,
    .close = close_sink,
};
