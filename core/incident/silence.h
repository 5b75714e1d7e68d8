/*
 * silence - which findings are to be kept from people for a while, and by whom.
 *
 * A silence says what it is about: a target, one of its checks, one subject of that, or labels; of
 * a target and a check `*` stands for any letters.  What it does not say fits everything; a silence
 * that says nothing is none.  It holds from when it was made until its time has passed or somebody
 * ends it, a month at most.  One that may be about what is of cluster scope ("c4" instead of "s4") goes over to who
 * takes the realm's lease; there it is about that alone, and not about the other node's own.
 *
 * While it holds, events of a finding that it fits carry its id in `silenced_by`, and remediations
 * that the finding would start wait.  Nothing else: the check runs, its status changes, its events
 * are written.  Whoever tells people (a log store's rules, a sink) goes by `silenced_by`.
 *
 * Pure but for what it keeps (incident/memo); the caller says what time it is.
 *
 * Layer: incident.  Uses: base, incident/memo.
 */
#ifndef INCIDENT_SILENCE_H
#define INCIDENT_SILENCE_H

#include <stdbool.h>

#include "base/list.h"
#include "base/writer.h"
#include "incident/memo.h"

#define SILENCE_LONGEST_MS (INT64_C(31) * 24 * 3600 * 1000)

enum {
    SILENCE_MOST = 500,
    SILENCE_MOST_LABELS = 16,
    SILENCE_ID_LEN = 12,
    SILENCE_ENDED_MOST = 256 /* that the realm knows as ended */
};

struct silences;

struct silence {
    struct list link;
    unsigned number;
    char id[SILENCE_ID_LEN];               /* "s4"; "c4": it goes over with the lease */
    bool brought;                          /* ... and came so */
    char *target, *name, *subject;         /* patterns, `subject` is plain; NULL: any */
    char *labels[2 * SILENCE_MOST_LABELS]; /* name, value, ... */
    size_t label_count;
    char *who, *reason; /* reason may be NULL */
    char *elsewhere;    /* what Alertmanager calls it; NULL: it does not know of it */
    int64_t begun_ms, until_ms;
};

/* What is looked for: of a finding.  Labels: name, value, ..., NULL; both may be NULL. */
struct silence_matter {
    const char *target, *name, *subject;
    const char *check;              /* "postgres.connections"; of windows alone */
    const char *const *labels;      /* the operator's */
    const char *const *more_labels; /* the subject's */
    bool of_node;                   /* it is of scope node */
};

/* What is wished; everything is copied. */
struct silence_wish {
    const char *target, *name, *subject;
    const char *labels[2 * SILENCE_MOST_LABELS];
    size_t label_count; /* of pairs */
    const char *who, *reason;
    int64_t for_ms;
    bool shared; /* it goes over with the lease */
};

/* Reads what was kept; blocks, for the start only.  `memo` is borrowed. */
struct silences *silences_create(struct memo *memo);
void silences_destroy(struct silences *silences); /* NULL is fine */

/* Makes one, not kept yet.  NULL and `*error`: -EINVAL, -ENOSPC. */
const struct silence *silences_add(struct silences *silences, const struct silence_wish *wish,
                                   int64_t now_ms, struct error *error);

/* Keeps it; `fn` (may be NULL) is told, as memo_put_shared() does. */
void silences_keep(struct silences *silences, const struct silence *silence, memo_done_fn *fn,
                   void *data);

/*
 * As the realm has those that go over, and those that were ended: {"c4": {...}, "c5": {"ended": true, ...}}.  One of
 * ours of which it knows nothing is told to it, under another id where somebody else's has that one.
 */
void silences_take(struct silences *silences, const json_t *realms, int64_t now_ms);

/* Alertmanager has it, under this name; kept with it.  False: it has ended meanwhile. */
bool silences_note_elsewhere(struct silences *silences, const char *id, const char *elsewhere);

/* The one of that id, where it holds; or NULL. */
const struct silence *silences_get(struct silences *silences, const char *id, int64_t now_ms);

/* Ends one; false: there is none of that id. */
bool silences_end(struct silences *silences, const char *id, int64_t now_ms, memo_done_fn *fn,
                  void *data);

/* Whether it is about this. */
bool silence_fits(const struct silence *silence, const struct silence_matter *matter);

/* Whether it has all of these labels: name, value, ..., NULL; NULL: none are wanted. */
bool silence_has_labels(const char *const *labels, const struct silence_matter *matter);

/* The first that fits and holds, or NULL. */
const struct silence *silences_find(struct silences *silences, const struct silence_matter *matter,
                                    int64_t now_ms);

/* Those that hold, in the order in which they were made. */
size_t silences_count(struct silences *silences, int64_t now_ms);
typedef void silence_fn(const struct silence *silence, void *data);
void silences_each(struct silences *silences, int64_t now_ms, silence_fn *fn, void *data);

/* "pg/connections[q] team=dba": what it is about, for people. */
void silence_print(const struct silence *silence, struct text *out);

/* Writes its members into the object that is open. */
void silence_write(const struct silence *silence, struct writer *writer);

#endif
