#include "incident/foreign.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

/* "2026-11-21T03:48:00.000Z", with any fraction; zero: it is none. */
static int64_t time_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    struct tm tm = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (!rest)
        return 0;
    int64_t ms = (int64_t)timegm(&tm) * 1000, unit = 100;
    if (*rest == '.')
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
            ms += (*rest - '0') * unit;
    return ms;
}

static char *words_of(const json_t *object, const char *name)
{
    const char *word = json_string_value(json_object_get(object, name));
    struct text plain;
    text_init(&plain, 400);
    if (word)
        text_add_plain(&plain, word, strlen(word)); /* it goes to terminals, and into events */
    if (plain.len)
        return text_take(&plain);
    text_finish(&plain);
    return NULL;
}

static bool take(struct foreigns *foreigns, const json_t *written)
{
    const char *uuid = json_string_value(json_object_get(written, "id"));
    const json_t *status = json_object_get(written, "status");
    const char *state = json_string_value(json_object_get(status, "state"));
    struct foreign *foreign = &foreigns->all[foreigns->count];
    char *wrong = NULL;
    if (!uuid || !*uuid || strlen(uuid) >= sizeof(foreign->uuid))
        return false;
    foreigns->count++;
    (void)snprintf(foreign->uuid, sizeof(foreign->uuid), "%s", uuid);
    (void)snprintf(foreign->face.id, sizeof(foreign->face.id), "%.8s", uuid);
    foreign->face.who = words_of(written, "createdBy");
    foreign->face.who = foreign->face.who ? foreign->face.who : mem_copy("somebody");
    foreign->face.reason = words_of(written, "comment");
    foreign->face.begun_ms = time_of(written, "startsAt");
    foreign->face.until_ms = time_of(written, "endsAt");
    foreign->expired = state && strcmp(state, "expired") == 0;
    if (foreign->expired)
        return true;
    foreign->matchers = matchers_parse(json_object_get(written, "matchers"), &wrong);
    foreigns->unread += wrong != NULL;
    if (!foreigns->wrong)
        foreigns->wrong = wrong;
    else
        free(wrong);
    return true;
}

struct foreigns *foreigns_parse(const char *json, size_t len)
{
    json_t *root = json_loadb(json, len, 0, NULL), *written;
    size_t index, most = json_array_size(root);
    bool fine = json_is_array(root);
    struct foreigns *foreigns = mem_new(sizeof(*foreigns));
    most = most < FOREIGN_MOST ? most : FOREIGN_MOST;
    foreigns->all = mem_array(most + 1, sizeof(*foreigns->all));
    json_array_foreach(root, index, written)
        if (index < most)
            fine = fine && take(foreigns, written);
    json_decref(root);
    if (fine)
        return foreigns;
    foreigns_destroy(foreigns);
    return NULL;
}

void foreigns_destroy(struct foreigns *foreigns)
{
    if (!foreigns)
        return;
    for (size_t i = 0; i < foreigns->count; i++) {
        free(foreigns->all[i].face.who);
        free(foreigns->all[i].face.reason);
        matchers_destroy(foreigns->all[i].matchers);
    }
    free(foreigns->wrong);
    free(foreigns->all);
    free(foreigns);
}

bool foreign_holds(const struct foreign *foreign, int64_t now_ms)
{
    return !foreign->expired && foreign->face.begun_ms <= now_ms && now_ms < foreign->face.until_ms;
}

const struct foreign *foreigns_find(const struct foreigns *foreigns, const json_t *labels,
                                    int64_t now_ms, foreign_skip_fn *skip, void *data)
{
    for (size_t i = 0; foreigns && i < foreigns->count; i++) {
        const struct foreign *foreign = &foreigns->all[i];
        if (foreign->matchers && foreign_holds(foreign, now_ms) && !skip(foreign->uuid, data) &&
            matchers_fit(foreign->matchers, labels))
            return foreign;
    }
    return NULL;
}

const struct foreign *foreigns_get(const struct foreigns *foreigns, const char *id)
{
    size_t len = strlen(id);
    for (size_t i = 0; foreigns && len >= sizeof("d5fd2465") - 1 && i < foreigns->count; i++)
        if (strncmp(foreigns->all[i].uuid, id, len) == 0)
            return &foreigns->all[i];
    return NULL;
}

void foreign_write(const struct foreign *foreign, struct writer *writer)
{
    struct text TEXT_AUTO about;
    text_init(&about, 4096);
    if (foreign->matchers)
        matchers_print(foreign->matchers, &about);
    writer_string(writer, "silence", foreign->face.id);
    writer_string(writer, "about", about.bytes);
    writer_time(writer, "begun", foreign->face.begun_ms);
    writer_time(writer, "until", foreign->face.until_ms);
    writer_string(writer, "who", foreign->face.who);
    if (foreign->face.reason)
        writer_string(writer, "reason", foreign->face.reason);
    writer_string(writer, "alertmanager", foreign->uuid);
}
