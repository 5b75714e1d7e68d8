/*
 * event - the bus: one JSON object a line, encoded once, told to every subscriber.
 *
 * The second of the two doors of redaction: what leaves here holds no revealed secret, and is JSON
 * all the same.  A line is at most `max_event` bytes: evidence is cut first, then hint, message,
 * labels and what else describes the target, measures; the member "cut" names them.  `seq` counts
 * without gap within a boot.
 * packaging/schema/event.schema.json describes every line, and tests hold every line to it.
 *
 * Layer: probe.  Uses: base, probe/finding, probe/ledger.
 */
#ifndef PROBE_EVENT_H
#define PROBE_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/writer.h"
#include "probe/finding.h"
#include "probe/ledger.h"

enum {
    EVENT_ID_LEN = 17,         /* 16 hex digits and a NUL */
    EVENT_SHORTEST_MAX = 4096, /* what is left when all that may be cut is cut */
    EVENT_MOST_WAITING = 256   /* events that subscribers may emit while one is told */
};

enum event_kind {
    EVENT_FINDING,
    EVENT_REMEDIATION,
    EVENT_INCIDENT,
    EVENT_AUDIT,
    EVENT_AGENT,
    EVENT_LOG
};

/* Who speaks: in every line.  Copied; NULL: left out, of `boot`: one that is random. */
struct event_speaker {
    const char *realm, *role, *node, *pod, *boot, *version, *config;
    const char *const *labels; /* name, value, ..., NULL */
    size_t max_event;          /* bytes; zero: 15 KiB; EVENT_SHORTEST_MAX at least */
};

/* A finding with all that an event says of it.  Borrowed for the call. */
struct event_finding {
    const struct finding *finding;
    const struct ledger_report *report;
    const char *scope; /* "node" or "cluster" */
    const char *target, *name, *check;
    const char *condition;          /* the text that decided, or NULL */
    const char *warning, *critical; /* the check's conditions, or NULL: for performance data */
    int64_t for_ms;
    enum probe_status sample; /* what the run itself found; PROBE_GRADED: there was none */
    const char *owner, *doc;
    const char *const *labels; /* of target and check: name, value, ..., NULL */
    const char *silenced_by;   /* a silence's id, or NULL */
    const char *const *held;   /* names of checks that wait, ended by NULL, or NULL */
    bool inactive;             /* outside the hours in which the check is graded */
    int64_t duration_us;
};

/* What subscribers hear.  Borrowed for the call. */
struct event {
    enum event_kind kind;
    enum log_level level;
    uint64_t seq;
    int64_t wall_ms;  /* when it was said */
    const char *json; /* one line, without a newline */
    size_t len;
    const char *id, *message;
    const struct event_finding *finding; /* of EVENT_FINDING; otherwise NULL */
};

typedef void event_fn(const struct event *event, void *data);

struct bus;

struct bus *bus_create(const struct event_speaker *speaker);
void bus_destroy(struct bus *bus); /* NULL is fine */

/* Speaks for another configuration from now on; the boot and the count stay. */
void bus_set_speaker(struct bus *bus, const struct event_speaker *speaker);

/*
 * Subscribers are called in the order in which they came, on the loop thread.  What one of them
 * emits is told after the present event, so that all hear everything in the order of `seq`.
 */
void bus_subscribe(struct bus *bus, event_fn *fn, void *data);
void bus_unsubscribe(struct bus *bus, event_fn *fn, void *data);

/* Not from a subscriber: a finding is borrowed, and cannot wait. */
void event_emit_finding(struct bus *bus, const struct event_finding *finding, int64_t wall_ms);

/*
 * An agent event: `step` is a word ("started", "heartbeat"); `more` writes further members, and
 * may be called more than once.  Returns the event's seq; zero: too many wait, it was dropped.
 */
typedef void event_write_fn(struct writer *writer, void *data);
uint64_t event_emit_agent(struct bus *bus, enum log_level level, const char *step,
                          const char *message, int64_t wall_ms, event_write_fn *more, void *data);

/* A step of a remediation or of an incident, an entry of the audit. */
struct event_step {
    enum event_kind kind;
    enum log_level level;
    const char *id, *step, *message;
    event_write_fn *must,
        *more; /* members that every such line has; that a long one may lose; or NULL */
    void *data;
};
uint64_t event_emit_step(struct bus *bus, const struct event_step *step, int64_t wall_ms);

/*
 * A line of the agent's own log, as JSON of kind "log", in place of what `out` holds; it fits that
 * text and max_event (if they hold 1 KiB).  It goes to stderr, not to subscribers, and has no seq.
 */
void event_encode_log(const struct bus *bus, enum log_level level, const char *text,
                      int64_t wall_ms, struct text *out);

/*
 * 16 hex digits of SHA-256 over realm, node (empty unless the scope is node), target, name and,
 * where there is one, subject, each followed by a NUL byte: the same on every run and every agent.
 */
void event_id(const struct bus *bus, const char *scope, const char *target, const char *name,
              const char *subject, char out[EVENT_ID_LEN]);

/* How many events were emitted at all; the boot of which they are. */
uint64_t bus_count(const struct bus *bus);
const char *bus_boot(const struct bus *bus);

const char *event_kind_name(enum event_kind kind);       /* "finding", "agent", ... */
const char *event_status_name(enum probe_status status); /* "ok", "warning", ... */
enum log_level event_level_of(enum probe_status status);

#endif
