#include "incident/sight.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/loop.h"
#include "probe/event.h"

struct sights {
    struct schedule *schedule;
    struct sight_hears hears;
    struct list sightings;
    size_t count;
    bool full; /* said once */
    char **targets;
    size_t target_count;
};

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* ---------------------------------------------------------------- sightings ---- */

static void forget_values(struct sighting *sighting)
{
    if (sighting->values)
        values_destroy(sighting->values, sighting->value_count);
    sighting->values = NULL;
    free(sighting->json);
    sighting->json = NULL;
}

static void sighting_destroy(struct sights *sights, struct sighting *sighting)
{
    list_remove(&sighting->link);
    sights->count--;
    forget_values(sighting);
    free(sighting->target);
    free(sighting->name);
    free(sighting->subject);
    free(sighting->id);
    free(sighting);
}

static struct sighting *find(const struct sights *sights, const char *target, const char *name,
                             const char *subject)
{
    for (struct list *link = sights->sightings.next; link != &sights->sightings;
         link = link->next) {
        struct sighting *sighting = container_of(link, struct sighting, link);
        if (strcmp(sighting->target, target) == 0 && strcmp(sighting->name, name) == 0 &&
            same(sighting->subject, subject))
            return sighting;
    }
    return NULL;
}

static struct sighting *add(struct sights *sights, const struct schedule_sample *sample)
{
    const struct duty *duty = sample->duty;
    char id[EVENT_ID_LEN];
    if (sights->count == SIGHT_MOST) {
        if (!sights->full)
            log_warn("remediations look at %d subjects at most: %s and others are left out",
                     (int)SIGHT_MOST,
                     duty->label);
        sights->full = true;
        return NULL;
    }
    struct sighting *sighting = mem_new(sizeof(*sighting));
    sighting->target = mem_copy(duty->target->config->name);
    sighting->name = mem_copy(duty->config->name);
    sighting->subject = mem_copy(sample->finding->subject);
    event_id(sights->schedule->bus,
             duty->target->config->where == PROBE_NODE ? "node" : "cluster",
             sighting->target,
             sighting->name,
             sighting->subject,
             id);
    sighting->id = mem_copy(id);
    list_init(&sighting->link);
    list_add(&sights->sightings, &sighting->link);
    sights->count++;
    return sighting;
}

static struct value copy_value(const struct value *value)
{
    struct value copy = *value;
    if (copy.kind == VALUE_WORD)
        copy.is.word = mem_copy(value->is.word);
    return copy;
}

/* The measures, and the status behind them. */
static void copy_values(struct sighting *sighting, const struct finding *finding)
{
    const struct measures *measures = &sighting->check->measures;
    sighting->value_count = measures->count + 1;
    sighting->values = values_create(sighting->value_count);
    for (size_t i = 0; finding->values && finding->measures == measures && i < measures->count; i++)
        sighting->values[i] = copy_value(&finding->values[i]);
    const char *word = event_status_name(sighting->status);
    sighting->values[measures->count] =
        (struct value){.kind = VALUE_WORD, .is.word = mem_copy(word ? word : "unknown")};
}

static char *print(const struct sighting *sighting, const struct finding *finding)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, 2 * SIGHT_JSON_LEN);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    writer_string(&writer, "id", sighting->id);
    writer_string(&writer, "target", sighting->target);
    writer_string(&writer, "name", sighting->name);
    writer_string(&writer, "check", sighting->check->full_name);
    if (sighting->subject)
        writer_string(&writer, "subject", sighting->subject);
    writer_string(&writer, "status", event_status_name(sighting->status));
    writer_string(&writer, "sample", event_status_name(sighting->sample));
    writer_time(&writer, "time", sighting->wall_ms);
    writer_string(&writer, "message", finding->summary);
    if (finding->values)
        finding_write_measures(finding, &writer);
    (void)finding_write_evidence(finding, &writer, SIGHT_JSON_LEN);
    writer_end(&writer);
    return text.cut ? NULL : text_take(&text);
}

/* ------------------------------------------------------------------ listening ---- */

static bool is_of_interest(const struct sights *sights, const char *target)
{
    for (size_t i = 0; i < sights->target_count; i++)
        if (strcmp(sights->targets[i], target) == 0)
            return true;
    return false;
}

static void on_sample(const struct schedule_sample *sample, void *data)
{
    struct sights *sights = data;
    const struct duty *duty = sample->duty;
    if (!is_of_interest(sights, duty->target->config->name))
        return;
    struct sighting *sighting =
        find(sights, duty->target->config->name, duty->config->name, sample->finding->subject);
    if (!sighting && !(sighting = add(sights, sample)))
        return;
    forget_values(sighting);
    sighting->check = duty->config->check;
    sighting->sample = sample->sample;
    sighting->status = sample->status;
    sighting->flapping = sample->flapping;
    sighting->isolated = sample->isolated;
    sighting->changed_wall_ms = sample->changed_wall_ms;
    sighting->wall_ms = loop_wall_ms(sights->schedule->loop);
    sighting->every_ms = duty->config->every_ms;
    sighting->started_us = sample->started_us;
    copy_values(sighting, sample->finding);
    sighting->json = print(sighting, sample->finding);
    sights->hears.sample(sighting, sights->hears.data);
}

/* What a whole run no longer found is gone. */
static void on_over(const struct duty *duty, enum probe_failure failure, uint64_t started_us,
                    void *data)
{
    struct sights *sights = data;
    const char *target = duty->target->config->name, *name = duty->config->name;
    struct sighting *sighting;
    if (!is_of_interest(sights, target))
        return;
    bool whole = failure == 0 && duty->config->check->face.mode == PROBE_PERIODIC;
    list_for_each(sighting, &sights->sightings, struct sighting, link) {
        if (whole && sighting->started_us < started_us && strcmp(sighting->target, target) == 0 &&
            strcmp(sighting->name, name) == 0)
            sighting_destroy(sights, sighting);
    }
    sights->hears.over(target, name, started_us, sights->hears.data);
}

/* -------------------------------------------------------------- open and close ---- */

struct sights *sight_create(struct schedule *schedule, const struct sight_hears *hears)
{
    struct sights *sights = mem_new(sizeof(*sights));
    sights->schedule = schedule;
    sights->hears = *hears;
    list_init(&sights->sightings);
    schedule->ear = (struct schedule_ear){on_sample, on_over, sights};
    return sights;
}

static void forget_targets(struct sights *sights)
{
    for (size_t i = 0; i < sights->target_count; i++)
        free(sights->targets[i]);
    free(sights->targets);
    sights->targets = NULL;
    sights->target_count = 0;
}

void sight_destroy(struct sights *sights)
{
    struct sighting *sighting;
    if (!sights)
        return;
    sights->schedule->ear = (struct schedule_ear){0};
    list_for_each(sighting, &sights->sightings, struct sighting, link)
        sighting_destroy(sights, sighting);
    forget_targets(sights);
    free(sights);
}

static void want(struct sights *sights, const struct config_target *target)
{
    if (!target || is_of_interest(sights, target->name))
        return;
    sights->targets = mem_resize(sights->targets, (sights->target_count + 1) * sizeof(char *));
    sights->targets[sights->target_count++] = mem_copy(target->name);
}

void sight_use(struct sights *sights, const struct entries *entries)
{
    struct sighting *sighting;
    forget_targets(sights);
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->all[i];
        for (size_t at = 0; at < entry->binding_count; at++)
            want(sights, entry->bindings[at].target);
        for (size_t at = 0; at < entry->trigger.count; at++)
            want(sights, entry->trigger.targets[at]);
        for (size_t at = 0; at < entry->refuse_count; at++)
            want(sights, entry->refuse_if[at].target);
        want(sights, entry->verify.question.target);
        want(sights, entry->verify.improves.target);
    }
    list_for_each(sighting, &sights->sightings, struct sighting, link) {
        if (!is_of_interest(sights, sighting->target))
            sighting_destroy(sights, sighting);
    }
    sights->full = false;
}

/* ---------------------------------------------------------------------- asking ---- */

void sight_each(const struct sights *sights, const char *target, const char *name, sight_fn *fn,
                void *data)
{
    const struct sighting *sighting;
    list_for_each(sighting, &sights->sightings, const struct sighting, link) {
        if (strcmp(sighting->target, target) == 0 && (!name || strcmp(sighting->name, name) == 0))
            fn(sighting, data);
    }
}

static bool is_fresh(const struct sights *sights, const struct sighting *sighting,
                     uint64_t since_us)
{
    int64_t age_ms = loop_wall_ms(sights->schedule->loop) - sighting->wall_ms;
    return sighting->started_us >= since_us &&
           age_ms <= SIGHT_INTERVALS * sighting->every_ms + 10000;
}

static enum sight_answer ask_one(const struct sights *sights, const struct entry_question *question,
                                 const struct sighting *sighting, uint64_t since_us)
{
    struct error error;
    if (sighting->check != question->check->check || sighting->sample == PROBE_UNKNOWN ||
        sighting->isolated || !is_fresh(sights, sighting, since_us))
        return SIGHT_UNKNOWN;
    switch (condition_ask(question->condition, sighting->values, &error)) {
    case CONDITION_TRUE:
        return SIGHT_YES;
    case CONDITION_FALSE:
        return SIGHT_NO;
    default:
        return SIGHT_UNKNOWN;
    }
}

enum sight_answer sight_ask(const struct sights *sights, const struct entry_question *question,
                            const char *subject, bool any, uint64_t since_us)
{
    unsigned count[SIGHT_UNKNOWN + 1] = {0}, all = 0;
    const struct sighting *sighting;
    list_for_each(sighting, &sights->sightings, const struct sighting, link) {
        if (strcmp(sighting->target, question->target->name) != 0 ||
            strcmp(sighting->name, question->check->name) != 0 ||
            (subject && !same(sighting->subject, subject)))
            continue;
        count[ask_one(sights, question, sighting, since_us)]++;
        all++;
    }
    if (any)
        return count[SIGHT_YES]                   ? SIGHT_YES
               : count[SIGHT_UNKNOWN] || all == 0 ? SIGHT_UNKNOWN
                                                  : SIGHT_NO;
    return count[SIGHT_NO] ? SIGHT_NO : count[SIGHT_UNKNOWN] ? SIGHT_UNKNOWN : SIGHT_YES;
}

bool sight_measure(const struct sights *sights, const char *target,
                   const struct config_check *check, int slot, const char *subject,
                   uint64_t since_us, double *ret)
{
    const struct sighting *sighting;
    bool found = false;
    list_for_each(sighting, &sights->sightings, const struct sighting, link) {
        if (strcmp(sighting->target, target) != 0 || strcmp(sighting->name, check->name) != 0 ||
            (subject && !same(sighting->subject, subject)) || sighting->check != check->check ||
            sighting->sample == PROBE_UNKNOWN || !is_fresh(sights, sighting, since_us))
            continue;
        double value = value_number(&sighting->values[slot]);
        if (isnan(value) || (found && value <= *ret))
            continue;
        *ret = value;
        found = true;
    }
    return found;
}

bool sight_run(const struct sights *sights, const char *target, const char *name)
{
    struct target *live;
    list_for_each(live, &sights->schedule->targets, struct target, link) {
        if (strcmp(live->config->name, target) != 0)
            continue;
        for (size_t i = 0; i < live->duty_count; i++) {
            if (strcmp(live->duties[i].config->name, name) != 0)
                continue;
            if (live->resting || target_holds(&live->duties[i]))
                return false;
            target_ask(&live->duties[i]);
            return true;
        }
    }
    return false;
}
