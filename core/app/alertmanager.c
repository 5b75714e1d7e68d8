#include "app/alertmanager_parts.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "io/loop.h"
#include "io/work.h"
#include "out/alert_labels.h"

enum { LONGEST_ANSWER = 8 << 20, LONGEST_WHY = 240 };

static void read_all(void *data);

static int64_t now_of(const struct alertmanager *am)
{
    return loop_wall_ms(am->wish.loop);
}

/* --------------------------------------------------------------- troubles ---- */

static void say(struct alertmanager *am, enum log_level level, const char *step,
                const char *message)
{
    (void)event_emit_agent(am->wish.bus, level, step, message, now_of(am), NULL, NULL);
}

static void note_trouble(struct alertmanager *am, const char *why)
{
    MEM_AUTO char *message =
        mem_print("silences are not shared with Alertmanager: %s; what was read last counts", why);
    if (!am->trouble) {
        log_warn("%s", message);
        say(am, LOG_WARN, "silences_unreachable", message);
    }
    free(am->trouble);
    am->trouble = mem_copy(why);
}

static void note_success(struct alertmanager *am)
{
    if (am->trouble)
        say(am, LOG_INFO, "silences_shared", "silences are shared with Alertmanager again");
    free(am->trouble);
    am->trouble = NULL;
}

/* Why an answer is none; to be freed.  NULL: it is fine. */
char *alertmanager_trouble(int status, const struct probe_response *response)
{
    if (status == 0 && response->code / 100 == 2)
        return NULL;
    if (status < 0)
        return mem_copy(response->message ? response->message : strerror(-status));
    MEM_AUTO char *body = redact_copy(response->body ? response->body : "", LONGEST_WHY);
    return mem_print("it answered HTTP %d%s%s", response->code, *body ? ": " : "", body);
}

void alertmanager_send(struct alertmanager *am, const char *method, const char *path,
                       const struct text *body, probe_http_fn *fn, void *data)
{
    static const struct probe_pair headers[] = {{"Content-Type", "application/json"}, {0}};
    const struct probe_request request = {
        .size = sizeof(request),
        .base = am->own->url,
        .path = path,
        .method = method,
        .headers = body ? headers : NULL,
        .body = body ? body->bytes : NULL,
        .body_len = body ? body->len : 0,
        .bearer = am->own->bearer,
        .user = am->own->user,
        .password = am->own->password,
        .tls = am->own->tls,
        .timeout_ms = am->own->timeout_ms,
        .max_body = LONGEST_ANSWER,
    };
    (void)http_send(&am->life, &request, fn, data);
}

/* ---------------------------------------------------------------- reading ---- */

/* An answer on its way through the pool. */
struct reading {
    struct alertmanager *am;
    unsigned round;
    char *json;
    size_t len;
    struct foreigns *foreigns;
};

struct lookup {
    const char *uuid;
    bool found;
    char id[SILENCE_ID_LEN]; /* of ours */
};

static void compare(const struct silence *silence, void *data)
{
    struct lookup *lookup = data;
    if (!silence->elsewhere || strcmp(silence->elsewhere, lookup->uuid) != 0)
        return;
    lookup->found = true;
    (void)snprintf(lookup->id, sizeof(lookup->id), "%s", silence->id);
}

bool alertmanager_is_ours(struct alertmanager *am, const char *uuid, int64_t now_ms)
{
    struct lookup lookup = {.uuid = uuid};
    silences_each(am->wish.silences, now_ms, compare, &lookup);
    return lookup.found || alertmanager_ending(am, uuid);
}

static bool is_ours(const char *uuid, void *data)
{
    return alertmanager_is_ours(data, uuid, now_of(data));
}

/* What a person has ended there. */
static void end_ours(struct alertmanager *am)
{
    for (size_t i = 0; i < am->read->count; i++) {
        struct lookup lookup = {.uuid = am->read->all[i].uuid};
        if (!am->read->all[i].expired)
            continue;
        silences_each(am->wish.silences, now_of(am), compare, &lookup);
        if (lookup.found)
            am->wish.ended(lookup.id, am->wish.data);
    }
}

static void begin_round(struct alertmanager *am)
{
    if (am->own)
        timer_start(&am->due, am->wish.loop, (uint64_t)am->own->every_ms, read_all, am);
}

static void on_parsed(int status, void *data)
{
    struct reading *reading = data;
    struct alertmanager *am = reading->am;
    if (status != -ECANCELED) {
        am->reading = false;
        begin_round(am);
        if (reading->foreigns) {
            size_t unread = am->read ? am->read->unread : 0;
            foreigns_destroy(am->read);
            am->read = reading->foreigns;
            reading->foreigns = NULL;
            if (am->read->unread > unread)
                log_warn("%zu silences of Alertmanager cannot be read here, and silence nothing "
                         "here: %s",
                         am->read->unread,
                         am->read->wrong);
            note_success(am);
            alertmanager_forget_endings(am, reading->round);
            end_ours(am);
            alertmanager_catch_up(am, reading->round);
        } else {
            note_trouble(am, "what it answered is no list of silences");
        }
    }
    foreigns_destroy(reading->foreigns);
    free(reading->json);
    free(reading);
}

static int parse(void *data)
{
    struct reading *reading = data;
    reading->foreigns = foreigns_parse(reading->json, reading->len);
    return 0;
}

static void on_read(int status, const struct probe_response *response, void *data)
{
    struct alertmanager *am = data;
    if (status == -ECANCELED)
        return;
    MEM_AUTO char *why = alertmanager_trouble(status, response);
    if (why) {
        am->reading = false;
        note_trouble(am, why);
        begin_round(am);
        return;
    }
    struct reading *reading = mem_new(sizeof(*reading));
    reading->am = am;
    reading->round = am->round;
    reading->len = response->body_len;
    reading->json = mem_copy_n(response->body ? response->body : "", response->body_len);
    (void)work_start(&am->life, parse, on_parsed, reading);
}

static void read_all(void *data)
{
    struct alertmanager *am = data;
    if (!am->own || am->reading)
        return;
    am->reading = true;
    am->round++;
    alertmanager_send(am, "GET", "/api/v2/silences", NULL, on_read, am);
}

/* ------------------------------------------------------------------ finding ---- */

static bool has_label(const char *const *labels, const char *name)
{
    for (; labels && labels[0]; labels += 2)
        if (strcmp(labels[0], name) == 0)
            return true;
    return false;
}

static void write_labels(struct writer *writer, const char *const *labels, const char *const *but,
                         const char *const *nor)
{
    for (; labels && labels[0]; labels += 2)
        if (!has_label(but, labels[0]) && !has_label(nor, labels[0]))
            writer_string(writer, labels[0], labels[1]);
}

/* The labels of its alert: as an event would have them, through the sink's own words. */
static json_t *labels_of(const struct alertmanager *am, const struct alertmanager_matter *matter,
                         enum probe_status status)
{
    const struct event_speaker *speaker = am->wish.speaker;
    struct text TEXT_AUTO line, out;
    struct writer writer;
    text_init(&line, 64 << 10);
    text_init(&out, 64 << 10);
    writer_init(&writer, &line);
    writer_object(&writer, NULL);
    writer_object(&writer, "agent");
    writer_string(&writer, "realm", speaker->realm);
    writer_string(&writer, "node", speaker->node);
    writer_end(&writer);
    writer_object(&writer, "labels");
    write_labels(&writer, speaker->labels, matter->labels, NULL);
    write_labels(&writer, matter->labels, NULL, NULL);
    write_labels(&writer, matter->more_labels, speaker->labels, matter->labels);
    writer_end(&writer);
    writer_end(&writer);
    const struct alert_labels_own own = {.alertname = matter->check,
                                         .target = matter->target,
                                         .name = matter->name,
                                         .subject = matter->subject,
                                         .severity = event_status_name(status),
                                         .of_node = matter->of_node};
    writer_init(&writer, &out);
    writer_object(&writer, NULL);
    alert_labels_write(NULL, &own, (struct view){line.bytes, line.len}, &writer);
    writer_end(&writer);
    json_t *root = json_loads(out.bytes, 0, NULL);
    json_t *labels = json_incref(json_object_get(root, "labels"));
    json_decref(root);
    return labels;
}

static const struct foreign *
find_as(struct alertmanager *am, const struct alertmanager_matter *matter, enum probe_status status)
{
    json_t *labels = labels_of(am, matter, status);
    const struct foreign *found = foreigns_find(am->read, labels, now_of(am), is_ours, am);
    json_decref(labels);
    return found;
}

const struct foreign *alertmanager_find(struct alertmanager *am,
                                        const struct alertmanager_matter *matter)
{
    static const enum probe_status bad[] = {PROBE_CRITICAL, PROBE_WARNING, PROBE_UNKNOWN};
    const struct foreign *found = NULL;
    if (!am || !am->own || !am->read || am->read->count == 0)
        return NULL;
    if (matter->status != PROBE_GRADED && matter->status != PROBE_OK)
        return find_as(am, matter, matter->status);
    for (size_t i = 0; i < COUNT_OF(bad) && !found; i++)
        found = find_as(am, matter, bad[i]);
    return found;
}

const struct foreign *alertmanager_get(const struct alertmanager *am, const char *id)
{
    const struct foreign *found = am && am->own ? foreigns_get(am->read, id) : NULL;
    return found && foreign_holds(found, now_of(am)) ? found : NULL;
}

void alertmanager_each(struct alertmanager *am, foreign_fn *fn, void *data)
{
    for (size_t i = 0; am && am->own && am->read && i < am->read->count; i++)
        if (foreign_holds(&am->read->all[i], now_of(am)) && !is_ours(am->read->all[i].uuid, am))
            fn(&am->read->all[i], data);
}

static void count_one(const struct foreign *foreign, void *data)
{
    (void)foreign;
    ++*(int64_t *)data;
}

void alertmanager_write(struct alertmanager *am, struct writer *writer)
{
    int64_t count = 0;
    if (!am || !am->own)
        return;
    alertmanager_each(am, count_one, &count);
    writer_object(writer, "alertmanager");
    writer_int(writer, "silences", count);
    if (am->read && am->read->unread)
        writer_int(writer, "unread", (int64_t)am->read->unread);
    if (am->trouble)
        writer_string(writer, "error", am->trouble);
    writer_end(writer);
}

/* ------------------------------------------------------------- open, close ---- */

struct alertmanager *alertmanager_open(const struct alertmanager_wish *wish)
{
    struct alertmanager *am = mem_new(sizeof(*am));
    am->wish = *wish;
    list_init(&am->puts);
    list_init(&am->endings);
    life_init(&am->life, wish->loop);
    return am;
}

static void stop(struct alertmanager *am)
{
    timer_stop(&am->due);
    life_end(&am->life, -ECANCELED);
    life_drop(&am->life);
    life_init(&am->life, am->wish.loop);
    am->reading = false;
    config_destroy(am->config);
    am->config = NULL;
    am->own = NULL;
}

void alertmanager_use(struct alertmanager *am, struct config *config)
{
    if (!am)
        return;
    stop(am);
    if (!config->silences.url) {
        foreigns_destroy(am->read);
        am->read = NULL;
        return;
    }
    am->config = config_hold(config);
    am->own = &config->silences;
    timer_start(&am->due, am->wish.loop, 0, read_all, am);
}

void alertmanager_close(struct alertmanager *am)
{
    if (!am)
        return;
    stop(am);
    life_drop(&am->life);
    alertmanager_forget_puts(am);
    while (!list_empty(&am->endings))
        alertmanager_forget_ending(am, list_first(&am->endings, struct ending, link));
    foreigns_destroy(am->read);
    free(am->trouble);
    free(am);
}
