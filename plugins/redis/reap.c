#include "reap.h"

#include <stdlib.h>
#include <string.h>

#include "server.h"

static const char page_size[] = "500";

static struct reap *reap_of(struct probe_run *run)
{
    return run->data;
}

static void forget_page(struct reap *reap)
{
    for (size_t i = 0; i < reap->count; i++)
        free(reap->keys[i]);
    free(reap->keys);
    reap->keys = NULL;
    reap->count = reap->kept = reap->sent = 0;
}

/* ----------------------------------------------------------- unlinking ---- */

static void unlink_some(struct probe_run *run);

static void go_on(struct probe_run *run)
{
    struct reap *reap = reap_of(run);
    forget_page(reap);
    if (reap->more)
        reap->done(run);
    else
        scan_on(&reap->scan);
}

/* A key that is moving to another node is left to the next time; anything else ends the run. */
static void on_unlinked(struct probe_run *run, const redisReply *replies)
{
    struct reap *reap = reap_of(run);
    for (size_t i = 0; i < replies->elements; i++) {
        const redisReply *reply = replies->element[i];
        if (reply->type == REDIS_REPLY_INTEGER) {
            reap->removed += reply->integer;
        } else if (reply->type == REDIS_REPLY_ERROR && !errors_is(reply->str, "MOVED") &&
                   !errors_is(reply->str, "ASK ") && !errors_is(reply->str, "TRYAGAIN")) {
            talk_refused(reap->scan.talk, run, reply->str);
            return;
        }
    }
    unlink_some(run);
}

static int by_slot(const void *a, const void *b)
{
    const unsigned left = command_slot(*(char *const *)a), right = command_slot(*(char *const *)b);
    return (left > right) - (left < right);
}

/* How many keys from `from` on one command may take. */
static size_t group(const struct reap *reap, size_t from, size_t until)
{
    size_t end = from + 1;
    while (end < until && (!reap->scan.clustered ||
                           command_slot(reap->keys[end]) == command_slot(reap->keys[from])))
        end++;
    return end - from;
}

static void add_unlink(struct reap *reap, size_t from, size_t count)
{
    const char **words = malloc((count + 1) * sizeof(*words));
    if (!words)
        abort(); /* out of memory */
    words[0] = "UNLINK";
    for (size_t i = 0; i < count; i++)
        words[i + 1] = reap->keys[from + i];
    talk_add(reap->scan.talk, (int)count + 1, words);
    free(words);
}

static void send_group(struct probe_run *run)
{
    struct reap *reap = reap_of(run);
    size_t until = reap->sent + (size_t)reap->batch;
    if (until > reap->kept)
        until = reap->kept;
    while (reap->sent < until) {
        size_t count = group(reap, reap->sent, until);
        add_unlink(reap, reap->sent, count);
        reap->sent += count;
    }
    talk_send(reap->scan.talk, run, on_unlinked);
}

static void on_pause(int status, void *data)
{
    if (status == 0)
        send_group(data);
}

static void unlink_some(struct probe_run *run)
{
    struct reap *reap = reap_of(run);
    if (reap->sent == reap->kept)
        go_on(run);
    else if (reap->sent == 0)
        send_group(run);
    else
        (void)probe_timer(&run->life, (uint64_t)reap->scan.pause_ms, on_pause, run);
}

/* ------------------------------------------------------------ choosing ---- */

/* Answers that are errors of the server's about one key; a key that went meanwhile is none. */
static const char *error_in(redisReply *const *answers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (answers[i]->type == REDIS_REPLY_ERROR && !errors_is(answers[i]->str, "WRONGTYPE") &&
            !errors_is(answers[i]->str, "MOVED") && !errors_is(answers[i]->str, "ASK "))
            return answers[i]->str;
    return NULL;
}

static void on_answers(struct probe_run *run, const redisReply *replies)
{
    struct reap *reap = reap_of(run);
    const char *error = error_in(replies->element, replies->elements);
    if (error) {
        talk_refused(reap->scan.talk, run, error);
        return;
    }
    for (size_t i = 0; i < reap->count && !reap->more; i++) {
        redisReply *const *answers = replies->element + i * reap->questions;
        if ((i + 1) * reap->questions > replies->elements ||
            !reap->wants(run, reap->keys[i], answers))
            continue;
        if (reap->chosen == reap->most) {
            reap->more = true;
            break;
        }
        char *chosen = reap->keys[i];
        reap->keys[i] = reap->keys[reap->kept];
        reap->keys[reap->kept++] = chosen;
        reap->chosen++;
    }
    if (!reap->apply) {
        go_on(run);
        return;
    }
    if (reap->scan.clustered)
        qsort(reap->keys, reap->kept, sizeof(*reap->keys), by_slot);
    unlink_some(run);
}

/* Keys with a NUL byte in them cannot be named in ours; they are left alone. */
static void on_keys(struct probe_run *run, const redisReply *keys)
{
    struct reap *reap = reap_of(run);
    reap->keys = calloc(keys->elements, sizeof(*reap->keys));
    if (!reap->keys)
        abort(); /* out of memory */
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        if (strlen(key->str) != (size_t)key->len)
            continue;
        char *copy = strdup(key->str);
        if (!copy)
            abort(); /* out of memory */
        reap->keys[reap->count++] = copy;
        reap->ask(run, copy);
    }
    if (reap->count == 0)
        go_on(run);
    else
        talk_send(reap->scan.talk, run, on_answers);
}

/* ----------------------------------------------------------------- run ---- */

static void on_end(struct probe_run *run)
{
    reap_of(run)->done(run);
}

void reap_start(struct probe_run *run)
{
    struct reap *reap = reap_of(run);
    reap->found = &reap->scan;
    reap->scan.talk = server_actions(run);
    reap->scan.run = run;
    reap->scan.count = page_size;
    reap->scan.page = on_keys;
    reap->scan.end = on_end;
    scan_start(&reap->scan);
}

void reap_free(struct reap *reap)
{
    forget_page(reap);
    scan_free(&reap->scan);
}

void reap_ended(struct probe_target *self, struct probe_run *run)
{
    reap_free(run->data);
    server_action_ended(self, run);
}
