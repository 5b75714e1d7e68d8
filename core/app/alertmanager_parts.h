/*
 * alertmanager_parts - what the files of app/alertmanager share.
 *
 *     alertmanager.c        what is read there, and which of it a finding is under
 *     alertmanager_write.c  what is written there
 *
 * Layer: app.  Only for alertmanager*.c.
 */
#ifndef APP_ALERTMANAGER_PARTS_H
#define APP_ALERTMANAGER_PARTS_H

#include "app/alertmanager.h"
#include "io/http.h"
#include "io/wait.h"

/* One that is to be ended there, until it has been, and was read since: what was asked for before may still list it. */
struct ending {
    struct list link;
    bool over;
    unsigned round; /* that was being read when it was over */
    char uuid[FOREIGN_UUID_LEN];
};

struct alertmanager {
    struct alertmanager_wish wish;
    struct config *config; /* held; NULL: none is in force */
    const struct config_silences *own;
    struct life life;
    struct timer due;
    struct foreigns *read;
    struct list puts; /* of ours that it has not taken, as far as is known */
    struct list endings;
    size_t ending_count;
    char *trouble; /* why it was not reached last; NULL: it was */
    bool reading;
    unsigned round; /* the number of the reading that began last */
};

/* Why an answer is none; to be freed.  NULL: it is fine. */
char *alertmanager_trouble(int status, const struct probe_response *response);

/* A request of the API; `body` is JSON, or NULL. */
void alertmanager_send(struct alertmanager *am, const char *method, const char *path,
                       const struct text *body, probe_http_fn *fn, void *data);

/* Writes and ends what it has not taken yet, as of that reading, which is `am->read`. */
void alertmanager_catch_up(struct alertmanager *am, unsigned round);

/* One that is ours at `now_ms`, or one that we have ended there, or are about to. */
bool alertmanager_is_ours(struct alertmanager *am, const char *uuid, int64_t now_ms);

/* Nothing is to be written any more. */
void alertmanager_forget_puts(struct alertmanager *am);

struct ending *alertmanager_ending(struct alertmanager *am, const char *uuid);
void alertmanager_forget_ending(struct alertmanager *am, struct ending *ending);

/* That reading knows what was over when it began. */
void alertmanager_forget_endings(struct alertmanager *am, unsigned round);

#endif
