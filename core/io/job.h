/*
 * job - the loop's side of a worker: what io/child's operations have in common.
 *
 * A job hands a request to the spawner, collects what the worker writes, and ends once: when the
 * worker has, at its time limit, or with its life.  Taking it down closes its socket, at which the
 * spawner ends the worker; nobody waits for that.  At most JOB_MOST_AT_ONCE are under way, others
 * wait for a place (followers, which stay, are not counted).
 *
 * Layer: io.  Uses: base, io/life, io/spawner, io/wait.
 */
#ifndef IO_JOB_H
#define IO_JOB_H

#include "base/text.h"
#include "io/life.h"
#include "io/spawner.h"
#include "io/wait.h"

enum { JOB_MOST_AT_ONCE = 64 };

struct job;

/* What the worker writes into one pipe. */
struct flow {
    struct job *job;
    int fd; /* -1: at its end, or never opened */
    struct watch *watch;
    struct text text; /* bounded; what does not fit is read and dropped */
};

/* The first member of each operation's struct; freed with it. */
struct job {
    struct op op;
    enum spawner_task task;
    struct list link;    /* among those that wait for a place: */
    struct text request; /* what they ask for, without a descriptor open yet */
    char *input;
    size_t input_len;
    int sent[SPAWNER_FDS]; /* until they are handed over */
    int socket;            /* -1: none */
    struct watch *watch;
    struct timer later; /* reports `news.status`; or asks again */
    struct timer limit;
    struct flow output, errors;
    struct spawner_news news;
    bool under_way; /* and counted */
    bool *gone;     /* set when the job is freed: for on_output, whose callback may do that */

    /* The last word, with what was collected; the job is freed afterwards. */
    void (*on_end)(struct job *job, int status);
    /* More of the output has come.  False: the job was freed meanwhile.  NULL: it is kept. */
    bool (*on_output)(struct job *job);
};

/* `job` is zeroed but for its callbacks and task; `max_output` bounds each of its flows. */
void job_begin(struct job *job, struct life *life, size_t max_output);

/* Then one of these two, once: takes the packed request, copies the program's input (or NULL). */
void job_start(struct job *job, struct text *request, const char *input, size_t input_len);
void job_fail(struct job *job, int status);

/* Ends the job with -ETIMEDOUT after so long. */
void job_limit(struct job *job, uint64_t ms);

/* The end of a job by its own hand. */
void job_end(struct job *job, int status);

/* Which spawner there is: its socket, or a negative errno value that jobs end with. */
void job_use_spawner(int socket);

#endif
