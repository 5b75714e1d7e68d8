#include "incident/guard.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"

static const char *const point_names[GUARD_POINTS] = {
    [GUARD_FREEZE] = "freeze",
    [GUARD_SILENCE] = "silence",
    [GUARD_EVIDENCE_LOCK] = "evidence_lock",
    [GUARD_CONNECTIVITY] = "connectivity",
    [GUARD_COOLDOWN] = "cooldown",
    [GUARD_ATTEMPTS] = "attempts",
    [GUARD_BUSY] = "busy",
    [GUARD_RADIUS] = "radius",
    [GUARD_REFUSE_IF] = "refuse_if",
    [GUARD_EFFECT] = "effect",
    [GUARD_SELF] = "self",
    [GUARD_LEASE] = "lease",
    [GUARD_GRANT] = "grant",
    [GUARD_AUDIT] = "audit",
};

const char *guard_mode_name(enum guard_mode mode)
{
    static const char *const names[] = {"off", "dry-run", "approve", "auto"};
    return names[mode];
}

const char *guard_point_name(enum guard_point point)
{
    return point < GUARD_POINTS ? point_names[point] : "ok";
}

__attribute__((format(printf, 3, 4))) static bool say(struct guard_answer *answer, bool agrees,
                                                      const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(answer->sentence, sizeof(answer->sentence), fmt, args);
    va_end(args);
    return agrees;
}

/* A clause that speaks against it, or nothing. */
static bool say_clause(struct guard_answer *answer, const char *clause, const char *otherwise)
{
    return say(answer, !clause, "%s", clause ? clause : otherwise);
}

/* ---------------------------------------------------------------- history ---- */

static bool ask_cooldown(const struct guard_facts *facts, struct guard_answer *answer)
{
    char ago[UNITS_DURATION_LEN], pause[UNITS_DURATION_LEN];
    const int64_t end_ms = facts->last_ms + facts->limits.cooldown_ms;
    if (facts->last_ms == 0 || facts->limits.cooldown_ms == 0)
        return say(answer, true, "it has not begun there before");
    /* A clock that was set back must not make the pause longer than it is. */
    int64_t passed_ms = facts->now_ms - facts->last_ms;
    units_print_duration(passed_ms < 0 ? 0 : passed_ms, ago);
    units_print_duration(facts->limits.cooldown_ms, pause);
    if (facts->now_ms >= end_ms)
        return say(answer, true, "it began there %s ago, the cool-down is %s", ago, pause);
    answer->again_ms = passed_ms < 0 ? facts->now_ms + facts->limits.cooldown_ms : end_ms;
    return say(answer, false, "it began there only %s ago, the cool-down is %s", ago, pause);
}

static bool ask_attempts(const struct guard_facts *facts, struct guard_answer *answer)
{
    char within[UNITS_DURATION_LEN];
    unsigned most = facts->limits.attempts;
    if (facts->per_day && facts->today >= facts->per_day)
        return say(answer,
                   false,
                   "%" PRId64 " of %" PRId64 " remediations of a day are used (guard.per_day)",
                   facts->today,
                   facts->per_day);
    if (most == 0)
        return say(answer, true, "there is no limit");
    units_print_duration(facts->limits.attempts_within_ms, within);
    if (facts->attempts < most)
        return say(answer, true, "%u of %u within %s", facts->attempts, most, within);
    answer->again_ms = facts->first_attempt_ms + facts->limits.attempts_within_ms;
    return say(
        answer, false, "%u of %u attempts within %s are used", facts->attempts, most, within);
}

/* ----------------------------------------------------------------- extent ---- */

static double percent_of(const struct guard_facts *facts)
{
    return facts->total > 0 ? 100.0 * (double)facts->affected / (double)facts->total : 100;
}

static bool ask_radius(const struct guard_facts *facts, struct guard_answer *answer)
{
    const struct guard_limits *limits = &facts->limits;
    if (!facts->counted)
        return say(answer, true, "there is no plan yet");
    if (limits->max_affected && facts->affected > limits->max_affected)
        return say(answer,
                   false,
                   "%" PRId64 " would be touched, at most %" PRId64 " may be (max_affected)",
                   facts->affected,
                   limits->max_affected);
    if (limits->max_percent > 0 && percent_of(facts) > limits->max_percent)
        return say(answer,
                   false,
                   "%" PRId64 " of %" PRId64 " are %.1f %%, at most %g %% may be touched "
                   "(max_percent)",
                   facts->affected,
                   facts->total,
                   percent_of(facts),
                   limits->max_percent);
    return say(answer, true, "%" PRId64 " of %" PRId64, facts->affected, facts->total);
}

static const char *effect_name(enum probe_effect effect)
{
    static const char *const names[] = {"reads", "reversible", "disruptive", "destructive"};
    return names[effect];
}

static bool ask_effect(const struct guard_facts *facts, struct guard_answer *answer)
{
    if (facts->effect <= facts->effect_most)
        return say(answer, true, "%s", effect_name(facts->effect));
    return say(answer,
               false,
               "it is %s, and at most what is %s may be done to %s (guard.effects)",
               effect_name(facts->effect),
               effect_name(facts->effect_most),
               facts->target);
}

/* ----------------------------------------------------------------- rights ---- */

static bool ask_lease(const struct guard_facts *facts, struct guard_answer *answer)
{
    switch (facts->lease) {
    case GUARD_LEASE_NONE:
        return say(answer, true, "none is needed");
    case GUARD_LEASE_HELD:
        if (facts->begun && facts->begun != facts->token)
            return say(answer,
                       false,
                       "it began under token %" PRIu64 " of the realm's lease, which has changed "
                       "hands since (now %" PRIu64 "): another agent may have acted meanwhile",
                       facts->begun,
                       facts->token);
        return say(answer, true, "held, token %" PRIu64, facts->token);
    case GUARD_LEASE_ELSEWHERE:
        return say(answer,
                   false,
                   "the realm's lease is held by %s",
                   facts->holder ? facts->holder : "another agent");
    default:
        return say(answer, false, "it is not known who holds the realm's lease");
    }
}

static bool ask_grant(const struct guard_facts *facts, struct guard_answer *answer)
{
    if (!facts->needed)
        return say(answer, false, "%s is not in the script's needs", facts->verb);
    if (!facts->allowed)
        return say(answer, false, "%s is not granted: it is not in allow", facts->verb);
    return say(answer, true, "%s", facts->verb);
}

/* What only reads, or can be taken back, destroys no evidence. */
static bool ask_lock(const struct guard_facts *facts, struct guard_answer *answer)
{
    if (!facts->locked || facts->effect >= PROBE_DISRUPTIVE)
        return say_clause(answer, facts->locked, "no evidence is to be kept there");
    return say(answer, true, "%s, and it is %s", facts->locked, effect_name(facts->effect));
}

/* -------------------------------------------------------------- the whole ---- */

bool guard_agrees(const struct guard_facts *facts, enum guard_point point,
                  struct guard_answer *answer)
{
    answer->point = point;
    answer->again_ms = 0;
    switch (point) {
    case GUARD_FREEZE:
        return say_clause(answer, facts->frozen, "nothing is frozen");
    case GUARD_SILENCE:
        return say_clause(answer, facts->silenced, "no silence, no maintenance");
    case GUARD_EVIDENCE_LOCK:
        return ask_lock(facts, answer);
    case GUARD_CONNECTIVITY:
        return say(answer,
                   !facts->isolated,
                   "%s",
                   facts->isolated ? "the agent itself is cut off" : "connected");
    case GUARD_COOLDOWN:
        return ask_cooldown(facts, answer);
    case GUARD_ATTEMPTS:
        return ask_attempts(facts, answer);
    case GUARD_BUSY:
        return say_clause(answer, facts->busy, "nobody else is at work there");
    case GUARD_RADIUS:
        return ask_radius(facts, answer);
    case GUARD_REFUSE_IF:
        return say_clause(answer, facts->objection, "no condition speaks against it");
    case GUARD_EFFECT:
        return ask_effect(facts, answer);
    case GUARD_SELF:
        return say_clause(answer, facts->self, "the agent would not end itself");
    case GUARD_LEASE:
        return ask_lease(facts, answer);
    case GUARD_GRANT:
        return ask_grant(facts, answer);
    case GUARD_AUDIT:
        return say_clause(answer, facts->unwritten, "written");
    default:
        return say(answer, true, "nothing speaks against it");
    }
}

static struct guard_answer ask(const struct guard_facts *facts, bool again)
{
    struct guard_answer answer = {0};
    for (enum guard_point point = 0; point < GUARD_POINTS; point++) {
        bool begun = again && (point == GUARD_COOLDOWN || point == GUARD_ATTEMPTS);
        if (!begun && !guard_agrees(facts, point, &answer))
            return answer;
    }
    (void)guard_agrees(facts, GUARD_POINTS, &answer);
    return answer;
}

struct guard_answer guard_ask(const struct guard_facts *facts)
{
    return ask(facts, false);
}

struct guard_answer guard_ask_again(const struct guard_facts *facts)
{
    return ask(facts, true);
}
