/*
 * each - parcels for receivers that take one message at a time: a request an event, in order.
 *
 * Where a parcel stops half way, what was taken of it is not sent again when the rest is carried once
 * more (out/progress).  An event that means nothing to the receiver counts as taken.
 *
 *   2xx        taken            413        too big
 *   400, 422   refused          all else   later; Retry-After is honoured
 *
 * Layer: out.  Uses: base, io/http, out/progress, out/sink, out/view.
 */
#ifndef OUT_EACH_H
#define OUT_EACH_H

#include "out/sink.h"
#include "out/view.h"
#include "runbookd/probe.h"

/*
 * Writes what the sink `name` says of an event, as JSON or whatever `media` says; false: nothing is.
 * `data` is the wish's.
 */
typedef bool each_make_fn(const char *name, struct view line, struct text *body, void *data);

struct each_wish {
    struct loop *loop;
    struct probe_secret *url;  /* revealed anew for each request */
    struct probe_secret *also; /* what `make` reveals; NULL: none.  Without either all waits */
    const struct probe_tls *tls;
    int64_t timeout_ms;
    const char *method, *media;       /* NULL: POST, application/json */
    const struct probe_pair *headers; /* further ones, ended by {0}; NULL: none */
    struct probe_secret *bearer, *password;
    const char *user;
    each_make_fn *make;
    void *data;
    void (*finish)(void *data); /* lets `data` go with the sink; NULL: it is not ours */
};

/* What `open` of a sink returns: its `carry` and `close` (silently) are these.  `name` is copied. */
void *each_open(const char *name, const struct each_wish *wish);
void each_carry(void *self, const struct sink_parcel *parcel, sink_carried_fn *fn, void *data);
void each_close(void *self);

/* What kinds of this sort say in the same words: adds the member's text, if there is any. */
void each_write_text(struct writer *writer, const char *key, struct view line, const char *member);

#endif
