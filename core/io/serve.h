/*
 * serve - a small HTTP server on the loop: pages to look at, by GET and HEAD, and nothing else.
 *
 * One request a connection.  At most SERVE_MOST_VISITORS at a time, others wait in the kernel; each
 * has SERVE_VISIT_MS altogether, whatever it sends or reads, and 16 KiB for what it asks.  Nobody
 * who is slow holds the loop: a page is made once and lies in memory until it is read.
 *
 * Layer: io.  Uses: base, io/loop, io/wait, libmicrohttpd.
 */
#ifndef IO_SERVE_H
#define IO_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"

enum { SERVE_MOST_VISITORS = 32, SERVE_VISIT_MS = 10000 };

struct loop;
struct serve;
struct serve_page;

/* A page that several visitors may read; one hold is the caller's.  `bytes` are taken over (malloc). */
struct serve_page *serve_page_create(unsigned code, const char *type, char *bytes, size_t len);
struct serve_page *serve_page_of(unsigned code, const char *type, const char *text); /* copied */
struct serve_page *serve_page_hold(struct serve_page *page);
void serve_page_release(struct serve_page *page); /* NULL is fine */

/* What is asked: the path without its query, and the header Accept, or "".  Borrowed for the call. */
struct serve_question {
    const char *path, *accept;
};

/* A hold on the answer, which the server lets go of; NULL: there is no such page. */
typedef struct serve_page *serve_fn(const struct serve_question *question, void *data);

/* "127.0.0.1:9797", "[::1]:9797": an address and a port, no name.  False: it is none. */
bool serve_address(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_len);

/* Listens there; NULL, with what is wrong. */
struct serve *serve_open(struct loop *loop, const char *address, serve_fn *fn, void *data,
                         struct error *error);

/* Visitors are left in the middle of what they read.  NULL is fine. */
void serve_close(struct serve *serve);

#endif
