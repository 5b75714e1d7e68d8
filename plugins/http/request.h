/*
 * request - the action that sends a declared request: what its tables need.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "before.h"
#include "message.h"

enum { REQUEST_HASH_LEN = 32, REQUEST_LARGEST_ANSWER = 64 << 10 };

struct request_config {
    const char *request, *with;
};

struct request_run {
    const struct declared *declared;
    bool applying, undoing;
    json_t *with, *before; /* objects; before: what ${before.PATH} asks for, by path */
    json_t *planned;       /* of apply(): the step's json */
    int64_t count, total;  /* -1: nothing says */
    before_fn *then;       /* when what is asked before is known */
    char hash[REQUEST_HASH_LEN + 1];
    struct message message;
    json_t *answer; /* for the script */
    int code;
    double total_ms;
};

extern const struct probe_option request_options[];

/* Ends the run: it cannot be asked at all, and nothing was sent. */
PROBE_PRINTF(2, 3) void request_refuse(struct probe_run *run, const char *fmt, ...);

/* Ends the run: there is nothing to be done, or no longer. */
void request_leave(struct probe_run *run, const char *why);

void request_plan(struct probe_target *self, struct probe_run *run);
void request_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);
void request_ended(struct probe_target *self, struct probe_run *run);

#endif
