#include "incident/silence.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

struct silences {
    struct memo *memo;
    struct list all; /* in the order in which they were made */
    size_t count;
    unsigned last;                                  /* number that was given out */
    char ended[SILENCE_ENDED_MOST][SILENCE_ID_LEN]; /* what the realm knows as such, in a ring */
    size_t next_ended;
};

static void forget(struct silences *silences, struct silence *silence)
{
    list_remove(&silence->link);
    silences->count--;
    free(silence->target);
    free(silence->name);
    free(silence->subject);
    for (size_t i = 0; i < 2 * silence->label_count; i++)
        free(silence->labels[i]);
    free(silence->who);
    free(silence->reason);
    free(silence->elsewhere);
    free(silence);
}

static bool is_shared(const struct silence *silence)
{
    return *silence->id == 'c';
}

/* What there is to be kept of one; `body` NULL: nothing any more, neither here nor in the realm. */
static void put(const struct silences *silences, const struct silence *silence, const json_t *body,
                memo_done_fn *fn, void *data)
{
    if (is_shared(silence))
        memo_put_shared(silences->memo, "silence", silence->id, body, body, fn, data);
    else
        memo_put(silences->memo, "silence", silence->id, body, fn, data);
}

/* What has passed is no more, neither here nor on disk. */
static void expire(struct silences *silences, int64_t now_ms)
{
    struct silence *silence;
    list_for_each(silence, &silences->all, struct silence, link) {
        if (now_ms < silence->until_ms)
            continue;
        put(silences, silence, NULL, NULL, NULL);
        forget(silences, silence);
    }
}

/* ------------------------------------------------------------------ kept ---- */

static void set_word(json_t *body, const char *name, const char *word)
{
    if (word)
        (void)json_object_set_new(body, name, json_string(word));
}

static json_t *pack(const struct silence *silence)
{
    json_t *body = json_object(), *labels = json_object();
    set_word(body, "target", silence->target);
    set_word(body, "name", silence->name);
    set_word(body, "subject", silence->subject);
    set_word(body, "who", silence->who);
    set_word(body, "reason", silence->reason);
    set_word(body, "elsewhere", silence->elsewhere);
    (void)json_object_set_new(body, "begun_ms", json_integer(silence->begun_ms));
    (void)json_object_set_new(body, "until_ms", json_integer(silence->until_ms));
    for (size_t i = 0; i < silence->label_count; i++)
        set_word(labels, silence->labels[2 * i], silence->labels[2 * i + 1]);
    (void)json_object_set_new(body, "labels", labels);
    if (silence->brought)
        (void)json_object_set_new(body, "brought", json_true());
    return body;
}

static char *word_of(const json_t *body, const char *name)
{
    return mem_copy(json_string_value(json_object_get(body, name)));
}

static struct silence *add(struct silences *silences, char letter, unsigned number)
{
    struct silence *silence = mem_new(sizeof(*silence));
    silence->number = number;
    (void)snprintf(silence->id, sizeof(silence->id), "%c%u", letter, number);
    list_add(&silences->all, &silence->link);
    silences->count++;
    if (number > silences->last)
        silences->last = number;
    return silence;
}

static void add_label(struct silence *silence, const char *name, const char *value)
{
    if (silence->label_count == SILENCE_MOST_LABELS)
        return;
    silence->labels[2 * silence->label_count] = mem_copy(name);
    silence->labels[2 * silence->label_count++ + 1] = mem_copy(value);
}

static void on_kept(const char *id, const json_t *body, void *data)
{
    struct silences *silences = data;
    json_t *labels = json_object_get(body, "labels");
    unsigned number = 0;
    const char *name;
    json_t *value;
    char letter = 0;
    if (sscanf(id, "%c%9u", &letter, &number) != 2 || (letter != 's' && letter != 'c') ||
        number == 0 || silences->count == SILENCE_MOST)
        return;
    struct silence *silence = add(silences, letter, number);
    silence->brought = json_is_true(json_object_get(body, "brought"));
    silence->target = word_of(body, "target");
    silence->name = word_of(body, "name");
    silence->subject = word_of(body, "subject");
    silence->who = word_of(body, "who");
    silence->reason = word_of(body, "reason");
    silence->elsewhere = word_of(body, "elsewhere");
    silence->begun_ms = json_integer_value(json_object_get(body, "begun_ms"));
    silence->until_ms = json_integer_value(json_object_get(body, "until_ms"));
    json_object_foreach(labels, name, value)
        if (json_is_string(value))
            add_label(silence, name, json_string_value(value));
}

struct silences *silences_create(struct memo *memo)
{
    struct silences *silences = mem_new(sizeof(*silences));
    silences->memo = memo;
    list_init(&silences->all);
    (void)memo_each(memo, "silence", on_kept, silences);
    return silences;
}

void silences_destroy(struct silences *silences)
{
    if (!silences)
        return;
    while (!list_empty(&silences->all))
        forget(silences, list_first(&silences->all, struct silence, link));
    free(silences);
}

/* ---------------------------------------------------------------- people ---- */

static bool says_nothing(const char *pattern)
{
    return !pattern || strspn(pattern, "*") == strlen(pattern);
}

static int judge(const struct silences *silences, const struct silence_wish *wish,
                 struct error *error)
{
    if (says_nothing(wish->target) && says_nothing(wish->name) && !wish->label_count)
        return error_set(
            error, -EINVAL, "a silence of everything is none: name a target or a label");
    if (wish->for_ms <= 0 || wish->for_ms > SILENCE_LONGEST_MS)
        return error_set(error, -EINVAL, "a silence holds for 31 days at most");
    if (silences->count >= SILENCE_MOST)
        return error_set(error, -ENOSPC, "there are %d silences already", (int)SILENCE_MOST);
    return 0;
}

const struct silence *silences_add(struct silences *silences, const struct silence_wish *wish,
                                   int64_t now_ms, struct error *error)
{
    expire(silences, now_ms);
    if (judge(silences, wish, error) < 0)
        return NULL;
    struct silence *silence = add(silences, wish->shared ? 'c' : 's', silences->last + 1);
    silence->target = mem_copy(wish->target);
    silence->name = mem_copy(wish->name);
    silence->subject = mem_copy(wish->subject);
    silence->who = mem_copy(wish->who);
    silence->reason = mem_copy(wish->reason);
    silence->begun_ms = now_ms;
    silence->until_ms = now_ms + wish->for_ms;
    for (size_t i = 0; i < wish->label_count; i++)
        add_label(silence, wish->labels[2 * i], wish->labels[2 * i + 1]);
    return silence;
}

void silences_keep(struct silences *silences, const struct silence *silence, memo_done_fn *fn,
                   void *data)
{
    json_t *body = pack(silence);
    put(silences, silence, body, fn, data);
    json_decref(body);
}

static struct silence *of_id(const struct silences *silences, const char *id)
{
    struct silence *silence;
    list_for_each(silence, &silences->all, struct silence, link) {
        if (strcmp(silence->id, id) == 0)
            return silence;
    }
    return NULL;
}

/* Somebody else has made one of that id: ours gets another one. */
static void rename_it(struct silences *silences, struct silence *silence)
{
    memo_put(silences->memo, "silence", silence->id, NULL, NULL, NULL);
    silence->number = ++silences->last;
    (void)snprintf(silence->id, sizeof(silence->id), "c%u", silence->number);
}

/* What becomes of one of ours that goes over, by what the realm has under its id. */
static void compare(struct silences *silences, struct silence *silence, const json_t *theirs)
{
    bool same = json_integer_value(json_object_get(theirs, "begun_ms")) == silence->begun_ms;
    if (same && json_is_true(json_object_get(theirs, "ended"))) {
        memo_put(silences->memo, "silence", silence->id, NULL, NULL, NULL);
        forget(silences, silence);
    } else if (!same) {
        if (theirs)
            rename_it(silences, silence);
        silences_keep(silences, silence, NULL, NULL);
    }
}

/* The realm knows of so many; the oldest is forgotten there. */
static void note_ended(struct silences *silences, const char *id)
{
    for (size_t i = 0; i < SILENCE_ENDED_MOST; i++)
        if (strcmp(silences->ended[i], id) == 0)
            return;
    char *place = silences->ended[silences->next_ended];
    if (*place && !of_id(silences, place))
        memo_put_shared(silences->memo, "silence", place, NULL, NULL, NULL, NULL);
    (void)snprintf(place, SILENCE_ID_LEN, "%s", id);
    silences->next_ended = (silences->next_ended + 1) % SILENCE_ENDED_MOST;
}

static void bring(struct silences *silences, const char *id, const json_t *theirs, int64_t now_ms)
{
    if (json_integer_value(json_object_get(theirs, "until_ms")) <= now_ms) {
        memo_put_shared(silences->memo, "silence", id, NULL, NULL, NULL, NULL);
        return;
    }
    if (json_is_true(json_object_get(theirs, "ended"))) {
        note_ended(silences, id);
        return;
    }
    json_t *brought = json_copy((json_t *)theirs);
    (void)json_object_set_new(brought, "brought", json_true());
    on_kept(id, brought, silences);
    memo_put(silences->memo, "silence", id, brought, NULL, NULL);
    json_decref(brought);
}

void silences_take(struct silences *silences, const json_t *realms, int64_t now_ms)
{
    struct silence *silence;
    unsigned number = 0;
    const char *id;
    json_t *theirs;
    json_object_foreach((json_t *)realms, id, theirs)
        if (sscanf(id, "c%9u", &number) == 1 && number > silences->last)
            silences->last = number;
    list_for_each(silence, &silences->all, struct silence, link) {
        if (is_shared(silence))
            compare(silences, silence, json_object_get(realms, silence->id));
    }
    json_object_foreach((json_t *)realms, id, theirs)
        if (*id == 'c' && json_is_object(theirs) && !of_id(silences, id))
            bring(silences, id, theirs, now_ms);
}

bool silences_note_elsewhere(struct silences *silences, const char *id, const char *elsewhere)
{
    struct silence *silence = of_id(silences, id);
    if (!silence)
        return false;
    free(silence->elsewhere);
    silence->elsewhere = mem_copy(elsewhere);
    silences_keep(silences, silence, NULL, NULL);
    return true;
}

static struct silence *find(struct silences *silences, const char *id, int64_t now_ms)
{
    expire(silences, now_ms);
    return of_id(silences, id);
}

const struct silence *silences_get(struct silences *silences, const char *id, int64_t now_ms)
{
    return find(silences, id, now_ms);
}

bool silences_end(struct silences *silences, const char *id, int64_t now_ms, memo_done_fn *fn,
                  void *data)
{
    struct silence *silence = find(silences, id, now_ms);
    if (!silence)
        return false;
    json_t *ended = json_pack("{s:b, s:I, s:I}",
                              "ended",
                              true,
                              "begun_ms",
                              (json_int_t)silence->begun_ms,
                              "until_ms",
                              (json_int_t)silence->until_ms);
    if (is_shared(silence)) {
        memo_put_shared(silences->memo, "silence", silence->id, NULL, ended, fn, data);
        note_ended(silences, silence->id);
    } else {
        put(silences, silence, NULL, fn, data);
    }
    json_decref(ended);
    forget(silences, silence);
    return true;
}

/* --------------------------------------------------------------- fitting ---- */

static bool fits(const char *pattern, const char *word)
{
    return !pattern || (word && fnmatch(pattern, word, FNM_NOESCAPE) == 0);
}

static bool has_label(const char *const *labels, const char *name, const char *value)
{
    for (; labels && labels[0]; labels += 2)
        if (strcmp(labels[0], name) == 0)
            return strcmp(labels[1], value) == 0;
    return false;
}

bool silence_has_labels(const char *const *labels, const struct silence_matter *matter)
{
    for (; labels && labels[0]; labels += 2)
        if (!has_label(matter->labels, labels[0], labels[1]) &&
            !has_label(matter->more_labels, labels[0], labels[1]))
            return false;
    return true;
}

static bool fits_labels(const struct silence *silence, const struct silence_matter *matter)
{
    for (size_t i = 0; i < silence->label_count; i++) {
        const char *name = silence->labels[2 * i], *value = silence->labels[2 * i + 1];
        if (!has_label(matter->labels, name, value) && !has_label(matter->more_labels, name, value))
            return false;
    }
    return true;
}

bool silence_fits(const struct silence *silence, const struct silence_matter *matter)
{
    if (silence->brought && matter->of_node)
        return false;
    if (silence->subject && (!matter->subject || strcmp(silence->subject, matter->subject) != 0))
        return false;
    return fits(silence->target, matter->target) && fits(silence->name, matter->name) &&
           fits_labels(silence, matter);
}

const struct silence *silences_find(struct silences *silences, const struct silence_matter *matter,
                                    int64_t now_ms)
{
    const struct silence *silence;
    expire(silences, now_ms);
    list_for_each(silence, &silences->all, struct silence, link) {
        if (silence_fits(silence, matter))
            return silence;
    }
    return NULL;
}

size_t silences_count(struct silences *silences, int64_t now_ms)
{
    expire(silences, now_ms);
    return silences->count;
}

void silences_each(struct silences *silences, int64_t now_ms, silence_fn *fn, void *data)
{
    const struct silence *silence;
    expire(silences, now_ms);
    list_for_each(silence, &silences->all, struct silence, link)
        fn(silence, data);
}

void silence_print(const struct silence *silence, struct text *out)
{
    if (silence->target || silence->name)
        text_add(out, silence->target ? silence->target : "*");
    if (silence->name)
        text_print(out, "/%s", silence->name);
    if (silence->subject)
        text_print(out, "[%s]", silence->subject);
    for (size_t i = 0; i < silence->label_count; i++)
        text_print(out,
                   "%s%s=%s",
                   out->len ? " " : "",
                   silence->labels[2 * i],
                   silence->labels[2 * i + 1]);
}

void silence_write(const struct silence *silence, struct writer *writer)
{
    struct text TEXT_AUTO about;
    text_init(&about, 4096);
    silence_print(silence, &about);
    writer_string(writer, "silence", silence->id);
    writer_string(writer, "about", about.bytes);
    writer_time(writer, "begun", silence->begun_ms);
    writer_time(writer, "until", silence->until_ms);
    writer_string(writer, "who", silence->who);
    if (silence->reason)
        writer_string(writer, "reason", silence->reason);
    if (silence->elsewhere)
        writer_string(writer, "alertmanager", silence->elsewhere);
}
