/*
 * server - real fake servers: transcripts over loopback TCP, for tests over the real host.
 *
 *     struct kit_server *server = kit_serve(loop, KIT_EXPECT("PING\r\n"), KIT_SEND("+PONG\r\n"));
 *     ... dial 127.0.0.1, kit_server_port(server) ...
 *     assert_null(kit_server_close(server));
 *
 * The moves are kit.h's, with three differences: the kernel opens connections, so what stands first
 * of all acts after that (KIT_REFUSE and KIT_BREAK reset, KIT_HANG says nothing); KIT_SECURE and
 * KIT_PEER are for the fake host only; and a write may arrive in pieces, so KIT_EXPECT waits for
 * all of it.
 */
#ifndef KIT_SERVER_H
#define KIT_SERVER_H

#include "kit.h"

struct kit_server;

/* Listens on a free port of 127.0.0.1; the first connection plays this.  Copied. */
#define kit_serve(loop_, ...) kit_server_open((loop_), (const struct kit_move[]){__VA_ARGS__, {0}})
struct kit_server *kit_server_open(struct loop *loop, const struct kit_move *moves);

/* The connection after that plays this, and so on; after the last one all play the last again. */
#define kit_serves(server_, ...)                                                                   \
    kit_server_add((server_), (const struct kit_move[]){__VA_ARGS__, {0}})
void kit_server_add(struct kit_server *server, const struct kit_move *moves);

uint16_t kit_server_port(const struct kit_server *server);

/* How many connections came; how many of them are open now. */
size_t kit_server_count(const struct kit_server *server);
size_t kit_server_open_count(const struct kit_server *server);

/* All that was written to it, in the order in which it arrived; valid until the next arrival. */
const char *kit_server_heard(const struct kit_server *server);

/*
 * Closes every connection and the port.  NULL, or the first thing that a client did against its
 * transcript, valid until the next server is closed.
 */
const char *kit_server_close(struct kit_server *server);

#endif
