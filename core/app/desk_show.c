/* desk_show - all that is known of one finding, evidence whole: part of app/desk. */
#include "app/desk_parts.h"
#include "probe/event.h"

enum { MOST_SHOWN = 20 /* findings, the worst first */, EVIDENCE_ROOM = 1 << 20 };

/* ----------------------------------------------------------------- one ---- */

static void write_optional(struct writer *writer, const char *key, const char *text)
{
    if (text && *text)
        writer_string(writer, key, text);
}

static void write_condition(struct writer *writer, const char *key,
                            const struct condition *condition)
{
    if (condition)
        writer_string(writer, key, condition_text(condition));
}

static void write_rules(const struct config_check *check, enum probe_status status,
                        struct writer *writer)
{
    writer_object(writer, "conditions");
    write_condition(writer, "warning", check->warning);
    write_condition(writer, "critical", check->critical);
    write_condition(writer, "clear", check->clear);
    writer_end(writer);
    writer_int(writer, "for_ms", check->rules.for_ms[status]);
    writer_int(writer, "recover_ms", check->rules.recover_ms);
    writer_int(writer, "every_ms", check->every_ms);
}

static void write_changes(const struct ledger_view *view, struct writer *writer)
{
    writer_array(writer, "changes");
    for (unsigned i = 0; i < view->change_count; i++) {
        enum probe_status to = i ? view->changes[i - 1].from : view->status;
        writer_object(writer, NULL);
        writer_time(writer, "time", view->changes[i].wall_ms);
        writer_string(writer, "from", event_status_name(view->changes[i].from));
        writer_string(writer, "to", event_status_name(to));
        writer_end(writer);
    }
    writer_end(writer);
}

static void write_last(const struct last *last, struct writer *writer)
{
    const struct finding *finding = last->finding;
    writer_string(writer, "sample", event_status_name(last->sample));
    writer_time(writer, "sampled", last->wall_ms);
    writer_real(writer, "duration_ms", (double)last->duration_us / 1000);
    write_optional(writer, "condition", last->condition);
    if (last->inactive)
        writer_bool(writer, "inactive", true);
    finding_write_measures(finding, writer);
    int64_t left_out = finding_write_evidence(finding, writer, EVIDENCE_ROOM / MOST_SHOWN);
    if (left_out)
        writer_int(writer, "evidence_truncated", left_out);
    if (last->bare)
        writer_bool(writer, "evidence_not_kept", true);
    write_optional(writer, "error_class", finding->error_class);
    write_optional(writer, "hint", finding->hint);
}

static void write_labels(const struct desk_row *row, struct writer *writer)
{
    writer_object(writer, "labels");
    for (const char *const *label = row->duty->config->labels; label && *label; label += 2)
        writer_string(writer, label[0], label[1]);
    writer_end(writer);
}

static void write_row(const struct desk_row *row, struct writer *writer)
{
    const struct config_check *check = row->duty->config;
    const struct ledger_view *view = row->view;
    writer_object(writer, NULL);
    desk_write_row(row, writer);
    if (view->previous)
        writer_string(writer, "previous", event_status_name(view->previous));
    writer_int(writer, "streak", view->streak);
    writer_bool(writer, "flapping", view->flapping);
    writer_bool(writer, "held", target_holds(row->duty));
    write_rules(check, view->status, writer);
    write_changes(view, writer);
    if (row->last)
        write_last(row->last, writer);
    write_optional(writer, "owner", check->owner);
    write_optional(writer, "doc", check->doc);
    write_labels(row, writer);
    write_optional(writer, "rights", check->check->face.needs);
    writer_end(writer);
}

/* ------------------------------------------------------------------- all ---- */

struct showing {
    struct writer *writer;
    enum probe_status status; /* shown in this round */
    size_t shown;
};

static void on_found(const struct desk_row *row, void *data)
{
    struct showing *showing = data;
    if (row->view->status != showing->status || showing->shown == MOST_SHOWN)
        return;
    showing->shown++;
    write_row(row, showing->writer);
}

void desk_show(struct desk *desk, struct control_call *call, const struct control_request *request)
{
    const char *what = desk_word(request, "what");
    struct text TEXT_AUTO text;
    struct writer writer;
    struct showing showing = {.writer = &writer};
    text_init(&text, 0);
    size_t found = desk_search(desk, call, what, NULL, NULL);
    if (!found)
        return;
    desk_begin(&text, &writer);
    writer_time(&writer, "time", desk_clock(desk).wall_ms);
    writer_array(&writer, "findings");
    for (size_t i = 0; i < DESK_STATUSES; i++) {
        showing.status = desk_worst_first[i];
        (void)desk_search(desk, call, what, on_found, &showing);
    }
    writer_end(&writer);
    writer_int(&writer, "left_out", (int64_t)(found - showing.shown));
    desk_end(call, &text, &writer);
}
