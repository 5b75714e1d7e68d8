/*
 * audit_parts - what the files of incident/audit share.
 *
 *     audit.c          the chain, and how it comes to the disk
 *     audit_witness.c  a sink that must acknowledge what is written
 *     audit_verify.c   a look at the whole chain
 *     audit_export.c   a part of it as a file
 *
 * Layer: incident.  Only for audit*.c.
 */
#ifndef INCIDENT_AUDIT_PARTS_H
#define INCIDENT_AUDIT_PARTS_H

#include "base/list.h"
#include "incident/audit.h"
#include "io/wait.h"

/* A line on its way. */
struct pending {
    struct list link;
    char *step, *message;
    struct text members; /* `"plan":"7k3q","who":"alice"`, without braces; may be empty */
    int64_t wall_ms;
    uint64_t entry;
    char previous[AUDIT_HASH_LEN + 1], hash[AUDIT_HASH_LEN + 1];
    struct text line;
    struct audit *audit;
    uint64_t seq;   /* of its event */
    bool witnessed; /* a sink must acknowledge it */
    bool happened;  /* it is kept until it can be written */
    audit_done_fn *fn;
    void *data;
};

struct batch;

struct audit {
    struct loop *loop;
    struct bus *bus;
    struct store *store;
    struct list waiting, unwitnessed; /* on their way to the disk; written, and not acknowledged */
    size_t waiting_count;
    struct batch *flying;
    struct timer turn;
    uint64_t entries;
    char head[AUDIT_HASH_LEN + 1]; /* empty: there is none */
    char *trouble;
    const struct audit_witness *witness;
    char *sink; /* that is to acknowledge; NULL: none */
    int64_t sink_wait_ms;
    char *unwitnessed_why; /* of the last line that was not acknowledged */
};

void audit_line_destroy(struct pending *pending);

/* The line is written, and told: it waits for the sink.  False: nobody need acknowledge it, or nobody can. */
bool audit_ask_witness(struct audit *audit, struct pending *pending);

/* Who waits for the sink with that data (NULL: all) is not told any more. */
void audit_forget_unwitnessed(struct audit *audit, const void *data);

/* ---- audit_verify.c ---- */

/* A look along the chain while it goes on. */
struct audit_look {
    uint64_t entry; /* of the witness; zero: there is none */
    const char *head;
    struct audit_sight *sight;
};

/* Whether the next entry follows those before, and has that hash; false: `sight` says why not. */
bool audit_look_take(const struct audit_look *look, uint64_t entry, const char *line,
                     const char *hash);

/* Notes what is wrong with an entry; false, always. */
__attribute__((format(printf, 3, 4))) bool audit_wrong(struct audit_sight *sight, uint64_t entry,
                                                       const char *fmt, ...);

/* Calls `fn` for each entry in FOLDER/state.db until it returns false.  Zero, or why it could not look. */
typedef bool audit_walk_fn(uint64_t entry, const char *line, const char *hash, void *data);
int audit_walk(const char *folder, audit_walk_fn *fn, void *data, struct error *error);

#endif
