/*
 * server - where a target's server is, and whom we are there.
 *
 * ClickHouse's drivers write the same server in many ways; all of them end as the address of its
 * HTTP interface.  The login is sent in headers, never in an address.
 */
#ifndef CLICKHOUSE_SERVER_H
#define CLICKHOUSE_SERVER_H

#include <runbookd/probe.h>

#include "survey.h"

/* target->config */
struct server_options {
    const struct probe_url *url;
    const char *user, *database;
    struct probe_secret *password;
    const struct probe_tls *tls;
};

/* target->data */
struct server {
    char base[400]; /* "https://db.example.org:8443" */
    char user[128], database[256];
    struct probe_secret *password; /* NULL: none */
    const struct probe_tls *tls;
    struct survey survey;
    char version[64]; /* at the last login ... */
    int64_t uptime;   /* ... and for how long it had been up */
};

/* Zero, or what probe_refuse() returned. */
int server_open(struct server *ret, const struct probe_target *target, struct probe_error *error);
void server_close(struct server *server);

#endif
