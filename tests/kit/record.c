/*
 * record - copies what a plugin says, and holds it to what it declared.
 */
#include "inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probe/condition.h"
#include "probe/finding.h"

/* -------------------------------------------------------------- copies ---- */

struct probe_pair *kit_copy_pairs(struct kit *kit, const struct probe_pair *pairs)
{
    size_t count = 0;
    while (pairs && pairs[count].name)
        count++;
    struct probe_pair *copy = kit_keep(kit, mem_array(count + 1, sizeof(*copy)));
    for (size_t i = 0; i < count; i++)
        copy[i] = (struct probe_pair){
            kit_copy(kit, pairs[i].name), kit_copy(kit, pairs[i].value), pairs[i].secret};
    return copy;
}

static const struct probe_table *copy_table(struct kit *kit, const struct probe_table *table)
{
    size_t cells = table->row_count * table->column_count;
    struct probe_table *copy = kit_keep(kit, mem_new(sizeof(*copy)));
    struct probe_column *columns = kit_keep(kit, mem_array(table->column_count, sizeof(*columns)));
    const char **texts = kit_keep(kit, mem_array(cells, sizeof(*texts)));
    for (size_t i = 0; i < table->column_count; i++)
        columns[i] =
            (struct probe_column){kit_copy(kit, table->columns[i].name), table->columns[i].kind};
    for (size_t i = 0; i < cells; i++)
        texts[i] = kit_copy(kit, table->cells[i]);
    *copy = *table;
    copy->columns = columns;
    copy->cells = texts;
    return copy;
}

static struct probe_field *copy_fields(struct kit *kit, const struct probe_field *fields)
{
    size_t count = 0;
    while (fields && fields[count].key)
        count++;
    struct probe_field *copy = kit_keep(kit, mem_array(count + 1, sizeof(*copy)));
    for (size_t i = 0; i < count; i++) {
        copy[i] = fields[i];
        copy[i].key = kit_copy(kit, fields[i].key);
        if (fields[i].kind == PROBE_FIELD_TEXT || fields[i].kind == PROBE_FIELD_JSON)
            copy[i].value.text = kit_copy(kit, fields[i].value.text);
        if (fields[i].kind == PROBE_FIELD_ROWS)
            copy[i].value.rows = copy_table(kit, fields[i].value.rows);
    }
    return copy;
}

static struct probe_step copy_step(struct kit *kit, const struct probe_step *step)
{
    return (struct probe_step){kit_copy(kit, step->key),
                               kit_copy(kit, step->what),
                               kit_copy(kit, step->json),
                               step->count};
}

/* --------------------------------------------------------------- rules ---- */

static void judge_sentence(struct kit_job *job, const char *what, const char *text)
{
    struct kit *kit = job->own.kit;
    size_t len = text ? strlen(text) : 0;
    if (len == 0)
        kit_break(kit, "%s gives no %s", job->shown.name, what);
    else if (text[len - 1] == '.')
        kit_break(kit, "%s ends its %s with a full stop: %s", job->shown.name, what, text);
    else if (strpbrk(text, "\r\n"))
        kit_break(kit, "%s gives a %s of several lines: %s", job->shown.name, what, text);
}

static const struct probe_field *find_field(const struct probe_field *fields, const char *key)
{
    for (; fields && fields->key; fields++)
        if (strcmp(fields->key, key) == 0)
            return fields;
    return NULL;
}

static bool one_of(const char *word, const char *const *words)
{
    if (!word)
        return false;
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

/* What is wrong with a measure's value, or NULL. */
static const char *fault_of(const struct probe_measure *measure, const struct probe_field *field)
{
    enum probe_field_kind kind = field->kind;
    switch (measure->kind) {
    case PROBE_GAUGE:
        return kind == PROBE_FIELD_INT || kind == PROBE_FIELD_REAL ? NULL : "is no number";
    case PROBE_COUNTER:
        return kind == PROBE_FIELD_INT && field->value.integer >= 0 ? NULL
                                                                    : "is no count from zero";
    case PROBE_FLAG:
        return kind == PROBE_FIELD_BOOL ? NULL : "is no flag";
    case PROBE_WORD:
        if (kind != PROBE_FIELD_TEXT)
            return "is no word";
        return !measure->words || one_of(field->value.text, measure->words)
                   ? NULL
                   : "says a word that is not declared";
    }
    return "is of a kind that the contract does not know";
}

static void judge_measures(struct kit_job *job, const struct kit_finding *finding)
{
    const struct probe_measure *measure = job->subject->check->measures;
    for (; measure && measure->name; measure++) {
        const struct probe_field *field = find_field(finding->fields, measure->name);
        const char *fault = field ? fault_of(measure, field) : NULL;
        if (!field && !measure->optional)
            kit_break(job->own.kit,
                      "%s reports no \"%s\", which is not optional",
                      job->shown.name,
                      measure->name);
        if (fault)
            kit_break(job->own.kit, "%s: \"%s\" %s", job->shown.name, measure->name, fault);
    }
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void judge_subject(struct kit_job *job, const struct kit_finding *finding)
{
    if (job->subject->check->mode == PROBE_STREAMING)
        return; /* says the same subject again as things change */
    for (size_t i = 0; i < job->shown.finding_count; i++)
        if (same(job->findings[i].subject, finding->subject))
            kit_break(job->own.kit,
                      "%s reports \"%s\" twice in one run",
                      job->shown.name,
                      finding->subject ? finding->subject : "(the target)");
}

void kit_record(struct kit_job *job, const struct probe_finding *reported)
{
    struct kit *kit = job->own.kit;
    if (!job->subject->check) {
        kit_break(kit, "%s is an action, and reports a finding", job->shown.name);
        return;
    }
    struct kit_finding finding = {
        .status = reported->status,
        .subject = kit_copy(kit, reported->subject),
        .summary = kit_copy(kit, reported->summary),
        .hint = kit_copy(kit, reported->hint),
        .fields = copy_fields(kit, reported->fields),
        .labels = reported->labels ? kit_copy_pairs(kit, reported->labels) : NULL,
    };
    judge_sentence(job, "summary", finding.summary);
    judge_subject(job, &finding);
    if (finding.status != PROBE_UNKNOWN)
        judge_measures(job, &finding);
    job->findings = kit_room(kit, job->findings, job->shown.finding_count, sizeof(finding));
    job->findings[job->shown.finding_count++] = finding;
    job->shown.findings = job->findings;
}

void kit_record_end(struct kit_job *job, const struct probe_ending *ending)
{
    struct kit *kit = job->own.kit;
    struct kit_run *run = &job->shown;
    run->done = ending == NULL;
    if (!ending)
        return;
    if (!job->subject->check && ending->how == PROBE_INAPPLICABLE)
        kit_break(kit, "%s is an action, and inapplicable", run->name);
    run->how = ending->how;
    run->status = ending->status;
    run->reason = kit_copy(kit, ending->reason);
    run->summary = kit_copy(kit, ending->summary);
    run->hint = kit_copy(kit, ending->hint);
    run->retry_ms = ending->retry_ms;
    judge_sentence(job, "summary", run->summary);
    if (run->how < PROBE_FAILED || run->how > PROBE_INAPPLICABLE)
        kit_break(kit, "%s fails with %d, which is no kind of failure", run->name, (int)run->how);
    if (run->status >= 0)
        kit_break(kit, "%s fails with status %d", run->name, run->status);
    if (run->how == PROBE_DENIED && !run->hint)
        kit_break(kit, "%s is denied, and does not say what grants it", run->name);
}

void kit_record_plan(struct kit_job *job, const struct probe_plan *plan)
{
    struct kit *kit = job->own.kit;
    struct probe_step *steps = kit_keep(kit, mem_array(plan->step_count, sizeof(*steps)));
    job->shown.planned = true;
    for (size_t i = 0; i < plan->step_count; i++) {
        steps[i] = copy_step(kit, &plan->steps[i]);
        judge_sentence(job, "sentence for a step", steps[i].what);
        if (!steps[i].key)
            kit_break(kit, "%s plans a step without a key", job->shown.name);
        for (size_t j = 0; j < i; j++)
            if (same(steps[j].key, steps[i].key))
                kit_break(kit, "%s plans \"%s\" twice", job->shown.name, steps[i].key);
    }
    job->shown.steps = steps;
    job->shown.step_count = plan->step_count;
    job->shown.total = plan->total;
    job->shown.note = kit_copy(kit, plan->note);
    if (plan->total < (int64_t)plan->step_count)
        kit_break(kit, "%s plans more steps than there are things", job->shown.name);
}

void kit_record_result(struct kit_job *job, const struct probe_result *result)
{
    struct kit *kit = job->own.kit;
    job->shown.applied = true;
    job->shown.outcome = result->outcome;
    job->shown.summary = kit_copy(kit, result->summary);
    job->shown.result_json = kit_copy(kit, result->json);
    if (result->outcome < PROBE_APPLIED || result->outcome > PROBE_SURVIVED)
        kit_break(kit, "%s gives no outcome", job->shown.name);
    if (result->outcome != PROBE_APPLIED)
        judge_sentence(job, "summary", result->summary);
    if (result->undo) {
        struct probe_step *undo = kit_keep(kit, mem_new(sizeof(*undo)));
        *undo = copy_step(kit, result->undo);
        job->shown.undo = undo;
    }
}

/* ------------------------------------------------------------- reading ---- */

const struct kit_finding *kit_finding(const struct kit_run *run, const char *subject)
{
    for (size_t i = run->finding_count; i-- > 0;)
        if (same(run->findings[i].subject, subject))
            return &run->findings[i];
    fail_msg("%s reported nothing about %s; it reported %zu findings%s%s",
             run->name,
             subject ? subject : "the target",
             run->finding_count,
             run->summary ? ", and ended with: " : "",
             run->summary ? run->summary : "");
    return NULL;
}

static const struct probe_field *field_of(const struct kit_finding *finding, const char *key)
{
    const struct probe_field *field = find_field(finding->fields, key);
    if (!field)
        fail_msg("the finding \"%s\" has no \"%s\"", finding->summary, key);
    return field;
}

bool kit_has(const struct kit_finding *finding, const char *key)
{
    return find_field(finding->fields, key) != NULL;
}

double kit_real(const struct kit_finding *finding, const char *key)
{
    const struct probe_field *field = field_of(finding, key);
    if (field->kind == PROBE_FIELD_REAL)
        return field->value.real;
    if (field->kind != PROBE_FIELD_INT && field->kind != PROBE_FIELD_TIME)
        fail_msg("\"%s\" is no number", key);
    return (double)field->value.integer;
}

int64_t kit_int(const struct kit_finding *finding, const char *key)
{
    const struct probe_field *field = field_of(finding, key);
    if (field->kind != PROBE_FIELD_INT && field->kind != PROBE_FIELD_TIME)
        fail_msg("\"%s\" is no whole number", key);
    return field->value.integer;
}

bool kit_flag(const struct kit_finding *finding, const char *key)
{
    const struct probe_field *field = field_of(finding, key);
    if (field->kind != PROBE_FIELD_BOOL)
        fail_msg("\"%s\" is no flag", key);
    return field->value.boolean;
}

const char *kit_text(const struct kit_finding *finding, const char *key)
{
    const struct probe_field *field = field_of(finding, key);
    if (field->kind != PROBE_FIELD_TEXT && field->kind != PROBE_FIELD_JSON)
        fail_msg("\"%s\" is no text", key);
    return field->value.text;
}

const struct probe_table *kit_rows(const struct kit_finding *finding, const char *key)
{
    const struct probe_field *field = field_of(finding, key);
    if (field->kind != PROBE_FIELD_ROWS)
        fail_msg("\"%s\" has no rows", key);
    return field->value.rows;
}

/* -------------------------------------------------------------- grades ---- */

static bool holds(const char *text, const struct plugin_check *check, struct finding *finding)
{
    struct error error = {0};
    struct condition *condition = text ? condition_compile(text, &check->measures, &error) : NULL;
    if (text && !condition)
        fail_msg("the condition \"%s\" is wrong: %s", text, error.message);
    if (!condition)
        return false;
    enum condition_answer answer = condition_ask(condition, finding->values, &error);
    condition_release(condition);
    if (answer == CONDITION_NO_MEASURE || answer == CONDITION_RAISED)
        fail_msg("the condition \"%s\" has no answer: %s", text, error.message);
    return answer == CONDITION_TRUE;
}

enum probe_status kit_grade(struct kit *kit, const char *name, const struct kit_finding *finding)
{
    const struct probe_check *face = kit_subject(kit, name)->check;
    const struct plugin_check *check = plugin_find_check(kit->plugin, face->name);
    const struct probe_finding reported = {.size = sizeof(reported),
                                           .status = finding->status,
                                           .summary = finding->summary,
                                           .fields = finding->fields};
    static const struct probe_sizes sizes = {sizeof(struct probe_option),
                                             sizeof(struct probe_measure),
                                             sizeof(struct probe_check),
                                             sizeof(struct probe_action),
                                             sizeof(struct probe_field),
                                             sizeof(struct probe_column),
                                             sizeof(struct probe_pair),
                                             sizeof(struct probe_step)};
    struct finding *taken = finding_create(&reported, &check->measures, &sizes);
    enum probe_status grade = finding->status ? finding->status : PROBE_OK;
    if (finding->status == PROBE_GRADED && holds(check->face.warning, check, taken))
        grade = PROBE_WARNING;
    if (finding->status == PROBE_GRADED && holds(check->face.critical, check, taken))
        grade = PROBE_CRITICAL;
    finding_destroy(taken);
    condition_shutdown();
    return grade;
}
