#include "out/alerts.h"

#include <string.h>

#include "base/exposition.h"
#include "base/list.h"
#include "base/mem.h"
#include "out/view.h"

enum { LONGEST_ALERT = 4 << 20, ENDED_LASTS_MS = 15 * 60000, MOST_LABELS = 72, OUR_LABELS = 7 };

struct alert {
    struct list link;
    char id[EVENT_ID_LEN];
    enum probe_status status;
    char *head;       /* the object, but for its end */
    int64_t ended_ms; /* zero: it goes on */
    uint64_t changed; /* the number of its last change */
    uint32_t told;    /* instances that know of its end, a bit each */
};

struct alerts {
    struct list all;
    size_t count;
    unsigned instances;
    uint64_t changes, left_out;
};

struct alerts *alerts_create(unsigned instances)
{
    struct alerts *alerts = mem_new(sizeof(*alerts));
    list_init(&alerts->all);
    alerts->instances = instances;
    return alerts;
}

static void forget(struct alerts *alerts, struct alert *alert)
{
    list_remove(&alert->link);
    alerts->count--;
    free(alert->head);
    free(alert);
}

void alerts_destroy(struct alerts *alerts)
{
    struct alert *alert;
    if (!alerts)
        return;
    list_for_each(alert, &alerts->all, struct alert, link) {
        forget(alerts, alert);
    }
    free(alerts);
}

/* ------------------------------------------------------------ one alert ---- */

static void write_view(struct writer *writer, const char *key, struct view value)
{
    if (value.at && !view_equals(value, "null"))
        writer_raw_n(writer, key, value.at, value.len);
}

static bool is_one_of(char names[][EXPOSITION_LABEL], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], names[count]) == 0)
            return true;
    return false;
}

/* Alertmanager refuses a request for the name of one label: what is none there is made one. */
static void write_labels(struct writer *writer, struct view line)
{
    struct view_walk walk = {.rest = view_member(line, "labels")};
    char names[MOST_LABELS][EXPOSITION_LABEL] = {
        "alertname", "realm", "target", "name", "subject", "severity", "node"};
    size_t count = OUR_LABELS;
    while (walk.rest.at && count < MOST_LABELS && view_next(&walk)) {
        MEM_AUTO char *key = mem_copy_n(walk.key.at, walk.key.len);
        exposition_label_name(key, "", names[count]);
        if (is_one_of(names, count))
            exposition_label_name(key, "label_", names[count]);
        if (!is_one_of(names, count) && view_is_string(walk.value))
            write_view(writer, names[count++], walk.value);
    }
}

/* "used 96, used_percent 98.97": what a person reads. */
static void write_measures(struct writer *writer, struct view line)
{
    struct view_walk walk = {.rest = view_member(line, "measures")};
    struct text TEXT_AUTO text;
    text_init(&text, 2000);
    while (walk.rest.at && view_next(&walk)) {
        text_add(&text, text.len ? ", " : "");
        text_add_n(&text, walk.key.at, walk.key.len);
        text_add_char(&text, ' ');
        text_add_n(&text, walk.value.at, walk.value.len);
    }
    if (text.len)
        writer_string(writer, "measures", text.bytes);
}

static void write_annotations(struct writer *writer, const struct event *event, struct view line)
{
    const struct event_finding *finding = event->finding;
    MEM_AUTO char *command = mem_print("runbookd show %s/%s", finding->target, finding->name);
    writer_object(writer, "annotations");
    writer_string(writer, "summary", event->message);
    write_measures(writer, line);
    write_view(writer, "hint", view_member(line, "hint"));
    write_view(writer, "owner", view_member(line, "owner"));
    write_view(writer, "doc", view_member(line, "doc"));
    writer_string(writer, "id", event->id);
    writer_string(writer, "command", command);
    writer_end(writer);
}

/* The object without its end and its closing brace. */
static char *write_head(const struct event *event)
{
    const struct event_finding *finding = event->finding;
    const struct view line = {event->json, event->len};
    const struct view agent = view_member(line, "agent");
    bool of_node = strcmp(finding->scope, "node") == 0;
    const char *doc = finding->doc;
    struct writer writer;
    struct text text;
    text_init(&text, LONGEST_ALERT);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    writer_object(&writer, "labels");
    writer_string(&writer, "alertname", finding->check);
    write_view(&writer, "realm", view_member(agent, "realm"));
    writer_string(&writer, "target", finding->target);
    writer_string(&writer, "name", finding->name);
    write_view(&writer, "subject", view_member(line, "subject"));
    writer_string(&writer, "severity", event_status_name(finding->report->status));
    if (of_node)
        write_view(&writer, "node", view_member(agent, "node"));
    write_labels(&writer, line);
    writer_end(&writer);
    write_annotations(&writer, event, line);
    if (doc && (strncmp(doc, "http://", 7) == 0 || strncmp(doc, "https://", 8) == 0))
        writer_string(&writer, "generatorURL", doc);
    writer_time(&writer,
                "startsAt",
                finding->report->since_wall_ms ? finding->report->since_wall_ms : event->wall_ms);
    return text_take(&text);
}

/* ---------------------------------------------------------------- taking ---- */

static void end(struct alerts *alerts, struct alert *alert, int64_t wall_ms)
{
    alert->ended_ms = wall_ms;
    alert->changed = ++alerts->changes;
    alert->told = 0;
}

/* The one of this status, whether it goes on or not; all others of the subject are ended. */
static struct alert *find(struct alerts *alerts, const struct event *event, bool *ret_ended)
{
    struct alert *alert, *found = NULL;
    list_for_each(alert, &alerts->all, struct alert, link) {
        if (strcmp(alert->id, event->id) != 0)
            continue;
        if (alert->status == event->finding->report->status) {
            found = alert;
        } else if (!alert->ended_ms) {
            end(alerts, alert, event->wall_ms);
            *ret_ended = true;
        }
    }
    return found;
}

static struct alert *make(struct alerts *alerts, const struct event *event)
{
    if (alerts->count == ALERTS_MOST) {
        alerts->left_out++;
        return NULL;
    }
    struct alert *alert = mem_new(sizeof(*alert));
    (void)memcpy(alert->id, event->id, sizeof(alert->id));
    alert->status = event->finding->report->status;
    alert->ended_ms = 1; /* it begins below */
    list_add(&alerts->all, &alert->link);
    alerts->count++;
    return alert;
}

bool alerts_take(struct alerts *alerts, const struct event *event)
{
    bool news = false;
    if (event->kind != EVENT_FINDING)
        return false;
    struct alert *alert = find(alerts, event, &news);
    enum probe_status status = event->finding->report->status;
    if (event->finding->silenced_by) { /* by somebody here: nobody is paged */
        if (alert && !alert->ended_ms) {
            end(alerts, alert, event->wall_ms);
            news = true;
        }
        return news;
    }
    if (status == PROBE_OK || status == PROBE_GRADED)
        return news;
    if (!alert)
        alert = make(alerts, event);
    if (!alert)
        return news;
    news |= alert->ended_ms != 0;
    free(alert->head);
    alert->head = write_head(event);
    alert->ended_ms = 0;
    alert->changed = ++alerts->changes;
    return news;
}

/* --------------------------------------------------------------- telling ---- */

uint64_t alerts_write(const struct alerts *alerts, int64_t until_wall_ms, struct text *out)
{
    struct alert *alert;
    struct writer writer;
    writer_init(&writer, out);
    writer_array(&writer, NULL);
    list_for_each(alert, &alerts->all, struct alert, link) {
        struct text TEXT_AUTO tail;
        struct writer end_writer;
        text_init(&tail, 100);
        writer_init(&end_writer, &tail);
        writer_time(&end_writer, "endsAt", alert->ended_ms ? alert->ended_ms : until_wall_ms);
        MEM_AUTO char *whole = mem_print("%s,%s}", alert->head, tail.bytes);
        if (out->len + strlen(whole) + 2 <
            out->max) /* the others are told when there is room again */
            writer_raw(&writer, NULL, whole);
    }
    writer_end(&writer);
    return alerts->changes;
}

void alerts_told(struct alerts *alerts, unsigned instance, uint64_t what)
{
    uint32_t everybody = alerts->instances < 32 ? (1u << alerts->instances) - 1 : UINT32_MAX;
    struct alert *alert;
    list_for_each(alert, &alerts->all, struct alert, link) {
        if (!alert->ended_ms || alert->changed > what)
            continue;
        alert->told |= 1u << instance;
        if (alert->told == everybody)
            forget(alerts, alert);
    }
}

void alerts_expire(struct alerts *alerts, int64_t wall_ms)
{
    struct alert *alert;
    list_for_each(alert, &alerts->all, struct alert, link) {
        if (alert->ended_ms && alert->ended_ms < wall_ms - ENDED_LASTS_MS)
            forget(alerts, alert);
    }
}

size_t alerts_count(const struct alerts *alerts)
{
    return alerts->count;
}

size_t alerts_ending(const struct alerts *alerts)
{
    size_t count = 0;
    struct alert *alert;
    list_for_each(alert, &alerts->all, struct alert, link) {
        count += alert->ended_ms != 0;
    }
    return count;
}

uint64_t alerts_left_out(const struct alerts *alerts)
{
    return alerts->left_out;
}
