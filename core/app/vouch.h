/*
 * vouch - who it is that decides: by a signature of one of the approvers, or by the peer's uid.
 *
 * With a signature the approvers' file (approval.approvers) is read anew, by a process that may
 * hang instead of us; the statement is written from the request and our own realm, and must be the
 * one that was signed, within five minutes, and once.  Without one the peer's uid counts where no
 * approvers are configured, or approval.local says that it does; and of what another agent passes on only
 * where it rejects.
 *
 * What has counted is on disk before it counts (incident/spent), so that it does not count again after a restart.
 *
 * Layer: app.  Uses: incident/entry, spent, statement, io/child, sshsig.
 */
#ifndef APP_VOUCH_H
#define APP_VOUCH_H

#include "app/control.h"
#include "base/list.h"
#include "incident/entry.h"
#include "incident/spent.h"
#include "incident/statement.h"
#include "io/life.h"
#include "io/sshsig.h"
#include "io/wait.h"

struct vouch {
    struct loop *loop;
    struct spent *spent;
    struct list waiting; /* who waits for the file, or for the disk */
};

/* Who it is, or why it is nobody: then `who` is NULL, and `error` says it.  Called once, later or at once. */
typedef void vouch_fn(const char *who, const char *proof, const struct error *error, void *data);

void vouch_open(struct vouch *vouch, struct loop *loop, struct spent *spent); /* borrowed */

/* Whoever waits is called, and told that the agent ends. */
void vouch_close(struct vouch *vouch);

/* All borrowed for the call; `statement` without its time, which the request has. */
void vouch_ask(struct vouch *vouch, const struct entry_approval *approval,
               const struct statement *statement, const struct control_request *request,
               vouch_fn *fn, void *data);

#endif
