#include "out/alerts.h"

#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "out/alert.h"

enum { ENDED_LASTS_MS = 15 * 60000, NEEDED_LASTS_MS = 60 * 60000 };

struct told {
    struct list link;
    char *key; /* what it is about: several alerts, one after the other */
    struct alert_words words;
    char finding[EVENT_ID_LEN]; /* a remediation's: whose end is its end, or "" */
    int64_t until_ms;           /* it ends then by itself; zero: it does not */
    int64_t ended_ms;           /* zero: it goes on */
    uint64_t changed;           /* the number of its last change */
    uint32_t told;              /* instances that know of its end, a bit each */
};

struct alerts {
    struct list all;
    size_t count;
    unsigned instances;
    const char *sink, *labels;
    uint64_t changes, left_out;
};

struct alerts *alerts_create(unsigned instances, const char *sink, const char *labels)
{
    struct alerts *alerts = mem_new(sizeof(*alerts));
    list_init(&alerts->all);
    alerts->instances = instances;
    alerts->sink = sink;
    alerts->labels = labels;
    return alerts;
}

static void free_words(struct alert_words *words)
{
    free(words->labels);
    free(words->rest);
}

static void forget(struct alerts *alerts, struct told *told)
{
    list_remove(&told->link);
    alerts->count--;
    free_words(&told->words);
    free(told->key);
    free(told);
}

void alerts_destroy(struct alerts *alerts)
{
    struct told *told;
    if (!alerts)
        return;
    list_for_each(told, &alerts->all, struct told, link) {
        forget(alerts, told);
    }
    free(alerts);
}

/* ---------------------------------------------------------------- taking ---- */

static void end(struct alerts *alerts, struct told *told, int64_t wall_ms)
{
    told->ended_ms = wall_ms;
    told->changed = ++alerts->changes;
    told->told = 0;
}

/* All of the matter but the one that bears these labels (NULL: all); whether there was any. */
static bool end_others(struct alerts *alerts, const char *key, const char *labels, int64_t wall_ms)
{
    struct told *told;
    bool any = false;
    list_for_each(told, &alerts->all, struct told, link) {
        if (told->ended_ms || strcmp(told->key, key) != 0 ||
            (labels && strcmp(told->words.labels, labels) == 0))
            continue;
        end(alerts, told, wall_ms);
        any = true;
    }
    return any;
}

/* What a remediation asked a person for was about this. */
static bool end_of_finding(struct alerts *alerts, const char *finding, int64_t wall_ms)
{
    struct told *told;
    bool any = false;
    list_for_each(told, &alerts->all, struct told, link) {
        if (told->ended_ms || strcmp(told->finding, finding) != 0)
            continue;
        end(alerts, told, wall_ms);
        any = true;
    }
    return any;
}

/* The one of these labels, or a new one; NULL: there are too many. */
static struct told *find_or_make(struct alerts *alerts, const char *key, const char *labels)
{
    struct told *told;
    list_for_each(told, &alerts->all, struct told, link) {
        if (strcmp(told->key, key) == 0 && strcmp(told->words.labels, labels) == 0)
            return told;
    }
    if (alerts->count == ALERTS_MOST) {
        alerts->left_out++;
        return NULL;
    }
    told = mem_new(sizeof(*told));
    told->key = mem_copy(key);
    told->ended_ms = 1; /* it begins with its words */
    list_add(&alerts->all, &told->link);
    alerts->count++;
    return told;
}

/* Takes the words over; whether that is news.  `ret_told` is NULL where there are too many. */
static bool put(struct alerts *alerts, const char *key, struct alert_words words, int64_t wall_ms,
                struct told **ret_told)
{
    bool news = end_others(alerts, key, words.labels, wall_ms);
    struct told *told = *ret_told = find_or_make(alerts, key, words.labels);
    if (!told) {
        free_words(&words);
        return news;
    }
    news |= told->ended_ms != 0;
    free_words(&told->words);
    told->words = words;
    told->ended_ms = 0;
    told->changed = ++alerts->changes;
    return news;
}

static bool end_finding(struct alerts *alerts, const struct event *event)
{
    bool over = event->finding->report->status == PROBE_OK &&
                end_of_finding(alerts, event->id, event->wall_ms);
    return end_others(alerts, event->id, NULL, event->wall_ms) || over;
}

static bool take_finding(struct alerts *alerts, const struct event *event)
{
    enum probe_status status = event->finding->report->status;
    struct told *told;
    if (event->finding->silenced_by || status == PROBE_OK || status == PROBE_GRADED)
        return end_finding(alerts, event); /* silenced by somebody here: nobody is paged */
    return put(alerts, event->id, alert_of_finding(event, alerts->labels), event->wall_ms, &told);
}

static void note_finding(struct told *told, struct view line)
{
    struct text TEXT_AUTO id;
    text_init(&id, sizeof(told->finding) - 1);
    (void)view_add_text(view_member(line, "finding"), &id);
    memcpy(told->finding, id.bytes, id.len + 1);
}

static bool take_remediation(struct alerts *alerts, const struct event *event)
{
    const struct view line = {event->json, event->len};
    struct notice NOTICE_AUTO notice;
    struct told *told;
    if (!notice_make(line, alerts->sink, &notice))
        return false;
    if (notice.call == NOTICE_ENDS)
        return end_others(alerts, notice.key.bytes, NULL, event->wall_ms);
    if (notice.call != NOTICE_CALLS)
        return false;
    bool news = put(alerts,
                    notice.key.bytes,
                    alert_of_notice(event, &notice, alerts->labels),
                    event->wall_ms,
                    &told);
    if (told && !notice.waits)
        note_finding(told, line);
    if (told)
        told->until_ms = notice.until_ms ? notice.until_ms : event->wall_ms + NEEDED_LASTS_MS;
    return news;
}

bool alerts_take(struct alerts *alerts, const struct event *event)
{
    return event->kind == EVENT_FINDING       ? take_finding(alerts, event)
           : event->kind == EVENT_REMEDIATION ? take_remediation(alerts, event)
                                              : false;
}

bool alerts_end(struct alerts *alerts, const struct event *event)
{
    if (event->kind == EVENT_REMEDIATION) /* which says itself whether anything is over */
        return take_remediation(alerts, event);
    return event->kind == EVENT_FINDING && event->finding->report->status != PROBE_UNKNOWN &&
           end_finding(alerts, event); /* unknown closes nothing */
}

/* --------------------------------------------------------------- telling ---- */

static int64_t end_of(const struct told *told, int64_t until_wall_ms)
{
    if (told->ended_ms)
        return told->ended_ms;
    return told->until_ms && told->until_ms < until_wall_ms ? told->until_ms : until_wall_ms;
}

uint64_t alerts_write(const struct alerts *alerts, int64_t until_wall_ms, struct text *out)
{
    struct told *told;
    struct writer writer;
    writer_init(&writer, out);
    writer_array(&writer, NULL);
    list_for_each(told, &alerts->all, struct told, link) {
        struct text TEXT_AUTO tail;
        struct writer end_writer;
        text_init(&tail, 100);
        writer_init(&end_writer, &tail);
        writer_time(&end_writer, "endsAt", end_of(told, until_wall_ms));
        MEM_AUTO char *whole =
            mem_print("{%s,%s,%s}", told->words.labels, told->words.rest, tail.bytes);
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
    struct told *told;
    list_for_each(told, &alerts->all, struct told, link) {
        if (!told->ended_ms || told->changed > what)
            continue;
        told->told |= 1u << instance;
        if (told->told == everybody)
            forget(alerts, told);
    }
}

void alerts_expire(struct alerts *alerts, int64_t wall_ms)
{
    struct told *told;
    list_for_each(told, &alerts->all, struct told, link) {
        if (!told->ended_ms && told->until_ms && told->until_ms <= wall_ms)
            end(alerts, told, told->until_ms);
        if (told->ended_ms && told->ended_ms < wall_ms - ENDED_LASTS_MS)
            forget(alerts, told);
    }
}

size_t alerts_count(const struct alerts *alerts)
{
    return alerts->count;
}

size_t alerts_ending(const struct alerts *alerts)
{
    size_t count = 0;
    struct told *told;
    list_for_each(told, &alerts->all, struct told, link) {
        count += told->ended_ms != 0;
    }
    return count;
}

uint64_t alerts_left_out(const struct alerts *alerts)
{
    return alerts->left_out;
}
