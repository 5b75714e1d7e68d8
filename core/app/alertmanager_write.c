/*
 * alertmanager_write - silences made here, written to Alertmanager and ended there.
 *
 * Layer: app.  Part of app/alertmanager.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/alertmanager_parts.h"
#include "base/exposition.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"

enum { MOST_ENDINGS = SILENCE_MOST };

/* --------------------------------------------------------------- requests ---- */

/* A request that somebody may wait for. */
struct errand {
    struct alertmanager *am;
    char *id; /* of ours that is put; of theirs that is ended */
    alertmanager_fn *fn;
    void *data;
};

static struct errand *errand_new(struct alertmanager *am, const char *id, alertmanager_fn *fn,
                                 void *data)
{
    struct errand *errand = mem_new(sizeof(*errand));
    *errand = (struct errand){am, mem_copy(id), fn, data};
    return errand;
}

static void errand_over(struct errand *errand, const char *why)
{
    if (errand->fn)
        errand->fn(why, errand->data);
    free(errand->id);
    free(errand);
}

/* ---------------------------------------------------------------- writing ---- */

/* One of ours from when it is written there until it is known that it has been. */
struct put {
    struct list link;
    bool on_its_way;
    unsigned round; /* that was being read when it was not answered: it may have been taken since */
    char id[SILENCE_ID_LEN];
};

static struct put *put_of(struct alertmanager *am, const char *id)
{
    struct put *put;
    list_for_each(put, &am->puts, struct put, link) {
        if (strcmp(put->id, id) == 0)
            return put;
    }
    return NULL;
}

static void put_begin(struct alertmanager *am, const char *id)
{
    struct put *put = put_of(am, id);
    if (!put) {
        put = mem_new(sizeof(*put));
        (void)snprintf(put->id, sizeof(put->id), "%s", id);
        list_add(&am->puts, &put->link);
    }
    put->on_its_way = true;
}

static void put_over(struct put *put)
{
    if (!put)
        return;
    list_remove(&put->link);
    free(put);
}

void alertmanager_forget_puts(struct alertmanager *am)
{
    while (!list_empty(&am->puts))
        put_over(list_first(&am->puts, struct put, link));
}

/* It has that one of ours, which may have ended meanwhile. */
static void note_taken(struct alertmanager *am, const char *id, const char *uuid)
{
    put_over(put_of(am, id));
    if (!silences_note_elsewhere(am->wish.silences, id, uuid))
        (void)alertmanager_end(am, uuid, NULL, NULL);
}

static void note_untaken(struct alertmanager *am, const char *id)
{
    struct put *put = put_of(am, id);
    if (!put)
        return;
    put->on_its_way = false;
    put->round = am->round;
}

static void on_put(int status, const struct probe_response *response, void *data)
{
    struct errand *errand = data;
    struct alertmanager *am = errand->am;
    MEM_AUTO char *why = alertmanager_trouble(status, response);
    json_t *root = why ? NULL : json_loadb(response->body, response->body_len, 0, NULL);
    const char *uuid = json_string_value(json_object_get(root, "silenceID"));
    if (!why && (!uuid || strlen(uuid) >= FOREIGN_UUID_LEN))
        why = mem_copy("it gave no silenceID");
    if (!why)
        note_taken(am, errand->id, uuid);
    else
        note_untaken(am, errand->id);
    if (why && status != -ECANCELED)
        log_warn("silence %s is not in Alertmanager: %s; it is tried again", errand->id, why);
    errand_over(errand, why);
    json_decref(root);
}

static void write_matcher(struct writer *writer, const char *name, const char *value, bool pattern)
{
    struct text TEXT_AUTO regex;
    text_init(&regex, 8192);
    bool is_regex = pattern && strchr(value, '*');
    for (const char *c = value; is_regex && *c; c++) {
        if (*c == '*')
            text_add_char(&regex, '.');
        else if (strchr("\\.+?()[]{}|^$", *c))
            text_add_char(&regex, '\\');
        text_add_char(&regex, *c);
    }
    writer_object(writer, NULL);
    writer_string(writer, "name", name);
    writer_string(writer, "value", is_regex ? regex.bytes : value);
    writer_bool(writer, "isRegex", is_regex);
    writer_bool(writer, "isEqual", true);
    writer_end(writer);
}

/* A silence of ours is one of our realm's. */
static void write_silence(const struct alertmanager *am, const struct silence *silence,
                          struct text *out)
{
    struct writer writer;
    MEM_AUTO char *comment = silence->reason ? mem_copy(silence->reason)
                                             : mem_print("by runbookd silence, %s", silence->id);
    writer_init(&writer, out);
    writer_object(&writer, NULL);
    writer_array(&writer, "matchers");
    write_matcher(&writer, "realm", am->wish.speaker->realm, false);
    if (silence->target)
        write_matcher(&writer, "target", silence->target, true);
    if (silence->name)
        write_matcher(&writer, "name", silence->name, true);
    if (silence->subject)
        write_matcher(&writer, "subject", silence->subject, false);
    for (size_t i = 0; i < silence->label_count; i++) {
        char name[EXPOSITION_LABEL];
        exposition_label_name(silence->labels[2 * i], "", name);
        write_matcher(&writer, name, silence->labels[2 * i + 1], false);
    }
    writer_end(&writer);
    writer_time(&writer, "startsAt", silence->begun_ms);
    writer_time(&writer, "endsAt", silence->until_ms);
    writer_string(&writer, "createdBy", silence->who);
    writer_string(&writer, "comment", comment);
    writer_end(&writer);
}

bool alertmanager_put(struct alertmanager *am, const struct silence *silence, alertmanager_fn *fn,
                      void *data)
{
    if (!am || !am->own)
        return false;
    struct text TEXT_AUTO body;
    text_init(&body, 64 << 10);
    write_silence(am, silence, &body);
    put_begin(am, silence->id);
    alertmanager_send(
        am, "POST", "/api/v2/silences", &body, on_put, errand_new(am, silence->id, fn, data));
    return true;
}

/* ----------------------------------------------------------------- ending ---- */

struct ending *alertmanager_ending(struct alertmanager *am, const char *uuid)
{
    struct ending *ending;
    list_for_each(ending, &am->endings, struct ending, link) {
        if (strcmp(ending->uuid, uuid) == 0)
            return ending;
    }
    return NULL;
}

void alertmanager_forget_ending(struct alertmanager *am, struct ending *ending)
{
    list_remove(&ending->link);
    am->ending_count--;
    free(ending);
}

void alertmanager_forget_endings(struct alertmanager *am, unsigned round)
{
    struct ending *ending;
    list_for_each(ending, &am->endings, struct ending, link) {
        if (ending->over && round > ending->round)
            alertmanager_forget_ending(am, ending);
    }
}

static void on_ended(int status, const struct probe_response *response, void *data)
{
    struct errand *errand = data;
    bool gone = status == 0 && response->code == 404;
    MEM_AUTO char *why = gone ? NULL : alertmanager_trouble(status, response);
    struct ending *ending = alertmanager_ending(errand->am, errand->id);
    if (!why && ending) {
        ending->over = true;
        ending->round = errand->am->round;
    }
    errand_over(errand, why);
}

static void send_ending(struct alertmanager *am, const char *uuid, alertmanager_fn *fn, void *data)
{
    MEM_AUTO char *path = mem_print("/api/v2/silence/%s", uuid);
    alertmanager_send(am, "DELETE", path, NULL, on_ended, errand_new(am, uuid, fn, data));
}

bool alertmanager_end(struct alertmanager *am, const char *uuid, alertmanager_fn *fn, void *data)
{
    if (!am || !am->own)
        return false;
    if (!alertmanager_ending(am, uuid) && am->ending_count < MOST_ENDINGS) {
        struct ending *ending = mem_new(sizeof(*ending));
        (void)snprintf(ending->uuid, sizeof(ending->uuid), "%s", uuid);
        list_add(&am->endings, &ending->link);
        am->ending_count++;
    }
    send_ending(am, uuid, fn, data);
    return true;
}

/* ------------------------------------------------------------ catching up ---- */

struct catching {
    struct alertmanager *am;
    unsigned round;
    int64_t now_ms; /* of all of it, so that no silence ends meanwhile */
};

/* What it took although its answer never came here: with the same matchers, until the same millisecond. */
static const struct foreign *find_taken(const struct catching *catching,
                                        const struct silence *silence)
{
    struct alertmanager *am = catching->am;
    struct text TEXT_AUTO body;
    const struct foreign *found = NULL;
    text_init(&body, 64 << 10);
    write_silence(am, silence, &body);
    json_t *root = json_loadb(body.bytes, body.len, 0, NULL);
    MEM_AUTO char *wrong = NULL;
    struct matchers *matchers = matchers_parse(json_object_get(root, "matchers"), &wrong);
    for (size_t i = 0; i < am->read->count && !found; i++) {
        const struct foreign *each = &am->read->all[i];
        if (!each->expired && each->face.until_ms == silence->until_ms &&
            matchers_same(each->matchers, matchers) &&
            !alertmanager_is_ours(am, each->uuid, catching->now_ms))
            found = each;
    }
    matchers_destroy(matchers);
    json_decref(root);
    return found;
}

static void put_unknown(const struct silence *silence, void *data)
{
    const struct catching *catching = data;
    const struct put *put = put_of(catching->am, silence->id);
    if (silence->elsewhere || (put && (put->on_its_way || catching->round <= put->round)))
        return;
    const struct foreign *taken = find_taken(catching, silence);
    if (taken)
        note_taken(catching->am, silence->id, taken->uuid);
    else
        (void)alertmanager_put(catching->am, silence, NULL, NULL);
}

/* Those that have ended while it was not known whether it has them. */
static void drop_ended(struct alertmanager *am, int64_t now_ms)
{
    struct put *put;
    list_for_each(put, &am->puts, struct put, link) {
        if (!put->on_its_way && !silences_get(am->wish.silences, put->id, now_ms))
            put_over(put);
    }
}

void alertmanager_catch_up(struct alertmanager *am, unsigned round)
{
    struct catching catching = {am, round, loop_wall_ms(am->wish.loop)};
    struct ending *ending;
    drop_ended(am, catching.now_ms);
    silences_each(am->wish.silences, catching.now_ms, put_unknown, &catching);
    list_for_each(ending, &am->endings, struct ending, link) {
        if (!ending->over)
            send_ending(am, ending->uuid, NULL, NULL);
    }
}
