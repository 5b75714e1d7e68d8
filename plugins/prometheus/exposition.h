/*
 * exposition - Prometheus' text format and OpenMetrics, read as it comes: the samples of one metric,
 * added up by labels.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/ and OpenMetrics 1.0.  Lines are told
 * apart whatever the pieces they come in; what is not about the metric is passed over, so that a page
 * of any length needs no memory.  Pure.
 */
#ifndef PROMETHEUS_EXPOSITION_H
#define PROMETHEUS_EXPOSITION_H

#include <runbookd/probe.h>

enum {
    EXPOSITION_LINE = 16 << 10, /* what is longer is no line of ours */
    EXPOSITION_GROUPS = 1000,   /* of labels, all pages together; more are counted */
    EXPOSITION_BUCKETS = 128,   /* of one group */
    EXPOSITION_SUBJECT = 200
};

enum exposition_kind { EXPOSITION_GAUGE, EXPOSITION_COUNTER, EXPOSITION_HISTOGRAM };

/* The samples of one page that share the values of some labels, added up. */
struct exposition_group {
    char subject[EXPOSITION_SUBJECT]; /* "route=/pay", "" without labels */
    size_t page;
    enum exposition_kind kind;
    double sum;    /* of the values; of a histogram how many observations */
    size_t series; /* how many samples were added */
    struct exposition_bucket {
        double le, count; /* cumulative, as they come */
    } * buckets;
    size_t bucket_count;
};

struct exposition {
    struct exposition_group *groups;
    size_t count, excess;
};

/* What is looked for. */
struct exposition_wish {
    const char *metric;             /* a histogram or counter with or without its suffix */
    const struct probe_pair *match; /* labels and their values; ended by { 0 }, or NULL */
    const char *const *by;          /* ended by NULL, or NULL */
};

/* Where a page is read. */
struct exposition_reader {
    const struct exposition_wish *wish;
    struct exposition *into;
    size_t page;
    bool counter; /* its TYPE line says so */
    bool too_long;
    bool ended;   /* by OpenMetrics' last line, "# EOF" */
    size_t wrong; /* lines that are none */
    char line[EXPOSITION_LINE];
    size_t len;
};

void exposition_begin(struct exposition_reader *reader, const struct exposition_wish *wish,
                      struct exposition *into, size_t page);
void exposition_feed(struct exposition_reader *reader, const char *bytes, size_t len);
void exposition_end(struct exposition_reader *reader); /* a last line without an end */

/*
 * The quantile of what came between two looks, over all pages of that subject; NAN where nothing
 * came.  As Prometheus' histogram_quantile(): linear within a bucket, and the last finite bound of
 * what lies above it.
 */
double exposition_quantile(const struct exposition *before, const struct exposition *now,
                           const char *subject, double quantile);

/* By how much a subject's counters, or observations, grew; one that fell was reset. */
double exposition_growth(const struct exposition *before, const struct exposition *now,
                         const char *subject);

/* Takes out what a page gave, as one that was cut off. */
void exposition_drop(struct exposition *exposition, size_t page);

void exposition_finish(struct exposition *exposition);

#endif
