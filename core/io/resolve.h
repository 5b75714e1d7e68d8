/*
 * resolve - names into addresses, on the loop, by c-ares.
 *
 * No library ever looks a name up itself: libcurl, libpq and streams all get addresses from here.
 * Numeric addresses, by /etc/hosts local names, and what lies below "localhost" (RFC 6761) need no
 * server.  Answers are kept as long as their TTL says, 30 s at most; failures are not kept.  A
 * question under way is shared by all who ask it meanwhile.  resolv.conf is read again when it has
 * changed, looked at once a second at most; questions under way then go to the new servers.
 *
 * Layer: io.  Uses: base, c-ares, io/life, io/wait.
 */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include "io/life.h"
#include "runbookd/probe.h"

/*
 * Looks `name` up; `family` is 4, 6 or zero for both (then sorted by RFC 6724, which c-ares does).
 * Statuses: -ENOENT no such name, or no address of that family; -EAGAIN the server failed or did
 * not answer; -EINVAL not a name; -ETIMEDOUT and -ECANCELED by the life.  A server is asked up to
 * three times within 14 s; the life's deadline may be sooner.
 */
struct op *resolve_start(struct life *life, const char *name, int family, probe_resolve_fn *fn,
                         void *data);

/* What is known of a name is forgotten: the next question about it goes to a server. */
void resolve_forget(struct loop *loop, const char *name);

/* For people: "there is no such host", "the name server does not answer". */
const char *resolve_problem(int status);

/* Whether `name` is an address already: 4 or 6, else zero. */
int resolve_numeric(const char *name);

/* Sends questions here instead of resolv.conf's servers: "127.0.0.1:5353"; NULL: back.  Tests. */
void resolve_use_servers(struct loop *loop, const char *servers_csv);

/* Frees what the loop's resolver holds; before loop_destroy(), and after its lives have ended. */
void resolve_shutdown(struct loop *loop);

#endif
