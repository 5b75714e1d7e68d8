#include "out/alert.h"

#include <string.h>

#include "base/mem.h"
#include "out/alert_labels.h"

enum { LONGEST_ALERT = 4 << 20 };

static void write_view(struct writer *writer, const char *key, struct view value)
{
    if (value.at && !view_equals(value, "null"))
        writer_raw_n(writer, key, value.at, value.len);
}

static void write_text(struct writer *writer, const char *key, const struct text *text)
{
    if (text->len)
        writer_string(writer, key, text->bytes);
}

/* An object's text without its braces. */
static char *members_of(struct text *object)
{
    char *whole = text_take(object);
    size_t len = strlen(whole);
    memmove(whole, whole + 1, len);
    whole[len - 2] = '\0';
    return whole;
}

static char *write_labels(const char *map, const struct alert_labels_own *own, struct view line)
{
    struct text text;
    struct writer writer;
    text_init(&text, LONGEST_ALERT);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    alert_labels_write(map, own, line, &writer);
    writer_end(&writer);
    return members_of(&text);
}

/* --------------------------------------------------------------- findings ---- */

static void write_annotations(struct writer *writer, const struct event *event, struct view line)
{
    const struct event_finding *finding = event->finding;
    struct text TEXT_AUTO measures;
    MEM_AUTO char *command = mem_print("runbookd show %s/%s", finding->target, finding->name);
    text_init(&measures, 2000);
    notice_add_measures(line, &measures);
    writer_object(writer, "annotations");
    writer_string(writer, "summary", event->message);
    write_text(writer, "measures", &measures);
    write_view(writer, "hint", view_member(line, "hint"));
    write_view(writer, "owner", view_member(line, "owner"));
    write_view(writer, "doc", view_member(line, "doc"));
    writer_string(writer, "id", event->id);
    writer_string(writer, "command", command);
    writer_end(writer);
}

struct alert_words alert_of_finding(const struct event *event, const char *map)
{
    const struct event_finding *finding = event->finding;
    const struct ledger_report *report = finding->report;
    const struct view line = {event->json, event->len};
    const char *doc = finding->doc;
    struct text TEXT_AUTO subject;
    struct text text;
    struct writer writer;
    text_init(&subject, LONGEST_ALERT);
    (void)view_add_text(view_member(line, "subject"), &subject);
    text_init(&text, LONGEST_ALERT);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    write_annotations(&writer, event, line);
    if (doc && (strncmp(doc, "http://", 7) == 0 || strncmp(doc, "https://", 8) == 0))
        writer_string(&writer, "generatorURL", doc);
    writer_time(
        &writer, "startsAt", report->since_wall_ms ? report->since_wall_ms : event->wall_ms);
    writer_end(&writer);
    const struct alert_labels_own own = {
        .alertname = finding->check,
        .target = finding->target,
        .name = finding->name,
        .subject = subject.bytes,
        .severity = event_status_name(report->status),
        .of_node = strcmp(finding->scope, "node") == 0,
    };
    return (struct alert_words){write_labels(map, &own, line), members_of(&text)};
}

/* ----------------------------------------------------------- remediations ---- */

struct alert_words alert_of_notice(const struct event *event, const struct notice *notice,
                                   const char *map)
{
    const struct view line = {event->json, event->len};
    struct text TEXT_AUTO target, name, plan;
    struct text text;
    struct writer writer;
    text_init(&target, LONGEST_ALERT);
    text_init(&name, LONGEST_ALERT);
    text_init(&plan, LONGEST_ALERT);
    (void)view_add_text(view_member(line, "target"), &target);
    (void)view_add_text(view_member(line, "remediation"), &name);
    (void)view_add_text(view_member(line, "plan"), &plan);
    text_init(&text, LONGEST_ALERT);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    writer_object(&writer, "annotations");
    writer_string(&writer, "summary", notice->title.bytes);
    write_text(&writer, "description", &notice->body);
    write_view(&writer, "expires", view_member(line, "expires"));
    write_view(&writer, "finding", view_member(line, "finding"));
    writer_string(&writer, "id", event->id);
    write_text(&writer, "command", &notice->command);
    writer_end(&writer);
    writer_time(&writer, "startsAt", event->wall_ms);
    writer_end(&writer);
    const struct alert_labels_own own = {
        .alertname = notice->waits ? "runbookd.plan_waits" : "runbookd.person_needed",
        .target = target.bytes,
        .name = name.bytes,
        .subject = notice->waits ? plan.bytes : event->id,
        .severity = event_status_name(PROBE_CRITICAL),
    };
    return (struct alert_words){write_labels(map, &own, line), members_of(&text)};
}
