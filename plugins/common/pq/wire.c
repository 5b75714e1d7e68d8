#include "common/pq/wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_LEN = 160 };

static void dial(struct wire_run *wire);
static void begin(struct wire_run *wire);
static void on_ready(int status, unsigned events, void *data);

/* -------------------------------------------------------- small matters ---- */

static struct probe_life *life_of(struct wire_run *wire)
{
    return &wire->run->life;
}

/* Who is asked: "db.orders:5432". */
static const char *where(const struct wire_run *wire, char out[WHERE_LEN])
{
    const struct address_place place = {PQhost(wire->conn), NULL, PQport(wire->conn)};
    address_show(&place, out, WHERE_LEN);
    return out;
}

/* Waits for nothing any more; libpq may now close or replace the descriptor. */
static void hush(struct wire_run *wire)
{
    probe_cancel(life_of(wire), wire->op);
    probe_cancel(life_of(wire), wire->limit);
    wire->op = wire->limit = NULL;
}

static void hang_up(struct wire_run *wire)
{
    hush(wire);
    PQfinish(wire->conn);
    wire->conn = NULL;
}

static void await(struct wire_run *wire, unsigned events)
{
    if (wire->op)
        probe_rewatch(life_of(wire), wire->op, events);
    else
        wire->op = probe_watch(life_of(wire), PQsocket(wire->conn), events, on_ready, wire);
}

static bool is_idle(const struct wire_run *wire)
{
    return wire->conn && PQtransactionStatus(wire->conn) == PQTRANS_IDLE;
}

/* A kept connection of which nothing was heard yet: it may have been broken for long. */
static bool is_stale(const struct wire_run *wire)
{
    return wire->reused && (wire->step == WIRE_BEGINNING || wire->question.frame == WIRE_PLAIN);
}

/* Where the connection to this database waits for the next question. */
static PGconn **place_of(struct wire_run *wire)
{
    struct wire *target = wire->run->target->data;
    return wire->database ? &wire->visiting : &target->kept;
}

/*
 * Keeps a connection that is logged in and between transactions.  Of two the younger one stays:
 * `connect` may have logged in while another check was using the older.
 */
static void keep(struct wire_run *wire)
{
    PGconn **place = place_of(wire);
    PGconn *older = wire->reused && *place ? wire->conn : *place;

    hush(wire);
    if (!is_idle(wire))
        return;
    *place = older == wire->conn ? *place : wire->conn;
    PQfinish(older);
    wire->conn = NULL;
}

/* ------------------------------------------------------------- its end ---- */

/* There is no answer: wire->trouble says why. */
static void give_up(struct wire_run *wire)
{
    const struct probe_check *check = wire->run->check;
    struct trouble trouble = wire->trouble;

    if (trouble.kind == TROUBLE_CANCELED && check && check->late == PROBE_DOWN)
        trouble.kind = TROUBLE_BUSY;
    keep(wire);
    if (wire->question.otherwise)
        wire->question.otherwise(wire->run, &trouble);
    else
        trouble_end(wire->run, &trouble);
}

/* The agent ends the run: at its deadline, or because it stops. */
static void give_up_late(struct wire_run *wire, int status)
{
    char place[WHERE_LEN];

    if (!wire->trouble.kind && status == -ETIMEDOUT)
        trouble_say(&wire->trouble,
                    TROUBLE_CANCELED,
                    "%s let us in, but did not answer a question in time",
                    where(wire, place));
    else if (!wire->trouble.kind)
        trouble_say(&wire->trouble, TROUBLE_OTHER, "ended before there was an answer");
    give_up(wire);
}

/* ----------------------------------------------------------- logging in ---- */

static void on_dialled(struct dial *dial, PGconn *conn)
{
    struct wire_run *wire = dial->data;

    wire->conn = conn;
    wire->connect_us = dial->us;
    if (conn) {
        begin(wire);
    } else {
        wire->trouble = dial->trouble;
        give_up(wire);
    }
}

/*
 * Two connections at most: where another run is at work on one of its own, dialled when none was kept,
 * the one that is kept since makes room.
 */
static void dial(struct wire_run *wire)
{
    struct wire *target = wire->run->target->data;

    if (!wire->database && target->at_work > 1) {
        PQfinish(target->kept);
        target->kept = NULL;
    }
    wire->reused = false;
    wire->trouble = (struct trouble){0};
    dial_start(&wire->dial, wire->run, wire->database, on_dialled, wire);
}

/* A kept connection says nothing. */
static void on_limit(int status, void *data)
{
    struct wire_run *wire = data;

    wire->limit = NULL;
    if (status < 0) {
        give_up_late(wire, status);
        return;
    }
    hang_up(wire);
    dial(wire);
}

/* --------------------------------------------------------------- asking ---- */

/* The connection is gone.  One that was kept may have been gone for long: that is no news. */
static void lose(struct wire_run *wire)
{
    char place[WHERE_LEN];

    if (is_stale(wire)) {
        hang_up(wire);
        dial(wire);
        return;
    }
    if (!wire->trouble.kind && trouble_is_garbled(PQerrorMessage(wire->conn)))
        trouble_say(&wire->trouble,
                    TROUBLE_PROTOCOL,
                    "%s answered a question with what is not PostgreSQL's protocol",
                    where(wire, place));
    else if (!wire->trouble.kind)
        trouble_say(&wire->trouble,
                    TROUBLE_LOST,
                    "%s closed the connection in the middle of a question",
                    where(wire, place));
    hang_up(wire);
    give_up(wire);
}

/* Sends what libpq has buffered, as far as the kernel takes it. */
static void flush(struct wire_run *wire)
{
    int more = PQflush(wire->conn);
    if (more < 0)
        lose(wire);
    else
        await(wire, more ? PROBE_READABLE | PROBE_WRITABLE : PROBE_READABLE);
}

static void send_words(struct wire_run *wire, enum wire_step step, const char *sql)
{
    wire->step = step;
    if (PQsendQuery(wire->conn, sql))
        flush(wire);
    else
        lose(wire);
}

static void send_question(struct wire_run *wire)
{
    const struct question *question = &wire->question;

    wire->step = WIRE_ASKING;
    probe_cancel(life_of(wire), wire->limit); /* the connection has proved to be alive */
    wire->limit = NULL;
    if (PQsendQueryParams(wire->conn,
                          question->sql,
                          question->param_count,
                          NULL,
                          question->params,
                          NULL,
                          NULL,
                          0))
        flush(wire);
    else
        lose(wire);
}

int64_t wire_statement_ms(int64_t left_ms)
{
    int64_t ms = left_ms - left_ms / 8 - 20;
    return ms > 10 ? ms : 10;
}

/*
 * The search path is the server's own: no table of somebody else's is mistaken for a view of the
 * system's.
 */
static void begin(struct wire_run *wire)
{
    const struct question *question = &wire->question;
    char *sql = NULL;
    int64_t limit_ms = wire_statement_ms(dial_left_ms(wire->run));
    int64_t lock_ms = limit_ms / 2 + 1;

    wire->begun_us = probe_now_us(life_of(wire));
    if (question->frame == WIRE_PLAIN) {
        send_words(wire, WIRE_ASKING, question->sql);
        return;
    }
    if (question->lock_ms && question->lock_ms < lock_ms)
        lock_ms = question->lock_ms;
    if (asprintf(&sql,
                 "begin transaction %s;"
                 "set local statement_timeout = %" PRId64 ";"
                 "set local lock_timeout = %" PRId64 ";"
                 "set local idle_in_transaction_session_timeout = %" PRId64 "%s%s%s%s",
                 question->frame == WIRE_READ_WRITE ? "read write" : "read only",
                 limit_ms,
                 lock_ms,
                 limit_ms + 1000,
                 question->own_names ? "" : ";set local search_path = pg_catalog",
                 question->set ? ";" : "",
                 question->set ? question->set : "",
                 wire->run->action ? ";select session_user" : "") < 0)
        abort();
    send_words(wire, WIRE_BEGINNING, sql);
    free(sql);
}

static int64_t affected(const struct wire_run *wire)
{
    return strtoll(PQcmdTuples(wire->reply), NULL, 10);
}

/* Whether what was asked may be committed. */
static bool is_as_planned(struct wire_run *wire)
{
    const struct question *question = &wire->question;

    if (question->frame != WIRE_READ_WRITE || affected(wire) <= question->most_rows)
        return true;
    trouble_say(&wire->trouble,
                TROUBLE_ROWS,
                "%" PRId64 " rows would have changed where %" PRId64
                " were planned; it was rolled back",
                affected(wire),
                question->most_rows);
    return false;
}

/* Whether who acts is who was let in: a pooler may log in as somebody else, with other rights. */
static bool is_itself(struct wire_run *wire)
{
    const char *login = PQuser(wire->conn);
    bool known = wire->reply && PQntuples(wire->reply) == 1;
    const char *session = known ? PQgetvalue(wire->reply, 0, 0) : login;
    bool same = address_is_login(session, login);
    char place[WHERE_LEN];

    if (!same)
        trouble_say(&wire->trouble,
                    TROUBLE_POOLER,
                    "%s lets %.64s in, and then acts as %.64s, with the rights of that role",
                    where(wire, place),
                    login,
                    session);
    PQclear(wire->reply);
    wire->reply = NULL;
    return same;
}

/* Hands the rows over.  What follows may ask again, so nothing is touched after it. */
static void deliver(struct wire_run *wire)
{
    PGresult *reply = wire->reply;
    struct answer answer = answer_read(wire->conn, reply);

    answer.connect_us = wire->connect_us;
    answer.query_us = wire->query_us;
    answer.affected = affected(wire);
    wire->reply = NULL;
    keep(wire);
    wire->question.then(wire->run, &answer);
    answer_free(&answer);
    PQclear(reply);
}

/* The server has said all that it had to say to this step. */
static void step_on(struct wire_run *wire)
{
    PGTransactionStatusType state = PQtransactionStatus(wire->conn);

    if (wire->trouble.kind && wire->reused && wire->step == WIRE_BEGINNING)
        lose(wire);
    else if (wire->trouble.kind && (state == PQTRANS_INERROR || state == PQTRANS_INTRANS) &&
             wire->step != WIRE_ROLLING_BACK)
        send_words(wire, WIRE_ROLLING_BACK, "rollback");
    else if (wire->trouble.kind)
        give_up(wire);
    else if (wire->step == WIRE_BEGINNING && !is_itself(wire))
        send_words(wire, WIRE_ROLLING_BACK, "rollback");
    else if (wire->step == WIRE_BEGINNING)
        send_question(wire);
    else if (wire->step == WIRE_ASKING && wire->question.frame != WIRE_PLAIN)
        send_words(wire, WIRE_COMMITTING, is_as_planned(wire) ? "commit" : "rollback");
    else
        deliver(wire);
}

static void take(struct wire_run *wire, PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char place[WHERE_LEN];

    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
        if (wire->step != WIRE_ASKING)
            break;
        /* fall through */
    case PGRES_TUPLES_OK:
        wire->query_us = (int64_t)(probe_now_us(life_of(wire)) - wire->begun_us);
        PQclear(wire->reply);
        wire->reply = result;
        return;
    case PGRES_FATAL_ERROR:
        if (!wire->trouble.kind && state)
            trouble_of_error(&wire->trouble, state, primary ? primary : "", where(wire, place));
        break;
    default:
        if (!wire->trouble.kind)
            trouble_say(&wire->trouble,
                        TROUBLE_PROTOCOL,
                        "%s answered a question with %s",
                        where(wire, place),
                        PQresStatus(PQresultStatus(result)));
    }
    PQclear(result);
}

/* Reads as far as there is something; goes on when a step is complete. */
static void read_on(struct wire_run *wire)
{
    if (!PQconsumeInput(wire->conn)) {
        lose(wire);
        return;
    }
    while (!PQisBusy(wire->conn)) {
        PGresult *result = PQgetResult(wire->conn);
        if (!result) {
            if (PQstatus(wire->conn) == CONNECTION_BAD)
                lose(wire);
            else
                step_on(wire);
            return;
        }
        take(wire, result);
    }
    flush(wire);
}

static void on_ready(int status, unsigned events, void *data)
{
    struct wire_run *wire = data;

    (void)events;
    if (status < 0)
        wire->op = NULL;
    /* Any other status is the descriptor's own, of which libpq knows what to say. */
    if (status == -ETIMEDOUT || status == -ECANCELED)
        give_up_late(wire, status);
    else
        read_on(wire);
}

/* -------------------------------------------------------------- outside ---- */

void wire_ask(struct probe_run *run, const struct question *question)
{
    struct wire_run *wire = run->data;
    struct wire *target = run->target->data;
    int64_t half_ms = dial_left_ms(run) / 2;

    wire->run = run;
    target->at_work += !wire->at_work;
    wire->at_work = true;
    hang_up(wire); /* what an earlier question of this run left behind, if it failed */
    PQclear(wire->reply);
    wire->reply = NULL;
    wire->question = *question;
    wire->connect_us = 0;
    wire->trouble = (struct trouble){0};
    PGconn **place = place_of(wire);
    if (question->afresh || !*place) {
        dial(wire);
        return;
    }
    wire->conn = *place;
    *place = NULL;
    wire->reused = true;
    /* A firewall may have forgotten it, and drops what we send: half the time is for a new one. */
    wire->limit = probe_timer(life_of(wire), half_ms > 0 ? (uint64_t)half_ms : 0, on_limit, wire);
    begin(wire);
}

void wire_visit(struct probe_run *run, const char *database)
{
    struct wire_run *wire = run->data;

    PQfinish(wire->visiting);
    wire->visiting = NULL;
    wire->database = database;
}

bool wire_keeps(const struct probe_target *target)
{
    const struct wire *wire = target->data;
    return wire->kept != NULL;
}

void wire_release(struct probe_target *self, struct probe_run *run)
{
    struct wire_run *wire = run->data;
    struct wire *target = self->data;

    target->at_work -= wire->at_work;
    PQfinish(wire->conn);
    PQfinish(wire->visiting);
    PQclear(wire->reply);
    dial_finish(&wire->dial);
}

int wire_create(struct probe_target *self, struct probe_error *error)
{
    const struct server *server = self->config;
    char wrong[160];

    if (address_refuse_tls(server->tls, wrong, sizeof(wrong)))
        return probe_refuse(error, "tls", "%s", wrong);
    return 0;
}

void wire_destroy(struct probe_target *self)
{
    struct wire *wire = self->data;

    PQfinish(wire->kept);
    wire->kept = NULL;
}
