#include "probe/standing.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

enum { UNKNOWN_SAMPLES = 3, FLAP_CHANGES = 6 };
static const int64_t flap_within_ms = 30 * 60 * 1000, longest_pause_ms = 60 * 1000;

/* ------------------------------------------- from samples to a settled status ---- */

static void extend(struct standing *standing, enum standing_run run, bool fits, int64_t now_ms)
{
    if (!fits) {
        standing->run_length[run] = 0;
        return;
    }
    if (standing->run_length[run] == 0)
        standing->run_since_ms[run] = now_ms;
    if (standing->run_length[run] < UINT32_MAX)
        standing->run_length[run]++;
}

static bool lasted(const struct standing *standing, enum standing_run run, int64_t ms,
                   int64_t now_ms)
{
    return standing->run_length[run] && now_ms - standing->run_since_ms[run] >= ms;
}

/* The grade that the runs amount to now, and the run that earned it where it is a new one. */
static enum probe_status grade(const struct standing *standing, const struct ledger_rules *rules,
                               int64_t now_ms, enum standing_run *ret_earned_by)
{
    enum probe_status known = standing->known;
    const struct {
        enum probe_status grade;
        enum standing_run run;
        bool differs;
        int64_t ms;
    } ways[] = {
        {PROBE_CRITICAL, AT_LEAST_CRITICAL, known < PROBE_CRITICAL, rules->for_ms[PROBE_CRITICAL]},
        {PROBE_WARNING, AT_LEAST_WARNING, known < PROBE_WARNING, rules->for_ms[PROBE_WARNING]},
        {PROBE_OK, AT_MOST_OK, known == PROBE_GRADED, 0},
        {PROBE_OK, AT_MOST_OK, known > PROBE_OK, rules->recover_ms},
        {PROBE_WARNING, AT_MOST_WARNING, known > PROBE_WARNING, rules->recover_ms},
    };
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        if (ways[i].differs && lasted(standing, ways[i].run, ways[i].ms, now_ms)) {
            *ret_earned_by = ways[i].run;
            return ways[i].grade;
        }
    }
    return known;
}

static int64_t wall_of(struct ledger_clock clock, int64_t at_ms)
{
    return clock.wall_ms - ((int64_t)clock.now_ms - at_ms);
}

static void settle_known(struct standing *standing, const struct ledger_rules *rules,
                         const struct ledger_sample *sample, struct ledger_clock clock)
{
    int64_t now_ms = (int64_t)clock.now_ms;
    enum probe_status status = sample->status;
    if (status < standing->known && !sample->clear)
        status = standing->known;
    extend(standing, AT_LEAST_WARNING, status >= PROBE_WARNING, now_ms);
    extend(standing, AT_LEAST_CRITICAL, status >= PROBE_CRITICAL, now_ms);
    extend(standing, AT_MOST_OK, status <= PROBE_OK, now_ms);
    extend(standing, AT_MOST_WARNING, status <= PROBE_WARNING, now_ms);
    extend(standing, CANNOT_TELL, false, now_ms);

    enum standing_run earned_by;
    enum probe_status known = grade(standing, rules, now_ms, &earned_by);
    if (known != standing->known) {
        standing->known = known;
        standing->known_since_wall_ms = wall_of(clock, standing->run_since_ms[earned_by]);
    }
    bool borne_out = known == PROBE_OK ? status == PROBE_OK : known && status >= known;
    if (standing->settled != PROBE_UNKNOWN || borne_out)
        standing->settled = known;
}

static void settle_unknown(struct standing *standing, const struct ledger_rules *rules,
                           int64_t now_ms)
{
    int64_t hold_ms = rules->for_ms[PROBE_UNKNOWN];
    extend(standing, CANNOT_TELL, true, now_ms);
    if (hold_ms ? lasted(standing, CANNOT_TELL, hold_ms, now_ms)
                : standing->run_length[CANNOT_TELL] >= UNKNOWN_SAMPLES)
        standing->settled = PROBE_UNKNOWN;
}

void standing_go_on(struct standing *standing, uint32_t samples)
{
    for (int run = 0; run < CANNOT_TELL; run++) {
        uint32_t *length = &standing->run_length[run];
        if (*length)
            *length += samples < UINT32_MAX - *length ? samples : UINT32_MAX - *length;
    }
}

/* Whether all that the last sample did was to make the runs longer by one. */
static bool only_went_on(const struct standing *standing, const uint32_t before[STANDING_RUNS])
{
    for (int run = 0; run < CANNOT_TELL; run++) {
        if (before[run] == UINT32_MAX ||
            standing->run_length[run] != before[run] + (before[run] != 0))
            return false;
    }
    return !before[CANNOT_TELL] && !standing->run_length[CANNOT_TELL];
}

/* -------------------------------------------------------------- flapping ---- */

static enum probe_status worse_of(enum probe_status a, enum probe_status b)
{
    /* "cannot tell" is worse than ok, and less than a fault that was seen */
    static const int rank[] = {
        [PROBE_OK] = 1, [PROBE_UNKNOWN] = 2, [PROBE_WARNING] = 3, [PROBE_CRITICAL] = 4};
    return rank[a] >= rank[b] ? a : b;
}

static void remember_change(struct standing *standing, enum probe_status from, int64_t now_ms)
{
    int64_t gap_ms = now_ms - standing->change_ms;
    memmove(standing->gap_ms + 1,
            standing->gap_ms,
            sizeof(standing->gap_ms) - sizeof(*standing->gap_ms));
    memmove(standing->from + 1, standing->from, sizeof(standing->from) - sizeof(*standing->from));
    standing->gap_ms[0] = gap_ms < UINT32_MAX ? (uint32_t)gap_ms : UINT32_MAX;
    standing->from[0] = (uint8_t)from;
    standing->change_ms = now_ms;
    if (standing->changes < LEDGER_MOST_CHANGES)
        standing->changes++;
}

static unsigned changes_that_flap(const struct ledger_rules *rules)
{
    unsigned count = rules->flap_changes ? rules->flap_changes : FLAP_CHANGES;
    return count < LEDGER_MOST_CHANGES ? count : LEDGER_MOST_CHANGES;
}

static int64_t window_of(const struct ledger_rules *rules)
{
    return rules->flap_within_ms ? rules->flap_within_ms : flap_within_ms;
}

static bool changes_too_often(const struct standing *standing, const struct ledger_rules *rules)
{
    unsigned count = changes_that_flap(rules);
    int64_t span_ms = 0;
    if (standing->changes < count)
        return false;
    for (unsigned i = 0; i + 1 < count; i++)
        span_ms += standing->gap_ms[i];
    return span_ms <= window_of(rules);
}

/* Ends flapping or begins it; true: it has just begun. */
static bool watch_changes(struct standing *standing, const struct ledger_rules *rules,
                          enum probe_status before, int64_t now_ms)
{
    if (now_ms - standing->change_ms >= window_of(rules))
        standing->flapping = false;
    if (standing->settled == before || before == PROBE_GRADED)
        return false;
    remember_change(standing, before, now_ms);
    if (standing->flapping || !changes_too_often(standing, rules))
        return false;
    standing->flapping = true;
    return true;
}

/* What is to be reported of what is settled. */
static enum probe_status status_to_report(const struct standing *standing,
                                          const struct ledger_rules *rules, bool began_to_flap)
{
    enum probe_status status = standing->settled;
    if (status == PROBE_GRADED) /* begun anew: what was open stays so until something is known */
        return standing->status;
    if (standing->flapping)
        status = worse_of(status, standing->status);
    for (unsigned i = 0; began_to_flap && i < changes_that_flap(rules); i++)
        status = worse_of(status, standing->from[i]);
    return status;
}

/* --------------------------------------------------------------- reports ---- */

static void adopt(struct standing *standing, enum probe_status status, struct ledger_clock clock)
{
    standing->previous = standing->status;
    standing->status = (uint8_t)status;
    standing->changed_wall_ms = clock.wall_ms;
    if (status != standing->settled) /* held: it is the worst of a time, and began at none */
        standing->since_wall_ms = clock.wall_ms;
    else if (status == PROBE_UNKNOWN)
        standing->since_wall_ms = wall_of(clock, standing->run_since_ms[CANNOT_TELL]);
    else
        standing->since_wall_ms = standing->known_since_wall_ms;
}

/* Whether a line is due: at the sample nearest to its time, not a whole interval later. */
static bool due(int64_t period_ms, int64_t last_ms, const struct ledger_rules *rules,
                int64_t now_ms)
{
    int64_t early_ms = rules->every_ms / 2 < period_ms / 2 ? rules->every_ms / 2 : period_ms / 2;
    return period_ms && now_ms - last_ms >= period_ms - early_ms;
}

/* Why a sample that changes nothing is said all the same; NULL: it is not. */
static const char *reason_to_go_on(const struct standing *standing,
                                   const struct ledger_rules *rules,
                                   const struct ledger_sample *sample, int64_t now_ms)
{
    /* A sample that failed has nothing to say of a status that is known. */
    bool fits = sample->status != PROBE_UNKNOWN || standing->settled == PROBE_UNKNOWN;
    if (fits && due(rules->snapshot_ms, standing->shown_ms, rules, now_ms))
        return "snapshot";
    if (fits && standing->status != PROBE_OK &&
        due(rules->repeat_ms, standing->said_ms, rules, now_ms))
        return "repeat";
    return rules->emit_all ? "repeat" : NULL;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/*
 * By when another line would have come.  The next sample may be late by a pause after a failure,
 * and samples that fail say nothing until they have become unknown.
 */
static int64_t valid_until(const struct standing *standing, const struct ledger_rules *rules,
                           struct ledger_clock clock)
{
    int64_t pause_ms = longer(longer(rules->every_ms, rules->timeout_ms), longest_pause_ms);
    int64_t period_ms = rules->snapshot_ms;
    if (standing->status != PROBE_OK && rules->repeat_ms &&
        (!period_ms || rules->repeat_ms < period_ms))
        period_ms = rules->repeat_ms;
    if (rules->emit_all)
        period_ms = pause_ms;
    if (!period_ms)
        return 0;
    int64_t silent_ms = longer(UNKNOWN_SAMPLES * pause_ms, rules->for_ms[PROBE_UNKNOWN] + pause_ms);
    return clock.wall_ms + period_ms + silent_ms + pause_ms;
}

unsigned standing_streak(const struct standing *standing)
{
    static const enum standing_run run_of[] = {[PROBE_OK] = AT_MOST_OK,
                                               [PROBE_WARNING] = AT_LEAST_WARNING,
                                               [PROBE_CRITICAL] = AT_LEAST_CRITICAL,
                                               [PROBE_UNKNOWN] = CANNOT_TELL};
    return standing->status ? standing->run_length[run_of[standing->status]] : 0;
}

static struct ledger_report report_of(const struct standing *standing,
                                      const struct ledger_rules *rules, const char *reason,
                                      struct ledger_clock clock)
{
    return (struct ledger_report){
        .reason = reason,
        .status = standing->status,
        .previous = standing->previous,
        .since_wall_ms = standing->since_wall_ms,
        .changed_wall_ms = standing->changed_wall_ms,
        .streak = standing_streak(standing),
        .valid_until_wall_ms = valid_until(standing, rules, clock),
        .flapping = standing->flapping,
    };
}

void standing_begin_anew(struct standing *standing)
{
    const struct standing old = *standing;
    *standing = (struct standing){
        .since_wall_ms = old.since_wall_ms,
        .changed_wall_ms = old.changed_wall_ms,
        .said_ms = old.said_ms,
        .shown_ms = old.shown_ms,
        .change_ms = old.change_ms,
        .edition = old.edition,
        .status = old.status,
        .previous = old.previous,
    };
    if (old.status == PROBE_OK) /* nothing was open */
        *standing = (struct standing){.status = PROBE_GRADED};
}

struct ledger_report standing_take(struct standing *standing, const struct ledger_rules *rules,
                                   const struct ledger_sample *sample, struct ledger_clock clock)
{
    int64_t now_ms = (int64_t)clock.now_ms;
    const struct standing old = *standing;
    enum probe_status settled_before = old.settled, before = old.status;
    const char *reason = NULL;
    assert(sample->status != PROBE_GRADED);

    if (sample->status == PROBE_UNKNOWN)
        settle_unknown(standing, rules, now_ms);
    else
        settle_known(standing, rules, sample, clock);
    bool began_to_flap = watch_changes(standing, rules, settled_before, now_ms);
    enum probe_status status = status_to_report(standing, rules, began_to_flap);

    bool anew = before && !settled_before && standing->settled; /* what was open is known again */
    if (status != before || anew)
        adopt(standing, status, clock);
    if (began_to_flap)
        reason = "flapping";
    else if (status == before && anew)
        reason = "start";
    else if (status != before)
        reason = sample->cause ? sample->cause : before ? "change" : "start";
    else if (status)
        reason = reason_to_go_on(standing, rules, sample, now_ms);
    if (reason) {
        standing->said_ms = now_ms;
        if (strcmp(reason, "repeat") != 0)
            standing->shown_ms = now_ms;
    }
    struct ledger_report report = report_of(standing, rules, reason, clock);
    report.goes_on = !reason && standing->known == old.known && standing->settled == old.settled &&
                     standing->flapping == old.flapping && only_went_on(standing, old.run_length);
    return report;
}
