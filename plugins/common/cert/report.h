/*
 * report - a verdict as a finding: measures, evidence, sentence, hint.
 */
#ifndef COMMON_CERT_REPORT_H
#define COMMON_CERT_REPORT_H

#include "common/cert/verdict.h"

enum { REPORT_EXTRA = 16 };

/* What a check adds of its own: at most REPORT_EXTRA fields. */
struct report {
    const char *subject;
    const struct chain *shown;     /* the chain as evidence, leaf first */
    const struct chain *presented; /* what the peer sent, if that may be another one; or NULL */
    const struct probe_field *extra;
    size_t extra_count;
};

/* Reports the verdict, graded by the conditions. */
void report_verdict(struct probe_run *run, const struct verdict *verdict,
                    const struct report *report);

/* Reports that no certificate was seen: the peer's fault is critical, ours unknown. */
void report_unseen(struct probe_run *run, const char *subject, enum fault fault,
                   const char *summary, const char *hint);

/* The same, with what a report adds; nothing else of it is told but the subject. */
void report_unreached(struct probe_run *run, enum fault fault, const char *summary,
                      const char *hint, const struct report *report);

/*
 * A certificate is renewed a month before its end, or when two thirds of a shorter lifetime are
 * over; what is in its last week, or in the last tenth of a shorter lifetime, was not renewed.
 */
#define REPORT_SOON "(days_left < 30 and lifetime_percent < 33.4)"
#define REPORT_VERY_SOON "(days_left < 7 and lifetime_percent < 10)"
#define REPORT_CHAIN_SOON "(chain_days_left < 30 and chain_lifetime_percent < 33.4)"
#define REPORT_CHAIN_VERY_SOON "(chain_days_left < 7 and chain_lifetime_percent < 10)"

/* The measures of every check that reports verdicts; they are absent where no certificate was seen. */
#define REPORT_MEASURES                                                                            \
    {"error_class",                                                                                \
     "the gravest thing that is wrong",                                                            \
     .kind = PROBE_WORD,                                                                           \
     .words = verdict_faults},                                                                     \
        {"days_left", "until it expires", .kind = PROBE_GAUGE, .optional = true},                  \
        {"lifetime_percent",                                                                       \
         "how much of its lifetime is left",                                                       \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
        {"chain_days_left",                                                                        \
         "until the first of those above it expires",                                              \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
        {"chain_lifetime_percent",                                                                 \
         "how much of that one's lifetime is left",                                                \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
        {"key_bits", "the size of its key", .kind = PROBE_GAUGE, .optional = true},                \
    {                                                                                              \
        "key_type", "the kind of its key", .kind = PROBE_WORD, .optional = true,                   \
                                           .words = chain_key_types                                \
    }

#endif
