/*
 * sink - where events go beside stdout: the kinds there are, and those at work.
 *
 * A kind of sink is one constant, `struct sink_type`, in a file of its own, named in the table of
 * out/sink_types.c.  Its options are a table like a plugin's; `only` (which events it gets) is read
 * and applied here.  There are two sorts:
 *
 *   - A kind with a queue (`face.queued`) has open(), carry() and close().  It is handed parcels,
 *     one at a time, and answers each once: taken, later, refused.  All else is out/delivery's:
 *     the queue in memory and on disk, batches by count, bytes and age, pauses with full jitter, the
 *     splitting of what is refused, quarantine, what is said of it, the end.
 *   - A kind without one has open(), hear() and close(): it hears each event at once, as a
 *     subscriber of the bus does, and may not block; what it keeps it bounds itself.  idle() says
 *     whether the end of the agent still has something to wait for.
 *
 * A sink never waits for another one.  Events about a sink (`sink_down`, ...) never go through it.
 *
 * A reload leaves unchanged sinks alone.  A changed one is closed and opened with the new options,
 * and goes on with the queue that bears its name.  A removed one gets no new events, and has its
 * `deliver` to bring away what waits; what it does not is dropped, counted and said.
 *
 * Layer: out.  Uses: base, io, probe/config, probe/event.
 */
#ifndef OUT_SINK_H
#define OUT_SINK_H

#include "probe/config.h"
#include "probe/event.h"

struct loop;
struct sinks;
struct spool;

/* ---------------------------------------------------------------- kinds ---- */

/* What a sink is opened with; all of it outlives the sink but the struct itself. */
struct sink_place {
    struct loop *loop;
    struct bus *bus; /* for what it has to say; not to be subscribed to */
    const char *name;
    const void *config; /* the filled struct of face.options */
};

/* Some events in order, as NDJSON: each line ends with a newline.  Valid until it was answered. */
struct sink_parcel {
    const char *lines;
    size_t len, count;
};

enum sink_verdict {
    SINK_TAKEN,   /* all of it is the receiver's now */
    SINK_LATER,   /* not now: it is carried again, after a pause, as often as it takes */
    SINK_REFUSED, /* something in it is wrong: it is split, and what is wrong is set aside */
    SINK_TOO_BIG  /* the same, and further parcels had better be smaller */
};

struct sink_answer {
    enum sink_verdict verdict;
    int64_t after_ms;    /* with SINK_LATER: not before that, as by Retry-After; zero: unknown */
    size_t lost;         /* with SINK_TAKEN: events that the receiver says it has not kept */
    const char *message; /* why not taken, or why lost; for people, without secrets */
};

typedef void sink_carried_fn(const struct sink_answer *answer, void *data);

struct sink_type {
    struct config_sink_type face;

    /* Never fails: what cannot be done yet is an answer of carry(). */
    void *(*open)(const struct sink_place *place);

    /* With a queue.  `fn` is called once, later, never from inside; never after close(). */
    void (*carry)(void *self, const struct sink_parcel *parcel, sink_carried_fn *fn, void *data);

    /* Without a queue: an event that `only` lets through; borrowed for the call. */
    void (*hear)(void *self, const struct event *event);

    /*
     * Without a queue: an event that `only` keeps out for its status or level alone.  Whatever was
     * told of its matter is over.  NULL: it does not matter.
     */
    void (*over)(void *self, const struct event *event);

    /*
     * With a queue: what was told is to be told to end.  A finding that is ok again, and a
     * remediation's step, come also where `only` asks for other statuses or for a higher level.
     */
    bool ends;

    /* Without a queue: whether nothing is left to do; NULL: always so. */
    bool (*idle)(const void *self);

    /* What it has open is to be opened anew, as after a rotation; NULL: it has nothing open. */
    void (*reopen)(void *self);

    /* Ends what is under way, silently, and frees. */
    void (*close)(void *self);
};

/* All kinds, for config_needs and config_write_schema(); ended by NULL. */
const struct config_sink_type *const *sink_types(void);

/* --------------------------------------------------------------- at work ---- */

/* What became of a sink's events since the agent began. */
struct sink_counts {
    uint64_t taken;   /* delivered */
    uint64_t dropped; /* for want of room, or too old */
    uint64_t aside;   /* refused one by one: in quarantine */
    uint64_t retries; /* parcels that were to be carried again */
    uint64_t waiting, waiting_bytes;
    uint64_t in_memory;  /* of those that wait: not on disk, or not yet */
    uint64_t kept_aside; /* in quarantine now, also from before the agent began */
    bool down;
};

/*
 * Opens the sinks of `config`, which is held as long as needed, and subscribes to `bus`.  What waits
 * does so below agent.state.
 */
struct sinks *sinks_open(struct loop *loop, struct bus *bus, struct config *config);

/* Another configuration is in force. */
void sinks_take_over(struct sinks *sinks, struct config *config);

/* Files are opened anew: on SIGHUP and SIGUSR1. */
void sinks_reopen(struct sinks *sinks);

/* Calls `fn` for each sink with a queue, by name; for heartbeats and metrics. */
typedef void sinks_each_fn(const char *name, const struct sink_counts *counts, void *data);
void sinks_each(const struct sinks *sinks, sinks_each_fn *fn, void *data);

/* Where what waits, and what was refused, lies on disk; NULL: nowhere.  For who lists and drops. */
struct spool *sinks_spool(const struct sinks *sinks);

/* Puts an event that was refused (without its newline) into a sink's queue again; false: there is no such sink. */
bool sinks_resend(struct sinks *sinks, const char *name, const char *line, size_t len);

/* Whether all that waits for it would outlive the process; true where there is no such sink. */
bool sinks_is_safe(struct sinks *sinks, const char *name);

/* The member "sinks" of a heartbeat; nothing where there are none with a queue. */
void sinks_write(const struct sinks *sinks, struct writer *writer);

/*
 * `fn` is told once, later, whether that sink has taken the event of that seq: NULL, or why not, within `wait_ms`.
 * What waits for it is sent at once.
 */
typedef void sinks_taken_fn(const char *why, void *data);
void sinks_ask(struct sinks *sinks, const char *sink, uint64_t seq, int64_t wait_ms,
               sinks_taken_fn *fn, void *data);
void sinks_forget(struct sinks *sinks, const void *data); /* who asked with that is not told */

/*
 * Runs the loop until everything is delivered, or each sink's `deliver` is over, and closes.  What is
 * on disk waits for the next start; of the rest it is said how many were lost.  NULL is fine.
 */
void sinks_close(struct sinks *sinks);

#endif
