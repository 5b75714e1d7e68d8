/*
 * dns - c-ares on the loop: questions to name servers, and nothing kept.
 *
 * A channel reads resolv.conf when it is opened.  Callbacks are c-ares' own and may come from
 * inside dns_ask(), for names in /etc/hosts; none may close the channel.  For io/resolve only.
 *
 * Layer: io.  Uses: base, c-ares, io/wait.
 */
#ifndef IO_DNS_H
#define IO_DNS_H

#include <ares.h>

struct loop;
struct dns;

/* `servers_csv` instead of resolv.conf's; NULL: those.  Always a channel; one that c-ares refused
 * answers every question with ARES_ESERVFAIL. */
struct dns *dns_open(struct loop *loop, const char *servers_csv);

/* Calls back all questions under way with ARES_EDESTRUCTION, then frees.  NULL is fine. */
void dns_close(struct dns *dns);

/* `family` is 4, 6 or zero.  `fn` frees what it gets by ares_freeaddrinfo(). */
void dns_ask(struct dns *dns, const char *name, int family, ares_addrinfo_callback fn, void *data);

#endif
