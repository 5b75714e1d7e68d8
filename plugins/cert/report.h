/*
 * report - a verdict as a finding: measures, evidence, sentence, hint.
 */
#ifndef CERT_REPORT_H
#define CERT_REPORT_H

#include "verdict.h"

enum { REPORT_EXTRA = 12 };

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

#endif
