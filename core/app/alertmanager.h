/*
 * alertmanager - silences shared with Alertmanager (`silences.alertmanager`): one place for all.
 *
 * Its silences are read each `every`: a finding whose alert one of them fits is silenced here as
 * well.  Those made here are written there; until it has taken one, it is tried again in each round,
 * unless the list that was read since shows that it took it without our hearing so.
 * One that a person ended there ends here, too.  Where it does not answer, what was read last counts
 * on until its own end; that it does not is said once, and shown in `status`.
 *
 * Layer: app.  Uses: io/http, io/work, incident/foreign, incident/silence, out/alert_labels.
 */
#ifndef APP_ALERTMANAGER_H
#define APP_ALERTMANAGER_H

#include "incident/foreign.h"
#include "probe/config.h"
#include "probe/event.h"

struct alertmanager;

struct alertmanager_wish {
    struct loop *loop;
    struct bus *bus;
    const struct event_speaker *speaker; /* realm, node and labels of what is said here */
    struct silences *silences;
    void (*ended)(const char *id, void *data); /* a person ended there the one of that id */
    void *data;
};

struct alertmanager *alertmanager_open(const struct alertmanager_wish *wish);
void alertmanager_close(struct alertmanager *alertmanager); /* NULL is fine */

/* A configuration is in force, which is held as long as needed.  Here and below NULL is fine: there is none. */
void alertmanager_use(struct alertmanager *alertmanager, struct config *config);

/* What an alert of a finding is made of; `status` PROBE_GRADED: whichever is not ok. */
struct alertmanager_matter {
    const char *check, *target, *name, *subject;
    const char *const *labels, *const *more_labels; /* the operator's, the subject's */
    enum probe_status status;
    bool of_node;
};
const struct foreign *alertmanager_find(struct alertmanager *alertmanager,
                                        const struct alertmanager_matter *matter);

/*
 * Writes a silence there, or ends it; `fn` is called once, later: NULL, or why it could not be.
 * False, and `fn` is not called: there is no Alertmanager.
 */
typedef void alertmanager_fn(const char *why, void *data);
bool alertmanager_put(struct alertmanager *alertmanager, const struct silence *silence,
                      alertmanager_fn *fn, void *data);
bool alertmanager_end(struct alertmanager *alertmanager, const char *uuid, alertmanager_fn *fn,
                      void *data);

/* The one there whose id begins so, and holds; or NULL. */
const struct foreign *alertmanager_get(const struct alertmanager *alertmanager, const char *id);

/* Those there that hold, and are not ours. */
typedef void foreign_fn(const struct foreign *foreign, void *data);
void alertmanager_each(struct alertmanager *alertmanager, foreign_fn *fn, void *data);

/* Writes the member "alertmanager" of `status`; nothing where there is none. */
void alertmanager_write(struct alertmanager *alertmanager, struct writer *writer);

#endif
