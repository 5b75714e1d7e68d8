/*
 * exposition - numbers as Prometheus reads them, written as they go.
 *
 * Either of its two formats: OpenMetrics 1.0.0, or the text format 0.0.4 that came before; or the same
 * numbers as OTLP (base/exposition_otlp).  Samples
 * of a family follow its opening; labels are made beforehand, so that a line is little more than a
 * copy.
 *
 *     exposition_family(&exposition, EXPOSITION_COUNTER, "runbookd_events", "what was said");
 *     exposition_label(&labels, "realm", "orders");
 *     exposition_count(&exposition, "_total", &labels, 42);
 *     exposition_end(&exposition);
 *
 * Layer: base.
 */
#ifndef BASE_EXPOSITION_H
#define BASE_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum exposition_kind {
    EXPOSITION_GAUGE,
    EXPOSITION_COUNTER,   /* its sample ends in _total */
    EXPOSITION_HISTOGRAM, /* its samples in _bucket, _sum and _count */
    EXPOSITION_INFO       /* its sample ends in _info, and is 1 */
};

struct exposition {
    struct text *text;
    bool open;                    /* OpenMetrics */
    struct exposition_otlp *otlp; /* not NULL: neither, but OTLP; borrowed */
    const char *name;             /* of the family that is written */
};

void exposition_family(struct exposition *exposition, enum exposition_kind kind, const char *name,
                       const char *help);

/* Adds NAME="VALUE"; a value of NULL adds nothing. */
void exposition_label(struct text *labels, const char *name, const char *value);

enum { EXPOSITION_LABEL = 128 };

/* What `key` is called as a label, after `before`: what is no name there is made one. */
void exposition_label_name(const char *key, const char *before, char out[EXPOSITION_LABEL]);

/*
 * Adds labels that operators wrote: name, value, ..., NULL (NULL: none).  What is no name there is
 * made one; one that is there already in `labels` gets "label_" before it, and a second one of the
 * same name is left out.
 */
void exposition_labels(struct text *labels, const char *const *pairs);

/* One sample; `suffix` and `labels` may be NULL. */
void exposition_count(struct exposition *exposition, const char *suffix, const struct text *labels,
                      uint64_t value);
void exposition_real(struct exposition *exposition, const char *suffix, const struct text *labels,
                     double value);

/* One of a histogram's buckets; NULL labels: none.  `bound` is infinite for the last. */
void exposition_bucket(struct exposition *exposition, const struct text *labels, double bound,
                       uint64_t value);

/* Whether the header Accept prefers OpenMetrics. */
bool exposition_wanted_open(const char *accept);
const char *exposition_type(bool open); /* the header Content-Type */

void exposition_end(struct exposition *exposition);

#endif
