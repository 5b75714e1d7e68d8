/*
 * wire - asks a server over HTTP, one question at a time, and hands rows over.
 *
 * A question is a POST whose body is the SQL; the login goes in headers.  Each one carries its own
 * limits, so that the server ends what we gave up on: readonly, max_execution_time below the run's
 * deadline, max_result_rows, and the end of the query with the end of the connection where the
 * server knows that.  Its query_id and log_comment tell operators whose it is.  A user that may
 * change no setting (readonly = 1) asks without.
 *
 * Before the first question it looks what the server has and what we may see of it (survey.c).
 * Knows nothing of checks.
 */
#ifndef CLICKHOUSE_WIRE_H
#define CLICKHOUSE_WIRE_H

#include "common/rows.h"
#include "server.h"
#include "template.h"
#include "trouble.h"

/* What came of one question; gone when the callback returns. */
struct answer {
    struct rows rows;
    int64_t connect_us; /* to connect, name and TLS included; zero: the connection was kept */
    int64_t query_us;   /* from then on */
    const char *note;   /* what was not seen, and the right to see it; or NULL */
};

/* It asks again, or ends the run. */
typedef void wire_answer_fn(struct probe_run *run, const struct answer *answer);
typedef void wire_trouble_fn(struct probe_run *run, const struct trouble *trouble);

struct question {
    const char *sql; /* a template; borrowed, as the params' texts, until it is answered */
    struct template_param params[8]; /* ended by { 0 } */
    enum survey_sight sight;         /* what must be seen, or else the check is denied */
    bool plain;                      /* without a survey: no template, any version */
    bool writes;                     /* an action's, which changes something */
    wire_answer_fn *then;
    wire_trouble_fn *otherwise; /* NULL: trouble_end() */
};

/* Every version from this one on has the tables that checks say they apply to. */
enum { WIRE_SINCE = 21 };

enum wire_step { WIRE_SURVEY = 1, WIRE_RIGHT, WIRE_QUESTION };

/* Of a run: the first member of its data, wire.c's own. */
struct wire_run {
    struct question question;
    enum wire_step step;
    bool again; /* the survey was renewed for this question already */
};

void wire_ask(struct probe_run *run, const struct question *question);

/* GET /ping, on a new connection and without a login. */
void wire_ping(struct probe_run *run, probe_http_fn *fn);

/* How long a query may take if the run has `left_ms`: whole seconds, as old servers have it. */
int64_t wire_limit_s(int64_t left_ms);

#endif
