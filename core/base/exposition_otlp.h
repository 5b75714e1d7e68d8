/*
 * exposition_otlp - the numbers of an exposition as OTLP: the list "metrics" of a ScopeMetrics, in JSON.
 *
 * By opentelemetry/proto/metrics/v1/metrics.proto and protobuf's mapping to JSON.  A gauge is a Gauge, a
 * counter a Sum that is cumulative and monotonic, a histogram a cumulative Histogram, an info a Gauge of
 * that name and "_info"; labels are attributes.  What a name ends in is its unit, as UCUM writes it.
 * Names are those of /metrics, so that the same dashboards fit whatever way the numbers came.
 *
 * Layer: base.  Part of base/exposition: others make one, and hand it over.
 */
#ifndef BASE_EXPOSITION_OTLP_H
#define BASE_EXPOSITION_OTLP_H

#include "base/exposition.h"

enum { EXPOSITION_MOST_BUCKETS = 32 };

/* Zeroed but for both times.  `exposition.otlp` points to it while the page is written. */
struct exposition_otlp {
    int64_t started_ms, now_ms; /* since when counters count; when all this was so.  Wall clock */

    enum exposition_kind kind; /* of the family that is written */
    const char *help;
    bool any, in_metric, in_points;
    double bound[EXPOSITION_MOST_BUCKETS]; /* of the histogram's point that is under way */
    uint64_t below[EXPOSITION_MOST_BUCKETS];
    size_t buckets;
    double sum;
};

void exposition_otlp_family(struct exposition *exposition, enum exposition_kind kind,
                            const char *help);
void exposition_otlp_count(struct exposition *exposition, const char *suffix,
                           const struct text *labels, uint64_t value);
void exposition_otlp_real(struct exposition *exposition, const char *suffix,
                          const struct text *labels, double value);
void exposition_otlp_bucket(struct exposition *exposition, double bound, uint64_t value);
void exposition_otlp_end(struct exposition *exposition);

/* Adds a string in JSON, quoted. */
void exposition_otlp_string(struct text *out, const char *value);

#endif
