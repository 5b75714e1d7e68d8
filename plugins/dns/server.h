/*
 * server - which name servers are asked: as the operator wrote them, or as resolv.conf does.
 *
 * Pure functions.
 */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVER_PORT = 53, SERVER_MOST = 16 };

struct server {
    char host[256]; /* a name or a numeric address */
    uint16_t port;
};

/* "10.0.0.2", "10.0.0.2:5353", "[fd00::2]:5353", "fd00::2", "ns1.example.org"; false: none of it. */
bool server_parse(const char *text, uint16_t port, struct server *ret_server);

bool server_is_numeric(const struct server *server);

/* The servers of a resolv.conf, at most `most`; how many. */
size_t server_read_file(const char *text, struct server *servers, size_t most);

#endif
