/*
 * host - the service table that plugins call, and how a call finds its way to its life.
 *
 * A plugin sees only a `struct probe_life` at the start of its target or run.  In our structs a
 * `struct tether` stands right before that, so the call needs no look-up and a life no table of
 * its own.
 *
 *     struct run { ...; struct tether tether; struct probe_run face; };
 *
 * What runs report and how they end goes to probe/run, or probe/act; the rest are operations of io.
 *
 * Layer: probe.  Uses: base, io, include, probe/note.
 */
#ifndef PROBE_HOST_H
#define PROBE_HOST_H

#include <assert.h>

#include "io/life.h"
#include "probe/note.h"
#include "runbookd/probe.h"

struct tether {
    struct life life;
    const struct probe_sizes *sizes; /* of the plugin's elements */
    const char *name;                /* for the log: "orders-db" or "orders-db/connections" */
    struct notes *notes;             /* what recall() and remember() keep */
};

/* Holds a struct to the layout above. */
#define TETHER_FITS(type)                                                                          \
    static_assert(offsetof(type, face) == offsetof(type, tether) + sizeof(struct tether),          \
                  "the tether stands right before the face")

/* What every probe_life points to. */
extern const struct probe_host host_services;

/* For create() and prepare(): what probe_refuse() fills. */
struct host_refusal {
    struct probe_error face; /* handed to the plugin */
    char *option;            /* which one, or NULL */
    char *text;              /* what is wrong with it; NULL: nothing was refused */
};

/* Ready to be handed over as &refusal.face; freed by host_refusal_finish(). */
void host_refusal_init(struct host_refusal *refusal);
void host_refusal_finish(struct host_refusal *refusal);

#endif
