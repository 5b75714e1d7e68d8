/*
 * trouble - why a server gave no answer, in one of a few kinds, and what that means for a run.
 *
 * Kinds are told apart by SQLSTATE and by errno, never by a server's words, which it may say in any
 * language.  Only PgBouncer, whose every error is 08P01, and libpq itself, which speaks English
 * here because the agent sets no locale, are known by what they say.
 *
 * Knows libpq's messages, but no connection.
 */
#ifndef COMMON_PQ_TROUBLE_H
#define COMMON_PQ_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>

#include <runbookd/probe.h>

/*
 * In the order of how far a login came: of several addresses that failed, the one that came
 * farthest says why.
 */
enum trouble_kind {
    TROUBLE_NONE,
    TROUBLE_CONFIG,      /* the target's own options make no sense */
    TROUBLE_DNS,         /* there is no such name, or nobody to ask for it */
    TROUBLE_UNREACHABLE, /* no way there */
    TROUBLE_REFUSED,     /* nobody listens */
    TROUBLE_TIMEOUT,
    TROUBLE_SILENT,   /* it takes the connection, and says nothing */
    TROUBLE_LOST,     /* the connection broke */
    TROUBLE_TLS,      /* the peer cannot be trusted, or does not speak TLS */
    TROUBLE_PROTOCOL, /* whoever answers is no PostgreSQL */
    TROUBLE_WRONG_ROLE,
    TROUBLE_STARTING_UP, /* or shutting down, or recovering: 57P03 */
    TROUBLE_TOO_MANY_CLIENTS,
    TROUBLE_AUTH,
    TROUBLE_DATABASE, /* there is no such database, or nobody may connect to it */
    TROUBLE_DENIED,   /* logged in, but may not ask this */
    TROUBLE_MISSING,  /* no such table, column or function: another version, no extension */
    TROUBLE_CANCELED, /* by statement_timeout or lock_timeout */
    TROUBLE_BUSY,     /* the same, for who asks so little that the server is to blame */
    TROUBLE_ROWS,     /* more rows would have changed than were planned; rolled back */
    TROUBLE_POOLER,   /* what stands before the server makes it impossible */
    TROUBLE_OTHER
};

struct trouble {
    enum trouble_kind kind;
    char sqlstate[6]; /* "" where the server gave none */
    char text[320];   /* one sentence for a person */
};

/* How far a login came, when it failed. */
enum trouble_stage { TROUBLE_CONNECTING, TROUBLE_SECURING, TROUBLE_LOGGING_IN };

/* Says what the matter is; the kind is the caller's to know. */
PROBE_PRINTF(3, 4)
void trouble_say(struct trouble *ret, enum trouble_kind kind, const char *fmt, ...);

/*
 * A failed login, from PQerrorMessage() with PQERRORS_VERBOSE, which puts the SQLSTATE there.
 * `where` is the place for people; `asked` is PQconnectionNeedsPassword().
 */
void trouble_of_login(struct trouble *ret, enum trouble_stage stage, const char *message,
                      const char *where, bool asked);

/* An error that a server answers to a statement, or gives when it ends a session. */
void trouble_of_error(struct trouble *ret, const char *sqlstate, const char *primary,
                      const char *where);

/* Whether libpq has given a connection up because of what came: that is no server's protocol. */
bool trouble_is_garbled(const char *message);

/* Whether another address may still do better: the server itself has not decided. */
bool trouble_is_local(const struct trouble *trouble);

/* The class of a failed run, as conditions and dashboards want it: "too_many_clients". */
const char *trouble_word(enum trouble_kind kind);

/* How the run ends, as the kind demands; with a hint of the plugin's own, NULL: the usual one. */
struct probe_ending trouble_ending(const struct probe_run *run, const struct trouble *trouble,
                                   const char *hint);

/* Ends the run so. */
void trouble_end(struct probe_run *run, const struct trouble *trouble);

void trouble_end_hinted(struct probe_run *run, const struct trouble *trouble, const char *hint);

#endif
