#include "app/relay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/writer.h"
#include "io/loop.h"
#include "io/wait.h"

#define ASK LEASE_POST "ask/"
#define ANSWER LEASE_POST "answer/"

enum {
    LOOK_MS = 1000,        /* how often the holder looks for letters */
    ANSWERED_MS = 250,     /* how often a standby looks for its answer */
    PATIENCE_MS = 8000,    /* of a standby; less than a caller's own */
    OLDEST_MS = 60000,     /* of a letter */
    SWEEP_EVERY = 30,      /* looks: answers that nobody has fetched are removed */
    MOST_REMEMBERED = 128, /* letters that were taken, should they be seen again */
    ID_LEN = 16
};

struct relay {
    struct loop *loop;
    struct lease *lease;
    control_fn *fn;
    void *data;
    struct timer look;
    unsigned looks;
    bool looking;
    char taken[MOST_REMEMBERED][ID_LEN + 1]; /* in a ring */
    size_t next_taken;
    json_t *old;           /* answers that were there at the sweep before */
    struct list questions; /* of ours, which wait */
    struct list replies;   /* of ours, which are made */
};

/* A question of this agent's. */
struct question {
    struct list link;
    struct relay *relay;
    char id[ID_LEN + 1];
    relay_fn *fn;
    void *data;
    struct timer look, patience;
};

/* A letter that is being answered. */
struct reply {
    struct list link;
    struct relay *relay; /* NULL: gone */
    char id[ID_LEN + 1];
    int64_t token;
};

static void make_id(char id[ID_LEN + 1])
{
    uint64_t bytes = 0;
    if (getrandom(&bytes, sizeof(bytes), 0) < 0)
        abort(); /* two letters of one name would be mixed up */
    (void)snprintf(id, ID_LEN + 1, "%016llx", (unsigned long long)bytes);
}

static char *key_of(const char *prefix, const char *id)
{
    return mem_print("%s%s", prefix, id);
}

/* -------------------------------------------------------------- the holder ---- */

static void on_answer(const struct text *line, void *data)
{
    struct reply *reply = data;
    struct relay *relay = reply->relay;
    int64_t token = 0;
    list_remove(&reply->link);
    if (relay && lease_held(relay->lease, &token) && token == reply->token) {
        MEM_AUTO char *key = key_of(ANSWER, reply->id);
        bool fits = line->len <= KEEPER_LONGEST;
        MEM_AUTO char *other =
            fits ? NULL
                 : mem_print("{\"v\":%d,\"error\":\"the answer is too long to be passed on\"}",
                             (int)CONTROL_VERSION);
        lease_put(relay->lease, token, key, fits ? line->bytes : other, NULL, NULL);
    }
    free(reply);
}

static bool was_taken(struct relay *relay, const char *id)
{
    for (size_t i = 0; i < MOST_REMEMBERED; i++)
        if (strcmp(relay->taken[i], id) == 0)
            return true;
    (void)snprintf(relay->taken[relay->next_taken], ID_LEN + 1, "%s", id);
    relay->next_taken = (relay->next_taken + 1) % MOST_REMEMBERED;
    return false;
}

static bool is_fresh(const struct relay *relay, const json_t *letter)
{
    int64_t age_ms =
        loop_wall_ms(relay->loop) - json_integer_value(json_object_get(letter, "at_ms"));
    return age_ms < OLDEST_MS && age_ms > -OLDEST_MS;
}

static void heed(struct relay *relay, const char *id, const json_t *letter, int64_t token)
{
    const json_t *args = json_object_get(letter, "args");
    const struct control_request request = {
        .word = json_string_value(json_object_get(letter, "do")),
        .args = args,
        .uid = (uid_t)json_integer_value(json_object_get(letter, "uid")),
        .from = json_string_value(json_object_get(letter, "from")),
    };
    if (!request.word || !json_is_object(args) || !request.from)
        return;
    struct reply *reply = mem_new(sizeof(*reply));
    *reply = (struct reply){.relay = relay, .token = token};
    (void)snprintf(reply->id, sizeof(reply->id), "%s", id);
    list_init(&reply->link);
    list_add(&relay->replies, &reply->link);
    relay->fn(control_call(on_answer, reply), &request, relay->data);
}

static void take(struct relay *relay, const struct probe_pair *document, int64_t token)
{
    const char *id = document->name + strlen(ASK);
    lease_put(relay->lease, token, document->name, NULL, NULL, NULL);
    if (strlen(id) != ID_LEN || was_taken(relay, id))
        return;
    json_t *letter = json_loads(document->value, JSON_REJECT_DUPLICATES, NULL);
    if (is_fresh(relay, letter))
        heed(relay, id, letter, token);
    json_decref(letter);
}

static void begin_look(struct relay *relay);

static void on_letters(int status, const struct probe_pair *documents, void *data)
{
    struct relay *relay = data;
    int64_t token = 0;
    relay->looking = false;
    for (; status == 0 && documents->name && lease_held(relay->lease, &token); documents++)
        take(relay, documents, token);
    begin_look(relay);
}

/* What lay there a sweep ago already is fetched by nobody. */
static void on_answers(int status, const struct probe_pair *documents, void *data)
{
    struct relay *relay = data;
    json_t *seen = json_object();
    int64_t token = 0;
    relay->looking = false;
    for (; status == 0 && documents->name && lease_held(relay->lease, &token); documents++) {
        if (json_object_get(relay->old, documents->name))
            lease_put(relay->lease, token, documents->name, NULL, NULL, NULL);
        (void)json_object_set_new(seen, documents->name, json_true());
    }
    json_decref(relay->old);
    relay->old = seen;
    begin_look(relay);
}

static void on_look(void *data)
{
    struct relay *relay = data;
    if (!lease_held(relay->lease, NULL) || relay->looking)
        return;
    bool sweep = ++relay->looks % SWEEP_EVERY == 0;
    relay->looking = true;
    lease_get(relay->lease, sweep ? ANSWER : ASK, sweep ? on_answers : on_letters, relay);
}

static void begin_look(struct relay *relay)
{
    if (lease_held(relay->lease, NULL))
        timer_start(&relay->look, relay->loop, LOOK_MS, on_look, relay);
}

/* ------------------------------------------------------------- the standby ---- */

static void end_question(struct question *question)
{
    timer_stop(&question->look);
    timer_stop(&question->patience);
    lease_forget(question->relay->lease, question);
    list_remove(&question->link);
    free(question);
}

static void settle(struct question *question, const json_t *result, const struct error *error)
{
    relay_fn *fn = question->fn;
    void *data = question->data;
    end_question(question);
    fn(result, error, data);
}

/* The holder has not answered, and why. */
__attribute__((format(printf, 3, 4))) static void fail(struct question *question, int code,
                                                       const char *fmt, ...)
{
    const struct relay *relay = question->relay;
    struct error error;
    va_list args;
    va_start(args, fmt);
    MEM_AUTO char *why = mem_print_args(fmt, args);
    va_end(args);
    (void)error_set(&error, code, "%s: %s", relay_holder(relay), why);
    (void)error_hint(&error, "ask that agent itself, where it runs");
    settle(question, NULL, &error);
}

static void on_letter(int status, const struct probe_pair *documents, void *data)
{
    struct question *question = data;
    struct relay *relay = question->relay;
    MEM_AUTO char *key = key_of(ANSWER, question->id);
    while (status == 0 && documents->name && strcmp(documents->name, key) != 0)
        documents++;
    if (status < 0 || !documents->name)
        return; /* the next look, or the end of patience */
    json_t *answer = json_loads(documents->value, 0, NULL);
    const json_t *result = json_object_get(answer, "result");
    const char *message = json_string_value(json_object_get(answer, "error"));
    const char *hint = json_string_value(json_object_get(answer, "hint"));
    struct error error;
    *error.hint = '\0';
    lease_post(relay->lease, key, NULL, NULL, NULL);
    (void)error_set(&error, -EREMOTEIO, "%s", message ? message : "its answer cannot be read");
    if (hint)
        (void)error_hint(&error, "%s", hint);
    settle(question, result, result ? NULL : &error);
    json_decref(answer);
}

static void on_again(void *data)
{
    struct question *question = data;
    MEM_AUTO char *key = key_of(ANSWER, question->id);
    lease_get(question->relay->lease, key, on_letter, question);
    timer_start(&question->look, question->relay->loop, ANSWERED_MS, on_again, question);
}

/* It is not to be heeded later. */
static void withdraw(const struct question *question)
{
    MEM_AUTO char *key = key_of(ASK, question->id);
    lease_post(question->relay->lease, key, NULL, NULL, NULL);
}

static void on_impatient(void *data)
{
    struct question *question = data;
    withdraw(question);
    fail(question, -ETIMEDOUT, "it has not answered within %d s", (int)PATIENCE_MS / 1000);
}

static void on_posted(int status, void *data)
{
    struct question *question = data;
    if (status == -ESTALE)
        fail(question, status, "the lease's store takes no letter to it");
    else if (status < 0)
        fail(question, status, "the lease's store cannot be written: %s", strerror(-status));
    else
        on_again(question);
}

bool relay_leads_on(const struct relay *relay)
{
    return relay && !lease_held(relay->lease, NULL) && lease_holder(relay->lease);
}

const char *relay_holder(const struct relay *relay)
{
    const char *holder = relay ? lease_holder(relay->lease) : NULL;
    return holder ? holder : "nobody";
}

void relay_ask(struct relay *relay, const struct control_request *request, relay_fn *fn, void *data)
{
    struct question *question = mem_new(sizeof(*question));
    *question = (struct question){.relay = relay, .fn = fn, .data = data};
    list_init(&question->link);
    list_add(&relay->questions, &question->link);
    make_id(question->id);
    json_t *letter = json_pack("{s:i, s:s, s:O, s:I, s:s, s:I}",
                               "v",
                               (int)CONTROL_VERSION,
                               "do",
                               request->word,
                               "args",
                               request->args,
                               "uid",
                               (json_int_t)request->uid,
                               "from",
                               lease_name(relay->lease),
                               "at_ms",
                               (json_int_t)loop_wall_ms(relay->loop));
    char *line = json_dumps(letter, JSON_COMPACT);
    MEM_AUTO char *key = key_of(ASK, question->id);
    timer_start(&question->patience, relay->loop, PATIENCE_MS, on_impatient, question);
    lease_post(relay->lease, key, line, on_posted, question);
    json_decref(letter);
    free(line);
}

/* ------------------------------------------------------------- open, close ---- */

/* Whom we have asked is not the holder any more: we are. */
static void give_up(struct relay *relay)
{
    struct error error;
    (void)error_set(&error, -EAGAIN, "this agent has taken the lease over meanwhile");
    (void)error_hint(&error, "ask it again");
    while (!list_empty(&relay->questions)) {
        struct question *question = list_first(&relay->questions, struct question, link);
        withdraw(question);
        settle(question, NULL, &error);
    }
}

static void on_lease(bool held, void *data)
{
    struct relay *relay = data;
    timer_stop(&relay->look);
    if (!held)
        return;
    if (!relay->looking)
        begin_look(relay);
    give_up(relay);
}

struct relay *relay_open(struct loop *loop, struct lease *lease, control_fn *fn, void *data)
{
    struct relay *relay = mem_new(sizeof(*relay));
    *relay = (struct relay){.loop = loop, .lease = lease, .fn = fn, .data = data};
    list_init(&relay->questions);
    list_init(&relay->replies);
    lease_watch(lease, on_lease, relay);
    if (lease_held(lease, NULL))
        on_lease(true, relay);
    return relay;
}

void relay_close(struct relay *relay)
{
    struct reply *reply;
    if (!relay)
        return;
    timer_stop(&relay->look);
    lease_unwatch(relay->lease, on_lease, relay);
    lease_forget(relay->lease, relay);
    while (!list_empty(&relay->questions))
        fail(list_first(&relay->questions, struct question, link),
             -ECANCELED,
             "this agent ends, and has not been answered yet");
    list_for_each(reply, &relay->replies, struct reply, link) {
        list_remove(&reply->link);
        reply->relay = NULL;
    }
    json_decref(relay->old);
    free(relay);
}
