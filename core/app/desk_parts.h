/*
 * desk_parts - what the files of app/desk share.
 *
 *     desk.c           the socket, which word is whose, reload
 *     desk_status.c    status, healthz
 *     desk_row.c       entries of the ledger, found and written
 *     desk_findings.c  findings
 *     desk_search.c    ... by a name or an id that a person gave
 *     desk_show.c      show
 *     desk_brakes.c    silence, freeze, thaw, ack
 *     desk_spool.c     spool
 *     desk_plans.c     pending, plan, and what is decided
 *     desk_pass.c      what is asked of who holds the lease
 *
 * Layer: app.  Only for desk*.c.
 */
#ifndef APP_DESK_PARTS_H
#define APP_DESK_PARTS_H

#include "app/desk.h"
#include "app/relay.h"
#include "app/vouch.h"
#include "base/writer.h"
#include "probe/last.h"
#include "probe/schedule.h"

struct desk {
    struct desk_parts parts;
    struct control *control;
    char *path;           /* of the socket; NULL: there is none */
    struct relay *relay;  /* NULL: there is no lease */
    struct list passings; /* what is on its way to who holds it */
    struct list reloads;  /* who waits for one to end */
    struct list askings;  /* who waits for the spool's disk */
    struct vouch vouch;
    int64_t started_wall_ms, loaded_wall_ms;
};

/* Answers one word. */
typedef void desk_fn(struct desk *desk, struct control_call *call,
                     const struct control_request *request);

desk_fn desk_status, desk_healthz, desk_findings, desk_show;
desk_fn desk_pending, desk_plan, desk_decide;
desk_fn desk_silence, desk_silences, desk_silence_end, desk_freeze, desk_thaw, desk_ack;
desk_fn desk_lock;

/* Lifts the lock of a target, as `who` wants. */
void desk_unlock(struct desk *desk, struct control_call *call, const char *target, const char *who);
desk_fn desk_spool, desk_spool_resend, desk_spool_drop;

/* Nobody waits for the spool any more. */
void desk_spool_close(struct desk *desk);

/*
 * Whether another agent is to answer it, alone or as well: then that is under way.  `answer` is what
 * this one has to say.
 */
bool desk_pass(struct desk *desk, struct control_call *call, const struct control_request *request,
               desk_fn *answer);
void desk_drop_passings(struct desk *desk);

/* An entry of the ledger, with what it belongs to. */
struct desk_row {
    const struct desk *desk;
    const struct duty *duty;
    const struct ledger_view *view;
    const struct last *last; /* NULL: nothing was found since the start */
};

enum { DESK_STATUSES = 5 };
extern const enum probe_status desk_worst_first[DESK_STATUSES]; /* what has none yet comes last */

struct desk_row desk_row(const struct desk *desk, const struct duty *duty,
                         const struct ledger_view *view);

/* What a line of `findings` holds. */
void desk_write_row(const struct desk_row *row, struct writer *writer);

/*
 * Calls `fn` (may be NULL) for every duty that `what` names: a target, or TARGET/NAME; NULL: all.
 * How many.
 */
size_t desk_each_duty(const struct desk *desk, const char *what,
                      void (*fn)(const struct duty *duty, void *data), void *data);

/* The id of its events; `out` holds EVENT_ID_LEN bytes. */
void desk_row_id(const struct desk_row *row, char *out);

/* The worst comes first: critical 0, warning 1, ... */
unsigned desk_rank(enum probe_status status);

/*
 * Calls `fn` (may be NULL) for each finding that `name` means: TARGET, TARGET/CHECK,
 * TARGET/CHECK[SUBJECT] or the first digits of an id.  How many; zero: the call was refused.
 */
typedef void desk_row_fn(const struct desk_row *row, void *data);
size_t desk_search(const struct desk *desk, struct control_call *call, const char *name,
                   desk_row_fn *fn, void *data);

/* Says that nothing is called `what`, and what is. */
void desk_refuse_name(const struct desk *desk, struct control_call *call, const char *what);

struct ledger_clock desk_clock(const struct desk *desk);

/* Begins an answer in `text`, which must be finished; an object is open. */
void desk_begin(struct text *text, struct writer *writer);

/* Closes the object, and answers. */
void desk_end(struct control_call *call, struct text *text, struct writer *writer);

/* A text of the request, or NULL; whether a flag of it is set. */
const char *desk_word(const struct control_request *request, const char *name);
bool desk_flag(const struct control_request *request, const char *name);

#endif
