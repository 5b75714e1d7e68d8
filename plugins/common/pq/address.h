/*
 * address - from what an operator wrote to the parameters of libpq, one place at a time.
 *
 * The URL is libpq's own URI, with several hosts if need be.  Applications' URLs carry parameters
 * that libpq does not know (Prisma's "schema", Rails' "pool"): these are left out.  Options beside
 * the URL win over those in it.
 *
 * libpq itself would try one host after the other, but it looks names up, which blocks, and waits
 * for a dead host until the kernel gives up.  So the wire takes places and addresses one by one.
 */
#ifndef COMMON_PQ_ADDRESS_H
#define COMMON_PQ_ADDRESS_H

#include <libpq-fe.h>

#include "common/pq/trouble.h"

/* A target's options, filled by the agent. */
struct server {
    const struct probe_url *url;
    const char *user, *database, *application_name;
    struct probe_secret *password;
    const struct probe_pair *tls;
};

enum { ADDRESS_MOST_PLACES = 16, ADDRESS_MOST_WORDS = 64 };

/* Where a server may be. */
struct address_place {
    const char *host;    /* a name, a number, or the folder of a Unix socket */
    const char *numeric; /* hostaddr, if it was given; or NULL */
    const char *port;
};

/* Zeroed at first. */
struct address {
    PQconninfoOption *words; /* all that libpq knows, with the values that were given */
    char *lists[3];          /* host, hostaddr, port: cut at their commas */
    struct address_place places[ADDRESS_MOST_PLACES];
    size_t place_count;
    const char *name; /* verified against instead of the host; or NULL */
};

/* False, and what is wrong with the options; finish it in any case. */
bool address_make(struct address *ret, struct probe_life *life, const struct server *server,
                  struct trouble *trouble);
void address_finish(struct address *address);

/* Whether there is no name to look up: a Unix socket, or a number. */
bool address_is_known(const struct address_place *place);

/* Whether a session is of the role that logged in; poolers of many customers let "ops.shop" in for "ops". */
bool address_is_login(const char *session, const char *login);

/* "db.orders:5432", or a socket's path: for people. */
void address_show(const struct address_place *place, char *out, size_t room);

/* For PQconnectStartParams(): borrowed from `address`, `place` and `numeric` (NULL: a socket). */
struct address_words {
    const char *names[ADDRESS_MOST_WORDS], *values[ADDRESS_MOST_WORDS];
};
void address_fill(struct address_words *ret, const struct address *address,
                  const struct address_place *place, const char *numeric);

/* Refuses "tls:" keys and words that mean nothing here: what is wrong, or NULL. */
const char *address_refuse_tls(const struct probe_pair *tls, char *out, size_t room);

/*
 * An URI as libpq understands it: without the parameters that it does not know, and with a login
 * that may hold an @.  To be freed.
 */
char *address_tame(const char *uri);

#endif
