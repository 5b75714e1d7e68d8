/*
 * agent_parts - what agent.c and agent_once.c share: the agent, made and taken apart.
 *
 * Layer: app.  Nobody else includes it.
 */
#ifndef APP_AGENT_PARTS_H
#define APP_AGENT_PARTS_H

#include "app/agent.h"
#include "app/desk.h"
#include "app/lead.h"
#include "app/pages.h"
#include "app/repair.h"
#include "app/upkeep.h"
#include "io/loop.h"
#include "probe/schedule.h"

struct agent {
    struct session *session;
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct schedule *schedule;
    struct voice *voice; /* stdout and stderr; NULL: once */
    struct sinks *sinks; /* NULL: once */
    struct upkeep upkeep;
    struct brakes brakes;
    struct repair repair;
    struct renew *renew;     /* NULL: nothing to read again */
    struct numbers *numbers; /* NULL: not yet, or `once` */
    struct lead lead;
    struct watchdog *vigil; /* over the loop; `watchdog` is the service manager's */
    struct desk *desk;      /* NULL: not listening yet */
    struct event_speaker speaker;
    struct signal_watch *terminate, *interrupt, *hangup, *reopen;
    struct timer heartbeat, limit, watchdog;
    struct pages pages;
    int64_t run_for_ms;
    struct schedule_stats stats; /* of the minute that a heartbeat speaks of */
    uint64_t lag_us;
    char boot[9];
    char host[65];
    int code;
};

/* Everything that both need; nothing runs yet. */
void agent_open(struct agent *agent, struct session *session);

/* The configuration's targets, made; false where a plugin refuses one, which is printed. */
bool agent_fill(struct agent *agent);

/* In the reverse order, whatever was begun. */
void agent_close(struct agent *agent);

#endif
