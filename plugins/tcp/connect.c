/*
 * connect - does it take connections, and is what answers the service?
 *
 * A name is connected to by whichever address answers first, by each family, or by each address:
 * then all of them at once, and each is a subject.  A port that accepts is not yet a service that
 * works (the kernel accepts for a process that hangs); `expect` looks for its voice.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tcp.h"
#include "trouble.h"

const char *const connect_ips[] = {"any", "4", "6", "both", NULL};
const char *const connect_addresses[] = {"any", "all", NULL};

enum { MOST_ADDRESSES = 16, SHOWN = 200, FIELDS = 16 };

/* One connection on its way. */
struct attempt {
    struct probe_run *run;
    struct probe_op *stream;
    char address[64]; /* numeric; empty: the agent looks the name up */
    const char *subject;
    int family;
    char *answer;
    size_t len;
    char ip[64], tls_version[16];
    struct probe_timing us;
    bool over, no_way;
};

/* ------------------------------------------------------------- options ---- */

static bool refers_back(const char *pattern)
{
    for (const char *at = pattern; (at = strchr(at, '\\')) && at[1]; at += 2)
        if (isdigit((unsigned char)at[1]))
            return true;
    return false;
}

int connect_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct connect_config *config = config_;
    struct connect_memory *memory = memory_;
    char why[128];
    if (config->send && !config->expect)
        return probe_refuse(
            error, "expect", "is missing: what is sent proves nothing until an answer comes");
    if (!config->expect)
        return 0;
    if (refers_back(config->expect)) /* it may take for ever, and is searched on the loop */
        return probe_refuse(error, "expect", "refers back (\\1), which takes too long to search");
    int code = regcomp(&memory->expect, config->expect, REG_EXTENDED | REG_NOSUB);
    memory->compiled = code == 0;
    if (code == 0)
        return 0;
    (void)regerror(code, &memory->expect, why, sizeof(why));
    return probe_refuse(error, "expect", "not an extended regular expression: %s", why);
}

void connect_forget(void *memory_)
{
    struct connect_memory *memory = memory_;
    if (memory->compiled)
        regfree(&memory->expect);
}

/* ------------------------------------------------------------- finding ---- */

/* "220 ready\r\n" as it would be written; whatever came is printable then. */
static void print_answer(const char *bytes, size_t len, char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < len && used + 5 < room; i++) {
        unsigned char c = (unsigned char)bytes[i];
        const char *named = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
        used += (size_t)(named                  ? snprintf(out + used, room - used, "%s", named)
                         : c >= ' ' && c < 0x7f ? snprintf(out + used, room - used, "%c", c)
                                                : snprintf(out + used, room - used, "\\x%02x", c));
    }
    out[used] = '\0';
}

static double ms_between(int64_t begin_us, int64_t end_us)
{
    return end_us > begin_us ? (double)(end_us - begin_us) / 1000.0 : 0;
}

static struct probe_field *add_stages(struct probe_field *field, const struct probe_timing *us)
{
    if (us->resolve)
        *field++ = probe_real("dns_ms", ms_between(0, us->resolve));
    if (us->connect)
        *field++ = probe_real("connect_ms", ms_between(us->resolve, us->connect));
    if (us->tls)
        *field++ = probe_real("tls_ms", ms_between(us->connect, us->tls));
    if (us->first_byte)
        *field++ = probe_real("first_byte_ms",
                              ms_between(us->tls ? us->tls : us->connect, us->first_byte));
    return field;
}

static void report(struct attempt *attempt, enum trouble trouble, enum probe_stage stage,
                   const char *summary)
{
    struct probe_field fields[FIELDS], *field = fields;
    char answer[SHOWN * 4];
    *field++ = probe_bool("expected", trouble == TROUBLE_NONE);
    *field++ = probe_text("error_class", trouble_classes[trouble]);
    *field++ = probe_real("total_ms", (double)attempt->us.total / 1000.0);
    field = add_stages(field, &attempt->us);
    if (*attempt->ip || *attempt->address) /* who does not answer has an address, too */
        *field++ = probe_text("ip", *attempt->ip ? attempt->ip : attempt->address);
    if (*attempt->tls_version)
        *field++ = probe_text("tls_version", attempt->tls_version);
    print_answer(attempt->answer ? attempt->answer : "",
                 attempt->len < SHOWN ? attempt->len : SHOWN,
                 answer,
                 sizeof(answer));
    if (attempt->len > 0)
        *field++ = probe_text("answer", answer);
    *field = (struct probe_field){0};
    probe_report(attempt->run,
                 .status = trouble_is_ours(trouble)  ? PROBE_UNKNOWN
                           : trouble == TROUBLE_NONE ? PROBE_GRADED
                                                     : PROBE_CRITICAL,
                 .subject = attempt->subject,
                 .summary = summary,
                 .hint = trouble_hint(trouble, stage),
                 .fields = fields);
}

/*
 * Addresses that this machine has no way to (IPv6, where it has only IPv4) say nothing of the
 * service: they are told only where all are so, or where the operator asked for that family.
 */
static void finish(struct probe_run *run)
{
    struct connect_run *state = run->data;
    bool any_way = false;
    char summary[160];
    for (size_t i = 0; i < state->count; i++)
        any_way |= *state->attempts[i].address && !state->attempts[i].no_way;
    for (size_t i = 0; i < state->count && !any_way; i++) {
        struct attempt *attempt = &state->attempts[i];
        if (!attempt->no_way)
            continue;
        (void)snprintf(summary,
                       sizeof(summary),
                       "this machine has no way to %s",
                       *attempt->address  ? attempt->address
                       : attempt->subject ? attempt->subject
                                          : "it");
        report(attempt, TROUBLE_NO_WAY, PROBE_CONNECTING, summary);
    }
    probe_done(run);
}

static void leave(struct attempt *attempt, enum trouble trouble, enum probe_stage stage,
                  const char *summary)
{
    struct probe_run *run = attempt->run;
    struct connect_run *state = run->data;
    probe_cancel(&run->life, attempt->stream);
    attempt->stream = NULL;
    attempt->no_way = trouble == TROUBLE_NO_WAY;
    if (!attempt->no_way)
        report(attempt, trouble, stage, summary);
    if (++state->over == state->count)
        finish(run);
}

/* -------------------------------------------------------------- answers ---- */

static bool matches(const struct attempt *attempt)
{
    const struct connect_memory *memory = attempt->run->memory;
    return regexec(&memory->expect, attempt->answer, 0, NULL, 0) == 0;
}

static void leave_well(struct attempt *attempt)
{
    const struct connect_config *config = attempt->run->config;
    char summary[120];
    (void)snprintf(summary,
                   sizeof(summary),
                   "%s in %.1f ms",
                   config->expect ? "answers as expected" : "takes connections",
                   (double)attempt->us.total / 1000.0);
    leave(attempt, TROUBLE_NONE, PROBE_RECEIVING, summary);
}

static void on_bytes(struct attempt *attempt, const char *bytes, size_t len)
{
    const struct connect_config *config = attempt->run->config;
    size_t room = (size_t)config->max_answer - attempt->len;
    size_t taken = len < room ? len : room;
    for (size_t i = 0; i < taken; i++) /* a pattern reads as far as a NUL byte */
        attempt->answer[attempt->len++] = bytes[i] ? bytes[i] : '?';
    if (matches(attempt))
        leave_well(attempt);
    else if (attempt->len == (size_t)config->max_answer)
        leave(attempt,
              TROUBLE_UNEXPECTED,
              PROBE_RECEIVING,
              "it answers, and what is expected is not in it");
}

static void on_opened(struct attempt *attempt)
{
    const struct connect_config *config = attempt->run->config;
    struct probe_run *run = attempt->run;
    if (!config->expect) {
        leave_well(attempt);
        return;
    }
    attempt->answer = calloc(1, (size_t)config->max_answer + 1);
    if (!attempt->answer)
        leave(attempt, TROUBLE_CONFIG, PROBE_SENDING, "out of memory");
    else if (config->send)
        probe_write(&run->life, attempt->stream, config->send, strlen(config->send));
}

static void on_closed(struct attempt *attempt)
{
    attempt->stream = NULL;
    if (attempt->len > 0)
        leave(attempt,
              TROUBLE_UNEXPECTED,
              PROBE_RECEIVING,
              "it answers and hangs up, and what is expected is not in the answer");
    else
        leave(attempt, TROUBLE_CLOSED, PROBE_WAITING, "it hangs up without an answer");
}

static void note(struct attempt *attempt, const struct probe_arrival *arrival)
{
    const struct probe_peer *peer = arrival->peer;
    attempt->us = arrival->us;
    if (!peer)
        return;
    (void)snprintf(attempt->ip, sizeof(attempt->ip), "%s", peer->address ? peer->address : "");
    (void)snprintf(attempt->tls_version,
                   sizeof(attempt->tls_version),
                   "%s",
                   peer->tls_version ? peer->tls_version : "");
}

/* Whole lines that came before the time was over are an answer, if not the one that is expected. */
static bool has_answered(const struct attempt *attempt)
{
    return attempt->len > 0 && attempt->answer[attempt->len - 1] == '\n';
}

static void on_arrival(int status, const struct probe_arrival *arrival, void *data)
{
    struct attempt *attempt = data;
    note(attempt, arrival);
    if (status < 0) {
        attempt->stream = NULL;
        if (status == -ETIMEDOUT && has_answered(attempt)) {
            leave(attempt,
                  TROUBLE_UNEXPECTED,
                  PROBE_RECEIVING,
                  "it answers, and what is expected is not in it");
            return;
        }
        leave(attempt,
              trouble_of(status, arrival->stage),
              arrival->stage,
              arrival->message ? arrival->message : strerror(-status));
        return;
    }
    switch (arrival->what) {
    case PROBE_OPENED:
        on_opened(attempt);
        return;
    case PROBE_ARRIVED:
        on_bytes(attempt, arrival->bytes, arrival->len);
        return;
    case PROBE_CLOSED:
        on_closed(attempt);
        return;
    case PROBE_SECURED:
        return;
    }
}

/* ---------------------------------------------------------------- start ---- */

static bool wants(const struct probe_run *run, const char *ip)
{
    const struct connect_config *config = run->config;
    return strcmp(config->ip, ip) == 0;
}

static void dial(struct attempt *attempt)
{
    const struct tcp_config *target = attempt->run->target->config;
    const struct connect_config *config = attempt->run->config;
    bool local = tcp_is_local(target->url);
    attempt->stream = probe_dial(&attempt->run->life,
                                 on_arrival,
                                 attempt,
                                 .host = local ? NULL : target->url->host,
                                 .address = *attempt->address ? attempt->address : NULL,
                                 .port = target->url->port,
                                 .path = local ? target->url->path : NULL,
                                 .family = attempt->family,
                                 .safety = tcp_is_safe(target->url) ? PROBE_SAFE : PROBE_CLEAR,
                                 .tls = target->tls,
                                 .max_reply = config->max_answer + (64 << 10));
}

/* All of them at once; `count` is no more than MOST_ADDRESSES. */
static struct attempt *begin(struct probe_run *run, size_t count)
{
    struct connect_run *state = run->data;
    state->attempts = calloc(count, sizeof(*state->attempts));
    if (!state->attempts) {
        probe_fail(run, -ENOMEM, "out of memory");
        return NULL;
    }
    state->count = count;
    for (size_t i = 0; i < count; i++)
        state->attempts[i].run = run;
    return state->attempts;
}

static int family_of(const char *address)
{
    return strchr(address, ':') ? 6 : 4;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The same ones on each run, if there are more than are looked at. */
static void dial_each(struct probe_run *run, const char **addresses, size_t count)
{
    size_t taken = count < MOST_ADDRESSES ? count : MOST_ADDRESSES;
    qsort(addresses, count, sizeof(*addresses), by_text);
    if (count > taken)
        probe_log(
            &run->life, PROBE_LOG_WARN, "%zu addresses, of which %zu are looked at", count, taken);
    struct attempt *attempts = begin(run, taken);
    for (size_t i = 0; attempts && i < taken; i++) {
        (void)snprintf(attempts[i].address, sizeof(attempts[i].address), "%s", addresses[i]);
        attempts[i].subject = attempts[i].address;
        dial(&attempts[i]);
    }
}

static void fail_lookup(struct probe_run *run, int status)
{
    const struct tcp_config *target = run->target->config;
    char summary[400];
    bool none = status == -ENOENT || status == 0;
    (void)snprintf(summary,
                   sizeof(summary),
                   none ? "there is no such address of %s"
                        : "the address of %s cannot be looked up",
                   target->url->host);
    probe_end(run,
              .how = PROBE_FAILED,
              .status = none ? -ENOENT : status,
              .reason = "dns",
              .summary = summary,
              .hint = trouble_hint(TROUBLE_DNS, PROBE_RESOLVING));
}

static void on_resolved(int status, const char *const *addresses, size_t count, void *data)
{
    struct probe_run *run = data;
    const char **fitting = calloc(count + 1, sizeof(*fitting));
    size_t fit = 0;
    for (size_t i = 0; fitting && status == 0 && i < count; i++)
        if (!(wants(run, "4") && family_of(addresses[i]) != 4) &&
            !(wants(run, "6") && family_of(addresses[i]) != 6))
            fitting[fit++] = addresses[i];
    if (!fitting)
        probe_fail(run, -ENOMEM, "out of memory");
    else if (fit == 0)
        fail_lookup(run, status);
    else
        dial_each(run, fitting, fit);
    free(fitting);
}

static void dial_by_family(struct probe_run *run)
{
    static const struct {
        const char *subject;
        int family;
    } both[] = {{"ipv4", 4}, {"ipv6", 6}};
    struct attempt *attempts = begin(run, 2);
    for (size_t i = 0; attempts && i < 2; i++) {
        attempts[i].subject = both[i].subject;
        attempts[i].family = both[i].family;
        dial(&attempts[i]);
    }
}

void connect_run(struct probe_target *self, struct probe_run *run)
{
    const struct tcp_config *target = self->config;
    const struct connect_config *config = run->config;
    unsigned char room[16];
    const char *host = target->url->host;
    bool named = !tcp_is_local(target->url) && inet_pton(AF_INET, host, room) != 1 &&
                 inet_pton(AF_INET6, host, room) != 1;
    if (named && strcmp(config->addresses, "all") == 0) {
        (void)probe_resolve(&run->life, host, on_resolved, run);
    } else if (named && wants(run, "both")) {
        dial_by_family(run);
    } else {
        struct attempt *attempts = begin(run, 1);
        if (!attempts)
            return;
        attempts->family = named && !wants(run, "any") ? config->ip[0] - '0' : 0;
        dial(attempts);
    }
}

void connect_ended(struct probe_target *self, struct probe_run *run)
{
    struct connect_run *state = run->data;
    (void)self;
    for (size_t i = 0; i < state->count; i++)
        free(state->attempts[i].answer);
    free(state->attempts);
}
