#include "probe/run.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "io/loop.h"
#include "probe/board.h"
#include "probe/rest.h"
#include "probe/schedule.h"
#include "probe/verdict.h"

static struct run *run_of(struct probe_run *face)
{
    return container_of(face, struct run, face);
}

/* ------------------------------------------------------------ the grave ---- */

static void post(const struct run *run)
{
    const struct duty *duty = run->duty;
    const struct board_run over = {
        .late_us = run->started_us > duty->due_us ? run->started_us - duty->due_us : 0,
        .duration_us = run->ended_us - run->started_us,
        .failed = run->failure != 0,
    };
    board_over(
        duty->target->schedule->board, duty->target->config->name, duty->config->name, &over);
}

static void close_run(void *data)
{
    struct run *run = data;
    struct duty *duty = run->duty;
    if (!run->silent && rest_serves(duty->target)) {
        verdict_of_run(run);
        post(run);
    }

    struct finding *finding;
    list_for_each(finding, &run->findings, struct finding, link)
        finding_destroy(finding);
    finding_destroy(run->failed);

    enum probe_failure failure = run->failure;
    int64_t retry_ms = run->retry_ms;
    timer_stop(&run->burial);
    free(run->face.data);
    free(run);
    duty->run = NULL;
    target_run_over(duty, failure, retry_ms);
}

/* Whether it may have failed because the agent is cut off: one of them says what went wrong. */
static bool is_doubtful(const struct run *run)
{
    const struct target *target = run->duty->target;
    const struct measures *measures = &run->duty->config->check->measures;
    int slot = measures_find(measures, "error_class");
    struct finding *finding;
    if (run->silent || !target->config->network || target->schedule->once)
        return false;
    if (run->failure)
        return !target->down;
    list_for_each(finding, &run->findings, struct finding, link) {
        if (slot >= 0 && finding->values[slot].kind == VALUE_WORD &&
            strcmp(finding->values[slot].is.word, "ok") != 0)
            return true;
    }
    return false;
}

static void bury(void *data)
{
    struct run *run = data;
    struct duty *duty = run->duty;
    const struct probe_check *check = &duty->config->check->face;
    const struct plugin *plugin = duty->target->config->plugin;

    timer_stop(&run->burial);
    if (check->ended && !plugin->aside)
        BLAME(&plugin->blame, check->ended(&duty->target->face, &run->face));
    life_drop(&run->tether.life);
    run->buried = true;
    if (!is_doubtful(run) ||
        !isolation_await(duty->target->schedule->isolation, &run->wait, close_run, run))
        close_run(run);
}

/* ------------------------------------------------------------- its end ---- */

/* The contract's struct as we know it, whatever the plugin's minor version. */
static struct probe_ending own_ending(const struct probe_ending *ending)
{
    struct probe_ending own = {0};
    memcpy(&own, ending, ending->size < sizeof(own) ? ending->size : sizeof(own));
    own.size = sizeof(own);
    return own;
}

static enum probe_status status_of(enum probe_failure failure)
{
    return failure == PROBE_DOWN ? PROBE_CRITICAL : PROBE_UNKNOWN;
}

/* There is nothing to ask here, and the check says where there is: that is an answer. */
static bool is_elsewhere(const struct run *run, const struct probe_ending *ending)
{
    const struct probe_check *check = &run->duty->config->check->face;
    return ending->how == PROBE_INAPPLICABLE && check->applies && list_empty(&run->findings);
}

static void take_ending(struct run *run, const struct probe_ending *ending)
{
    const struct measures *measures = &run->duty->config->check->measures;
    run->retry_ms = ending->retry_ms;
    if (is_elsewhere(run, ending)) {
        struct finding *finding = finding_of_elsewhere(ending, measures);
        list_add(&run->findings, &finding->link);
        run->finding_count++;
        return;
    }
    run->failure = ending->how ? ending->how : PROBE_FAILED;
    run->failed = finding_of_ending(ending, status_of(run->failure), measures);
}

void run_end(struct probe_run *face, const struct probe_ending *ending)
{
    struct run *run = run_of(face);
    if (run->over) {
        if (!run->timed_out && !run->silent) /* else it may not know yet that we did */
            log_error("%s: the plugin ended a run twice", run->tether.name);
        return;
    }
    run->over = true;
    run->ended_us = loop_now_us(run->tether.life.loop);
    if (ending && !run->silent) {
        struct probe_ending own = own_ending(ending);
        take_ending(run, &own);
    }
    timer_stop(&run->deadline);
    timer_stop(&run->doubt);
    life_drop(&run->tether.life);
    timer_start(&run->burial, run->tether.life.loop, 0, bury, run);
}

static void end_late(struct run *run)
{
    const struct probe_check *check = &run->duty->config->check->face;
    char limit[UNITS_DURATION_LEN], summary[64];
    units_print_duration(run->duty->config->timeout_ms, limit);
    (void)snprintf(summary, sizeof(summary), "no answer within %s", limit);
    run_end(&run->face,
            &(const struct probe_ending){sizeof(struct probe_ending),
                                         .how = check->late ? check->late : PROBE_FAILED,
                                         .status = -ETIMEDOUT,
                                         .reason = "timeout",
                                         .summary = summary});
}

static void on_deadline(void *data)
{
    struct run *run = data;
    if (run->face.check->mode == PROBE_STREAMING) {
        run_abandon(run);
        return;
    }
    run->timed_out = true;
    life_end(&run->tether.life, -ETIMEDOUT);
    if (!run->over)
        end_late(run);
}

/* How long before its deadline a run that has no answer yet asks whether we are cut off. */
static uint64_t doubt_before_ms(const struct config_check *config)
{
    uint64_t half = (uint64_t)config->timeout_ms / 2;
    return half < ISOLATION_DOUBT_MS ? half : ISOLATION_DOUBT_MS;
}

static void on_doubt(void *data)
{
    struct run *run = data;
    isolation_doubt(run->duty->target->schedule->isolation, doubt_before_ms(run->duty->config));
}

void run_abandon(struct run *run)
{
    run->silent = true;
    isolation_cancel(&run->wait);
    if (run->buried) {
        close_run(run);
        return;
    }
    if (!run->over)
        life_end(&run->tether.life, -ECANCELED);
    if (!run->over)
        run_end(&run->face, NULL);
    bury(run);
}

/* --------------------------------------------------------- what it says ---- */

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static bool said_already(struct run *run, const char *subject)
{
    struct finding *finding;
    list_for_each(finding, &run->findings, struct finding, link) {
        if (same(subject, finding->subject))
            return true;
    }
    return false;
}

void run_report(struct probe_run *face, const struct probe_finding *reported)
{
    struct run *run = run_of(face);
    const struct plugin_check *check = run->duty->config->check;
    struct probe_finding own = {0};

    if (run->over || run->silent || !rest_serves(run->duty->target))
        return;
    if (run->finding_count == RUN_MOST_FINDINGS) {
        run->finding_excess++;
        return;
    }
    memcpy(&own, reported, reported->size < sizeof(own) ? reported->size : sizeof(own));
    own.size = sizeof(own);
    struct finding *finding = finding_create(&own, &check->measures, run->tether.sizes);
    if (finding->note)
        log_warn("%s: %s", run->tether.name, finding->note);
    if (check->face.mode == PROBE_STREAMING) {
        verdict_of_finding(run, finding);
    } else if (said_already(run, finding->subject)) {
        log_warn("%s: two findings about the same subject %s in one run, the first one counts",
                 run->tether.name,
                 finding->subject ? finding->subject : "(the target)");
        finding_destroy(finding);
    } else {
        list_add(&run->findings, &finding->link);
        run->finding_count++;
    }
}

void run_retire(struct probe_run *face, const char *subject)
{
    struct run *run = run_of(face);
    if (!run->over && !run->silent && rest_serves(run->duty->target))
        verdict_retire(run, subject);
}

void run_refuse_answer(struct probe_run *face)
{
    struct run *run = run_of(face);
    log_error("%s: the plugin answered a check with a plan or a result", run->tether.name);
    probe_fail(face, -EPROTO, "the plugin answered a check with a plan or a result");
}

/* ------------------------------------------------------------ its start ---- */

/* In the place of a plugin whose code is not called any more. */
static void end_aside(struct run *run)
{
    const struct plugin *plugin = run->duty->target->config->plugin;
    run_end(&run->face,
            &(const struct probe_ending){sizeof(struct probe_ending),
                                         .how = PROBE_FAILED,
                                         .status = -ECANCELED,
                                         .reason = "set_aside",
                                         .summary = plugin->aside,
                                         .hint = plugin->hint});
}

void run_start(struct duty *duty)
{
    struct target *target = duty->target;
    const struct plugin *plugin = target->config->plugin;
    const struct config_check *config = duty->config;
    const struct probe_check *check = &config->check->face;
    struct loop *loop = target->schedule->loop;
    struct run *run = mem_new(sizeof(*run));

    run->duty = duty;
    list_init(&run->findings);
    life_init(&run->tether.life, loop);
    run->tether.life.owner = &plugin->blame;
    run->tether.sizes = &plugin->face.sizes;
    run->tether.name = duty->label;
    run->tether.notes = &duty->notes;
    run->started_us = loop_now_us(loop);
    run->face = (struct probe_run){
        .life = {&host_services},
        .target = &target->face,
        .check = check,
        .name = config->name,
        .config = config->config,
        .memory = duty->memory,
        .data = check->run_size ? mem_new(check->run_size) : NULL,
    };
    duty->run = run;
    if (check->mode == PROBE_PERIODIC) {
        run->face.deadline_ms = run->started_us / 1000u + (uint64_t)config->timeout_ms;
        timer_start(&run->deadline, loop, (uint64_t)config->timeout_ms, on_deadline, run);
    } else if (target->schedule->once) { /* has that long to say something */
        timer_start(&run->deadline, loop, (uint64_t)config->timeout_ms, on_deadline, run);
    }
    if (config->timeout_ms > 1 && target->config->network && check->mode == PROBE_PERIODIC)
        timer_start(&run->doubt,
                    loop,
                    (uint64_t)config->timeout_ms - doubt_before_ms(config),
                    on_doubt,
                    run);
    if (plugin->aside)
        end_aside(run);
    else
        BLAME(&plugin->blame, check->run(&target->face, &run->face));
}
