/*
 * ask - requests to Stripe's API: the key, the pinned version, retries where Stripe asks for them.
 *
 * The key is checked by its prefix before it is sent anywhere: a key with all rights is not used.
 * A request is repeated only where Stripe says Stripe-Should-Retry, and while the run's time allows
 * it; what writes carries an idempotency key, and is then also repeated when the connection broke.
 */
#ifndef STRIPE_ASK_H
#define STRIPE_ASK_H

#include "common/http/answer.h"
#include "fault.h"

struct ask_answer {
    const json_t *root; /* an object of the API; borrowed until it returns */
    const char *request_id;
    double total_ms;
    int retries;
    const struct answer_trail
        *trail; /* of this answer, and of those that asked to be asked again */
};

/* It asks again, or ends the run. */
typedef void ask_fn(struct probe_run *run, const struct ask_answer *answer, void *data);
typedef void ask_refused_fn(struct probe_run *run, const struct fault *fault, void *data);

struct ask {
    const char *path;                /* "/v1/events" */
    const struct probe_pair *params; /* ended by { 0 }, or NULL; copied */
    const char *needs;               /* the permission: "Events, read" */
    const char *form;                /* makes it a POST, with ... */
    const char *idempotency_key;     /* ... this */
    bool once;                       /* never repeated */
    ask_fn *then;
    ask_refused_fn *otherwise; /* NULL: the run ends as fault_end() says */
    void *data;                /* for both; of the run, or nothing */
};

/* One of them at a time in a run. */
void ask_start(struct probe_run *run, const struct ask *ask);

/* "live" or "test", by the key's prefix; NULL: neither. */
const char *ask_mode(struct probe_run *run);

/* Whether it is an id of Stripe's such as evt_1NG8Du2eZvKYlo2C, which may stand in a path. */
bool ask_is_id(const char *text, const char *prefix);

#endif
