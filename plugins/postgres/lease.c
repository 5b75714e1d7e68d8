/*
 * lease - a realm's lease in a PostgreSQL, and the documents that only its holder may write.
 *
 * Who holds it has an advisory lock, by a session that is kept, and a row that says until when.  The
 * lock goes with the session, the row outlives it: nobody takes the lease over before its time is
 * over, and who was stopped past it, with its session still there, has that session ended by the one
 * that takes over.  A token is one more than the last, and at least the server's clock in
 * milliseconds, so that it grows also where a failover has lost the last one.
 *
 * Through a pooler such a lock has no owner (measured: two agents got it at once), so a server that
 * is not the one which the login was answered by is refused before anything is locked.
 */
#include "lease.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/pq/wire.h"
#include "postgres_queries.h"

enum { MOST_TRIES = 20, AGAIN_MS = 50, MOST_DOCUMENTS = 4096 };

struct lease_run {
    struct wire_run wire; /* the first member */
    char token[24], ttl[24], lock[24];
    unsigned tries;
    bool kept;  /* the session was there before: we held the lease */
    bool keeps; /* the session: we hold the lease */
};

static void ask(struct probe_run *run, const char *sql, int param_count, wire_answer_fn *then);

/* The lock of a realm: FNV-1a of "runbookd lease", a NUL byte and its name. */
static int64_t lock_of(const char *realm)
{
    uint64_t hash = 14695981039346656037u;
    const char *const words[] = {"runbookd lease", realm};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        for (const char *c = words[i];; c++) {
            hash = (hash ^ (unsigned char)*c) * 1099511628211u;
            if (!*c)
                break;
        }
    return (int64_t)hash;
}

/* The token under which it is ours; zero: it is not. */
static int64_t held(const struct answer *answer)
{
    return rows_int(&answer->rows, 0, "held");
}

/* ------------------------------------------------------------- refusals ---- */

static void on_trouble(struct probe_run *run, const struct trouble *trouble)
{
    bool lacks = trouble->kind == TROUBLE_DENIED || trouble->kind == TROUBLE_MISSING;
    trouble_end_hinted(run, trouble, lacks ? lease.needs : NULL);
}

/* Whether the session is the server's own: its pid there is the one that the login was given. */
static bool is_direct(struct probe_run *run, const struct answer *answer)
{
    if (rows_int(&answer->rows, 0, "pid") == answer->backend_pid)
        return true;
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -EPROTONOSUPPORT,
              .reason = "pooler",
              .summary = "a pooler stands before the server: a lock has no owner there, and two "
                         "agents would hold the lease",
              .hint = "point agent.lease.target to the server itself, not to its PgBouncer");
    return false;
}

/* -------------------------------------------------------- take and renew ---- */

static void take(struct probe_run *run);

static void on_again(int status, void *data)
{
    if (status == 0)
        take(data);
    else
        probe_fail(data, status, "the session that held the lock before did not end in time");
}

static void on_taken(struct probe_run *run, const struct answer *answer)
{
    struct lease_run *state = run->data;
    int64_t token = held(answer);
    if (!is_direct(run, answer))
        return;
    if (!token && rows_int(&answer->rows, 0, "ended") && ++state->tries < MOST_TRIES) {
        (void)probe_timer(&run->life, AGAIN_MS, on_again, run);
        return;
    }
    state->keeps = token != 0;
    probe_leased(run,
                 .held = token != 0,
                 .token = token ? token : rows_int(&answer->rows, 0, "token"),
                 .holder = token ? run->claim->holder : rows_text(&answer->rows, 0, "holder"),
                 .left_ms = token ? run->claim->ttl_ms : rows_int(&answer->rows, 0, "left_ms"));
}

static void take(struct probe_run *run)
{
    ask(run, lease_take_sql, 5, on_taken);
}

/* Before a lock is asked for: who answers, and are the tables there? */
static void on_looked(struct probe_run *run, const struct answer *answer)
{
    if (!is_direct(run, answer))
        return;
    if (rows_flag(&answer->rows, 0, "there"))
        take(run);
    else
        probe_end(run,
                  .how = PROBE_DENIED,
                  .status = -ENOENT,
                  .reason = "missing",
                  .summary = "the tables of the lease, runbookd.lease and runbookd.document, are "
                             "not there",
                  .hint = lease.needs);
}

/* ------------------------------------------------------------ the others ---- */

static void on_released(struct probe_run *run, const struct answer *answer)
{
    probe_leased(run, .held = held(answer) != 0);
}

static void on_written(struct probe_run *run, const struct answer *answer)
{
    struct lease_run *state = run->data;
    bool letter = run->claim->token == 0;
    state->keeps = letter ? state->kept : held(answer) != 0;
    probe_leased(run, .held = held(answer) != 0, .token = letter ? 0 : held(answer));
}

static void on_read(struct probe_run *run, const struct answer *answer)
{
    struct lease_run *state = run->data;
    struct probe_pair *documents = calloc(answer->rows.count + 1, sizeof(*documents));
    if (!documents)
        abort(); /* out of memory */
    for (size_t i = 0; i < answer->rows.count; i++) {
        documents[i].name = rows_text(&answer->rows, i, "key");
        documents[i].value = rows_text(&answer->rows, i, "value");
    }
    state->keeps = state->kept;
    probe_leased(run, .documents = documents);
    free(documents);
}

/* -------------------------------------------------------------- claims ---- */

/* The parameters are in one order for all; a statement takes as many as it needs. */
static void ask(struct probe_run *run, const char *sql, int param_count, wire_answer_fn *then)
{
    struct lease_run *state = run->data;
    const struct probe_claim *claim = run->claim;
    bool writes = claim->what == PROBE_LEASE_WRITE, reads = claim->what == PROBE_LEASE_READ;
    const struct question question = {
        .sql = sql,
        .params = {claim->realm,
                   reads ? claim->key : claim->holder,
                   state->token,
                   writes ? claim->key : state->ttl,
                   writes ? claim->value : state->lock},
        .param_count = param_count,
        .frame = reads || param_count == 0 ? WIRE_READ_ONLY : WIRE_READ_WRITE,
        .most_rows = MOST_DOCUMENTS,
        .then = then,
        .otherwise = on_trouble,
    };
    wire_ask(run, &question);
}

static void claim(struct probe_target *self, struct probe_run *run)
{
    struct lease_run *state = run->data;
    const struct probe_claim *asked = run->claim;
    state->kept = wire_keeps(self);
    (void)snprintf(state->token, sizeof(state->token), "%" PRId64, asked->token);
    (void)snprintf(state->ttl, sizeof(state->ttl), "%" PRId64, asked->ttl_ms);
    (void)snprintf(state->lock, sizeof(state->lock), "%" PRId64, lock_of(asked->realm));
    switch (asked->what) {
    case PROBE_LEASE_TAKE:
        if (wire_keeps(self))
            take(run);
        else
            ask(run, lease_look_sql, 0, on_looked);
        break;
    case PROBE_LEASE_RENEW:
        take(run);
        break;
    case PROBE_LEASE_RELEASE:
        ask(run, lease_release_sql, 3, on_released);
        break;
    case PROBE_LEASE_WRITE:
        ask(run, lease_write_sql, 5, on_written);
        break;
    case PROBE_LEASE_READ:
        ask(run, lease_read_sql, 2, on_read);
        break;
    default:
        probe_fail(run, -ENOSYS, "this claim is not known here");
    }
}

/* Who holds it keeps its session; fifty that do not keep none. */
static void ended(struct probe_target *self, struct probe_run *run)
{
    const struct lease_run *state = run->data;
    wire_release(self, run);
    if (!state->keeps)
        wire_destroy(self);
}

const struct probe_lease lease = {
    .size = sizeof(struct probe_lease),
    .needs = "CREATE SCHEMA runbookd; CREATE TABLE runbookd.lease (realm text PRIMARY KEY, holder "
             "text, token bigint NOT NULL, until timestamptz NOT NULL); CREATE TABLE "
             "runbookd.document (realm text, key text, value text NOT NULL, token bigint NOT NULL, "
             "PRIMARY KEY (realm, key)); GRANT USAGE ON SCHEMA runbookd TO runbookd; GRANT SELECT, "
             "INSERT, UPDATE ON runbookd.lease TO runbookd; GRANT SELECT, INSERT, UPDATE, DELETE "
             "ON runbookd.document TO runbookd",
    .timeout = "5s",
    .run_size = sizeof(struct lease_run),
    .claim = claim,
    .ended = ended,
};
