/*
 * report - what is said of a course: events of kind remediation, and lines of the audit.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

/* An event while it is written. */
struct saying {
    const struct course *course;
    const struct report *report;
};

/* Of a plan that waits for people, or has waited: whom that concerns. */
static void write_notify(const struct saying *saying, struct writer *writer)
{
    const struct plan *plan = saying->report->plan;
    const char *const *names = saying->course->entries->approval.notify;
    if (!plan || !plan->needed || !names || !*names)
        return;
    writer_array(writer, "notify");
    for (; *names; names++)
        writer_string(writer, NULL, *names);
    writer_end(writer);
}

static void write_name(struct writer *writer, void *data)
{
    const struct saying *saying = data;
    writer_string(writer, "remediation", saying->course->entry->name);
    write_notify(saying, writer);
}

static void write_more(struct writer *writer, void *data)
{
    const struct saying *saying = data;
    const struct report *report = saying->report;
    const struct course *course = saying->course;
    if (report->plan)
        plan_write(report->plan, writer, report->steps);
    else {
        writer_string(writer, "script", course->entry->script->name);
        writer_string(writer, "mode", guard_mode_name(course->entry->mode));
        if (course->finding_id)
            writer_string(writer, "finding", course->finding_id);
    }
    writer_string(writer, "who", course->who);
    if (report->more)
        report->more(writer, report->data);
}

void report_say(const struct course *course, const struct report *report, const char *fmt, ...)
{
    char sentence[480];
    const struct remediations *all = course->all;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    MEM_AUTO char *message = mem_print("%s: %s", course->entry->name, sentence);
    (void)event_emit_step(all->needs.schedule->bus,
                          &(const struct event_step){
                              .kind = EVENT_REMEDIATION,
                              .level = report->level,
                              .id = course->run,
                              .step = report->step,
                              .message = message,
                              .must = write_name,
                              .more = write_more,
                              .data = &(struct saying){course, report},
                          },
                          loop_wall_ms(all->loop));
}

void report_refusal(struct writer *writer, void *data)
{
    const struct guard_answer *answer = data;
    writer_string(writer, "reason", guard_point_name(answer->point));
    if (answer->again_ms)
        writer_time(writer, "again", answer->again_ms);
}

/* ------------------------------------------------------------------- audit ---- */

struct noting {
    const struct course *course;
    const struct report_line *line;
};

static void write_if(struct writer *writer, const char *key, const char *text)
{
    if (text && *text)
        writer_string(writer, key, text);
}

static void write_line(struct writer *writer, void *data)
{
    const struct noting *noting = data;
    const struct report_line *line = noting->line;
    const struct plan *plan = line->plan;
    writer_string(writer, "remediation", noting->course->entry->name);
    writer_string(writer, "run", noting->course->run);
    if (plan) {
        writer_string(writer, "plan", plan->id);
        writer_string(writer, "plan_hash", plan->hash);
        writer_string(writer, "action", plan->action);
        writer_string(writer, "target", plan->target);
    }
    write_if(writer, "key", line->key);
    write_if(writer, "who", line->who ? line->who : noting->course->who);
    write_if(writer, "proof", line->proof);
    write_if(writer, "from", line->from);
    write_if(writer, "reason", line->reason);
    write_if(writer, "outcome", line->outcome);
    if (line->except && line->except[0]) {
        writer_array(writer, "except");
        for (size_t i = 0; line->except[i]; i++)
            writer_string(writer, NULL, line->except[i]);
        writer_end(writer);
    }
    if (line->result)
        writer_raw(writer, "result", line->result);
    if (line->token)
        writer_int(writer, "lease_token", (int64_t)line->token);
}

void report_audit(const struct course *course, const struct report_line *line, const char *fmt, ...)
{
    char sentence[480];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    MEM_AUTO char *message = mem_print("%s: %s", course->entry->name, sentence);
    audit_add(course->all->needs.audit,
              &(const struct audit_line){line->step,
                                         message,
                                         write_line,
                                         &(struct noting){course, line},
                                         line->witnessed,
                                         line->happened},
              line->fn,
              line->data);
}
