/*
 * ask - questions to Prometheus' HTTP API, and what its answers say when there is no result.
 *
 * https://prometheus.io/docs/prometheus/latest/querying/api/, "Format overview": {"status": "success",
 * "data": ..., "warnings": [...]} or {"status": "error", "errorType", "error"}.
 */
#ifndef PROMETHEUS_ASK_H
#define PROMETHEUS_ASK_H

#include <jansson.h>
#include <runbookd/probe.h>

#include "common/http/answer.h"
#include "warnings.h"

/* target->config */
struct server {
    const struct probe_url *url;
    const struct probe_pair *headers; /* NULL: none */
    struct probe_secret *bearer, *password;
    const char *user;
    const struct probe_tls *tls;
};

/*
 * A run's data begins with this, whichever check it is: what its replies told besides their results,
 * as evidence for its findings.
 */
struct ask_state {
    struct answer_trail trail;    /* where the time went, and who answered */
    char warnings[WARNINGS_ROOM]; /* of all of them, as warnings_read() says them */
};

/* The member "data".  Borrowed until it returns. */
typedef void ask_fn(struct probe_run *run, const json_t *data);

/* Evaluates an expression now; `then` only where there is a result: otherwise the run has ended. */
void ask_query(struct probe_run *run, const char *promql, ask_fn *then);

/* Any other path of the API: "/api/v1/targets". */
void ask_path(struct probe_run *run, const char *path, const struct probe_pair *params,
              ask_fn *then);

#endif
