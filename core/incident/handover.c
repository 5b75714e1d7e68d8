#include "incident/handover.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "probe/rest.h"

enum { WITHIN_MS = 1000, FRESH_INTERVALS = 3, LONGEST_PACKED = 4096, SPARE = 256 };

#define PREFIX "findings/"
#define WATCHED "watched"

struct handover {
    struct schedule *schedule;
    struct lease *lease;
    int64_t ttl_ms;
    char **changed; /* names of targets of which something was said since they were written */
    size_t changed_count;
    size_t reading; /* documents that are not read yet, before anything is asked */
    unsigned round; /* of reading: what an earlier one still gets is of no use */
    int64_t gap_ms; /* since somebody looked last */
    struct timer write, watched;
};

static struct ledger_clock clock_of(const struct handover *handover)
{
    struct loop *loop = handover->schedule->loop;
    return (struct ledger_clock){loop_now_us(loop) / 1000u, loop_wall_ms(loop)};
}

static struct target *find_target(const struct handover *handover, const char *name)
{
    struct target *target;
    list_for_each(target, &handover->schedule->targets, struct target, link) {
        if (strcmp(target->config->name, name) == 0)
            return target;
    }
    return NULL;
}

/* ---------------------------------------------------------------- bytes ---- */

static void write_hex(struct writer *writer, const char *key, const struct text *bytes)
{
    struct text TEXT_AUTO hex;
    text_init(&hex, 2 * (size_t)LONGEST_PACKED);
    for (size_t i = 0; i < bytes->len; i++)
        text_print(&hex, "%02x", (unsigned char)bytes->bytes[i]);
    writer_string(writer, key, hex.len ? hex.bytes : "");
}

/* What is no hex digit ends it: what is then read is shorter, and refused by who reads it. */
static void read_hex(const json_t *value, struct text *bytes)
{
    const char *hex = json_string_value(value);
    unsigned byte;
    for (; hex && hex[0] && hex[1] && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        text_add_char(bytes, (char)byte);
}

/* -------------------------------------------------------------- writing ---- */

struct page {
    struct text text;
    struct writer writer;
    bool well;   /* those that are ok, after those that are not */
    size_t left; /* out, for want of room */
};

static void write_subject(const struct ledger_kept *kept, enum probe_status status, void *data)
{
    struct page *page = data;
    size_t subject_len = kept->subject ? strlen(kept->subject) : 0;
    size_t most = 2 * (kept->standing->len + kept->counters->len) + 6 * subject_len + SPARE;
    if (status == PROBE_GRADED || (status == PROBE_OK) != page->well)
        return;
    if (page->text.len + most + strlen(kept->name) > KEEPER_LONGEST) {
        page->left++;
        return;
    }
    writer_object(&page->writer, NULL);
    writer_string(&page->writer, "name", kept->name);
    if (kept->subject)
        writer_string(&page->writer, "subject", kept->subject);
    write_hex(&page->writer, "standing", kept->standing);
    write_hex(&page->writer, "counters", kept->counters);
    writer_end(&page->writer);
}

static void put(struct handover *handover, const char *key, const char *value)
{
    int64_t token;
    if (lease_held(handover->lease, &token))
        lease_put(handover->lease, token, key, value, NULL, NULL);
}

static void write_target(struct handover *handover, const struct target *target)
{
    const struct ledger_clock clock = clock_of(handover);
    struct page page = {0};
    text_init(&page.text, KEEPER_LONGEST);
    writer_init(&page.writer, &page.text);
    writer_object(&page.writer, NULL);
    writer_int(&page.writer, "at", clock.wall_ms);
    writer_array(&page.writer, "subjects");
    for (int round = 0; round < 2; round++, page.well = true)
        for (size_t i = 0; i < target->duty_count; i++)
            ledger_each_kept(handover->schedule->ledger,
                             target->config->name,
                             target->duties[i].config->name,
                             clock,
                             write_subject,
                             &page);
    writer_end(&page.writer);
    writer_end(&page.writer);
    if (page.left)
        log_warn("%s: how %zu of its subjects stand is not handed over: there are too many",
                 target->config->name,
                 page.left);
    MEM_AUTO char *key = mem_print(PREFIX "%s", target->config->name);
    put(handover, key, page.text.bytes);
    text_finish(&page.text);
}

static void forget_changed(struct handover *handover)
{
    for (size_t i = 0; i < handover->changed_count; i++)
        free(handover->changed[i]);
    free(handover->changed);
    handover->changed = NULL;
    handover->changed_count = 0;
}

void handover_flush(struct handover *handover)
{
    timer_stop(&handover->write);
    for (size_t i = 0; i < handover->changed_count && lease_held(handover->lease, NULL); i++) {
        const struct target *target = find_target(handover, handover->changed[i]);
        if (target)
            write_target(handover, target);
    }
    forget_changed(handover);
}

static void on_write(void *data)
{
    handover_flush(data);
}

static void on_watched(void *data)
{
    struct handover *handover = data;
    char text[64];
    (void)snprintf(
        text, sizeof(text), "{\"at\":%lld}", (long long)loop_wall_ms(handover->schedule->loop));
    put(handover, WATCHED, text);
    timer_start(&handover->watched,
                handover->schedule->loop,
                (uint64_t)handover->ttl_ms,
                on_watched,
                handover);
}

static void note(struct handover *handover, const char *name)
{
    for (size_t i = 0; i < handover->changed_count; i++)
        if (strcmp(handover->changed[i], name) == 0)
            return;
    handover->changed =
        mem_resize(handover->changed, (handover->changed_count + 1) * sizeof(char *));
    handover->changed[handover->changed_count++] = mem_copy(name);
    if (!timer_pending(&handover->write))
        timer_start(&handover->write, handover->schedule->loop, WITHIN_MS, on_write, handover);
}

static void on_event(const struct event *event, void *data)
{
    if (event->kind == EVENT_FINDING && strcmp(event->finding->scope, "cluster") == 0)
        note(data, event->finding->target);
}

/* -------------------------------------------------------------- reading ---- */

static void restore(struct handover *handover, const struct target *target, json_t *subject,
                    int64_t passed_ms, int64_t gap_ms)
{
    const char *name = json_string_value(json_object_get(subject, "name"));
    struct text TEXT_AUTO standing;
    struct text TEXT_AUTO counters;
    text_init(&standing, LONGEST_PACKED);
    text_init(&counters, LONGEST_PACKED);
    read_hex(json_object_get(subject, "standing"), &standing);
    read_hex(json_object_get(subject, "counters"), &counters);
    for (size_t i = 0; name && i < target->duty_count; i++) {
        const struct config_check *check = target->duties[i].config;
        if (strcmp(check->name, name) != 0)
            continue;
        int64_t every_ms = check->every_ms > handover->ttl_ms ? check->every_ms : handover->ttl_ms;
        const struct ledger_kept kept = {
            .target = target->config->name,
            .name = check->name,
            .subject = json_string_value(json_object_get(subject, "subject")),
            .standing = &standing,
            .counters = &counters,
        };
        (void)ledger_restore(handover->schedule->ledger,
                             &kept,
                             &check->check->measures,
                             clock_of(handover),
                             passed_ms,
                             gap_ms >= FRESH_INTERVALS * every_ms);
    }
}

/* Milliseconds since a document was written; none where somebody has set the clock back. */
static int64_t since(const struct handover *handover, const json_t *document)
{
    int64_t at_ms = json_integer_value(json_object_get(document, "at"));
    int64_t passed_ms = loop_wall_ms(handover->schedule->loop) - at_ms;
    return passed_ms > 0 ? passed_ms : 0;
}

static void read_target(struct handover *handover, const struct target *target,
                        const struct probe_pair *document)
{
    json_t *page = json_loads(document->value, 0, NULL);
    json_t *subjects = json_object_get(page, "subjects"), *subject;
    size_t index;
    int64_t passed_ms = since(handover, page);
    int64_t gap_ms = passed_ms < handover->gap_ms ? passed_ms : handover->gap_ms;
    json_array_foreach(subjects, index, subject)
        restore(handover, target, subject, passed_ms, gap_ms);
    json_decref(page);
}

/* One document that is asked for. */
struct reading {
    struct handover *handover;
    unsigned round;
    char *key;
};

static void take(struct handover *handover, const struct probe_pair *document)
{
    const struct target *target = strncmp(document->name, PREFIX, strlen(PREFIX)) == 0
                                      ? find_target(handover, document->name + strlen(PREFIX))
                                      : NULL;
    if (target) {
        read_target(handover, target, document);
    } else if (strcmp(document->name, WATCHED) == 0) {
        json_t *page = json_loads(document->value, 0, NULL);
        handover->gap_ms = page ? since(handover, page) : INT64_MAX;
        json_decref(page);
    }
}

static void on_got(int status, const struct probe_pair *documents, void *data)
{
    struct reading *reading = data;
    struct handover *handover = reading->handover;
    bool ours = reading->round == handover->round && lease_held(handover->lease, NULL);
    for (const struct probe_pair *at = documents; ours && at && at->name; at++)
        if (strcmp(at->name, reading->key) == 0)
            take(handover, at);
    if (status && ours)
        log_warn("%s cannot be read, as the agent before has left it: %s",
                 reading->key,
                 strerror(-status));
    free(reading->key);
    free(reading);
    if (!ours || --handover->reading > 0)
        return;
    rest_end(handover->schedule);
    on_watched(handover);
}

static void ask(struct handover *handover, char *key)
{
    struct reading *reading = mem_new(sizeof(*reading));
    *reading = (struct reading){handover, handover->round, key};
    handover->reading++;
    lease_get(handover->lease, key, on_got, reading);
}

/* When somebody looked last comes first: how old the others are goes by it. */
static void read_all(struct handover *handover)
{
    struct target *target;
    handover->round++;
    handover->reading = 0;
    handover->gap_ms = INT64_MAX;
    ask(handover, mem_copy(WATCHED));
    list_for_each(target, &handover->schedule->targets, struct target, link) {
        if (target->config->where == PROBE_CLUSTER)
            ask(handover, mem_print(PREFIX "%s", target->config->name));
    }
}

/* ---------------------------------------------------------------- whole ---- */

static void on_lease(bool held, void *data)
{
    struct handover *handover = data;
    if (held) {
        read_all(handover);
    } else {
        timer_stop(&handover->write);
        timer_stop(&handover->watched);
        forget_changed(handover);
        rest_begin(handover->schedule);
    }
}

static bool serves(void *data)
{
    const struct handover *handover = data;
    return lease_held(handover->lease, NULL);
}

struct handover *handover_create(struct schedule *schedule, struct lease *lease, int64_t ttl_ms)
{
    struct handover *handover = mem_new(sizeof(*handover));
    *handover = (struct handover){.schedule = schedule, .lease = lease, .ttl_ms = ttl_ms};
    schedule->serves = serves;
    schedule->serves_data = handover;
    rest_begin(schedule);
    lease_watch(lease, on_lease, handover);
    bus_subscribe(schedule->bus, on_event, handover);
    return handover;
}

void handover_destroy(struct handover *handover)
{
    if (!handover)
        return;
    bus_unsubscribe(handover->schedule->bus, on_event, handover);
    timer_stop(&handover->write);
    timer_stop(&handover->watched);
    handover->schedule->serves = NULL;
    forget_changed(handover);
    free(handover);
}
