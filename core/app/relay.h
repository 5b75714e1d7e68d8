/*
 * relay - what is asked of a standby is passed on to the agent that holds the realm's lease.
 *
 * The way is the lease's store, so that no agent needs to reach another one: the standby leaves a
 * letter ("post/ask/ID"), which the holder looks for every second, removes, and answers by one of its
 * own ("post/answer/ID"), under its token.  Where that does not come in time, the standby says so and
 * who holds the lease.  A letter that is a minute old by the clocks of both is not heeded any more.
 *
 * Whoever may write to the store may write letters.  So they can hold the holder back and ask it what it
 * knows, but what lets it act must be signed: app/desk sees to that.
 *
 * Layer: app.  Uses: incident/lease, app/control.
 */
#ifndef APP_RELAY_H
#define APP_RELAY_H

#include "app/control.h"
#include "incident/lease.h"

struct relay;

/* `fn` answers letters that others have left, while the lease is held here.  `lease` is borrowed, and watched. */
struct relay *relay_open(struct loop *loop, struct lease *lease, control_fn *fn, void *data);

/* Whoever waits is told that the agent ends.  Before the lease; NULL is fine. */
void relay_close(struct relay *relay);

/* Whether another agent holds the lease, which would be asked.  NULL: no. */
bool relay_leads_on(const struct relay *relay);

/* "n1/ab12cd34 holds the lease of the realm": who to ask instead. */
const char *relay_holder(const struct relay *relay);

/*
 * Passes `word` on; `fn` is called once, later: with the result, or NULL and why there is none.  `args` is
 * borrowed; what was answered is borrowed for the call.
 */
typedef void relay_fn(const json_t *result, const struct error *error, void *data);
void relay_ask(struct relay *relay, const struct control_request *request, relay_fn *fn,
               void *data);

#endif
