/*
 * finding - what a plugin reported of one subject, copied, checked and free of secrets.
 *
 * The first of the two doors of redaction: no text below holds a value that was revealed, and
 * what people read holds no control character and only UTF-8.  Measures go by the check's
 * declaration: a number reported for a word, or a measure that was not declared, is evidence, not
 * a measure, and `note` says so.  Evidence is kept as JSON, each piece with its key, so that an
 * event that grows too long can be cut between rows.
 *
 * Everything is bounded.  A text that is cut ends with "…"; a subject that is cut keeps a hash of
 * the whole, so that two stay two.
 *
 * Layer: probe.  Uses: base, include, probe/evidence, probe/measure.
 */
#ifndef PROBE_FINDING_H
#define PROBE_FINDING_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/writer.h"
#include "probe/evidence.h"
#include "probe/measure.h"
#include "runbookd/probe.h"

/* The most that is kept; lengths in bytes. */
enum {
    FINDING_FIELDS = 64,
    FINDING_LABELS = 32,
    FINDING_SUBJECT_LEN = 256,
    FINDING_SUMMARY_LEN = 500,
    FINDING_HINT_LEN = 1000,
    FINDING_WORD_LEN = 256, /* of a word, of a label and its name */
};

struct finding {
    struct list link;
    char *subject; /* NULL: the target itself */
    char *summary;
    char *hint;                      /* NULL: none */
    enum probe_status status;        /* PROBE_GRADED: the conditions decide */
    const struct measures *measures; /* NULL: there are none */
    struct value *values;
    struct evidence *evidence;
    size_t evidence_count;
    int64_t evidence_lost; /* pieces that were too much to keep */
    char **labels;         /* name, value, name, value, ..., NULL; or NULL */
    bool elsewhere;        /* the check does not apply here: a word, "applies": "no", says so */
    char *error_class;     /* of a run that failed: the ending's reason, "refused"; or NULL */
    char *note;            /* the first thing that the plugin got wrong, for the log; or NULL */
};

/* Copies what a plugin reports; `sizes` are those of its elements. */
struct finding *finding_create(const struct probe_finding *reported,
                               const struct measures *measures, const struct probe_sizes *sizes);

/*
 * Of a run that could not examine its target; `status` is what that means.  A declared word
 * "error_class" is filled with the reason.
 */
struct finding *finding_of_ending(const struct probe_ending *ending, enum probe_status status,
                                  const struct measures *measures);

/* Of a run that had nothing to ask, since its check applies to something else: that is ok. */
struct finding *finding_of_elsewhere(const struct probe_ending *ending,
                                     const struct measures *measures);

void finding_destroy(struct finding *finding); /* NULL is fine */

/*
 * A copy in one piece of memory, to be only read, and freed by free(): for what is kept long after its
 * neighbours in memory.  NULL: it would be more than `most` bytes.
 */
struct finding *finding_pack(const struct finding *finding, size_t most);

/* Lets go of its evidence, and counts it as lost. */
void finding_drop_evidence(struct finding *finding);

/* One word for what something ended with, a negative errno value: "refused". */
const char *finding_class(int status);

/* Writes "measures": {...}, "words": {...} as an event carries them; flags are 0 or 1. */
void finding_write_measures(const struct finding *finding, struct writer *writer);

/*
 * Writes "evidence": {...} in at most `room` bytes of value (two at least); see evidence_write().
 * Returns how much was left out, what was too much to keep included.
 */
int64_t finding_write_evidence(const struct finding *finding, struct writer *writer, size_t room);

#endif
