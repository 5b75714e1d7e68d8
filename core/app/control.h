/*
 * control - the agent's own socket: one request a connection, one answer, each a line of JSON.
 *
 *     {"v":1,"do":"show","args":{"what":"orders-db/connections"}}
 *     {"v":1,"result":{...}}      or      {"v":1,"error":"...","hint":"..."}
 *
 * A Unix socket of mode 0600: its user and root may talk to it, and every request carries the
 * peer's uid as the kernel knows it.  Nobody who connects can hold the loop: requests and clients
 * are bounded, each has a time limit, and when all places are taken the one that has been silent
 * for longest makes room.  A socket that a dead agent left is replaced; one that somebody listens
 * on never is.
 *
 * Knows nothing of what is asked: that is app/desk.
 *
 * Layer: app.  Uses: base, io/loop, io/wait, jansson.
 */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"

enum {
    CONTROL_VERSION = 1,
    CONTROL_MOST_CLIENTS = 64,
    CONTROL_LONGEST_REQUEST = 64 << 10,
    CONTROL_LONGEST_ANSWER = 8 << 20,
    CONTROL_PATIENCE_MS =
        5000 /* for a request to come, and for each part of an answer to be read */
};

struct loop;
struct control;
struct control_call; /* a request that is not answered yet */

struct control_request {
    const char *word;   /* "show" */
    const json_t *args; /* an object */
    uid_t uid;
    pid_t pid;
    const char *
        from; /* the agent that passes it on, and has seen that uid; NULL: it came by our own socket */
};

/* Is to answer or refuse, then or later, once.  `request` is borrowed for the call. */
typedef void control_fn(struct control_call *call, const struct control_request *request,
                        void *data);

/* Listens at `path`.  NULL and `*error` where that cannot be; -EADDRINUSE: somebody else does. */
struct control *control_open(struct loop *loop, const char *path, control_fn *fn, void *data,
                             struct error *error);

/* Ends all, and takes the socket away.  Calls are still to be answered, to nobody.  NULL is fine. */
void control_close(struct control *control);

/* `result` is one JSON value; what is cut is refused instead. */
void control_answer(struct control_call *call, const struct text *result);

/* A call by one of our own, who is told the line that the socket would have been. */
typedef void control_line_fn(const struct text *line, void *data);
struct control_call *control_call(control_line_fn *fn, void *data);

/* `hint` may be NULL. */
__attribute__((format(printf, 3, 4))) void control_refuse(struct control_call *call,
                                                          const char *hint, const char *fmt, ...);

#endif
