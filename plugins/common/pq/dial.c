#include "common/pq/dial.h"

#include <string.h>

enum { WHERE_LEN = 200 };

static void try_place(struct dial *dial);
static void try_address(struct dial *dial);

static struct probe_life *life_of(struct dial *dial)
{
    return &dial->run->life;
}

int64_t dial_left_ms(struct probe_run *run)
{
    int64_t now = (int64_t)probe_now(&run->life);
    return run->deadline_ms ? (int64_t)run->deadline_ms - now : 10000;
}

static const struct address_place *place_of(const struct dial *dial)
{
    return &dial->address.places[dial->place];
}

/* The present place: "db.orders:5432 (192.0.2.7)". */
static const char *where(const struct dial *dial, char out[WHERE_LEN])
{
    size_t len;

    address_show(place_of(dial), out, WHERE_LEN - DIAL_ADDRESS_LEN - 4);
    len = strlen(out);
    if (dial->next > 0 && !address_is_known(place_of(dial)))
        (void)snprintf(out + len, WHERE_LEN - len, " (%s)", dial->found[dial->next - 1]);
    return out;
}

/* Waits for nothing any more; libpq may now close or replace the descriptor. */
static void hush(struct dial *dial)
{
    probe_cancel(life_of(dial), dial->op);
    probe_cancel(life_of(dial), dial->limit);
    dial->op = dial->limit = NULL;
}

static void hang_up(struct dial *dial)
{
    hush(dial);
    PQfinish(dial->conn);
    dial->conn = NULL;
}

/* ------------------------------------------------------------- its end ---- */

static void give_up(struct dial *dial)
{
    size_t len = strlen(dial->trouble.text);

    hang_up(dial);
    if (dial->tried > 1)
        (void)snprintf(dial->trouble.text + len,
                       sizeof(dial->trouble.text) - len,
                       "; %zu addresses tried in vain",
                       dial->tried);
    dial->then(dial, NULL);
}

static void note(struct dial *dial, const struct trouble *trouble)
{
    dial->tried++;
    if (trouble->kind > dial->trouble.kind)
        dial->trouble = *trouble;
}

/* An address was tried in vain: the next one, unless the server itself has decided. */
static void go_on(struct dial *dial, const struct trouble *trouble)
{
    hang_up(dial);
    note(dial, trouble);
    if (!trouble_is_local(trouble)) {
        dial->tried = 0; /* what the others said does not matter */
        give_up(dial);
    } else if (dial->next < dial->found_count) {
        try_address(dial);
    } else {
        dial->place++;
        try_place(dial);
    }
}

/* Whether somebody took the connection, and left our first words unanswered. */
static bool is_silent(const struct dial *dial)
{
    ConnStatusType status = PQstatus(dial->conn);
    return status != CONNECTION_BAD && status != CONNECTION_NEEDED && status != CONNECTION_STARTED;
}

static void time_out(struct dial *dial, struct trouble *ret, const char *when)
{
    char place[WHERE_LEN];
    if (dial->resolving)
        trouble_say(
            ret, TROUBLE_DNS, "%s: the name server did not answer %s", where(dial, place), when);
    else if (is_silent(dial))
        trouble_say(ret,
                    TROUBLE_SILENT,
                    "%s took the connection and did not answer %s",
                    where(dial, place),
                    when);
    else
        trouble_say(ret, TROUBLE_TIMEOUT, "%s did not answer %s", where(dial, place), when);
}

/* The agent ends the run: at its deadline, or because it stops. */
static void give_up_late(struct dial *dial, int status)
{
    struct trouble trouble;

    if (status == -ETIMEDOUT)
        time_out(dial, &trouble, "in time");
    else
        trouble_say(&trouble, TROUBLE_OTHER, "ended before there was an answer");
    note(dial, &trouble);
    give_up(dial);
}

static bool is_the_agents(int status)
{
    return status == -ETIMEDOUT || status == -ECANCELED;
}

/* -------------------------------------------------- one after the other ---- */

static void on_limit(int status, void *data)
{
    struct dial *dial = data;
    struct trouble trouble;

    dial->limit = NULL;
    if (status < 0) {
        give_up_late(dial, status);
        return;
    }
    time_out(dial, &trouble, "in its share of the time");
    go_on(dial, &trouble);
}

/* Leaves time for the addresses and places that are left; the last one has it all. */
static void limit(struct dial *dial)
{
    size_t others = dial->address.place_count - dial->place - 1;
    int64_t ms;

    if (dial->found_count > dial->next)
        others += dial->found_count - dial->next;
    if (others == 0)
        return;
    ms = dial_left_ms(dial->run) / (int64_t)(others + 1);
    dial->limit = probe_timer(life_of(dial), ms > 0 ? (uint64_t)ms : 0, on_limit, dial);
}

static void on_names(int status, const char *const *addresses, size_t count, void *data)
{
    struct dial *dial = data;
    struct trouble trouble;
    char place[WHERE_LEN];

    dial->op = NULL;
    if (is_the_agents(status)) {
        give_up_late(dial, status);
        return;
    }
    hush(dial);
    dial->resolving = false;
    if (status < 0 || count == 0) {
        trouble_say(&trouble,
                    TROUBLE_DNS,
                    "%s: %s",
                    where(dial, place),
                    status == -EAGAIN ? "the name server does not answer" : "no such host");
        go_on(dial, &trouble);
        return;
    }
    for (size_t i = 0; i < count && i < DIAL_MOST_ADDRESSES; i++, dial->found_count++)
        (void)snprintf(dial->found[i], sizeof(dial->found[i]), "%s", addresses[i]);
    try_address(dial);
}

static void try_place(struct dial *dial)
{
    dial->found_count = dial->next = 0;
    if (dial->place == dial->address.place_count) {
        give_up(dial);
        return;
    }
    const struct address_place *place = place_of(dial);
    if (address_is_known(place)) {
        const char *number = place->numeric ? place->numeric : place->host;
        (void)snprintf(dial->found[0], sizeof(dial->found[0]), "%s", number);
        dial->found_count = 1;
        try_address(dial);
        return;
    }
    dial->resolving = true;
    limit(dial);
    dial->op = probe_resolve(life_of(dial), place->host, on_names, dial);
}

/* ----------------------------------------------------------- logging in ---- */

/* libpq would print the server's notices to stderr. */
static void drop_notice(void *nothing, const PGresult *notice)
{
    (void)nothing;
    (void)notice;
}

static enum trouble_stage stage_of(ConnStatusType status)
{
    if (status == CONNECTION_STARTED || status == CONNECTION_NEEDED || status == CONNECTION_BAD)
        return TROUBLE_CONNECTING;
    return status == CONNECTION_SSL_STARTUP ? TROUBLE_SECURING : TROUBLE_LOGGING_IN;
}

static void fail(struct dial *dial, enum trouble_stage stage)
{
    struct trouble trouble;
    char place[WHERE_LEN];

    trouble_of_login(&trouble,
                     stage,
                     PQerrorMessage(dial->conn),
                     where(dial, place),
                     PQconnectionNeedsPassword(dial->conn));
    go_on(dial, &trouble);
}

static void succeed(struct dial *dial)
{
    PGconn *conn = dial->conn;

    hush(dial);
    dial->conn = NULL;
    PQsetnonblocking(conn, 1);
    dial->us = (int64_t)(probe_now_us(life_of(dial)) - dial->started_us);
    dial->then(dial, conn);
}

static void on_ready(int status, unsigned events, void *data);

static void await(struct dial *dial, unsigned events)
{
    dial->op = probe_watch(life_of(dial), PQsocket(dial->conn), events, on_ready, dial);
}

static void on_ready(int status, unsigned events, void *data)
{
    struct dial *dial = data;
    enum trouble_stage stage = stage_of(PQstatus(dial->conn));

    (void)events;
    if (status == 0)
        probe_cancel(life_of(dial), dial->op);
    dial->op = NULL;
    /* Any other status is the descriptor's own, of which libpq knows what to say. */
    if (is_the_agents(status)) {
        give_up_late(dial, status);
        return;
    }
    switch (PQconnectPoll(dial->conn)) {
    case PGRES_POLLING_READING:
        await(dial, PROBE_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        await(dial, PROBE_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        succeed(dial);
        break;
    default:
        fail(dial, stage);
    }
}

static void try_address(struct dial *dial)
{
    const char *found = dial->found[dial->next++];
    struct address_words words;

    address_fill(&words, &dial->address, place_of(dial), strchr("/@", *found) ? NULL : found);
    dial->conn = PQconnectStartParams(words.names, words.values, 0);
    if (PQstatus(dial->conn) == CONNECTION_BAD) {
        fail(dial, TROUBLE_CONNECTING);
        return;
    }
    PQsetErrorVerbosity(dial->conn, PQERRORS_VERBOSE); /* brings the SQLSTATE of a failed login */
    PQsetNoticeReceiver(dial->conn, drop_notice, NULL);
    limit(dial);
    await(dial, PROBE_WRITABLE);
}

/* -------------------------------------------------------------- outside ---- */

void dial_start(struct dial *dial, struct probe_run *run, const char *database, dial_fn *then,
                void *data)
{
    struct server server = *(const struct server *)run->target->config;

    if (database)
        server.database = database;
    dial_finish(dial);
    dial->data = data;
    dial->run = run;
    dial->then = then;
    dial->started_us = probe_now_us(&run->life);
    if (address_make(&dial->address, &run->life, &server, &dial->trouble))
        try_place(dial);
    else
        give_up(dial);
}

void dial_finish(struct dial *dial)
{
    PQfinish(dial->conn);
    address_finish(&dial->address);
    *dial = (struct dial){0};
}
