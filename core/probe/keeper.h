/*
 * keeper - a target once more, for the lease that it keeps: claims, one after the other.
 *
 * The plugin sees a target of the same options, made for this alone, so that no check and no action
 * shares its connection.  A deadline counts from a claim's start: the plugin's own, half of the
 * lease's time at most, since a later answer is of no use.  The plugin's ended() comes first, then
 * the answer, then the next claim.
 *
 * What is answered is what the store has decided; whether that still holds is for the caller's clock.
 *
 * Layer: probe.  Uses: base, io, include, probe/config, host.
 */
#ifndef PROBE_KEEPER_H
#define PROBE_KEEPER_H

#include "base/error.h"
#include "probe/config.h"

struct loop;

enum {
    KEEPER_WAITING = 256, /* claims; more are answered with -EBUSY */
    KEEPER_DOCUMENTS = 4096,
    KEEPER_LONGEST = 256 * 1024 /* of a document, in bytes; longer ones with -E2BIG */
};

/* Valid in the callback. */
struct keeper_answer {
    int status;          /* below zero: there is no answer, and why: */
    const char *reason;  /* one word: "timeout" */
    const char *summary; /* one sentence */
    const char *hint;    /* or NULL */
    bool held;           /* as struct probe_tenure has it, and what follows */
    int64_t token, left_ms;
    const char *holder;                 /* or NULL */
    const struct probe_pair *documents; /* of READ; ended by { 0 } */
    uint64_t asked_us;                  /* when it was begun, on the loop's clock */
};

typedef void keeper_fn(const struct keeper_answer *answer, void *data);

struct keeper;

/* Holds `whole`, of which `config` is a target.  NULL where the plugin refuses it, which is told. */
struct keeper *keeper_create(struct loop *loop, struct config *whole,
                             const struct config_target *config, struct error *error);

/* Ends what is under way; nothing is answered any more.  NULL is fine. */
void keeper_destroy(struct keeper *keeper);

/* Makes a claim, which is copied, when those before it are over.  Answered once, later. */
void keeper_ask(struct keeper *keeper, const struct probe_claim *claim, keeper_fn *fn, void *data);

/* For host: the services leased and end of a run that is a claim; and that it says nothing else. */
void keeper_leased(struct probe_run *face, const struct probe_tenure *tenure);
void keeper_end(struct probe_run *face, const struct probe_ending *ending);
void keeper_refuse(struct probe_run *face);

#endif
