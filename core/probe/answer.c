#include "probe/answer.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "probe/finding.h"

/* ------------------------------------------------------------- failures ---- */

static void fail_as(struct answer *answer, int status, const char *reason, char *summary)
{
    answer_finish(answer);
    answer->status = status < 0 ? status : -EPROTO;
    answer->how = PROBE_FAILED;
    answer->reason = mem_copy(reason);
    answer->summary = summary;
}

void answer_fail(struct answer *answer, int status, const char *reason, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fail_as(answer, status, reason, redact_copy(text, ACT_SENTENCE_LEN));
}

void answer_hint(struct answer *answer, const char *hint)
{
    free(answer->hint);
    answer->hint = hint && *hint ? redact_copy(hint, FINDING_HINT_LEN) : NULL;
}

static void refuse(struct answer *answer, const char *what)
{
    fail_as(answer, -EPROTO, "protocol", mem_print("the plugin's answer is wrong: %s", what));
}

void answer_take_ending(struct answer *answer, const struct probe_ending *ending)
{
    int status = ending->status < 0 ? ending->status : -EIO;
    const char *reason = ending->reason ? ending->reason : finding_class(status);
    const char *summary = ending->summary ? ending->summary : strerror(-status);
    fail_as(answer, status, NULL, redact_copy(summary, ACT_SENTENCE_LEN));
    answer->reason = redact_copy(reason, FINDING_WORD_LEN);
    answer->how = ending->how ? ending->how : PROBE_FAILED;
    answer_hint(answer, ending->hint);
}

/* --------------------------------------------------------------- pieces ---- */

/* JSON without secrets; NULL where it is none, or too long. */
static char *copy_json(const char *json)
{
    struct text TEXT_AUTO text;
    text_init(&text, 2 * (size_t)ACT_JSON_LEN);
    size_t len = strlen(json);
    json_t *parsed = len <= ACT_JSON_LEN
                         ? json_loadb(json, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL)
                         : NULL;
    if (!parsed)
        return NULL;
    json_decref(parsed);
    redact_add_json(&text, json, len, 0);
    return text.cut ? NULL : text_take(&text);
}

/* NULL, or what is wrong with it. */
static const char *take_step(struct probe_step *own, const void *given, size_t theirs)
{
    struct probe_step step = {0};
    memcpy(&step, given, theirs < sizeof(step) ? theirs : sizeof(step));
    if (!step.key || !*step.key || !step.what || !*step.what)
        return "a step without a key, or without words for it";
    if (strlen(step.key) > ACT_KEY_LEN)
        return "a step's key is longer than 512 bytes";
    if (step.count < 0)
        return "a step touches less than nothing";
    own->json = step.json ? copy_json(step.json) : NULL;
    if (step.json && !own->json)
        return "a step's json is none, or longer than 64 KiB";
    own->key = redact_copy(step.key, 2 * (size_t)ACT_KEY_LEN);
    own->what = redact_copy(step.what, ACT_SENTENCE_LEN);
    own->count = step.count > 0 ? step.count : 1;
    return NULL;
}

struct probe_step act_step_copy(const struct probe_step *step)
{
    return (struct probe_step){
        .key = mem_copy(step->key),
        .what = mem_copy(step->what),
        .json = mem_copy(step->json),
        .count = step->count,
    };
}

void act_step_finish(struct probe_step *step)
{
    free((void *)step->key);
    free((void *)step->what);
    free((void *)step->json);
    *step = (struct probe_step){0};
}

/* ----------------------------------------------------------------- plan ---- */

static int by_key(const void *a, const void *b)
{
    const struct probe_step *const *one = a, *const *other = b;
    return strcmp((*one)->key, (*other)->key);
}

static bool has_twins(const struct act_plan *plan)
{
    bool twins = false;
    const struct probe_step **sorted = mem_array(plan->step_count, sizeof(*sorted));
    for (size_t i = 0; i < plan->step_count; i++)
        sorted[i] = &plan->steps[i];
    qsort(sorted, plan->step_count, sizeof(*sorted), by_key);
    for (size_t i = 1; i < plan->step_count; i++)
        twins |= strcmp(sorted[i - 1]->key, sorted[i]->key) == 0;
    free(sorted);
    return twins;
}

static const char *take_steps(struct act_plan *plan, const struct probe_plan *given, size_t theirs)
{
    const char *wrong =
        given->step_count && !given->steps ? "it counts steps that are not there" : NULL;
    plan->steps = mem_array(given->step_count, sizeof(*plan->steps));
    for (size_t i = 0; i < given->step_count && !wrong; i++) {
        struct probe_step *step = &plan->steps[plan->step_count++];
        wrong = take_step(step, (const char *)given->steps + i * theirs, theirs);
        if (!wrong && __builtin_add_overflow(plan->count, step->count, &plan->count))
            wrong = "its steps touch more than can be counted";
    }
    if (!wrong && has_twins(plan))
        wrong = "two steps have the same key";
    return wrong;
}

void answer_take_plan(struct answer *answer, const struct probe_plan *given, enum probe_effect most,
                      size_t theirs)
{
    struct probe_plan own = {0};
    memcpy(&own, given, given->size < sizeof(own) ? given->size : sizeof(own));
    if (own.step_count > ACT_STEPS) {
        answer_fail(answer, -E2BIG, "too_large", "it would take %zu steps", own.step_count);
        answer_hint(answer, "at most 1000 are taken at once: ask for fewer");
        return;
    }
    answer->plan = mem_new(sizeof(*answer->plan));
    const char *wrong = take_steps(answer->plan, &own, theirs);
    if (wrong) {
        refuse(answer, wrong);
        return;
    }
    answer->plan->total = own.total > answer->plan->count ? own.total : answer->plan->count;
    answer->plan->effect = own.effect && *own.effect < most ? *own.effect : most;
    answer->plan->note = own.note && *own.note ? redact_copy(own.note, ACT_SENTENCE_LEN) : NULL;
}

void act_plan_destroy(struct act_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->step_count; i++)
        act_step_finish(&plan->steps[i]);
    free(plan->steps);
    free(plan->note);
    free(plan);
}

/* --------------------------------------------------------------- result ---- */

void answer_take_result(struct answer *answer, const struct probe_result *given, size_t theirs)
{
    struct probe_result own = {0};
    memcpy(&own, given, given->size < sizeof(own) ? given->size : sizeof(own));
    const char *wrong = own.outcome < PROBE_APPLIED || own.outcome > PROBE_SURVIVED
                            ? "an outcome that there is not"
                            : NULL;
    if (!wrong && own.json && !(answer->json = copy_json(own.json)))
        wrong = "a result's json is none, or longer than 64 KiB";
    if (!wrong && own.undo)
        wrong = take_step(&answer->undo, own.undo, theirs);
    if (wrong) {
        refuse(answer, wrong);
        return;
    }
    answer->applied = true;
    answer->outcome = own.outcome;
    answer->summary =
        own.summary && *own.summary ? redact_copy(own.summary, ACT_SENTENCE_LEN) : NULL;
}

void answer_finish(struct answer *answer)
{
    act_plan_destroy(answer->plan);
    act_step_finish(&answer->undo);
    free(answer->summary);
    free(answer->json);
    free(answer->reason);
    free(answer->hint);
    *answer = (struct answer){0};
}
