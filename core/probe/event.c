#include "probe/event.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "probe/bus.h"

/* ----------------------------------------------------------------- words ---- */

static const char *const kinds[] = {"finding", "remediation", "incident", "audit", "agent", "log"};

const char *event_kind_name(enum event_kind kind)
{
    return kinds[kind];
}

const char *event_status_name(enum probe_status status)
{
    static const char *const names[] = {NULL, "ok", "warning", "critical", "unknown"};
    return names[status];
}

enum log_level event_level_of(enum probe_status status)
{
    return status == PROBE_OK ? LOG_INFO : status == PROBE_CRITICAL ? LOG_ERROR : LOG_WARN;
}

/* ------------------------------------------------- what a long line loses ---- */

/* Evidence goes first, row by row; then this, step by step. */
static const struct limit {
    const char *loses; /* named in the member "cut", with all before it */
    size_t message, hint;
    bool origin;   /* owner, doc, condition, held, labels */
    bool measures; /* and words, and what an agent event says beside its message */
} limits[] = {
    {NULL, SIZE_MAX, SIZE_MAX, true, true},
    {"hint", SIZE_MAX, 200, true, true},
    {"message", 200, 0, true, true},
    {"labels", 200, 0, false, true},
    {"measures", 200, 0, false, false},
};
enum { LIMITS = COUNT_OF(limits) };

static void write_cut(struct writer *writer, unsigned limit)
{
    if (limit == 0)
        return;
    writer_array(writer, "cut");
    for (unsigned i = 1; i <= limit; i++)
        writer_string(writer, NULL, limits[i].loses);
    writer_end(writer);
}

static void write_text(struct writer *writer, const char *key, const char *text, size_t max)
{
    if (!text || !*text || max == 0)
        return;
    MEM_AUTO char *shorter = strlen(text) > max ? redact_copy(text, max) : NULL;
    writer_string(writer, key, shorter ? shorter : text);
}

/* ------------------------------------------------------- what all have ---- */

struct head {
    enum event_kind kind;
    enum log_level level;
    const char *message, *id;
    uint64_t seq;
    int64_t wall_ms;
};

static void write_head(struct writer *writer, const struct bus *bus, const struct head *head,
                       size_t message_max)
{
    writer_object(writer, NULL);
    writer_int(writer, "schema", 1);
    writer_time(writer, "time", head->wall_ms);
    writer_string(writer, "kind", kinds[head->kind]);
    writer_string(writer, "level", log_level_name(head->level));
    write_text(writer, "message", head->message, message_max);
    if (head->id)
        writer_string(writer, "id", head->id);
    if (head->seq)
        writer_int(writer, "seq", (int64_t)head->seq);
    writer_raw_n(writer, "agent", bus->agent.bytes, bus->agent.len);
}

static bool has_label(const char *const *labels, const char *name)
{
    for (; labels && labels[0]; labels += 2)
        if (strcmp(labels[0], name) == 0)
            return true;
    return false;
}

static void write_labels_but(struct writer *writer, const char *const *labels,
                             const char *const *but, const char *const *nor)
{
    for (; labels && labels[0]; labels += 2)
        if (!has_label(but, labels[0]) && !has_label(nor, labels[0]))
            writer_string(writer, labels[0], labels[1]);
}

/* The operator's labels win over a subject's, those of a check over the agent's. */
static void write_labels(struct writer *writer, const struct bus *bus, const char *const *check,
                         char *const *subject)
{
    const char *const *agent = (const char *const *)bus->labels;
    writer_object(writer, "labels");
    write_labels_but(writer, agent, check, NULL);
    write_labels_but(writer, check, NULL, NULL);
    write_labels_but(writer, (const char *const *)subject, agent, check);
    writer_end(writer);
}

/* -------------------------------------------------------------- findings ---- */

static void write_time(struct writer *writer, const char *key, int64_t wall_ms)
{
    if (wall_ms)
        writer_time(writer, key, wall_ms);
    else
        writer_null(writer, key);
}

static void write_held(struct writer *writer, const char *const *held)
{
    writer_array(writer, "held");
    for (; *held; held++)
        writer_string(writer, NULL, *held);
    writer_end(writer);
}

/* From "scope" to "words". */
static void write_standing(struct writer *writer, const struct event_finding *event,
                           const struct limit *limit)
{
    const struct ledger_report *report = event->report;
    writer_string(writer, "scope", event->scope);
    writer_string(writer, "target", event->target);
    writer_string(writer, "name", event->name);
    writer_string(writer, "check", event->check);
    writer_string(writer, "subject", event->finding->subject);
    writer_string(writer, "status", event_status_name(report->status));
    writer_string(writer, "previous", event_status_name(report->previous));
    if (event->sample)
        writer_string(writer, "sample", event_status_name(event->sample));
    writer_string(writer, "reason", report->reason);
    write_time(writer, "since", report->since_wall_ms);
    write_time(writer, "changed", report->changed_wall_ms);
    writer_int(writer, "streak", report->streak);
    write_time(writer, "valid_until", report->valid_until_wall_ms);
    if (event->condition && limit->origin)
        writer_string(writer, "condition", event->condition);
    writer_int(writer, "for_ms", event->for_ms);
    writer_bool(writer, "flapping", report->flapping);
    if (event->inactive)
        writer_bool(writer, "inactive", true);
    writer_string(writer, "silenced_by", event->silenced_by);
    if (event->held && limit->origin)
        write_held(writer, event->held);
    if (limit->measures) {
        finding_write_measures(event->finding, writer);
        return;
    }
    writer_raw(writer, "measures", "{}");
    writer_raw(writer, "words", "{}");
}

/* From "hint" on, into a text of its own: evidence gets what it leaves. */
static void write_tail(struct text *tail, const struct bus *bus, const struct event_finding *event,
                       unsigned limit)
{
    struct writer writer;
    text_cut_to(tail, 0);
    writer_init(&writer, tail);
    writer_object(&writer, NULL);
    write_text(&writer, "hint", event->finding->hint, limits[limit].hint);
    if (limits[limit].origin) {
        write_text(&writer, "owner", event->owner, SIZE_MAX);
        write_text(&writer, "doc", event->doc, SIZE_MAX);
    }
    writer_real(&writer, "duration_ms", (double)event->duration_us / 1000);
    if (limits[limit].origin)
        write_labels(&writer, bus, event->labels, event->finding->labels);
    else
        writer_raw(&writer, "labels", "{}");
    write_cut(&writer, limit);
    writer_end(&writer);
}

/* Writes the line, with evidence in what room is left but `less`; returns that room. */
static size_t write_finding(struct bus_texts *texts, const struct bus *bus,
                            const struct event_finding *event, const struct head *head,
                            unsigned limit, size_t less)
{
    static const char around[] = ",\"evidence\":,\"evidence_truncated\":9223372036854775807";
    struct writer writer;
    write_tail(&texts->tail, bus, event, limit);
    text_cut_to(&texts->line, 0);
    writer_init(&writer, &texts->line);
    write_head(&writer, bus, head, limits[limit].message);
    write_standing(&writer, event, &limits[limit]);

    size_t taken = texts->line.len + texts->tail.len + sizeof(around) + less;
    size_t room = bus->max_event > taken + 2 ? bus->max_event - taken : 2;
    int64_t left_out = finding_write_evidence(event->finding, &writer, room);
    if (left_out)
        writer_int(&writer, "evidence_truncated", left_out);
    text_add_char(&texts->line, ',');
    text_add_n(&texts->line, texts->tail.bytes + 1, texts->tail.len - 1);
    return room;
}

/* The line as it may leave: without secrets. */
static struct text *safe(struct bus_texts *texts)
{
    if (!redact_finds(texts->line.bytes, texts->line.len))
        return &texts->line;
    text_cut_to(&texts->safe, 0);
    redact_add_json(&texts->safe, texts->line.bytes, texts->line.len, 2);
    return &texts->safe;
}

static const struct text *encode_finding(struct bus_texts *texts, const struct bus *bus,
                                         const struct event_finding *event, const struct head *head)
{
    size_t less = 0;
    for (unsigned limit = 0;;) {
        size_t room = write_finding(texts, bus, event, head, limit, less);
        const struct text *line = safe(texts);
        if (line->len <= bus->max_event || (room == 2 && limit + 1 == LIMITS))
            return line;
        if (room > 2) /* only a redacted line grows over it: less by its share */
            less += room - room * bus->max_event / line->len + 1;
        else
            limit++;
    }
}

void event_emit_finding(struct bus *bus, const struct event_finding *finding, int64_t wall_ms)
{
    char id[EVENT_ID_LEN];
    const struct finding *found = finding->finding;
    assert(!bus->telling);
    event_id(bus, finding->scope, finding->target, finding->name, found->subject, id);
    const struct head head = {
        .kind = EVENT_FINDING,
        .level = event_level_of(finding->report->status),
        .message = found->summary,
        .id = id,
        .seq = ++bus->seq,
        .wall_ms = wall_ms,
    };
    const struct text *line = encode_finding(bus_texts(bus), bus, finding, &head);
    MEM_AUTO char *message =
        line == &bus_texts(bus)->safe ? redact_copy(head.message, SIZE_MAX) : NULL;
    bus_tell(bus,
             &(const struct event){
                 .kind = head.kind,
                 .level = head.level,
                 .seq = head.seq,
                 .wall_ms = wall_ms,
                 .json = line->bytes,
                 .len = line->len,
                 .id = id,
                 .message = message ? message : head.message,
                 .finding = finding,
             });
}

/* ---------------------------------------------------- steps, agent, log ---- */

static const struct text *encode_step(struct bus_texts *texts, const struct bus *bus,
                                      const struct head *head, const struct event_step *step)
{
    for (unsigned limit = 0;; limit++) {
        struct writer writer;
        text_cut_to(&texts->line, 0);
        writer_init(&writer, &texts->line);
        write_head(&writer, bus, head, limits[limit].message);
        writer_string(&writer, "step", step->step);
        if (step->must)
            step->must(&writer, step->data);
        if (step->more && limits[limit].measures)
            step->more(&writer, step->data);
        if (limits[limit].origin)
            write_labels(&writer, bus, NULL, NULL);
        write_cut(&writer, limit);
        writer_end(&writer);
        const struct text *line = safe(texts);
        if (line->len <= bus->max_event || limit + 1 == LIMITS)
            return line;
    }
}

uint64_t event_emit_step(struct bus *bus, const struct event_step *step, int64_t wall_ms)
{
    if (bus->emitted == EVENT_MOST_WAITING)
        return 0;
    MEM_AUTO char *plain = redact_copy(step->message, bus->max_event);
    const struct head head = {
        .kind = step->kind,
        .level = step->level,
        .message = plain,
        .id = step->id,
        .seq = ++bus->seq,
        .wall_ms = wall_ms,
    };
    const struct text *line = encode_step(bus_texts(bus), bus, &head, step);
    bus_tell(bus,
             &(const struct event){
                 .kind = head.kind,
                 .level = head.level,
                 .seq = head.seq,
                 .wall_ms = wall_ms,
                 .json = line->bytes,
                 .len = line->len,
                 .id = head.id,
                 .message = plain,
             });
    return head.seq;
}

uint64_t event_emit_agent(struct bus *bus, enum log_level level, const char *step,
                          const char *message, int64_t wall_ms, event_write_fn *more, void *data)
{
    const struct event_step spoken = {.kind = EVENT_AGENT,
                                      .level = level,
                                      .id = bus->agent_id,
                                      .step = step,
                                      .message = message,
                                      .more = more,
                                      .data = data};
    return event_emit_step(bus, &spoken, wall_ms);
}

void event_encode_log(const struct bus *bus, enum log_level level, const char *text,
                      int64_t wall_ms, struct text *out)
{
    const size_t others = bus->agent.len + 200; /* bytes; escapes double the text at most */
    size_t room = out->max < bus->max_event ? out->max : bus->max_event;
    struct writer writer;
    MEM_AUTO char *plain = redact_copy(text, room > others ? (room - others) / 2 : 0);
    text_cut_to(out, 0);
    const struct head head = {
        .kind = EVENT_LOG, .level = level, .message = plain, .wall_ms = wall_ms};
    writer_init(&writer, out);
    write_head(&writer, bus, &head, SIZE_MAX);
    writer_end(&writer);
}
