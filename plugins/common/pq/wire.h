/*
 * wire - libpq on the agent's loop: asks one question, hands the rows over.
 *
 * Every question of a check runs in a read-only transaction of its own, whose time-outs are set for
 * it alone: a pooler hands the session on to an application.  The server ends a statement shortly before the
 * run's deadline does, so nothing is ever cancelled from here.  No name is looked up by libpq, and
 * nothing waits but the loop.
 *
 * One connection is kept, so that a full server can still be examined.  Whoever logs in afresh
 * hands the new connection over and the older one goes: what is kept is as young as the last
 * `connect`, and follows a moved name.  A kept connection that turns out broken is opened anew,
 * once, without a word: nothing has been asked on it by then.
 *
 * Knows nothing of checks.
 */
#ifndef COMMON_PQ_WIRE_H
#define COMMON_PQ_WIRE_H

#include "common/pq/answer.h"
#include "common/pq/dial.h"
#include "common/pq/trouble.h"

enum { WIRE_MOST_PARAMS = 8 };

/* Of a target: the first member of its data. */
struct wire {
    PGconn *kept;     /* logged in and idle; or NULL */
    unsigned at_work; /* runs that have asked, and may have a connection of their own */
};

/* The rows are gone when it returns.  It asks again, or ends the run. */
typedef void wire_answer_fn(struct probe_run *run, const struct answer *answer);

/* There is no answer.  It asks again, or ends the run. */
typedef void wire_trouble_fn(struct probe_run *run, const struct trouble *trouble);

enum wire_frame {
    WIRE_READ_ONLY,  /* in a read-only transaction of its own */
    WIRE_READ_WRITE, /* in one that writes, and is rolled back if it touched more than most_rows */
    WIRE_PLAIN       /* as it is, without parameters: PgBouncer's console knows nothing else */
};

struct question {
    const char *sql;
    const char *params[WIRE_MOST_PARAMS]; /* text; borrowed until it is answered */
    int param_count;
    enum wire_frame frame;
    int64_t most_rows; /* of WIRE_READ_WRITE */
    int64_t lock_ms;   /* how long it may wait for a lock at most; zero: half of its time */
    bool afresh;       /* log in, whatever is kept */
    bool own_names;    /* names are looked up as the role has it, not among the system's only */
    const char *set;   /* before it, in its transaction: "set local ..."; borrowed; or NULL */
    wire_answer_fn *then;
    wire_trouble_fn *otherwise; /* NULL: trouble_end() */
};

enum wire_step { WIRE_BEGINNING = 1, WIRE_ASKING, WIRE_COMMITTING, WIRE_ROLLING_BACK };

/* Of a run: the first member of its data, wire.c's own. */
struct wire_run {
    struct probe_run *run;
    struct question question;
    struct dial dial;
    PGconn *conn;
    const char *database; /* that is visited; NULL: the target's own */
    PGconn *visiting;     /* logged in there and idle; or NULL */
    bool at_work;         /* counted in the target */
    bool reused;          /* the connection was kept, and may have broken meanwhile */
    enum wire_step step;
    struct probe_op *op;    /* what the step waits for */
    struct probe_op *limit; /* when a kept connection is given up */
    uint64_t begun_us;
    int64_t connect_us, query_us;
    PGresult *reply;
    struct trouble trouble;
};

/* Asks.  One question of a run at a time; the next one may be asked from within an answer. */
void wire_ask(struct probe_run *run, const struct question *question);

/*
 * Asks in another database of the same server from now on, by a connection of the run's own, which
 * ends with the run or the next visit.  The name is borrowed until then; NULL: the target's own.
 */
void wire_visit(struct probe_run *run, const char *database);

/*
 * How long a statement may take if the run has `left_ms`: the server gives up a little before we
 * do, so that it tells us, and so that nothing goes on there that nobody waits for.
 */
int64_t wire_statement_ms(int64_t left_ms);

/* Whether a connection is kept that another question may use. */
bool wire_keeps(const struct probe_target *target);

/* For every check's ended(): gives back what the run held. */
void wire_release(struct probe_target *self, struct probe_run *run);

/* A plugin's create() and destroy(), where its target's data begin with `struct wire`. */
int wire_create(struct probe_target *self, struct probe_error *error);
void wire_destroy(struct probe_target *self);

#endif
