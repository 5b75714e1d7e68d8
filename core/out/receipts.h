/*
 * receipts - who waits until a sink has taken one certain event.
 *
 * An event is taken when its receiver has acknowledged the parcel that held it, whole; what was refused, or what
 * the receiver says it has lost, is not.  Whoever asks is answered once, later: with NULL, or with why not, at the
 * latest when the time is over that was given.  While somebody waits for a sink, out/delivery does not wait for
 * its batch to fill.
 *
 * Layer: out.  Uses: base, io/wait, out/view.
 */
#ifndef OUT_RECEIPTS_H
#define OUT_RECEIPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct receipts;

/* `boot` is the agent's: only its events are meant; copied. */
struct receipts *receipts_create(struct loop *loop, const char *boot);

/* Nobody is answered any more.  NULL is fine. */
void receipts_destroy(struct receipts *receipts);

/* `fn` is called once, later: NULL, or a clause for people that says why it is not taken. */
typedef void receipt_fn(const char *why, void *data);
void receipts_ask(struct receipts *receipts, const char *sink, uint64_t seq, int64_t wait_ms,
                  receipt_fn *fn, void *data);

/* Who waits with that data is not answered any more. */
void receipts_forget(struct receipts *receipts, const void *data);

/* Whether somebody waits for that sink. */
bool receipts_wanted(const struct receipts *receipts, const char *sink);

/* The sink has these lines: `lost` of them its receiver did not keep; or it `refused` them. */
void receipts_taken(struct receipts *receipts, const char *sink, const char *lines, size_t len,
                    size_t lost);
void receipts_refused(struct receipts *receipts, const char *sink, const char *lines, size_t len,
                      const char *why);

/* Why the sink takes nothing at present: said to who has waited in vain. */
void receipts_trouble(struct receipts *receipts, const char *sink, const char *why);

/* No such sink is at work, or it keeps no queue. */
void receipts_no_sink(struct receipts *receipts, const char *sink);

#endif
