/*
 * receiver - webhook_receiver: whether our endpoint takes what Stripe signed, and nothing else.
 *
 * Four posts of one harmless event: unsigned, signed with another secret, signed long ago, signed as
 * Stripe does.  Only the last may be taken.  The event is of a type that nobody handles, always of the
 * same id, with nothing in it: a receiver that follows Stripe's advice answers 2xx and does nothing.
 *
 * A refused signature says that signature and secret do not fit, and not why: a wrong secret, a body
 * that was parsed and written anew before it was checked, and a clock that is wrong look alike.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/http/answer.h"
#include "sign.h"
#include "stripe.h"

enum { STALE_SECONDS = 3600, TOLERANCE_SECONDS = 300 };

const struct probe_option receiver_options[] = {
    {"url",
     PROBE_URL_AT(struct receiver_config, url),
     .help =
         "where Stripe sends to, as Stripe reaches it: https://api.example.org/webhooks/stripe"},
    {"event_type",
     PROBE_STRING_AT(struct receiver_config, event_type),
     .fallback = "runbookd.probe",
     .help = "the type of the event that is sent: one that nothing handles"},
    {0},
};

const struct probe_measure receiver_measures[] = {
    {"signature_enforced",
     "whether what is unsigned or signed with another secret is refused",
     .kind = PROBE_FLAG,
     .optional = true},
    {"replay_enforced",
     "whether what was signed an hour ago is refused",
     .kind = PROBE_FLAG,
     .optional = true},
    {"unsigned_status", "the answer to an unsigned event", .kind = PROBE_GAUGE, .optional = true},
    {"signed_status",
     "the answer to a signed one; absent without `webhook_secret`",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"error_class", "what kept an answer from coming", .kind = PROBE_WORD, .words = answer_classes},
    {"total_ms", "what the last answer took", .kind = PROBE_GAUGE},
    {0},
};

int receiver_prepare(const void *config_, void *memory, struct probe_error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    const struct receiver_config *config = config_;
    size_t len = strlen(config->event_type);
    (void)memory;
    if (len == 0 || len > 80 || strspn(config->event_type, letters) != len)
        return probe_refuse(error, "event_type", "is no type of an event: runbookd.probe");
    return 0;
}

/* --------------------------------------------------------------- judging ---- */

static bool taken(int status)
{
    return status >= 200 && status < 300;
}

static const char *say(const struct receiver_state *state, char *out, size_t room)
{
    const int *of = state->statuses;
    if (taken(of[RECEIVER_UNSIGNED]))
        (void)snprintf(out,
                       room,
                       "an unsigned event is taken (%d): anybody can claim that he has paid",
                       of[RECEIVER_UNSIGNED]);
    else if (taken(of[RECEIVER_FORGED]))
        (void)snprintf(out,
                       room,
                       "an event signed with another secret is taken (%d): the signature is not "
                       "verified",
                       of[RECEIVER_FORGED]);
    else if (of[RECEIVER_SIGNED] && !taken(of[RECEIVER_SIGNED]))
        (void)snprintf(out,
                       room,
                       "a signed event is refused with %d%s%s",
                       of[RECEIVER_SIGNED],
                       *state->location ? ", a redirect to " : "",
                       state->location);
    else if (taken(of[RECEIVER_STALE]))
        (void)snprintf(out,
                       room,
                       "an event that was signed an hour ago is taken (%d): what was overheard can "
                       "be sent again",
                       of[RECEIVER_STALE]);
    else if (of[RECEIVER_UNSIGNED] >= 500)
        (void)snprintf(out, room, "an unsigned event makes it fail with %d", of[RECEIVER_UNSIGNED]);
    else if (of[RECEIVER_SIGNED])
        (void)snprintf(out,
                       room,
                       "unsigned events are refused with %d, signed ones are taken with %d",
                       of[RECEIVER_UNSIGNED],
                       of[RECEIVER_SIGNED]);
    else
        (void)snprintf(
            out,
            room,
            "unsigned events are refused with %d; without `webhook_secret` no signed one "
            "was sent",
            of[RECEIVER_UNSIGNED]);
    return fault_sentence(out);
}

static const char *hint_of(const struct receiver_state *state)
{
    const int *of = state->statuses;
    int answer = of[RECEIVER_SIGNED] ? of[RECEIVER_SIGNED] : of[RECEIVER_UNSIGNED];
    if (taken(of[RECEIVER_UNSIGNED]) || taken(of[RECEIVER_FORGED]))
        return "verify Stripe-Signature over the raw body before anything else is done with it";
    if (answer == 404 || answer == 405)
        return "nothing takes a POST there: compare `url` with the endpoint's in Stripe";
    if (answer >= 300 && answer < 400)
        return "Stripe follows no redirect: give it the address that answers";
    if (of[RECEIVER_SIGNED] >= 500)
        return "it fails on an event of an unknown type: answer 2xx first, work later";
    if (of[RECEIVER_SIGNED] && !taken(of[RECEIVER_SIGNED]))
        return state->has_skew && fabs(state->skew_seconds) > TOLERANCE_SECONDS
                   ? "its clock is wrong by more than the five minutes that signatures live"
                   : "the answer does not say why: compare the signing secret's fingerprint (each "
                     "endpoint has its own), whether the raw body is what is verified, the clock, "
                     "and whether something before it refuses the post";
    if (taken(of[RECEIVER_STALE]))
        return "let the library verify the time as well (tolerance: 300 seconds)";
    return NULL;
}

static void report(struct probe_run *run)
{
    const struct receiver_state *state = run->data;
    static const char *const names[] = {
        "unsigned_status", "forged_status", "stale_status", "signed_status"};
    const int *of = state->statuses;
    struct probe_field fields[10 + ANSWER_FIELDS], *field = fields;
    char summary[300];
    *field++ = probe_bool("signature_enforced",
                          !taken(of[RECEIVER_UNSIGNED]) && !taken(of[RECEIVER_FORGED]));
    if (of[RECEIVER_STALE])
        *field++ = probe_bool("replay_enforced", !taken(of[RECEIVER_STALE]));
    for (size_t i = 0; i < RECEIVER_POSTS; i++)
        if (of[i])
            *field++ = probe_int(names[i], of[i]);
    *field++ = probe_text("error_class", answer_classes[ANSWER_OK]);
    *field++ = probe_real("total_ms", state->total_ms);
    if (state->has_skew)
        *field++ = probe_real("clock_skew_seconds", state->skew_seconds);
    field = answer_add_fields(field, &state->trail);
    *field = (struct probe_field){0};
    probe_report(run,
                 .summary = say(state, summary, sizeof(summary)),
                 .hint = hint_of(state),
                 .fields = fields);
    probe_done(run);
}

static void report_silence(struct probe_run *run, int status, const struct probe_response *response)
{
    const struct receiver_state *state = run->data;
    const struct answer_evidence where = answer_evidence_of(&state->trail);
    probe_report(
        run,
        .status = PROBE_CRITICAL,
        .summary = response->message ? response->message : strerror(-status),
        .hint = "Stripe cannot deliver either, if it meets the same: see the service "
                "itself; seen from here, not from the internet",
        .fields = PROBE_FIELDS(probe_text("error_class", answer_classes[answer_class_of(status)]),
                               probe_real("total_ms", (double)response->us.total / 1000.0),
                               ANSWER_LAST(where)));
    probe_done(run);
}

/* --------------------------------------------------------------- posting ---- */

static void post(struct probe_run *run);

/* How far the receiver's clock is before ours, by the header Date, in whole seconds. */
static void read_clock(struct receiver_state *state, struct probe_run *run,
                       const struct probe_response *response)
{
    const char *date = answer_header(response, "Date");
    struct tm when = {0};
    if (!date || !strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &when))
        return;
    state->has_skew = true;
    state->skew_seconds = (double)(timegm(&when) - (time_t)(probe_wall(&run->life) / 1000));
}

static void on_answer(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    const struct stripe *target = run->target->config;
    struct receiver_state *state = run->data;
    const char *location = answer_header(response, "Location");
    struct probe_ending ending;
    answer_follow(&state->trail, response);
    if (!answer_came(status, response)) {
        if (answer_is_ours(status, response, &ending))
            answer_end(run, &ending);
        else
            report_silence(run, status, response);
        return;
    }
    state->statuses[state->at] = response->code;
    state->total_ms = (double)response->us.total / 1000.0;
    if (state->at == RECEIVER_SIGNED && response->code >= 300 && response->code < 400 && location)
        answer_show_url(location, state->location, sizeof(state->location));
    read_clock(state, run, response);
    state->at++;
    if (state->at == RECEIVER_POSTS || (state->at == RECEIVER_STALE && !target->webhook_secret))
        report(run);
    else
        post(run);
}

/* False: the run has ended. */
static bool sign(struct probe_run *run, char out[SIGN_HEADER])
{
    const struct stripe *target = run->target->config;
    const struct receiver_state *state = run->data;
    int64_t now = probe_wall(&run->life) / 1000;
    const char *secret = state->at == RECEIVER_FORGED
                             ? "whsec_of_somebody_else"
                             : probe_reveal(&run->life, target->webhook_secret);
    *out = '\0';
    if (!secret) {
        probe_end(run,
                  .how = PROBE_DENIED,
                  .status = -ENOKEY,
                  .reason = "secret",
                  .summary = "`webhook_secret` cannot be read",
                  .hint = "let the agent read what the secret names");
        return false;
    }
    if (!sign_header(
            out, secret, state->at == RECEIVER_STALE ? now - STALE_SECONDS : now, state->body)) {
        probe_fail(run, -EIO, "the event cannot be signed");
        return false;
    }
    return true;
}

static void post(struct probe_run *run)
{
    const struct stripe *target = run->target->config;
    const struct receiver_config *config = run->config;
    const struct receiver_state *state = run->data;
    struct probe_pair headers[] = {{.name = "Content-Type", .value = "application/json"},
                                   {.name = "User-Agent", .value = "runbookd"},
                                   {0},
                                   {0}};
    char signature[SIGN_HEADER];
    if (state->at != RECEIVER_UNSIGNED) {
        if (!sign(run, signature))
            return;
        headers[2] = (struct probe_pair){.name = "Stripe-Signature", .value = signature};
    }
    probe_http(&run->life,
               on_answer,
               run,
               .base = config->url,
               .method = "POST",
               .headers = headers,
               .body = state->body,
               .body_len = strlen(state->body),
               .tls = target->tls,
               .max_body = 4096);
}

void receiver_run(struct probe_target *self, struct probe_run *run)
{
    const struct stripe *target = self->config;
    const struct receiver_config *config = run->config;
    struct receiver_state *state = run->data;
    const char *secret =
        target->webhook_secret ? probe_reveal(&run->life, target->webhook_secret) : NULL;
    if (secret && strncmp(secret, "whsec_", 6) != 0) {
        probe_end(run,
                  .how = PROBE_DENIED,
                  .status = -EINVAL,
                  .reason = "wrong_secret",
                  .summary = "`webhook_secret` is no signing secret of a webhook endpoint",
                  .hint =
                      "it begins with whsec_, and stands with the endpoint in Stripe's dashboard");
        return;
    }
    (void)snprintf(
        state->body,
        sizeof(state->body),
        "{\"id\":\"evt_runbookd_probe\",\"object\":\"event\",\"api_version\":\"%s\","
        "\"created\":%" PRId64 ",\"type\":\"%s\",\"livemode\":false,"
        "\"pending_webhooks\":0,\"request\":{\"id\":null,\"idempotency_key\":null},"
        "\"data\":{\"object\":{\"id\":\"runbookd_probe\",\"object\":\"runbookd.probe\"}}}",
        target->version,
        probe_wall(&run->life) / 1000,
        config->event_type);
    post(run);
}
