#include "walk.h"

#include <stdlib.h>
#include <string.h>

#include "server.h"

enum { WORDS_MOST = 8 };

static void next_question(struct probe_run *run);

/* --------------------------------------------------------------- names ---- */

/* The n-th of all lists; 0 beyond the last.  QUEUE_NONE: a key, whose type is to be asked for. */
static enum queue_kind nth(const struct queue_names *names, size_t at, const char **ret_name)
{
    const struct {
        enum queue_kind kind;
        const char *const *names;
    } lists[] = {{QUEUE_NONE, names->keys},
                 {QUEUE_BULL, names->bull},
                 {QUEUE_SIDEKIQ, names->sidekiq},
                 {QUEUE_CELERY, names->celery}};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        for (const char *const *name = lists[i].names; *name; name++)
            if (at-- == 0) {
                *ret_name = *name;
                return lists[i].kind;
            }
    return 0;
}

size_t queue_count(const struct queue_names *names)
{
    const char *name;
    size_t count = 0;
    while (nth(names, count, &name))
        count++;
    return count;
}

static const char *twice(const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return names[i];
    return NULL;
}

int queue_prepare(const struct queue_names *names, struct probe_error *error)
{
    const struct {
        const char *option;
        const char *const *names;
    } lists[] = {{"keys", names->keys},
                 {"bull", names->bull},
                 {"sidekiq", names->sidekiq},
                 {"celery", names->celery}};
    if (queue_count(names) == 0)
        return probe_refuse(error,
                            "keys",
                            "name at least one key, or a queue with the option \"bull\", "
                            "\"sidekiq\" or \"celery\"");
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        if (twice(lists[i].names))
            return probe_refuse(
                error, lists[i].option, "\"%.100s\" is there twice", twice(lists[i].names));
    return 0;
}

/* ---------------------------------------------------------------- words ---- */

static struct queue_walk *walk_of(struct probe_run *run)
{
    return run->data;
}

static char *joined(const char *first, const char *second)
{
    size_t len = strlen(first) + strlen(second) + 1;
    char *out = malloc(len);
    if (!out)
        abort(); /* out of memory */
    (void)snprintf(out, len, "%s%s", first, second);
    return out;
}

static const char *meaning(const struct queue_walk *walk, char letter)
{
    switch (letter) {
    case 'n':
        return walk->name;
    case 'p':
        return walk->names->prefix;
    case 'i':
        return walk->item < walk->item_count ? walk->items[walk->item] : NULL;
    default:
        return walk->given[letter - '1'];
    }
}

/* A word with what is meant in the place of %n, %p and %i. */
static char *filled(const struct queue_walk *walk, const char *word)
{
    char *out = joined("", "");
    for (size_t len; *word; word += len) {
        const char letter[] = {word[0], '\0'};
        bool mark = word[0] == '%' && word[1];
        char *longer = joined(out, mark ? meaning(walk, word[1]) : letter);
        free(out);
        out = longer;
        len = mark ? 2 : 1;
    }
    return out;
}

static bool wants_item(const struct queue_step *step)
{
    for (size_t i = 0; step->words[i]; i++)
        if (strstr(step->words[i], "%i"))
            return true;
    return false;
}

/* Whether all that its words name is there. */
static bool can_be_asked(const struct queue_walk *walk, const struct queue_step *step)
{
    for (size_t i = 0; step->words[i]; i++)
        for (const char *mark = step->words[i]; (mark = strchr(mark, '%')) != NULL; mark += 2)
            if (!meaning(walk, mark[1]))
                return false;
    return true;
}

/* ------------------------------------------------------------- answers ---- */

static void next_queue(struct probe_run *run);

static void report_unknown(struct probe_run *run, const char *summary, const char *hint)
{
    probe_report(run,
                 .status = PROBE_UNKNOWN,
                 .subject = walk_of(run)->subject,
                 .summary = summary,
                 .hint = hint);
}

/* The server's error is about this queue, or ends the run. */
static void excuse(struct probe_run *run, const char *error)
{
    struct queue_walk *walk = walk_of(run);
    struct error_text text;
    struct probe_ending why = talk_explain(server_checks(run), error, &text);
    if (why.how == PROBE_DOWN) {
        talk_failed(run, &why);
    } else if (walk->step && walk->step->spare) {
        (void)snprintf(walk->hint, sizeof(walk->hint), "%s", why.hint ? why.hint : "");
        next_question(run);
    } else {
        report_unknown(run, why.summary, why.hint ? why.hint : run->check->needs);
        next_queue(run);
    }
}

static void on_answer(struct probe_run *run, const redisReply *reply)
{
    struct queue_walk *walk = walk_of(run);
    if (reply->type == REDIS_REPLY_ERROR) {
        excuse(run, reply->str);
        return;
    }
    if (walk->take(run, walk->step->tag, reply))
        next_question(run);
    else
        probe_fail(run,
                   -EPROTO,
                   "%s of %.100s has an answer that is none",
                   walk->step->words[0],
                   walk->name);
}

/* ----------------------------------------------------------- questions ---- */

static void ask(struct probe_run *run, const struct queue_step *step)
{
    const struct queue_walk *walk = walk_of(run);
    char *words[WORDS_MOST];
    int argc = 0;
    for (; argc < WORDS_MOST && step->words[argc]; argc++)
        words[argc] = filled(walk, step->words[argc]);
    talk_try(server_checks(run), run, on_answer, argc, (const char *const *)words);
    while (argc > 0)
        free(words[--argc]);
}

/* The next step of this kind, or the same one for the next item. */
static const struct queue_step *advance(struct queue_walk *walk)
{
    const struct queue_step *step = walk->step;
    if (step && wants_item(step) && ++walk->item < walk->item_count)
        return step;
    walk->item = 0;
    step = step ? step + 1 : walk->steps;
    while (step->kind && (step->kind != walk->kind || !can_be_asked(walk, step)))
        step++;
    return step;
}

static void next_question(struct probe_run *run)
{
    struct queue_walk *walk = walk_of(run);
    walk->step = advance(walk);
    if (walk->step->kind) {
        ask(run, walk->step);
        return;
    }
    walk->report(run);
    next_queue(run);
}

/* --------------------------------------------------------------- queues ---- */

static void forget_queue(struct queue_walk *walk)
{
    for (size_t i = 0; i < walk->item_count; i++)
        free(walk->items[i]);
    walk->item_count = walk->item = 0;
    free(walk->subject);
    walk->subject = NULL;
    walk->step = NULL;
    walk->hint[0] = '\0';
}

static enum queue_kind kind_of(const char *type)
{
    static const struct {
        const char *type;
        enum queue_kind kind;
    } kinds[] = {{"list", QUEUE_LIST},
                 {"stream", QUEUE_STREAM},
                 {"zset", QUEUE_ZSET},
                 {"set", QUEUE_SET},
                 {"none", QUEUE_NONE}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(type, kinds[i].type) == 0)
            return kinds[i].kind;
    return 0;
}

static void on_type(struct probe_run *run, const redisReply *reply)
{
    struct queue_walk *walk = walk_of(run);
    char type[24], summary[64];
    if (reply->type == REDIS_REPLY_ERROR) {
        excuse(run, reply->str);
        return;
    }
    const char *text = talk_is_text(reply) ? reply->str : "";
    int len = (int)strcspn(text, "\r\n\t "); /* one word, whatever speaks */
    (void)snprintf(type, sizeof(type), "%.*s", len, text);
    walk->kind = kind_of(type);
    if (walk->kind) {
        next_question(run);
        return;
    }
    (void)snprintf(summary, sizeof(summary), "this is a %s, which is no queue", type);
    report_unknown(run, summary, "lists, streams, sorted sets and sets can be counted");
    next_queue(run);
}

/* "bull:mails", "sidekiq:default", "celery:celery"; a key is its own. */
static char *subject_of(const struct queue_walk *walk)
{
    char *before, *subject;
    if (walk->kind == QUEUE_NONE)
        return joined(walk->name, "");
    before = joined(walk->kind == QUEUE_BULL      ? walk->names->prefix
                    : walk->kind == QUEUE_SIDEKIQ ? "sidekiq"
                                                  : "celery",
                    ":");
    subject = joined(before, walk->name);
    free(before);
    return subject;
}

static void begin_queue(struct probe_run *run)
{
    struct queue_walk *walk = walk_of(run);
    walk->kind = nth(walk->names, walk->at, &walk->name);
    if (!walk->kind) {
        probe_done(run);
        return;
    }
    walk->subject = subject_of(walk);
    walk->begin(run);
    if (walk->kind == QUEUE_NONE)
        talk_try(server_checks(run), run, on_type, WORDS("TYPE", walk->name));
    else
        next_question(run);
}

static void next_queue(struct probe_run *run)
{
    struct queue_walk *walk = walk_of(run);
    forget_queue(walk);
    walk->at++;
    begin_queue(run);
}

void walk_start(struct probe_run *run)
{
    begin_queue(run);
}

void walk_add_item(struct queue_walk *walk, const char *item)
{
    if (walk->item_count < QUEUE_ITEMS)
        walk->items[walk->item_count++] = joined(item, "");
}

void walk_free(struct queue_walk *walk)
{
    forget_queue(walk);
}

void walk_ended(struct probe_target *self, struct probe_run *run)
{
    walk_free(run->data);
    server_check_ended(self, run);
}
