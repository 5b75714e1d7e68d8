#include "common/cert/verdict.h"

#include <math.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

static const double day_ms = 86400000.0;

const char *const verdict_faults[] = {"ok",
                                      "expired",
                                      "not_yet_valid",
                                      "name_mismatch",
                                      "key_mismatch",
                                      "revoked",
                                      "self_signed",
                                      "missing_intermediate",
                                      "untrusted",
                                      "broken_chain",
                                      "wrong_use",
                                      "weak_key",
                                      "weak_digest",
                                      "invalid",
                                      "no_staple",
                                      "old_tls",
                                      "weak_exchange",
                                      "bad_order",
                                      "bad_staple",
                                      "bad_crl",
                                      "changed",
                                      "refused",
                                      "unreachable",
                                      "timeout",
                                      "closed",
                                      "no_tls",
                                      "handshake",
                                      "no_certificate",
                                      "unreadable",
                                      "locked",
                                      "no_key",
                                      "no_files",
                                      "too_many_files",
                                      NULL};

/* ---------------------------------------------------------------- time ---- */

void verdict_print_date(int64_t wall_ms, char *out, size_t room)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(out, room, "%Y-%m-%d", &tm) == 0)
        (void)snprintf(out, room, "a day that is none");
}

/* "5 days", "30 hours", "12 minutes"; rounded down, so that it never promises too much. */
static void print_span(double days, char *out, size_t room)
{
    static const struct {
        double days;
        const char *unit;
    } units[] = {{1.0, "day"}, {1.0 / 24, "hour"}, {1.0 / 1440, "minute"}};
    size_t at = days >= 3 ? 0 : days >= 3.0 / 24 ? 1 : 2;
    long long count = (long long)floor(days / units[at].days + 1e-9);
    (void)snprintf(out, room, "%lld %s%s", count, units[at].unit, count == 1 ? "" : "s");
}

static struct remaining remaining_of(const struct certificate *certificate, int64_t wall_ms)
{
    double left = (double)(certificate->until_ms - wall_ms);
    double lifetime = (double)(certificate->until_ms - certificate->from_ms);
    double percent = lifetime > 0 ? 100 * left / lifetime : 0;
    return (struct remaining){
        .ms = left,
        .days = floor(left / day_ms * 100) / 100,
        .percent = fmin(fmax(round(percent * 100) / 100, 0), 100),
    };
}

/* ------------------------------------------------------------ problems ---- */

void verdict_add(struct verdict *verdict, enum fault fault, int depth, const char *fmt, ...)
{
    size_t at = 0;
    for (size_t i = 0; i < verdict->count; i++) {
        if (verdict->problems[i].fault == fault && verdict->problems[i].depth == depth)
            return;
        at += verdict->problems[i].fault <= fault;
    }
    if (verdict->count == VERDICT_MOST)
        return;
    struct verdict_problem *problem = &verdict->problems[at];
    memmove(problem + 1, problem, (verdict->count++ - at) * sizeof(*problem));
    problem->fault = fault;
    problem->depth = depth;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(problem->text, sizeof(problem->text), fmt, args);
    va_end(args);
}

enum fault verdict_worst(const struct verdict *verdict)
{
    return verdict->count ? verdict->problems[0].fault : FAULT_NONE;
}

static enum fault fault_of(int code, int depth)
{
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return FAULT_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return FAULT_NOT_YET_VALID;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
    case X509_V_ERR_EMAIL_MISMATCH:
        return FAULT_NAME;
    case X509_V_ERR_CERT_REVOKED:
        return FAULT_REVOKED;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return FAULT_SELF_SIGNED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        return depth == 0 ? FAULT_MISSING_INTERMEDIATE : FAULT_UNTRUSTED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED:
        return FAULT_UNTRUSTED;
    case X509_V_ERR_INVALID_PURPOSE:
        return FAULT_WRONG_USE;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        return FAULT_WEAK_KEY;
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return FAULT_WEAK_DIGEST;
    default:
        return FAULT_INVALID;
    }
}

/* "the certificate" for the leaf, `the certificate of "Some CA"` for one above it. */
static const char *which(const struct certificate *certificate, int depth, char *out, size_t room)
{
    if (depth == 0)
        return "the certificate";
    (void)snprintf(out, room, "the certificate of \"%.100s\"", certificate->common_name);
    return out;
}

static void judge_time(struct verdict *verdict, const struct certificate *certificate, int depth,
                       int64_t wall_ms)
{
    char name[160], date[24];
    const char *whose = which(certificate, depth, name, sizeof(name));
    if (certificate->until_ms < wall_ms) {
        verdict_print_date(certificate->until_ms, date, sizeof(date));
        verdict_add(verdict, FAULT_EXPIRED, depth, "%s expired on %s", whose, date);
    }
    if (certificate->from_ms > wall_ms) {
        verdict_print_date(certificate->from_ms, date, sizeof(date));
        verdict_add(verdict, FAULT_NOT_YET_VALID, depth, "%s is not valid before %s", whose, date);
    }
}

static void judge_strength(struct verdict *verdict, const struct certificate *certificate,
                           int depth)
{
    char name[160];
    const char *whose = which(certificate, depth, name, sizeof(name));
    if (certificate->weak_key)
        verdict_add(verdict,
                    FAULT_WEAK_KEY,
                    depth,
                    "%s has a weak key: %s of %d bits",
                    whose,
                    certificate->key_type,
                    certificate->key_bits);
    if (certificate->weak_digest && !certificate->signs_itself)
        verdict_add(verdict,
                    FAULT_WEAK_DIGEST,
                    depth,
                    "%s is signed with %s, which can be forged",
                    whose,
                    certificate->digest);
}

/*
 * A chain stands from the leaf upwards; clients of TLS 1.2 may insist on it.  Whether its order is
 * all that is wrong with it.
 */
static bool judge_order(struct verdict *verdict, const struct chain *chain)
{
    size_t i = 0;
    while (i + 1 < chain->count && chain_names_issuer(&chain->all[i], &chain->all[i + 1]))
        i++;
    for (size_t j = i + 2; j < chain->count && !chain->all[i].signs_itself; j++) {
        if (!chain_names_issuer(&chain->all[i], &chain->all[j]))
            continue;
        verdict_add(verdict,
                    FAULT_ORDER,
                    -1,
                    "the certificates are out of order: that of \"%.100s\" does not follow the one "
                    "it issued",
                    chain->all[j].common_name);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------- verdicts ---- */

static void begin(struct verdict *verdict, const struct chain *chain, int64_t wall_ms)
{
    memset(verdict, 0, sizeof(*verdict));
    verdict->leaf = remaining_of(&chain->all[0], wall_ms);
    judge_time(verdict, &chain->all[0], 0, wall_ms);
    judge_strength(verdict, &chain->all[0], 0);
}

/* Which of those above the leaf expires first. */
static void look_above(struct verdict *verdict, const struct chain *chain, int64_t wall_ms)
{
    for (size_t i = 1; i < chain->count; i++)
        if (!verdict->first || chain->all[i].until_ms < verdict->first->until_ms)
            verdict->first = &chain->all[i];
    if (verdict->first)
        verdict->above = remaining_of(verdict->first, wall_ms);
}

void verdict_conclude(struct verdict *verdict)
{
    verdict->name_ok = verdict->chain_ok = true;
    for (size_t i = 0; i < verdict->count; i++) {
        enum fault fault = verdict->problems[i].fault;
        if (fault == FAULT_NAME)
            verdict->name_ok = false;
        else if (fault < FAULT_OLD_TLS)
            verdict->chain_ok = false;
    }
}

bool verdict_of_peer(const struct chain *presented, const struct chain *verified,
                     const struct probe_peer *peer, int64_t wall_ms, struct verdict *ret_verdict,
                     const char **ret_why)
{
    begin(ret_verdict, presented, wall_ms);
    /* What a peer sends besides may be long dead without harm, such as an old cross-signature. */
    look_above(ret_verdict, verified->count > 0 ? verified : presented, wall_ms);
    for (size_t i = 1; i + 1 < verified->count;
         i++) /* but for the anchor, which is trusted as it is */
        judge_strength(ret_verdict, &verified->all[i], (int)i);
    for (size_t i = 0; i < peer->problem_count; i++) {
        const struct probe_problem *problem = &peer->problems[i];
        if (problem->code == X509_V_ERR_UNSPECIFIED) { /* no authorities could be read */
            *ret_why = problem->text;
            return false;
        }
        verdict_add(ret_verdict,
                    fault_of(problem->code, problem->depth),
                    problem->depth,
                    "%s",
                    problem->text);
    }
    (void)judge_order(ret_verdict, presented);
    verdict_conclude(ret_verdict);
    return true;
}

/* What follows the leaf is to be its issuer, and the issuer's issuer. */
static void judge_bundle(struct verdict *verdict, const struct chain *chain)
{
    for (size_t i = 0; i + 1 < chain->count; i++) {
        const struct certificate *below = &chain->all[i], *above = &chain->all[i + 1];
        if (!chain_names_issuer(below, above))
            verdict_add(verdict,
                        FAULT_BROKEN_CHAIN,
                        (int)i + 1,
                        "the certificate of \"%.80s\" did not issue that of \"%.80s\" before it",
                        above->common_name,
                        below->common_name);
        else if (!chain_is_signed_by(below, above))
            verdict_add(verdict,
                        FAULT_BROKEN_CHAIN,
                        (int)i + 1,
                        "the certificate of \"%.100s\" has the issuer's name, and another key",
                        above->common_name);
    }
}

void verdict_of_file(const struct chain *chain, const char *const *names, int64_t wall_ms,
                     struct verdict *ret_verdict)
{
    const struct certificate *leaf = &chain->all[0];
    begin(ret_verdict, chain, wall_ms);
    look_above(ret_verdict, chain, wall_ms);
    for (size_t i = 1; i < chain->count; i++)
        judge_time(ret_verdict, &chain->all[i], (int)i, wall_ms);
    if (chain->unread > 0)
        verdict_add(
            ret_verdict,
            FAULT_BROKEN_CHAIN,
            -1,
            "a certificate after the first %zu cannot be read: the file is damaged or cut off",
            chain->total);
    if (!leaf->authority) { /* a file of authorities is a list, not a chain */
        for (size_t i = 1; i < chain->count; i++)
            judge_strength(ret_verdict, &chain->all[i], (int)i);
        if (!judge_order(ret_verdict, chain))
            judge_bundle(ret_verdict, chain);
    }
    for (size_t i = 0; names && names[i]; i++)
        if (!chain_is_for(leaf, names[i]))
            verdict_add(ret_verdict, FAULT_NAME, -1 - (int)i, "it is not for %.200s", names[i]);
    verdict_conclude(ret_verdict);
}

/* ------------------------------------------------------------ sentences ---- */

static void explain_problems(const struct verdict *verdict, char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < verdict->count && used < room; i++)
        used += (size_t)snprintf(
            out + used, room - used, "%s%s", i ? "; " : "", verdict->problems[i].text);
}

static bool ends_soon(const struct remaining *remaining)
{
    return remaining->days < 30 && remaining->percent < 100.0 / 3;
}

void verdict_explain(const struct verdict *verdict, const struct certificate *leaf, char *out,
                     size_t room)
{
    char span[40], date[24];
    if (verdict->count > 0) {
        explain_problems(verdict, out, room);
        return;
    }
    print_span(verdict->leaf.ms / day_ms, span, sizeof(span));
    verdict_print_date(leaf->until_ms, date, sizeof(date));
    bool soon = ends_soon(&verdict->leaf);
    int used = snprintf(out,
                        room,
                        "%s %s, %s %s",
                        soon ? "expires in" : "valid for",
                        span,
                        soon ? "on" : "until",
                        date);
    if (!verdict->first || verdict->above.ms >= verdict->leaf.ms || (size_t)used >= room)
        return;
    print_span(verdict->above.ms / day_ms, span, sizeof(span));
    (void)snprintf(out + used,
                   room - (size_t)used,
                   "; the certificate of \"%.100s\" above it expires in %s",
                   verdict->first->common_name,
                   span);
}

const char *verdict_hint(const struct verdict *verdict)
{
    static const char renew[] = "renew it; if that was done, whoever presents it has not read it "
                                "again since: reload";
    switch (verdict_worst(verdict)) {
    case FAULT_EXPIRED:
        return renew;
    case FAULT_NOT_YET_VALID:
        return "compare the clocks; else the certificate came into use too early";
    case FAULT_NAME:
        return "see which certificate is served for this name (SNI), and which names it has";
    case FAULT_KEY:
        return "put the key beside the certificate that was made for it; a server does not start "
               "with this pair";
    case FAULT_MISSING_INTERMEDIATE:
        return "let the server send the full chain (fullchain.pem); an authority of your own is "
               "trusted with tls: {ca: FILE}";
    case FAULT_SELF_SIGNED:
    case FAULT_UNTRUSTED:
        return "an authority of your own is trusted with tls: {ca: FILE}";
    case FAULT_NO_STAPLE:
    case FAULT_BAD_STAPLE:
        return "see whether the server may reach the authority's OCSP responder, and its log; or "
               "switch stapling off where the certificate does not insist on it";
    case FAULT_BAD_CRL:
        return "fetch the authority's list again, and see what does so regularly";
    case FAULT_CHANGED:
        return "renewed? then all is well: compare `issuer` and the fingerprint with what you "
               "ordered; else somebody stands in between";
    case FAULT_REVOKED:
    case FAULT_WRONG_USE:
    case FAULT_WEAK_KEY:
    case FAULT_WEAK_DIGEST:
        return "have another certificate made, for servers, with RSA of 2048 bits or P-256, signed "
               "with SHA-256";
    case FAULT_OLD_TLS:
    case FAULT_WEAK_EXCHANGE:
        return "allow TLS 1.2 and 1.3 with ECDHE in the server's configuration";
    case FAULT_BROKEN_CHAIN:
    case FAULT_ORDER:
        return "put the leaf first, then its issuer, then the issuer's issuer";
    case FAULT_NONE:
        return ends_soon(&verdict->leaf) || (verdict->first && ends_soon(&verdict->above)) ? renew
                                                                                           : NULL;
    default:
        return NULL;
    }
}
