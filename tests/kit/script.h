/*
 * script - plays one side of a connection, move by move; knows neither sockets nor the fake host.
 *
 * Both the fake host's streams and kit_server's real sockets are driven by it: whoever owns the
 * connection asks script_next() what to do, does it, and asks again.
 */
#ifndef KIT_SCRIPT_H
#define KIT_SCRIPT_H

#include "base/text.h"
#include "kit.h"

enum script_act {
    SCRIPT_WAIT,   /* for the client's bytes, or for nothing at all */
    SCRIPT_OPEN,   /* the connection stands */
    SCRIPT_SEND,   /* `bytes`, `len` of them */
    SCRIPT_PAUSE,  /* for `ms`, then ask again */
    SCRIPT_SECURE, /* the client is to begin TLS; ask again once it did */
    SCRIPT_PEER,
    SCRIPT_CLOSE,
    SCRIPT_FAIL, /* with `status`, at `stage`, because of `bytes` */
    SCRIPT_WRONG /* the client did what it should not: `said` tells */
};

struct script_step {
    enum script_act act;
    const char *bytes;
    size_t len;
    uint64_t ms;
    int status;
    enum probe_stage stage;
    const struct probe_peer *peer;
};

struct script {
    const struct kit_move *moves; /* ended by { 0 }; borrowed */
    size_t at;
    size_t dripped; /* bytes of the present DRIP that are out */
    bool opened;
    struct text heard; /* from the client, not yet matched */
    struct text said;  /* what went wrong */
};

void script_init(struct script *script, const struct kit_move *moves);
void script_finish(struct script *script);

/* The client wrote. */
void script_hear(struct script *script, const void *bytes, size_t len);

/* The client began TLS: whether it was its time. */
bool script_secured(struct script *script);

struct script_step script_next(struct script *script);

/* A copy of moves and their bytes, by malloc(), in one piece. */
struct kit_move *script_copy(const struct kit_move *moves);

#endif
