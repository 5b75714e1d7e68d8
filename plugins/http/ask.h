/*
 * ask - requests to a target: its URL, its headers and its login, and what a check adds to them.
 */
#ifndef HTTP_ASK_H
#define HTTP_ASK_H

#include "http.h"

/* What a check adds; NULL members: nothing.  What it points to lives until the answer. */
struct ask {
    const char *path, *method, *body, *address;
    const struct probe_pair *headers; /* instead of the target's of the same name */
    struct probe_secret *bearer;      /* instead of the target's login */
    int family, redirects, version;
    bool fresh;
    bool once; /* it changes something: a new connection and a new token, and never again */
    int64_t max_body, timeout_ms;
};

/*
 * Sends it; `data` of the callback is the run.  A target with `oauth2` logs in first, and once more
 * where a token that was kept is no longer taken; where that fails the run has ended.
 */
void ask_start(struct probe_run *run, const struct ask *ask, probe_http_fn *fn);

/* An answer's text without the secrets that only this plugin knows of. */
void ask_scrub(const struct probe_run *run, char *text);

/* What the options ip, connection and version say. */
struct ask ask_of(const char *ip, const char *connection, const char *version);

/* How many pairs there are, and whether one of them has that name, as headers are named. */
size_t ask_count(const struct probe_pair *pairs);
bool ask_has(const struct probe_pair *pairs, const char *name);

/* "503 Service Unavailable", into a room of at least 48 bytes. */
void ask_name_status(int status, char *out, size_t room);

#endif
