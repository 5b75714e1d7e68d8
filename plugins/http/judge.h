/*
 * judge - what the body of an answer must be: patterns, JSON, a service's own word on its health.
 *
 * Compiled once for a configured check.  judge_body() is pure and may take long over a large body,
 * so it runs on the pool; whoever hands a judge to the pool holds it meanwhile.
 */
#ifndef HTTP_JUDGE_H
#define HTTP_JUDGE_H

#include <runbookd/probe.h>

#include "common/http/answer.h"
#include "health.h"

struct judge_wants {
    const char *body_matches, *body_lacks;   /* extended regular expressions; NULL or "": none */
    const struct probe_pair *expect_json;    /* a path and what stands there; NULL: nothing */
    const struct probe_pair *expect_headers; /* a name and an expression; NULL: nothing */
    bool health;                             /* whether a service's own word counts */
};

struct judge_verdict {
    enum answer_class class; /* ANSWER_OK, ANSWER_HEADER, ANSWER_BODY, ANSWER_JSON, ANSWER_HEALTH */
    char why[320];           /* in words; empty where it is fine */
    enum health health;
};

struct judge;

/* NULL, and the option said to `error`, where something is not written as it should be. */
struct judge *judge_create(const struct judge_wants *wants, struct probe_error *error);
void judge_hold(struct judge *judge);
void judge_drop(struct judge *judge); /* NULL is fine */

/* Holds the headers against what is expected of them; false, and the verdict says why. */
bool judge_headers(const struct judge *judge, const struct probe_response *response,
                   struct judge_verdict *ret_verdict);

/* Whether there is anything about such an answer's body to be judged. */
bool judge_cares(const struct judge *judge, const char *type);

/* `type` is its Content-Type, `path` what was asked for; NULL where there is none. */
struct judge_verdict judge_body(const struct judge *judge, const char *body, size_t len,
                                const char *type, const char *path);

/*
 * The same on the pool, with copies of everything; then `then`, while the run lives.  Of an answer
 * whose status is wrong already only its health is of interest: `health_only`.
 */
typedef void judge_fn(struct probe_run *run, const struct judge_verdict *verdict);
void judge_start(struct judge *judge, struct probe_run *run, const struct probe_response *response,
                 const char *path, bool health_only, judge_fn *then);

#endif
