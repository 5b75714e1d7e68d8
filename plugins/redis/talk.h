/*
 * talk - a run's conversation with the server: ask, get the reply, ask again.
 *
 * Between wire, which knows no runs, and the checks, which know no connections: what goes wrong
 * ends the run, in one place, with its reason and the right that is missing; a node of a cluster
 * that sends us to another one is followed there, five times at most.
 */
#ifndef REDIS_TALK_H
#define REDIS_TALK_H

#include "cluster.h"
#include "errors.h"
#include "rights.h"
#include "sentinel.h"
#include "wire.h"

typedef void talk_fn(struct probe_run *run, const redisReply *reply);

/* What all conversations with a target have in common. */
struct talk_place {
    struct wire_server server;
    struct sentinel_group sentinels; /* none: the server is where it is */
    struct rights rights;            /* those that turned out to be missing */
};

struct talk {
    struct talk_place *place;
    struct wire wire; /* to the target's own node */
    struct sentinel sentinel;
    struct cluster cluster;
    struct cluster_node *pinned; /* all is asked there; NULL: where it belongs */
    struct cluster_node *asked;  /* the present command; NULL: the own node */
    struct probe_run *run;       /* whose turn it is; NULL: nobody's */
    talk_fn *then;
    bool errors_too;              /* `then` hears the server's errors as well */
    bool many;                    /* `then` hears an array of replies */
    struct command command, next; /* the present one, and those that talk_add() collects */
    struct right right;           /* what the present command needs */
    unsigned hops;
};

/* `life` and `place` outlive the talk. */
void talk_init(struct talk *talk, struct probe_life *life, struct talk_place *place);

/* Asks; the reply is never an error.  talk_try() hands errors over too. */
void talk_ask(struct talk *talk, struct probe_run *run, talk_fn *then, int argc,
              const char *const *argv);
void talk_try(struct talk *talk, struct probe_run *run, talk_fn *then, int argc,
              const char *const *argv);

/*
 * Several commands that are sent together: talk_add() each, then talk_send(); `then` gets an array
 * with a reply for each, errors among them, also of one alone.  They follow nobody to another node.
 */
void talk_add(struct talk *talk, int argc, const char *const *argv);
void talk_send(struct talk *talk, struct probe_run *run, talk_fn *then);

/* What an error of the present command's means; where a right is missing, the line that grants it. */
struct probe_ending talk_explain(struct talk *talk, const char *error, struct error_text *text);

/* Ends a run with a server's error, or with whatever is the matter. */
void talk_refused(struct talk *talk, struct probe_run *run, const char *error);
void talk_failed(struct probe_run *run, const struct probe_ending *why);

/* The run is over; a reply that is still due would be taken for the next one's. */
void talk_over(struct talk *talk);

/* Closes the own connection too; the same where the life has ended. */
void talk_close(struct talk *talk);
void talk_bury(struct talk *talk);

/* Whether a reply is text, or a number; `str` of what is none may be NULL. */
bool talk_is_text(const redisReply *reply);

#endif
