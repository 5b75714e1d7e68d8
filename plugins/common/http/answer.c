#include "common/http/answer.h"

#include <string.h>
#include <strings.h>

const char *const answer_classes[] = {"ok",
                                      "status",
                                      "body",
                                      "json",
                                      "header",
                                      "health",
                                      "refused",
                                      "unreachable",
                                      "timeout",
                                      "reset",
                                      "protocol",
                                      "redirects",
                                      NULL};

enum answer_class answer_class_of(int status)
{
    switch (status) {
    case -ECONNREFUSED:
        return ANSWER_REFUSED;
    case -ETIMEDOUT:
        return ANSWER_TIMEOUT;
    case -ECONNRESET:
    case -EPIPE:
        return ANSWER_RESET;
    case -ELOOP:
        return ANSWER_REDIRECTS;
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -EADDRNOTAVAIL:
        return ANSWER_UNREACHABLE;
    default:
        return ANSWER_PROTOCOL;
    }
}

bool answer_came(int status, const struct probe_response *response)
{
    return status == 0 || (status == -EMSGSIZE && response->code != 0);
}

static struct probe_ending ending(int status, enum probe_failure how, const char *reason,
                                  const char *summary, const char *hint)
{
    return (struct probe_ending){.size = sizeof(struct probe_ending),
                                 .how = how,
                                 .status = status,
                                 .reason = reason,
                                 .summary = summary,
                                 .hint = hint};
}

bool answer_is_ours(int status, const struct probe_response *response,
                    struct probe_ending *ret_ending)
{
    const char *message = response->message ? response->message : strerror(-status);
    if (status == -EACCES)
        *ret_ending = ending(status,
                             PROBE_FAILED,
                             "tls",
                             message,
                             "an authority of your own is trusted with tls: {ca: FILE}");
    else if (response->stage == PROBE_SECURING && status == -EPROTO)
        *ret_ending = ending(
            status, PROBE_FAILED, "tls", message, "compare the URL's scheme and port, and `tls`");
    else if (response->stage == PROBE_RESOLVING)
        *ret_ending =
            ending(status, PROBE_FAILED, "dns", message, "compare the URL's host with your DNS");
    else if (status == -ENOKEY)
        *ret_ending = ending(
            status, PROBE_DENIED, "secret", message, "let the agent read what the secret names");
    else if (status == -EINVAL || status == -ECANCELED)
        *ret_ending = ending(status, PROBE_FAILED, "request", message, NULL);
    else
        return false;
    return true;
}

bool answer_denies(const struct probe_response *response, const char *summary,
                   struct probe_ending *ret_ending)
{
    if (response->code == 401 || response->code == 407)
        *ret_ending = ending(
            -EACCES,
            PROBE_DENIED,
            "noauth",
            summary,
            "give the target `bearer`, `user` and `password` or a header, or `expect` this status");
    else if (response->code == 403)
        *ret_ending = ending(-EACCES,
                             PROBE_DENIED,
                             "noperm",
                             summary,
                             "let the target's login read this path, or `expect` this status");
    else
        return false;
    return true;
}

/* Adds `len` bytes behind the first `at` of `out`, as far as they fit; how long it is then. */
static size_t put(char *out, size_t room, size_t at, const char *bytes, size_t len)
{
    if (len > room - at - 1)
        len = room - at - 1;
    memcpy(out + at, bytes, len);
    out[at + len] = '\0';
    return at + len;
}

void answer_show_url(const char *url, char *out, size_t room)
{
    const char *host = strstr(url, "://"), *at;
    size_t scheme;
    host = host ? host + 3 : url;
    scheme = (size_t)(host - url);
    at = strpbrk(host, "@/?#");
    host = at && *at == '@' ? at + 1 : host;
    (void)put(out, room, put(out, room, 0, url, scheme), host, strcspn(host, "?#"));
}

void answer_end(struct probe_run *run, const struct probe_ending *ending)
{
    probe_end(run,
              .how = ending->how,
              .status = ending->status,
              .reason = ending->reason,
              .summary = ending->summary,
              .hint = ending->hint);
}

void answer_fail(struct probe_run *run, int status, const struct probe_response *response)
{
    struct probe_ending why = {0};
    if (!answer_is_ours(status, response, &why))
        why = ending(status,
                     PROBE_DOWN,
                     answer_classes[answer_class_of(status)],
                     response->message ? response->message : strerror(-status),
                     status == -ECONNREFUSED ? "nobody listens there: is it running?" : NULL);
    answer_end(run, &why);
}

/* ---------------------------------------------------------------- times ---- */

static double took(int64_t end, int64_t begin)
{
    return end == 0 ? -1 : (double)(end > begin ? end - begin : 0) / 1000.0;
}

struct answer_times answer_times_of(const struct probe_timing *us)
{
    int64_t connected = us->tls ? us->tls : us->connect;
    return (struct answer_times){
        .dns = took(us->resolve, 0),
        .connect = took(us->connect, us->resolve),
        .tls = took(us->tls, us->connect),
        .first_byte = took(us->first_byte, connected),
        .transfer = us->first_byte ? took(us->total, us->first_byte) : -1,
        .total = (double)us->total / 1000.0,
    };
}

static void add_time(double *sum, double ms)
{
    if (ms >= 0)
        *sum = (*sum > 0 ? *sum : 0) + ms;
}

void answer_join(struct answer_trail *trail, const struct answer_trail *more)
{
    if (more->count == 0)
        return;
    if (trail->count == 0)
        trail->times = (struct answer_times){-1, -1, -1, -1, -1, 0};
    trail->count += more->count;
    add_time(&trail->times.dns, more->times.dns);
    add_time(&trail->times.connect, more->times.connect);
    add_time(&trail->times.tls, more->times.tls);
    add_time(&trail->times.first_byte, more->times.first_byte);
    add_time(&trail->times.transfer, more->times.transfer);
    add_time(&trail->times.total, more->times.total);
    if (*more->ip)
        memcpy(trail->ip, more->ip, sizeof(trail->ip));
}

void answer_follow(struct answer_trail *trail, const struct probe_response *response)
{
    struct answer_trail more = {.times = answer_times_of(&response->us), .count = 1};
    const char *address = response->peer ? response->peer->address : NULL;
    if (address)
        (void)put(more.ip, sizeof(more.ip), 0, address, strlen(address));
    answer_join(trail, &more);
}

struct probe_field *answer_add_fields(struct probe_field *field, const struct answer_trail *trail)
{
    const struct {
        const char *name;
        double ms;
    } stages[] = {
        {"dns_ms", trail->times.dns},
        {"connect_ms", trail->times.connect},
        {"tls_ms", trail->times.tls},
        {"first_byte_ms", trail->times.first_byte},
        {"transfer_ms", trail->times.transfer},
    };
    for (size_t i = 0; trail->count > 0 && i < sizeof(stages) / sizeof(*stages); i++)
        if (stages[i].ms >= 0)
            *field++ = probe_real(stages[i].name, stages[i].ms);
    if (*trail->ip)
        *field++ = probe_text("ip", trail->ip);
    return field;
}

struct answer_evidence answer_evidence_of(const struct answer_trail *trail)
{
    struct answer_evidence evidence = {0};
    (void)answer_add_fields(evidence.all, trail);
    return evidence;
}

/* ------------------------------------------------------------- evidence ---- */

/* Bytes of the character that `bytes` begin with; zero: it is none, or not whole. */
static size_t character(const unsigned char *bytes, size_t len)
{
    size_t wants = bytes[0] < 0x80                       ? 1
                   : bytes[0] >= 0xC2 && bytes[0] < 0xE0 ? 2
                   : bytes[0] >= 0xE0 && bytes[0] < 0xF0 ? 3
                   : bytes[0] >= 0xF0 && bytes[0] < 0xF5 ? 4
                                                         : 0;
    if (wants > len)
        return 0;
    for (size_t i = 1; i < wants; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    return wants;
}

void answer_snippet(const char *body, size_t len, char out[ANSWER_SNIPPET + 1])
{
    const unsigned char *bytes = (const unsigned char *)body;
    size_t used = 0;
    while (len > 0) {
        size_t size = character(bytes, len);
        if (used + (size ? size : 1) > ANSWER_SNIPPET)
            break;
        if (size > 1)
            memcpy(out + used, bytes, size);
        else
            out[used] = size == 0 || *bytes == 0x7F ? '?' : *bytes < ' ' ? ' ' : (char)*bytes;
        used += size ? size : 1;
        bytes += size ? size : 1;
        len -= size ? size : 1;
    }
    out[used] = '\0';
}

void answer_scrub(char *text, const char *secret)
{
    enum { SHORTEST = 8 };
    static const char mark[] = "[redacted]";
    if (!secret || strlen(secret) < SHORTEST)
        return;
    for (char *at = text; *at; at++) {
        size_t same = 0;
        while (secret[same] && at[same] == secret[same])
            same++;
        if (same < SHORTEST)
            continue;
        size_t kept = same < sizeof(mark) - 1 ? same : sizeof(mark) - 1;
        memcpy(at, mark, kept);
        memmove(at + kept, at + same, strlen(at + same) + 1);
        at += kept - 1;
    }
}

const char *answer_header(const struct probe_response *response, const char *name)
{
    for (const struct probe_pair *pair = response->headers; pair && pair->name; pair++)
        if (strcasecmp(pair->name, name) == 0)
            return pair->value;
    return NULL;
}
