/*
 * wire - one connection to a Redis server, one command at a time, or several sent together.
 *
 * hiredis' reader and formatter over the agent's stream: neither sockets nor TLS nor names are
 * ours.  A connection is opened by the first command, logged in (AUTH, SELECT), and kept until
 * wire_close(); after a minute it is renewed, so that a moved name is followed.  A kept connection
 * that turns out to be dead is replaced once, silently, and the command sent again; a fresh one
 * that fails, fails.  Knows nothing of checks.
 */
#ifndef REDIS_WIRE_H
#define REDIS_WIRE_H

#include <hiredis/hiredis.h>
#include <runbookd/probe.h>

#include "command.h"

enum { WIRE_HOST = 256 }; /* room for a host's name */

/* Where a server is, and who we are there. */
struct wire_server {
    const char *host; /* NULL: `path` is a socket */
    const char *path;
    uint16_t port;
    bool safe;        /* in TLS */
    const char *user; /* NULL: none */
    struct probe_secret *password;
    const struct probe_tls *tls;
    int64_t db;
};

/*
 * The answer to a command: `reply`, which may be an error of the server's, or NULL with the reason
 * why there is none.  Both are valid until it returns.  Several commands that were sent together
 * have one answer, an array of their replies.
 */
typedef void wire_fn(const redisReply *reply, const struct probe_ending *failure, void *data);

struct wire;

/* Asks where the server is before each opening; leads to wire_found() or wire_unfound(). */
struct wire_guide {
    void (*find)(struct wire_guide *guide, struct wire *wire);
    void (*stop)(struct wire_guide *guide, bool buried); /* buried: the life has ended */
};

/* Zeroed at first, then wire_init(). */
struct wire {
    struct probe_life *life;
    const struct wire_server *server;
    struct wire_guide *guide; /* set by the owner; NULL: the server is where it is */
    char host[WIRE_HOST];     /* what the guide found */
    uint16_t port;
    struct probe_op *stream;             /* NULL: closed, or not found yet */
    redisReader *reader;                 /* NULL: closed */
    redisReplyObjectFunctions functions; /* the reader's, with a bound on arrays ... */
    void *(*create_array)(const redisReadTask *, int); /* ... around this */
    enum { WIRE_OPENING, WIRE_FINDING, WIRE_AUTH, WIRE_SELECT, WIRE_READY } stage;
    uint64_t opened_us;
    int64_t connect_us;  /* what opening took, with TLS, without looking for it or logging in */
    bool served;         /* has answered a command on this connection */
    int64_t patience_ms; /* set by the owner: to find, connect and secure; zero: the life's */
    bool once;           /* set by the owner: never send a command a second time */

    struct command command; /* as it goes out; empty: nobody waits */
    redisReply **replies;   /* those that have come, of several */
    size_t got;
    uint64_t asked_us;
    wire_fn *fn;
    void *data;
};

/* `life` and `server` outlive the wire.  Opens nothing. */
void wire_init(struct wire *wire, struct probe_life *life, const struct wire_server *server);

/* Sends commands, which are copied, connecting first where that is due.  One call at a time. */
void wire_ask(struct wire *wire, wire_fn *fn, void *data, const struct command *command);

/* What a guide says: copied.  Not from inside find(). */
void wire_found(struct wire *wire, const char *host, uint16_t port);
void wire_unfound(struct wire *wire, const struct probe_ending *why);

/* Forgets whoever waits for a reply, and so the connection too: the reply would be the next one's. */
void wire_forget(struct wire *wire);

/* Closes, silently. */
void wire_close(struct wire *wire);

/* The same where the life has ended, and the stream with it. */
void wire_bury(struct wire *wire);

/* How long the present command has taken until now. */
int64_t wire_elapsed_us(const struct wire *wire);

/* How much of the patience is left, in ms and at least one; zero where it has no end. */
int64_t wire_patience_ms(const struct wire *wire);

#endif
