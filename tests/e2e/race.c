/*
 * race - two clients of one lease, against the real store: thousands of times both ask for it at
 * once, and both write under it.
 *
 *     race -c CONFIG TARGET REALM TIMES
 *
 * For tests of leases; not installed.  Of each round: both TAKE at once, exactly one is to hold it;
 * both WRITE at once under the winner's token, only the winner's is to be written; every tenth round
 * the loser tries the token of the round before as well; the winner gives it back.  In the last round the
 * winner lets its time pass instead, and writes, renews and gives back too late.  Prints one JSON object of
 * counts, of which all but "rounds", "won" and "late" are to be zero.
 *
 * Part of tests/e2e.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/session.h"
#include "base/mem.h"
#include "io/child.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/tls.h"
#include "io/wait.h"
#include "probe/keeper.h"
#include "probe/metric.h"

enum { CLIENTS = 2, TTL_MS = 30000, SHORT_MS = 2000, STALE_EVERY = 10 };

static const char *const names[CLIENTS] = {"left", "right"};

static struct {
    struct session session;
    struct loop *loop;
    struct keeper *keepers[CLIENTS];
    const char *realm;
    long times, left, rounds;
    unsigned waiting; /* answers of this step */
    void (*next)(void);
    int winner; /* below zero: nobody */
    bool late;  /* this round the winner's time passes */
    int64_t token, last_token;
    struct timer pause;
    char value[32];
    long won[CLIENTS], lates;
    long both, none, back, stale, refused, wrong, failed; /* what must not be */
} race;

static void begin_round(void);

/* --------------------------------------------------------------- claims ---- */

struct expectation {
    long *missed; /* counted where `held` is not as expected */
    int held;     /* 1, 0; below zero: take it down */
    int client;
};

static void on_answer(const struct keeper_answer *answer, void *data)
{
    struct expectation *expects = data;
    if (answer->status) {
        race.failed++;
        (void)fprintf(stderr, "race: %s\n", answer->summary);
    } else if (expects->held < 0) {
        race.both += answer->held && race.winner >= 0;
        if (answer->held) {
            race.winner = expects->client;
            race.token = answer->token;
        }
    } else if (answer->held != expects->held) {
        (*expects->missed)++;
    }
    free(expects);
    if (--race.waiting == 0)
        race.next();
}

static void ask(int client, struct probe_claim claim, int held, long *missed)
{
    struct expectation *expects = mem_new(sizeof(*expects));
    *expects = (struct expectation){missed, held, client};
    claim.realm = race.realm;
    claim.holder = names[client];
    claim.ttl_ms = race.late ? SHORT_MS : TTL_MS;
    race.waiting++;
    keeper_ask(race.keepers[client], &claim, on_answer, expects);
}

static void on_read(const struct keeper_answer *answer, void *data)
{
    bool is = !answer->status && answer->documents[0].name &&
              strcmp(answer->documents[0].value, race.value) == 0 && !answer->documents[1].name;
    (void)data;
    race.wrong += !is;
    if (--race.waiting == 0)
        race.next();
}

static void read_value(int client)
{
    race.waiting++;
    keeper_ask(race.keepers[client],
               &(const struct probe_claim){.what = PROBE_LEASE_READ,
                                           .realm = race.realm,
                                           .holder = names[client],
                                           .ttl_ms = TTL_MS,
                                           .key = "value"},
               on_read,
               NULL);
}

/* --------------------------------------------------------------- rounds ---- */

static void end_round(void)
{
    if (race.winner >= 0)
        race.won[race.winner]++;
    race.rounds++;
    if (--race.left > 0)
        begin_round();
    else
        loop_stop(race.loop);
}

static void write_value(int client, int64_t token, const char *value, int held, long *missed)
{
    const struct probe_claim claim = {
        .what = PROBE_LEASE_WRITE, .token = token, .key = "value", .value = value};
    ask(client, claim, held, missed);
}

static void give_back(void)
{
    const struct probe_claim claim = {.what = PROBE_LEASE_RELEASE, .token = race.token};
    race.next = end_round;
    read_value(race.winner);
    ask(race.winner, claim, 1, &race.refused);
}

/* Another has it by now: whatever the earlier holder still does is refused. */
static void come_too_late(void)
{
    if (race.winner < 0) {
        race.none++;
        end_round();
        return;
    }
    int early = 1 - race.winner;
    const struct probe_claim renew = {.what = PROBE_LEASE_RENEW, .token = race.last_token};
    const struct probe_claim release = {.what = PROBE_LEASE_RELEASE, .token = race.last_token};
    race.back += race.token <= race.last_token;
    race.lates++;
    race.next = give_back;
    (void)snprintf(race.value, sizeof(race.value), "%ld, late", race.rounds);
    write_value(early, race.last_token, "stale", 0, &race.stale);
    ask(early, renew, 0, &race.stale);
    ask(early, release, 0, &race.stale);
    write_value(race.winner, race.token, race.value, 1, &race.refused);
}

static void on_passed(void *data)
{
    int other = 1 - race.winner;
    (void)data;
    race.last_token = race.token;
    race.winner = -1;
    race.next = come_too_late;
    ask(other, (struct probe_claim){.what = PROBE_LEASE_TAKE}, -1, NULL);
}

/* PostgreSQL leaves who holds the lock another quarter of the time before it ends the session. */
static void let_pass(void)
{
    timer_start(&race.pause, race.loop, SHORT_MS * 5 / 4 + 50, on_passed, NULL);
}

static void write_both(void)
{
    int loser = 1 - race.winner;
    if (race.winner < 0) {
        race.none++;
        end_round();
        return;
    }
    race.back += race.token <= race.last_token;
    race.next = race.late ? let_pass : give_back;
    (void)snprintf(race.value, sizeof(race.value), "%ld", race.rounds);
    write_value(race.winner, race.token, race.value, 1, &race.refused);
    if (race.rounds % STALE_EVERY == 0)
        write_value(loser, race.token, "stolen", 0, &race.stale);
    if (race.last_token && race.rounds % STALE_EVERY == 0)
        write_value(loser, race.last_token, "stale", 0, &race.stale);
    if (!race.late)
        race.last_token = race.token;
}

static void begin_round(void)
{
    race.winner = -1;
    race.late = race.rounds == race.times - 1;
    race.next = write_both;
    for (int client = 0; client < CLIENTS; client++)
        ask(client, (struct probe_claim){.what = PROBE_LEASE_TAKE}, -1, NULL);
}

/* ---------------------------------------------------------- the beginning ---- */

static bool open_keepers(const char *name)
{
    struct config *config = race.session.config;
    struct error error = {0};
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            for (int client = 0; client < CLIENTS; client++)
                race.keepers[client] =
                    keeper_create(race.loop, config, &config->targets[i], &error);
    if (!race.keepers[0] || !race.keepers[1])
        (void)fprintf(stderr, "race: %s keeps no lease: %s\n", name, error.message);
    return race.keepers[0] && race.keepers[1];
}

static void print_counts(void)
{
    (void)printf("{\"rounds\":%ld,\"won\":[%ld,%ld],\"late\":%ld,\"both\":%ld,\"none\":%ld,"
                 "\"token_back\":%ld,\"stale_accepted\":%ld,\"refused\":%ld,\"wrong_value\":%ld,"
                 "\"failed\":%ld}\n",
                 race.rounds,
                 race.won[0],
                 race.won[1],
                 race.lates,
                 race.both,
                 race.none,
                 race.back,
                 race.stale,
                 race.refused,
                 race.wrong,
                 race.failed);
}

static void close_world(void)
{
    for (int client = 0; client < CLIENTS; client++)
        keeper_destroy(race.keepers[client]);
    timer_stop(&race.pause);
    http_shutdown(race.loop);
    resolve_shutdown(race.loop);
    child_stop();
    tls_shutdown();
    metric_forget_all();
    (void)loop_destroy(race.loop);
    session_close(&race.session);
}

int main(int argc, char **argv)
{
    if (argc != 6 || strcmp(argv[1], "-c") != 0) {
        (void)fprintf(stderr, "usage: race -c CONFIG TARGET REALM TIMES\n");
        return EXIT_REFUSED;
    }
    const char *paths[] = {argv[2]};
    struct options options = {.paths = paths, .path_count = 1};
    (void)signal(SIGPIPE, SIG_IGN);
    if (!session_open(&race.session, &options))
        return EXIT_REFUSED;
    race.loop = loop_create();
    race.realm = argv[4];
    race.times = race.left = strtol(argv[5], NULL, 10);
    bool opened = session_configure(&race.session, &options) && open_keepers(argv[3]);
    if (opened) {
        begin_round();
        loop_run(race.loop);
        print_counts();
    }
    close_world();
    return opened ? EXIT_FINE : EXIT_REFUSED;
}
