#include "judge.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ask.h"
#include "common/json_path.h"

/* What stands at a path: "UP", "> 5", "~= x", "=~ PATTERN", "present", "absent". */
enum verb {
    VERB_IS,
    VERB_IS_NOT,
    VERB_MATCHES,
    VERB_LESS,
    VERB_MOST,
    VERB_MORE,
    VERB_LEAST,
    VERB_PRESENT,
    VERB_ABSENT
};

struct wish {
    char *path, *text; /* what is compared with */
    enum verb verb;
    double number;
    regex_t pattern; /* of VERB_MATCHES */
};

struct header {
    char *name;
    regex_t pattern;
};

enum { HEADER_ROOM = 1024 }; /* as much of a header's value as is looked at */

struct judge {
    size_t holders;
    char *body_matches;
    bool has_matches, has_lacks, health;
    regex_t matches, lacks;
    struct wish *wishes;
    struct header *headers;
    size_t wish_count, header_count;
};

/* ------------------------------------------------------------ compiling ---- */

static bool compile(regex_t *pattern, const char *text, const char *option,
                    struct probe_error *error)
{
    char why[128];
    int code = regcomp(pattern, text, REG_EXTENDED | REG_NOSUB);
    if (code == 0)
        return true;
    (void)regerror(code, pattern, why, sizeof(why));
    (void)probe_refuse(error, option, "not an extended regular expression: %s", why);
    return false;
}

/* Takes "< ", "<= " and their like off; true where there was one. */
static bool take_verb(const char **text, enum verb *ret_verb)
{
    static const struct {
        const char *sign;
        enum verb verb;
    } signs[] = {
        {"<=", VERB_MOST},
        {">=", VERB_LEAST},
        {"~=", VERB_IS_NOT},
        {"!=", VERB_IS_NOT},
        {"=~", VERB_MATCHES},
        {"==", VERB_IS},
        {"<", VERB_LESS},
        {">", VERB_MORE},
    };
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        size_t len = strlen(signs[i].sign);
        if (strncmp(*text, signs[i].sign, len) == 0) {
            *ret_verb = signs[i].verb;
            *text += len + strspn(*text + len, " ");
            return true;
        }
    }
    return false;
}

static bool is_order(enum verb verb)
{
    return verb == VERB_LESS || verb == VERB_MOST || verb == VERB_MORE || verb == VERB_LEAST;
}

static bool make_wish(struct wish *wish, const struct probe_pair *pair, struct probe_error *error)
{
    const char *text = pair->value ? pair->value : "";
    char *end;
    if (!json_path_is(pair->name)) {
        (void)probe_refuse(
            error, "expect_json", "\"%s\" is no path; write data.items[0].name", pair->name);
        return false;
    }
    if (pair->secret) {
        (void)probe_refuse(
            error, "expect_json", "%s: a body is not held against a secret", pair->name);
        return false;
    }
    if (strcmp(text, "present") == 0)
        wish->verb = VERB_PRESENT;
    else if (strcmp(text, "absent") == 0)
        wish->verb = VERB_ABSENT;
    else
        (void)take_verb(&text, &wish->verb);
    wish->path = strdup(pair->name);
    wish->text = strdup(text);
    if (!wish->path || !wish->text)
        abort();
    wish->number = strtod(text, &end);
    if (is_order(wish->verb) && (end == text || *end)) {
        (void)probe_refuse(error, "expect_json", "%s: \"%s\" is no number", pair->name, text);
        return false;
    }
    return wish->verb != VERB_MATCHES || compile(&wish->pattern, text, "expect_json", error);
}

static void free_wish(struct wish *wish, bool compiled)
{
    if (compiled && wish->verb == VERB_MATCHES)
        regfree(&wish->pattern);
    free(wish->path);
    free(wish->text);
}

static bool make_headers(struct judge *judge, const struct probe_pair *pairs,
                         struct probe_error *error)
{
    size_t count = ask_count(pairs);
    judge->headers = calloc(count + 1, sizeof(*judge->headers));
    if (!judge->headers)
        abort();
    for (size_t i = 0; i < count; i++) {
        struct header *header = &judge->headers[i];
        if (!compile(
                &header->pattern, pairs[i].value ? pairs[i].value : "", "expect_headers", error))
            return false;
        header->name = strdup(pairs[i].name);
        if (!header->name)
            abort();
        judge->header_count++;
    }
    return true;
}

static bool make_wishes(struct judge *judge, const struct probe_pair *pairs,
                        struct probe_error *error)
{
    size_t count = ask_count(pairs);
    judge->wishes = calloc(count + 1, sizeof(*judge->wishes));
    if (!judge->wishes)
        abort();
    for (size_t i = 0; i < count; i++) {
        if (!make_wish(&judge->wishes[i], &pairs[i], error)) {
            free_wish(&judge->wishes[i], false);
            return false;
        }
        judge->wish_count++;
    }
    return true;
}

/* Most checks look at a service's own word at most: they share a judge that is never freed. */
static struct judge *bare_judge(const struct judge_wants *wants)
{
    static struct judge bare[] = {{.holders = 1}, {.holders = 1, .health = true}};
    if (http_given(wants->body_matches) || http_given(wants->body_lacks) ||
        ask_count(wants->expect_headers) > 0 || ask_count(wants->expect_json) > 0)
        return NULL;
    judge_hold(&bare[wants->health]);
    return &bare[wants->health];
}

struct judge *judge_create(const struct judge_wants *wants, struct probe_error *error)
{
    struct judge *judge = bare_judge(wants);
    if (judge)
        return judge;
    judge = calloc(1, sizeof(*judge));
    if (!judge)
        abort();
    judge->holders = 1;
    judge->health = wants->health;
    if (http_given(wants->body_matches)) {
        judge->has_matches = compile(&judge->matches, wants->body_matches, "body_matches", error);
        judge->body_matches = strdup(wants->body_matches);
        if (!judge->has_matches)
            goto refused;
    }
    if (http_given(wants->body_lacks)) {
        judge->has_lacks = compile(&judge->lacks, wants->body_lacks, "body_lacks", error);
        if (!judge->has_lacks)
            goto refused;
    }
    if (make_headers(judge, wants->expect_headers, error) &&
        make_wishes(judge, wants->expect_json, error))
        return judge;
refused:
    judge_drop(judge);
    return NULL;
}

void judge_hold(struct judge *judge)
{
    judge->holders++;
}

void judge_drop(struct judge *judge)
{
    if (!judge || --judge->holders > 0)
        return;
    if (judge->has_matches)
        regfree(&judge->matches);
    if (judge->has_lacks)
        regfree(&judge->lacks);
    for (size_t i = 0; i < judge->wish_count; i++)
        free_wish(&judge->wishes[i], true);
    for (size_t i = 0; i < judge->header_count; i++) {
        regfree(&judge->headers[i].pattern);
        free(judge->headers[i].name);
    }
    free(judge->wishes);
    free(judge->headers);
    free(judge->body_matches);
    free(judge);
}

/* -------------------------------------------------------------- judging ---- */

static bool is_json(const char *type)
{
    return type && (strncasecmp(type, "application/json", 16) == 0 || strcasestr(type, "+json"));
}

bool judge_cares(const struct judge *judge, const char *type)
{
    return judge->has_matches || judge->has_lacks || judge->wish_count > 0 ||
           (judge->health && is_json(type));
}

bool judge_headers(const struct judge *judge, const struct probe_response *response,
                   struct judge_verdict *ret_verdict)
{
    for (size_t i = 0; i < judge->header_count; i++) {
        const struct header *header = &judge->headers[i];
        const char *whole = answer_header(response, header->name);
        char value[HEADER_ROOM];
        (void)snprintf(value, sizeof(value), "%s", whole ? whole : "");
        if (whole && regexec(&header->pattern, value, 0, NULL, 0) == 0)
            continue;
        *ret_verdict = (struct judge_verdict){.class = ANSWER_HEADER};
        if (whole)
            (void)snprintf(ret_verdict->why,
                           sizeof(ret_verdict->why),
                           "the header %.60s is \"%.100s\"",
                           header->name,
                           value);
        else
            (void)snprintf(ret_verdict->why,
                           sizeof(ret_verdict->why),
                           "there is no header %.60s",
                           header->name);
        return false;
    }
    return true;
}

static bool compare(const struct wish *wish, double number)
{
    switch (wish->verb) {
    case VERB_LESS:
        return number < wish->number;
    case VERB_MOST:
        return number <= wish->number;
    case VERB_MORE:
        return number > wish->number;
    default:
        return number >= wish->number;
    }
}

static bool holds(const struct wish *wish, const json_t *value, const char *text)
{
    switch (wish->verb) {
    case VERB_PRESENT:
        return value != NULL;
    case VERB_ABSENT:
        return value == NULL;
    case VERB_IS:
        return value && strcmp(text, wish->text) == 0;
    case VERB_IS_NOT:
        return value && strcmp(text, wish->text) != 0;
    case VERB_MATCHES:
        return value && regexec(&wish->pattern, text, 0, NULL, 0) == 0;
    default:
        return json_is_number(value) && compare(wish, json_number_value(value));
    }
}

static const char *say_verb(const struct wish *wish)
{
    static const char *const words[] = {"",
                                        "other than ",
                                        "something like ",
                                        "less than ",
                                        "at most ",
                                        "more than ",
                                        "at least ",
                                        "anything",
                                        "nothing"};
    return words[wish->verb];
}

static bool grant_wishes(const struct judge *judge, const json_t *root,
                         struct judge_verdict *verdict)
{
    for (size_t i = 0; i < judge->wish_count; i++) {
        const struct wish *wish = &judge->wishes[i];
        const json_t *value = json_path_find(root, wish->path);
        char text[4096] = "";
        bool bare = wish->verb == VERB_PRESENT || wish->verb == VERB_ABSENT;
        if (value)
            json_path_print(value, text, sizeof(text));
        if (holds(wish, value, text))
            continue;
        verdict->class = ANSWER_JSON;
        (void)snprintf(verdict->why,
                       sizeof(verdict->why),
                       "%.80s is %.60s, expected %s%.60s",
                       wish->path,
                       value ? text : "not there",
                       say_verb(wish),
                       bare ? "" : wish->text);
        return false;
    }
    return true;
}

static void judge_json(const struct judge *judge, const char *body, size_t len, const char *type,
                       const char *path, struct judge_verdict *verdict)
{
    json_error_t wrong;
    json_t *root = json_loadb(body, len, JSON_DECODE_ANY, &wrong);
    if (!root && judge->wish_count > 0) {
        verdict->class = ANSWER_JSON;
        (void)snprintf(
            verdict->why, sizeof(verdict->why), "the body is no JSON: %.120s", wrong.text);
    }
    if (root && grant_wishes(judge, root, verdict) && judge->health) {
        struct health_says says = health_of(root, type, path);
        verdict->health = says.health;
        if (says.health == HEALTH_FAIL)
            verdict->class = ANSWER_HEALTH;
        if (says.health >= HEALTH_WARN)
            (void)snprintf(verdict->why,
                           sizeof(verdict->why),
                           "%s%s%s",
                           says.health == HEALTH_FAIL ? "it says that it is not well"
                                                      : "it says that it is not quite well",
                           *says.parts ? ": " : "",
                           says.parts);
    }
    json_decref(root);
}

struct judge_verdict judge_body(const struct judge *judge, const char *body, size_t len,
                                const char *type, const char *path)
{
    struct judge_verdict verdict = {.class = ANSWER_OK};
    if (judge->has_matches && regexec(&judge->matches, body, 0, NULL, 0) != 0) {
        verdict.class = ANSWER_BODY;
        (void)snprintf(verdict.why,
                       sizeof(verdict.why),
                       "the body does not match \"%.100s\"",
                       judge->body_matches);
    } else if (judge->has_lacks && regexec(&judge->lacks, body, 0, NULL, 0) == 0) {
        verdict.class = ANSWER_BODY;
        (void)snprintf(verdict.why, sizeof(verdict.why), "the body matches `body_lacks`");
    } else if (judge->wish_count > 0 || (judge->health && is_json(type))) {
        judge_json(judge, body, len, type, path, &verdict);
    }
    return verdict;
}

/* ---------------------------------------------------------- on the pool ---- */

/* Points into no run but by `run`, which is looked at only if that still lives. */
struct job {
    struct probe_run *run;
    struct judge *judge;
    judge_fn *then;
    char *body, *type, *path;
    size_t len;
    bool health_only;
    struct judge_verdict verdict;
};

static void free_job(struct job *job)
{
    judge_drop(job->judge);
    free(job->body);
    free(job->type);
    free(job->path);
    free(job);
}

static int work(void *data)
{
    struct job *job = data;
    if (job->health_only) {
        struct judge alone = {.health = true};
        if (is_json(job->type))
            judge_json(&alone, job->body, job->len, job->type, job->path, &job->verdict);
    } else {
        job->verdict = judge_body(job->judge, job->body, job->len, job->type, job->path);
    }
    return 0;
}

static void on_worked(int status, void *data)
{
    struct job *job = data;
    if (status == 0)
        job->then(job->run, &job->verdict);
    else if (status != -ECANCELED)
        probe_fail(job->run, status, "the body cannot be looked at: %s", strerror(-status));
    free_job(job);
}

static char *copy(const char *text)
{
    char *copied = text ? strdup(text) : NULL;
    if (text && !copied)
        abort();
    return copied;
}

void judge_start(struct judge *judge, struct probe_run *run, const struct probe_response *response,
                 const char *path, bool health_only, judge_fn *then)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        abort();
    job->run = run;
    job->judge = judge;
    judge_hold(judge);
    job->then = then;
    job->body = strndup(response->body, response->body_len);
    if (!job->body)
        abort();
    job->len = strlen(job->body);
    job->type = copy(answer_header(response, "content-type"));
    job->path = copy(path);
    job->health_only = health_only;
    (void)probe_work(&run->life, work, on_worked, job);
}
