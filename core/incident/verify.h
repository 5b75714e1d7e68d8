/*
 * verify - whether what was done has helped: a pure state machine over answers and times.
 *
 * The condition must hold by `within`, and from then on for `stable`.  Within `within` it may come and go; after
 * that, once it fails, it has failed.  An answer that is not known counts for nothing, neither for nor against:
 * where nobody can look until the end, nothing is verified.
 *
 * Layer: incident.
 */
#ifndef INCIDENT_VERIFY_H
#define INCIDENT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

enum verify_word { VERIFY_GOES_ON, VERIFY_FIXED, VERIFY_INEFFECTIVE, VERIFY_UNKNOWN };

struct verify {
    int64_t begun_ms, within_ms, stable_ms;
    int64_t slack_ms; /* how long an answer may be late */
    int64_t since_ms; /* since when it has held; zero: it does not */
    int64_t held_ms;  /* ... for how long, by the last answer */
    bool answered;    /* it was known at least once */
};

/* An answer at `now_ms`. */
enum verify_word verify_take(struct verify *verify, bool known, bool holds, int64_t now_ms);

/* Time has passed. */
enum verify_word verify_pass(const struct verify *verify, int64_t now_ms);

/* When to look next, or to give up: never before `now_ms`. */
int64_t verify_due(const struct verify *verify, int64_t now_ms);

/* "fixed", "ineffective", "unverified" */
const char *verify_outcome(enum verify_word word);

#endif
