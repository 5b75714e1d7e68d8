/*
 * rehearsal_stand_in - in the plugins' place: checks find what the test gives, actions do what it says.
 *
 * A check that is asked before the test has given anything of it ends without a word, as if it had not run; asked
 * again in between (by a verification, by a script) it finds what was given last.
 *
 * Layer: app.  Part of app/rehearsal.
 */
#include <errno.h>
#include <string.h>

#include "app/rehearsal_parts.h"
#include "base/mem.h"

enum { MOST_FIELDS = 64, MOST_STEPS = 1000 };

/* One case is at work at a time, and a plugin's functions have no data of their own. */
static struct world *stage;

void stand_in_for(struct world *world)
{
    stage = world;
}

/* ----------------------------------------------------------------- checks ---- */

static struct probe_field field_of(const char *key, const json_t *value)
{
    if (json_is_boolean(value))
        return probe_bool(key, json_is_true(value));
    if (json_is_integer(value))
        return probe_int(key, json_integer_value(value));
    if (json_is_real(value))
        return probe_real(key, json_real_value(value));
    return probe_text(key, json_string_value(value));
}

static void report(struct probe_run *run, const struct given *given, const char *subject,
                   const json_t *measures, const json_t *evidence)
{
    struct probe_field fields[MOST_FIELDS + 1] = {{0}};
    char *texts[MOST_FIELDS] = {NULL};
    size_t count = 0, text_count = 0;
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)measures, key, value)
        if (count < MOST_FIELDS)
            fields[count++] = field_of(key, value);
    json_object_foreach((json_t *)evidence, key, value) {
        if (count == MOST_FIELDS)
            break;
        texts[text_count] = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        fields[count++] = probe_json(key, texts[text_count++]);
    }
    probe_report(run,
                 .subject = subject,
                 .summary = given->says ? given->says : "as the test gives it",
                 .fields = fields);
    while (text_count)
        free(texts[--text_count]);
}

static void report_all(struct probe_run *run, const struct given *given)
{
    json_t *measures = given->measures ? json_loads(given->measures, 0, NULL) : NULL;
    json_t *subjects = given->subjects ? json_loads(given->subjects, 0, NULL) : NULL;
    json_t *evidence = given->evidence ? json_loads(given->evidence, 0, NULL) : NULL;
    const char *subject;
    const json_t *value;
    if (measures)
        report(run, given, NULL, measures, evidence);
    json_object_foreach(subjects, subject, value)
        report(run, given, subject, value, evidence);
    json_decref(measures);
    json_decref(subjects);
    json_decref(evidence);
    probe_done(run);
}

static void look(struct probe_target *self, struct probe_run *face)
{
    struct run *run = container_of(face, struct run, face);
    const struct given *given = NULL;
    (void)self;
    for (size_t i = 0; i < stage->answer_count && !given; i++)
        if (stage->answers[i].duty == run->duty)
            given = stage->answers[i].check;
    if (!given) {
        run->silent = true;
        probe_done(face);
        return;
    }
    if (given->unknown)
        probe_end(face,
                  .how = PROBE_FAILED,
                  .status = -EIO,
                  .reason = given->unknown,
                  .summary = given->says ? given->says : given->unknown);
    else if (given->down)
        probe_end(face,
                  .how = PROBE_DOWN,
                  .status = -ECONNREFUSED,
                  .reason = given->down,
                  .summary = given->says ? given->says : given->down);
    else
        report_all(face, given);
}

/* ---------------------------------------------------------------- actions ---- */

#define UNDO_KEY "take back"

static enum probe_effect effect_of(const char *word)
{
    enum probe_effect effect = PROBE_READS;
    while (word && effect < PROBE_DESTRUCTIVE && strcmp(rehearsal_effects[effect], word) != 0)
        effect++;
    return effect;
}

static const struct given *action_given(const struct probe_target *self, struct probe_run *run)
{
    MEM_AUTO char *name = mem_print("%s:%s", self->name, run->name);
    for (size_t i = 0; i < stage->answer_count; i++)
        if (stage->answers[i].action && strcmp(stage->answers[i].action->action, name) == 0)
            return stage->answers[i].action;
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -ENOENT,
              .reason = "not_given",
              .summary = "the test does not say what this action finds");
    return NULL;
}

static void plan(struct probe_target *self, struct probe_run *run)
{
    const struct given *given = action_given(self, run);
    struct probe_step steps[MOST_STEPS];
    char *texts[MOST_STEPS];
    size_t count = 0;
    if (!given)
        return;
    if (given->fails) {
        probe_end(
            run, .how = PROBE_FAILED, .status = -EIO, .reason = "given", .summary = given->fails);
        return;
    }
    for (; given->items && given->items[count] && count < MOST_STEPS; count++) {
        texts[count] = mem_print("%s %s", run->name, given->items[count]);
        steps[count] = (struct probe_step){.key = given->items[count], .what = texts[count]};
    }
    if (count == 0 && given->affected) {
        texts[0] = mem_print("%s", run->name);
        steps[count++] =
            (struct probe_step){.key = run->name, .what = texts[0], .count = given->affected};
    }
    int64_t touched = given->affected > (int64_t)count ? given->affected : (int64_t)count;
    enum probe_effect effect = effect_of(given->effect);
    probe_planned(run,
                  .steps = steps,
                  .step_count = count,
                  .total = given->total >= 0 ? given->total : touched,
                  .effect = given->effect ? &effect : NULL);
    while (count)
        free(texts[--count]);
}

static bool has(const char *const *items, const char *key)
{
    for (; items && *items; items++)
        if (strcmp(*items, key) == 0)
            return true;
    return false;
}

static void apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    static const struct probe_step back = {.key = UNDO_KEY, .what = "take it back"};
    const struct given *given = action_given(self, run);
    const char *key = step ? step->key : "";
    if (!given)
        return;
    if (has(given->failed, key)) {
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -EIO,
                  .reason = "given",
                  .summary = given->fails ? given->fails : "the test lets it fail");
        return;
    }
    probe_applied(run,
                  .outcome = has(given->skipped, key)    ? PROBE_SKIPPED
                             : has(given->survived, key) ? PROBE_SURVIVED
                                                         : PROBE_APPLIED,
                  .json = given->result,
                  .undo = given->undo && strcmp(key, UNDO_KEY) != 0 ? &back : NULL);
}

void stand_in_take(struct world *world, const struct given *given)
{
    const struct duty *duty = given->check ? world_duty(world, given->check) : NULL;
    struct answer_given *found = NULL;
    for (size_t i = 0; i < world->answer_count && !found; i++) {
        struct answer_given *answer = &world->answers[i];
        if (given->check ? answer->check && answer->duty == duty
                         : answer->action && strcmp(answer->action->action, given->action) == 0)
            found = answer;
    }
    if (!found) {
        world->answers =
            mem_resize(world->answers, (world->answer_count + 1) * sizeof(*world->answers));
        found = &world->answers[world->answer_count++];
    }
    *found = (struct answer_given){
        .check = given->check ? given : NULL, .duty = duty, .action = given->action ? given : NULL};
}

/* --------------------------------------------------------- in their place ---- */

static void replace(struct plugin *plugin)
{
    static const struct probe_plugin ours = {PROBE_ABI};
    plugin->face.create = NULL;
    plugin->face.destroy = NULL;
    plugin->face.lease = NULL;
    plugin->face.parallel = 0;
    plugin->face.sizes = ours.sizes;
    for (size_t i = 0; i < plugin->check_count; i++) {
        struct probe_check *check = &plugin->checks[i].face;
        check->mode = PROBE_PERIODIC;
        check->run = look;
        check->ended = NULL;
        check->prepare = NULL;
        check->forget = NULL;
        check->run_size = 0;
    }
    for (size_t i = 0; i < plugin->action_count; i++) {
        struct probe_action *action = &plugin->actions[i];
        action->plan = action->plan ? plan : NULL;
        action->apply = apply;
        action->ended = NULL;
        action->run_size = 0;
    }
}

void rehearsal_stand_in(struct session *session)
{
    for (size_t i = 0; i < session->plugins.count; i++)
        if (!session->plugins.all[i]->unread)
            replace(session->plugins.all[i]);
}
