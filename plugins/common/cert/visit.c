/*
 * visit - one address: connected to, talked to, judged.
 *
 * The handshake always completes, whatever is wrong; then all of it is said.  Where the first one
 * leaves something open, others follow it: with older TLS, which is to be refused, and as today's
 * clients do it.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cert/presented.h"

enum { TLS_1_0 = 0x0301, MAX_REPLY = 64 << 10 };

/* ------------------------------------------------------------- the end ---- */

static void hang_up(struct visit *visit)
{
    probe_cancel(&visit->run->life, visit->stream);
    visit->stream = NULL;
}

/* It is over: what was to be said of it has been reported. */
static void finish(struct visit *visit)
{
    hang_up(visit);
    visit->on_over(visit);
}

static void end_as_ours(struct visit *visit, int status, const char *reason, const char *summary,
                        const char *hint)
{
    struct probe_run *run = visit->run;
    visit->stream = NULL;
    probe_end(run,
              .how = PROBE_FAILED,
              .status = status,
              .reason = reason,
              .summary = summary,
              .hint = hint);
}

static const char *subject_of(const struct visit *visit)
{
    return visit->subject ? visit->subject : "*";
}

/* Another certificate than before is told as long as the operator wants to hear of it. */
static const struct change *judge_change(struct visit *visit)
{
    const struct presented_config *config = visit->run->config;
    struct presented_run *state = visit->run->data;
    int64_t wall_ms = probe_wall(&visit->run->life);
    const struct change *change =
        change_note(&state->book, subject_of(visit), visit->presented->all[0].fingerprint, wall_ms);
    if (!change || !change_happened(change))
        return NULL;
    if (wall_ms - change->since_ms < config->tell_change_ms)
        verdict_add(&visit->verdict,
                    FAULT_CHANGED,
                    0,
                    "it is another certificate than before, of which %.12s... was the fingerprint",
                    change->previous);
    return change;
}

/* Whom it spoke to, and where the time went, as far as it came. */
static struct probe_field *add_way(struct probe_field *field, const struct visit *visit)
{
    const struct {
        const char *name;
        double ms;
    } stages[] = {{"dns_ms", visit->ms.dns},
                  {"connect_ms", visit->ms.connect},
                  {"starttls_ms", visit->ms.starttls},
                  {"tls_ms", visit->ms.tls}};
    const char *ip = *visit->ip ? visit->ip : visit->address;
    if (*ip) /* who does not answer has an address, too */
        *field++ = probe_text("ip", ip);
    for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++)
        if (stages[i].ms >= 0)
            *field++ = probe_real(stages[i].name, stages[i].ms);
    return field;
}

static struct probe_field *add_extra(struct probe_field *field, const struct visit *visit,
                                     const struct change *change)
{
    int64_t wall_ms = probe_wall(&visit->run->life);
    const struct staple *staple = &visit->staple;
    *field++ = probe_text("tls_version", visit->tls_version);
    *field++ = probe_text("cipher", visit->cipher);
    *field++ = probe_int("presented", (int64_t)visit->presented->total);
    *field++ = probe_text("staple", staple_words[staple->state]);
    if (staple->until_ms)
        *field++ = probe_real("staple_seconds", (double)(staple->until_ms - wall_ms) / 1000);
    if (change) {
        *field++ = probe_real("changed_seconds", (double)(wall_ms - change->since_ms) / 1000);
        *field++ = probe_text("previous_sha256", change->previous);
    }
    return add_way(field, visit);
}

static void leave_seen(struct visit *visit)
{
    const struct chain *shown = visit->verified->count ? visit->verified : visit->presented;
    struct probe_field extra[REPORT_EXTRA];
    const struct probe_field *end = add_extra(extra, visit, judge_change(visit));
    report_verdict(visit->run,
                   &visit->verdict,
                   &(const struct report){.subject = visit->subject,
                                          .shown = shown,
                                          .presented = visit->presented,
                                          .extra = extra,
                                          .extra_count = (size_t)(end - extra)});
    finish(visit);
}

static void tell_unseen(const struct visit *visit, enum fault fault, const char *summary,
                        const char *hint)
{
    struct probe_field way[REPORT_EXTRA];
    const struct probe_field *end = add_way(way, visit);
    report_unreached(visit->run,
                     fault,
                     summary,
                     hint,
                     &(const struct report){.subject = visit->subject,
                                            .extra = way,
                                            .extra_count = (size_t)(end - way)});
}

static void leave_unseen(struct visit *visit, enum fault fault, const char *summary,
                         const char *hint)
{
    tell_unseen(visit, fault, summary, hint);
    finish(visit);
}

void visit_report_no_way(struct visit *visit)
{
    char summary[160];
    (void)snprintf(summary,
                   sizeof(summary),
                   "this machine has no way to %s",
                   *visit->address ? visit->address : "any address of it");
    tell_unseen(visit, FAULT_UNREACHABLE, summary, "see the machine's routes");
}

/* ------------------------------------------------------------- failures ---- */

/* The files of `tls`, and what the system does not let us do; a peer that is shown is never refused. */
static bool is_ours(int status, enum probe_stage stage)
{
    static const int all[] = {
        -EACCES, -EPERM, -ENOENT, -EINVAL, -ENOMEM, -EMFILE, -ENFILE, -ECANCELED};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (status == all[i])
            return stage == PROBE_CONNECTING || stage == PROBE_SECURING || status == -ECANCELED;
    return false;
}

static bool has_no_way(int status, enum probe_stage stage)
{
    return stage == PROBE_CONNECTING &&
           (status == -ENETUNREACH || status == -EADDRNOTAVAIL || status == -EAFNOSUPPORT);
}

static const char *hint_of(const struct visit *visit, enum fault fault)
{
    switch (fault) {
    case FAULT_REFUSED:
        return "nobody listens there: is the service running?";
    case FAULT_NO_TLS:
    case FAULT_HANDSHAKE:
        return visit->talk.kind == STARTTLS_NONE
                   ? "compare the port, and `starttls`; a server that asks for a certificate of "
                     "ours gets it by tls: {certificate, key}"
                   : "compare the port, and `starttls`";
    default:
        return NULL;
    }
}

static enum fault fault_of_status(int status, enum probe_stage stage)
{
    if (status == -ECONNREFUSED)
        return FAULT_REFUSED;
    if (status == -ETIMEDOUT)
        return FAULT_TIMEOUT;
    if (status == -EHOSTUNREACH)
        return FAULT_UNREACHABLE;
    if (status == -EPROTO && stage == PROBE_SECURING)
        return FAULT_HANDSHAKE;
    return status == -EMSGSIZE ? FAULT_NO_TLS : FAULT_CLOSED;
}

static void go_on(struct visit *visit);

/* Of a handshake after the first: that it fails is what an old protocol is to do. */
static void on_later_failure(struct visit *visit, int status, enum probe_stage stage,
                             const char *message)
{
    bool securing = stage == PROBE_SECURING;
    hang_up(visit);
    if (visit->phase == VISIT_STRICT && securing && status == -EPROTO)
        verdict_add(&visit->verdict,
                    FAULT_WEAK_EXCHANGE,
                    -1,
                    "today's clients refuse its handshake: %s",
                    message);
    if (visit->phase == VISIT_OLD && !(securing && (status == -EPROTO || status == -ECONNRESET)))
        verdict_add(&visit->verdict,
                    fault_of_status(status, stage),
                    -1,
                    "whether it accepts older TLS cannot be seen: %s",
                    message);
    go_on(visit);
}

static void on_failure(struct visit *visit, int status, const struct probe_arrival *arrival)
{
    const char *message = arrival->message ? arrival->message : strerror(-status);
    visit->stream = NULL;
    if (visit->phase != VISIT_SHOWN) {
        on_later_failure(visit, status, arrival->stage, message);
    } else if (arrival->stage == PROBE_RESOLVING) {
        end_as_ours(visit, status, "dns", message, "compare the URL's host with your DNS");
    } else if (is_ours(status, arrival->stage)) {
        end_as_ours(visit,
                    status,
                    "config",
                    message,
                    arrival->stage == PROBE_SECURING ? "see the files that `tls` names"
                                                     : "see the agent's own rights and limits");
    } else if (has_no_way(status, arrival->stage)) {
        visit->no_way = true;
        finish(visit);
    } else {
        enum fault fault = fault_of_status(status, arrival->stage);
        leave_unseen(visit, fault, message, hint_of(visit, fault));
    }
}

static void on_closed(struct visit *visit)
{
    visit->stream = NULL;
    if (visit->phase != VISIT_SHOWN)
        on_later_failure(visit, -ECONNRESET, PROBE_SECURING, "it hangs up");
    else
        leave_unseen(
            visit, FAULT_CLOSED, "the server closed the connection before TLS began", NULL);
}

/* ------------------------------------------------------------- judging ---- */

static void print_version(const char *version, char *out, size_t room)
{
    static const char prefix[] = "TLSv";
    size_t skip = version && strncmp(version, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
    const char *number = version ? version + skip : "";
    (void)snprintf(out, room, "%s", strcmp(number, "1") == 0 ? "1.0" : number);
}

/* What verification cannot say: how the connection itself was secured. */
static void judge_connection(struct visit *visit, const struct probe_peer *peer)
{
    print_version(peer->tls_version, visit->tls_version, sizeof(visit->tls_version));
    (void)snprintf(visit->cipher, sizeof(visit->cipher), "%s", peer->cipher ? peer->cipher : "");
    if (strcmp(visit->tls_version, "1.0") == 0 || strcmp(visit->tls_version, "1.1") == 0)
        verdict_add(&visit->verdict,
                    FAULT_OLD_TLS,
                    -1,
                    "the server speaks no more than TLS %s, which today's clients refuse",
                    visit->tls_version);
}

/* Our own handshake takes any strength; only the strict one tells whether DH's is enough. */
static bool wants_strict(const struct visit *visit)
{
    return visit->phase < VISIT_STRICT && strncmp(visit->cipher, "DHE-", 4) == 0;
}

/* The newest that is to be refused; zero: the operator did not ask. */
static uint16_t refused_version(const struct visit *visit)
{
    const struct presented_config *config = visit->run->config;
    return config->lowest ? (uint16_t)(TLS_1_0 + config->lowest[2] - '0' - 1) : 0;
}

/* The next handshake, if one is needed; else what was seen is told. */
static void go_on(struct visit *visit)
{
    if (visit->phase < VISIT_OLD && refused_version(visit))
        visit->phase = VISIT_OLD;
    else if (wants_strict(visit))
        visit->phase = VISIT_STRICT;
    else {
        leave_seen(visit);
        return;
    }
    visit_start(visit);
}

static void judge_staple(struct visit *visit, const struct probe_peer *peer)
{
    const struct chain *chain = visit->verified->count > 1 ? visit->verified : visit->presented;
    const struct certificate *issuer =
        chain->count > 1 && chain_names_issuer(&visit->presented->all[0], &chain->all[1])
            ? &chain->all[1]
            : NULL;
    visit->staple =
        staple_of(peer->ocsp, &visit->presented->all[0], issuer, probe_wall(&visit->run->life));
    staple_judge(&visit->staple, &visit->verdict);
}

static void judge_crl(struct visit *visit)
{
    const struct presented_run *state = visit->run->data;
    const struct chain *chain = visit->verified->count > 0 ? visit->verified : visit->presented;
    if (state->crl)
        crl_judge(state->crl, chain, probe_wall(&visit->run->life), &visit->verdict);
}

static void on_older(struct visit *visit, const struct probe_peer *peer)
{
    char version[sizeof(visit->tls_version)];
    print_version(peer->tls_version, version, sizeof(version));
    verdict_add(&visit->verdict,
                FAULT_OLD_TLS,
                -1,
                "the server still accepts TLS %s, which it is to refuse",
                version);
}

static void on_first(struct visit *visit, const struct probe_peer *peer)
{
    struct probe_run *run = visit->run;
    struct presented_memory *memory = run->memory;
    const char *why = NULL;
    visit->presented = shelf_take(&memory->shelf, peer->presented, peer->presented_count);
    visit->verified = shelf_take(&memory->shelf, peer->verified, peer->verified_count);
    if (!visit->presented || !visit->verified) {
        probe_fail(run, -ENOMEM, "out of memory");
    } else if (visit->presented->count == 0) {
        leave_unseen(visit, FAULT_HANDSHAKE, "the server presented no certificate", NULL);
    } else if (!verdict_of_peer(visit->presented,
                                visit->verified,
                                peer,
                                probe_wall(&run->life),
                                &visit->verdict,
                                &why)) {
        end_as_ours(visit, -EINVAL, "config", why, "see the files that `tls` names");
    } else {
        judge_connection(visit, peer);
        judge_staple(visit, peer);
        judge_crl(visit);
        hang_up(visit);
        go_on(visit);
    }
}

/* The peer is known: that is all that is wanted of this connection. */
static void on_secured(struct visit *visit, const struct probe_arrival *arrival)
{
    if (visit->phase == VISIT_SHOWN) {
        on_first(visit, arrival->peer);
        return;
    }
    if (visit->phase == VISIT_OLD)
        on_older(visit, arrival->peer);
    hang_up(visit);
    go_on(visit);
}

/* ------------------------------------------------------------ the talk ---- */

static void secure(struct visit *visit)
{
    struct probe_life *life = &visit->run->life;
    visit->securing = true;
    visit->agreed_us = (int64_t)(probe_now_us(life) - visit->dialled_us);
    probe_secure(life, visit->stream);
}

static void on_turn(struct visit *visit, struct starttls_next next)
{
    struct probe_life *life = &visit->run->life;
    char summary[500];
    switch (next.turn) {
    case STARTTLS_WAIT:
        return;
    case STARTTLS_WRITE:
        probe_write(life, visit->stream, next.write, next.write_len);
        return;
    case STARTTLS_WRITE_LAST:
        probe_write(life, visit->stream, next.write, next.write_len);
        secure(visit);
        return;
    case STARTTLS_SECURE:
        secure(visit);
        return;
    case STARTTLS_REFUSED:
        (void)snprintf(
            summary, sizeof(summary), "the server does not begin TLS: %s", visit->talk.line);
        break;
    case STARTTLS_STRANGE:
        (void)snprintf(
            summary, sizeof(summary), "the server does not speak the protocol of `starttls`");
        break;
    }
    if (visit->phase != VISIT_SHOWN)
        on_later_failure(visit, -EPROTO, PROBE_WAITING, summary);
    else
        leave_unseen(visit, FAULT_NO_TLS, summary, hint_of(visit, FAULT_NO_TLS));
}

/* Of the first handshake: whom it is with, and how long each stage took. */
static void note(struct visit *visit, const struct probe_arrival *arrival)
{
    const struct probe_timing *us = &arrival->us;
    const char *address = arrival->peer ? arrival->peer->address : NULL;
    int64_t clear_us = visit->securing ? visit->agreed_us : us->connect;
    if (visit->phase != VISIT_SHOWN)
        return;
    if (address)
        (void)snprintf(visit->ip, sizeof(visit->ip), "%s", address);
    if (us->resolve)
        visit->ms.dns = (double)us->resolve / 1000;
    if (us->connect)
        visit->ms.connect = (double)(us->connect - us->resolve) / 1000;
    if (visit->securing)
        visit->ms.starttls = (double)(visit->agreed_us - us->connect) / 1000;
    if (us->tls)
        visit->ms.tls = (double)(us->tls - clear_us) / 1000;
}

static void on_arrival(int status, const struct probe_arrival *arrival, void *data)
{
    struct visit *visit = data;
    enum starttls_kind kind = presented_starttls(visit->run);
    note(visit, arrival);
    if (status < 0) {
        on_failure(visit, status, arrival);
        return;
    }
    switch (arrival->what) {
    case PROBE_OPENED:
        if (kind == STARTTLS_NONE)
            on_secured(visit, arrival);
        else
            on_turn(visit, starttls_begin(&visit->talk, kind));
        return;
    case PROBE_SECURED:
        on_secured(visit, arrival);
        return;
    case PROBE_ARRIVED:
        if (!visit->securing)
            on_turn(visit, starttls_hear(&visit->talk, arrival->bytes, arrival->len));
        return;
    case PROBE_CLOSED:
        on_closed(visit);
        return;
    }
}

void visit_start(struct visit *visit)
{
    const struct presented_config *config = visit->run->config;
    const struct presented_run *target = visit->run->data;
    uint16_t port = target->url->port ? target->url->port : presented_scheme_of(target->url)->port;
    bool later = presented_starttls(visit->run) != STARTTLS_NONE;
    bool strict = visit->phase == VISIT_STRICT;
    visit->securing = false;
    visit->dialled_us = probe_now_us(&visit->run->life);
    if (visit->phase == VISIT_SHOWN)
        visit->ms.connect = visit->ms.starttls = visit->ms.tls = -1;
    visit->stream =
        probe_dial(&visit->run->life,
                   on_arrival,
                   visit,
                   .host = config->sni ? config->sni : target->url->host,
                   .address = *visit->address ? visit->address : NULL,
                   .port = port,
                   .safety = strict  ? (later ? PROBE_SAFE_LATER : PROBE_SAFE)
                             : later ? PROBE_SHOWN_LATER
                                     : PROBE_SHOWN,
                   .tls = target->tls,
                   .tls_lowest = strict ? 0 : TLS_1_0,
                   .tls_highest = visit->phase == VISIT_OLD ? refused_version(visit) : 0,
                   .max_reply = MAX_REPLY);
}
