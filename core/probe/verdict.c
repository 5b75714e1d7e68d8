#include "probe/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "probe/board.h"
#include "probe/depend.h"
#include "probe/event.h"
#include "probe/last.h"
#include "probe/schedule.h"

/* One finding on its way through condition, ledger and event. */
struct matter {
    struct duty *duty; /* in whose name it is said */
    struct run *run;   /* NULL: nobody ran (removed) */
    struct finding *finding;
    const struct condition *decided; /* the condition that graded it, or NULL */
    struct ledger_sample sample;
    bool inactive; /* outside the hours in which the check is graded */
};

static struct ledger_clock clock_of(const struct loop *loop)
{
    return (struct ledger_clock){loop_now_us(loop) / 1000u, loop_wall_ms(loop)};
}

/* ------------------------------------------------------------ grading ---- */

/* What a condition says of the finding; a word that it cannot be answered becomes unknown. */
static bool holds(struct matter *matter, struct condition *condition)
{
    struct error error;
    if (!condition)
        return false;
    switch (condition_ask(condition, matter->finding->values, &error)) {
    case CONDITION_TRUE:
        matter->decided = condition;
        return true;
    case CONDITION_FALSE:
        return false;
    case CONDITION_NO_MEASURE:
        matter->sample.cause = "no_measure";
        break;
    default:
        log_warn("%s: the condition %s failed: %s",
                 matter->duty->label,
                 condition_text(condition),
                 error.message);
        break;
    }
    matter->sample.status = PROBE_UNKNOWN;
    free(matter->finding->summary);
    matter->finding->summary =
        mem_print("cannot tell whether %s: %s", condition_text(condition), error.message);
    return true;
}

static void grade(struct matter *matter)
{
    const struct config_check *config = matter->duty->config;
    matter->sample.status = matter->finding->status;
    if (matter->sample.status == PROBE_GRADED) {
        matter->sample.status = PROBE_CRITICAL;
        if (!holds(matter, config->critical)) {
            matter->sample.status = PROBE_WARNING;
            if (!holds(matter, config->warning))
                matter->sample.status = PROBE_OK;
        }
    }
    int64_t wall_ms = loop_wall_ms(matter->duty->target->schedule->loop);
    matter->inactive = config->active && !hours_hold(config->active, wall_ms);
    if (matter->inactive && matter->sample.status != PROBE_UNKNOWN) {
        matter->sample = (struct ledger_sample){.status = PROBE_OK, .clear = true};
        matter->decided = NULL;
        return;
    }
    matter->sample.clear =
        !config->clear ||
        condition_ask(config->clear, matter->finding->values, &(struct error){0}) == CONDITION_TRUE;
}

/* -------------------------------------------------------------- saying ---- */

static void say(const struct matter *matter, const struct ledger_report *report)
{
    struct duty *duty = matter->duty;
    const struct config_target *target = duty->target->config;
    const struct run *run = matter->run;
    bool down = duty == duty->target->connect && run && run->failure;
    bool holding = down || (duty->needed_by_count && report->status == PROBE_CRITICAL);
    const char **held MEM_AUTO = holding ? depend_names(duty, down) : NULL;
    const char *owner = duty->config->owner, *doc = duty->config->doc;
    const struct schedule_silence *silence = &duty->target->schedule->silence;
    const struct event_finding event = {
        .finding = matter->finding,
        .report = report,
        .scope = target->where == PROBE_NODE ? "node" : "cluster",
        .target = target->name,
        .name = duty->config->name,
        .check = duty->config->check->full_name,
        .condition = matter->decided ? condition_text(matter->decided) : NULL,
        .warning = duty->config->warning ? condition_text(duty->config->warning) : NULL,
        .critical = duty->config->critical ? condition_text(duty->config->critical) : NULL,
        .for_ms = duty->config->rules.for_ms[report->status],
        .sample = matter->sample.status,
        .owner = owner,
        .doc = doc,
        .labels = duty->config->labels,
        .held = held && held[0] ? held : NULL,
        .silenced_by =
            silence->of ? silence->of(duty, matter->finding, report->status, silence->data) : NULL,
        .inactive = matter->inactive,
        .duration_us = run && run->over ? (int64_t)(run->ended_us - run->started_us) : 0,
    };
    const struct schedule *schedule = duty->target->schedule;
    event_emit_finding(schedule->bus, &event, loop_wall_ms(schedule->loop));
}

/* Of `once`: the sample is the status, and everything is said. */
static struct ledger_report plain_report(const struct matter *matter, struct ledger_clock clock)
{
    return (struct ledger_report){
        .reason = matter->sample.cause ? matter->sample.cause : "start",
        .status = matter->sample.status,
        .since_wall_ms = clock.wall_ms,
        .changed_wall_ms = clock.wall_ms,
        .streak = 1,
        .valid_until_wall_ms = clock.wall_ms,
    };
}

/* Whether what is found there says nothing but that the agent is isolated. */
static bool is_cut_off(const struct duty *duty)
{
    return duty->target->config->network && isolation_holds(duty->target->schedule->isolation);
}

/*
 * Where the status stands although the sample is another: the sentence is about the sample.
 * Returns the sample's own sentence, to be put back; NULL: it stands.
 */
static char *explain_standing(struct matter *matter, const struct ledger_report *report)
{
    char *now = matter->finding->summary;
    bool goes_on = strcmp(report->reason, "repeat") == 0 || strcmp(report->reason, "snapshot") == 0;
    if (strcmp(report->reason, "flapping") == 0)
        matter->finding->summary =
            mem_print("it changes too often: the worst status is held; now: %s", now);
    else if (goes_on && report->status != matter->sample.status)
        matter->finding->summary = mem_print("still %s, though this sample is %s: %s",
                                             event_status_name(report->status),
                                             event_status_name(matter->sample.status),
                                             now);
    else
        return NULL;
    return now;
}

static void say_standing(struct matter *matter, const struct ledger_report *report)
{
    char *now = explain_standing(matter, report);
    say(matter, report);
    if (now) {
        free(matter->finding->summary);
        matter->finding->summary = now;
    }
}

/* The finding is kept, and no longer the caller's. */
static void keep_last(struct matter *matter, struct ledger_entry *entry)
{
    const struct run *run = matter->run;
    const struct last last = {
        .finding = matter->finding,
        .sample = matter->sample.status,
        .condition = matter->decided ? mem_copy(condition_text(matter->decided)) : NULL,
        .wall_ms = loop_wall_ms(matter->duty->target->schedule->loop),
        .duration_us = run && run->over ? (int64_t)(run->ended_us - run->started_us) : 0,
        .inactive = matter->inactive,
    };
    last_keep(entry, &last);
    matter->finding = NULL;
}

static void hear(const struct matter *matter, const struct ledger_report *report, bool cut_off)
{
    const struct schedule_ear *ear = &matter->duty->target->schedule->ear;
    const struct schedule_sample sample = {
        .duty = matter->duty,
        .finding = matter->finding,
        .sample = matter->sample.status,
        .status = report->status,
        .flapping = report->flapping,
        .isolated = cut_off,
        .changed_wall_ms = report->changed_wall_ms,
        .started_us = matter->run ? matter->run->started_us : 0,
    };
    if (ear->sample)
        ear->sample(&sample, ear->data);
}

/* Takes the finding over, which then is NULL or to be destroyed. */
static void judge(struct matter *matter)
{
    const struct duty *duty = matter->duty;
    const struct schedule *schedule = duty->target->schedule;
    struct ledger_clock clock = clock_of(schedule->loop);
    struct ledger_entry *entry = ledger_entry(
        schedule->ledger, duty->target->config->name, duty->config->name, matter->finding->subject);
    struct ledger_report report;

    if (!entry) {
        log_warn("%s: more than %d subjects at a time; %s is not kept",
                 duty->label,
                 (int)LEDGER_MOST_SUBJECTS,
                 matter->finding->subject ? matter->finding->subject : "the target itself");
        return;
    }
    ledger_count(entry, matter->finding->measures, matter->finding->values, clock);
    grade(matter);
    bool cut_off = is_cut_off(duty);
    if (cut_off)
        matter->sample = (struct ledger_sample){.status = PROBE_UNKNOWN, .cause = "isolated"};
    report = ledger_take(entry, &duty->config->rules, &matter->sample, clock);
    board_sample(schedule->board,
                 duty->target->config->name,
                 duty->config->name,
                 matter->finding->subject,
                 ledger_status(entry),
                 matter->finding->measures,
                 matter->finding->values);
    hear(matter, &report, cut_off);
    if (schedule->once)
        report = plain_report(matter, clock);
    if (report.reason && !cut_off)
        say_standing(matter, &report);
    if (!schedule->once)
        keep_last(matter, entry);
}

/* ---------------------------------------------------- what has gone ---- */

struct closing {
    struct duty *duty;
    const char *what;
};

static void on_gone(const char *subject, const struct ledger_report *report, void *data)
{
    const struct closing *closing = data;
    const struct probe_finding reported = {
        .size = sizeof(reported), .status = PROBE_OK, .subject = subject, .summary = closing->what};
    struct matter matter = {.duty = closing->duty};
    const struct target *target = closing->duty->target;
    board_gone(target->schedule->board, target->config->name, closing->duty->config->name, subject);
    matter.finding = finding_create(
        &reported, &closing->duty->config->check->measures, &target->config->plugin->face.sizes);
    say(&matter, report);
    finding_destroy(matter.finding);
}

static void finish_subjects(struct duty *duty)
{
    const struct schedule *schedule = duty->target->schedule;
    struct closing closing = {duty, "it is no longer there"};
    ledger_finish_run(schedule->ledger,
                      duty->target->config->name,
                      duty->config->name,
                      clock_of(schedule->loop),
                      on_gone,
                      &closing);
}

static void forget(struct duty *duty, const char *subject, bool all, const char *reason,
                   const char *what)
{
    const struct schedule *schedule = duty->target->schedule;
    struct closing closing = {duty, what};
    ledger_forget(schedule->ledger,
                  duty->target->config->name,
                  duty->config->name,
                  subject,
                  all,
                  reason,
                  clock_of(schedule->loop),
                  on_gone,
                  &closing);
}

void verdict_retire(struct run *run, const char *subject)
{
    forget(run->duty, subject, false, "gone", "it is no longer there");
}

void verdict_removed(struct duty *duty)
{
    forget(duty, NULL, true, "removed", "it is no longer configured");
}

/* ---------------------------------------------------------------- runs ---- */

/* In whose name a failed run is said: that nobody is there is connect's to say. */
static struct duty *speaker_of(const struct run *run)
{
    struct target *target = run->duty->target;
    bool down = run->failure == PROBE_DOWN && target->connect && !target->schedule->once;
    return down ? target->connect : run->duty;
}

static void judge_failure(struct run *run)
{
    struct matter matter = {.duty = speaker_of(run), .run = run, .finding = run->failed};
    if (matter.duty != run->duty && matter.duty->config->check != run->duty->config->check) {
        const struct measures *measures = &matter.duty->config->check->measures;
        values_destroy(run->failed->values, run->failed->measures->count);
        run->failed->measures = measures;
        run->failed->values = values_create(measures->count);
    }
    matter.sample.cause = run->failure == PROBE_DOWN     ? "target_down"
                          : run->failure == PROBE_DENIED ? "missing_right"
                          : run->timed_out               ? "timeout"
                                                         : NULL;
    judge(&matter);
    run->failed = matter.finding;
}

static void judge_silence(struct run *run)
{
    const struct probe_finding reported = {
        .size = sizeof(reported),
        .status = PROBE_UNKNOWN,
        .summary = "the check reported nothing",
        .hint = "this is a mistake of its plugin: a check that looks at several things says so "
                "when there are none",
    };
    struct matter matter = {.duty = run->duty, .run = run};
    matter.finding =
        finding_create(&reported, &run->duty->config->check->measures, run->tether.sizes);
    judge(&matter);
    finding_destroy(matter.finding);
}

void verdict_of_lateness(struct duty *duty, const char *text)
{
    const struct probe_finding reported = {
        .size = sizeof(reported),
        .status = PROBE_UNKNOWN,
        .summary = text,
        .hint = "let it run less often, give its target less to do, or raise agent.most_at_once",
    };
    struct matter matter = {.duty = duty, .sample.cause = "late"};
    matter.finding = finding_create(
        &reported, &duty->config->check->measures, &duty->target->config->plugin->face.sizes);
    judge(&matter);
    finding_destroy(matter.finding);
}

static void judge_finding(struct run *run, struct finding *finding)
{
    struct matter matter = {.duty = run->duty, .run = run, .finding = finding};
    list_remove(&finding->link);
    judge(&matter);
    finding_destroy(matter.finding);
}

/* A stream that speaks has recovered: it never finishes, so nothing else would close its failure. */
static void close_failure(struct duty *duty, const struct finding *finding)
{
    if (duty->failures && finding->subject)
        forget(duty, NULL, false, "gone", "it works again");
    duty->failures = 0;
}

void verdict_of_finding(struct run *run, struct finding *finding)
{
    if (run->duty->held) { /* by what it depends on, which speaks for both */
        finding_destroy(finding);
        return;
    }
    close_failure(run->duty, finding);
    judge_finding(run, finding);
}

void verdict_of_run(struct run *run)
{
    struct finding *finding;
    bool periodic = run->duty->config->check->face.mode == PROBE_PERIODIC;
    bool silent = list_empty(&run->findings); /* which are taken away as they are judged */
    if (run->duty->held)
        return;

    list_for_each(finding, &run->findings, struct finding, link)
        judge_finding(run, finding);
    if (run->finding_excess)
        log_warn("%s: %zu findings beyond the first %d of a run were counted, not kept",
                 run->duty->label,
                 run->finding_excess,
                 (int)RUN_MOST_FINDINGS);
    if (run->failed)
        judge_failure(run);
    else if (periodic && silent)
        judge_silence(run);
    bool whole = !run->failed && !run->finding_excess; /* what was not kept may be there still */
    if (whole && periodic && !run->duty->target->schedule->once && !is_cut_off(run->duty))
        finish_subjects(run->duty);
    const struct schedule_ear *ear = &run->duty->target->schedule->ear;
    if (ear->over)
        ear->over(run->duty, run->failure, run->started_us, ear->data);
}
