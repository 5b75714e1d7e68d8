/*
 * local - checks that look into one database, asked of each in turn.
 *
 * A target with `databases` names several of one server.  What is local to a database is then asked
 * of every one that matches, one after the other, each by a login of its own that ends before the
 * next begins; the database is the subject, or stands before it: "tenant_7", "tenant_7/events".  One
 * that cannot be looked at is unknown, and the others are not kept from being looked at.
 *
 * Such a check asks, reports and ends by the functions here; without `databases` they are wire_ask(),
 * probe_report() and probe_end().
 */
#ifndef POSTGRES_LOCAL_H
#define POSTGRES_LOCAL_H

#include <jansson.h>

#include "common/pq/wire.h"

/* A target's options. */
struct local_server {
    struct server server; /* the first member: what common/pq needs */
    const char *databases;
};

/* Of a target. */
struct local_target {
    struct wire wire;  /* the first member, as well */
    json_t *databases; /* NULL: its own alone */
};

/* For the plugin: what is common to all that speak its protocol, and `databases`. */
int local_create(struct probe_target *self, struct probe_error *error);
void local_destroy(struct probe_target *self);

/* Asks of the database whose turn it is, from the beginning. */
typedef void local_ask_fn(struct probe_run *run);

enum { LOCAL_MOST = 200, LOCAL_NAME_ROOM = 64 };

/* Of a run: the first member of its data. */
struct local_run {
    struct wire_run wire;
    local_ask_fn *ask;
    size_t count, next; /* databases, and how many have had their turn; no count: there are none */
    char names[LOCAL_MOST][LOCAL_NAME_ROOM];
};

void local_start(struct probe_run *run, local_ask_fn *ask);

/* Whose turn it is; "": the target's own. */
const char *local_database(const struct probe_run *run);

/* wire_ask(), whose trouble is that of one database. */
void local_ask(struct probe_run *run, const struct question *question);
void local_trouble(struct probe_run *run, const struct trouble *trouble);

#define local_report(run_, ...)                                                                    \
    local_tell((run_), &(const struct probe_finding){sizeof(struct probe_finding), __VA_ARGS__})
void local_tell(struct probe_run *run, const struct probe_finding *finding);

/* This database has been looked at. */
void local_done(struct probe_run *run);

/* This one cannot be. */
#define local_end(run_, ...)                                                                       \
    local_close((run_), &(const struct probe_ending){sizeof(struct probe_ending), __VA_ARGS__})
void local_close(struct probe_run *run, const struct probe_ending *ending);

/*
 * Of `count` relations those may not be looked at that the reply's column `hidden` counts: unknown,
 * with its `grants`; alone, as a subject, if there is something else to speak of; otherwise nothing
 * can be, and this is true.
 */
bool local_tell_hidden(struct probe_run *run, const struct rows *rows, int64_t count,
                       const char *what);

#endif
