#include "declared.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blanks.h"
#include "capture.h"
#include "common/json_path.h"
#include "http.h"

/* --------------------------------------------------------------- tables ---- */

static const char *const looks[] = {"GET", "HEAD", NULL};
static const char *const effects[] = {
    [PROBE_READS] = "reads",
    [PROBE_REVERSIBLE] = "reversible",
    [PROBE_DISRUPTIVE] = "disruptive",
    [PROBE_DESTRUCTIVE] = "destructive",
    NULL,
};

static const struct probe_option before_options[] = {
    {"method",
     PROBE_STRING_AT(struct declared_before, method),
     .fallback = "GET",
     .choices = looks,
     .help = "how to look"},
    {"path",
     PROBE_STRING_AT(struct declared_before, path),
     .fallback = "",
     .help = "where to look; default: the request's path"},
    {"expect",
     PROBE_LIST_AT(struct declared_before, expect),
     .fallback = "[2xx]",
     .help = "statuses with which the request is sent at all"},
    {"expect_json",
     PROBE_PAIRS_AT(struct declared_before, expect_json),
     .fallback = "",
     .help = "values with which it is sent at all: {state: failed}"},
    {"count",
     PROBE_STRING_AT(struct declared_before, count),
     .fallback = "",
     .help = "where the answer says how many things the request touches: a number, or a list"},
    {"total",
     PROBE_STRING_AT(struct declared_before, total),
     .fallback = "",
     .help = "and where how many there are at all"},
    {0},
};

static const struct probe_option undo_options[] = {
    {"method",
     PROBE_STRING_AT(struct declared_undo, method),
     .fallback = "",
     .choices = http_methods,
     .help = "default: the request's"},
    {"path",
     PROBE_STRING_AT(struct declared_undo, path),
     .fallback = "",
     .help = "default: the request's"},
    {"json",
     PROBE_JSON_AT(struct declared_undo, json),
     .fallback = "",
     .help = "the body that takes it back: {value: \"${before.value}\"}"},
    {"body", PROBE_STRING_AT(struct declared_undo, body), .fallback = "", .help = "or as it is"},
    {"before",
     PROBE_GROUP_AT(struct declared_undo, before),
     .fallback = "",
     .help = "looks first, so that ${before.PATH} is known",
     .nested = before_options,
     .item_size = sizeof(struct declared_before)},
    {0},
};

const struct probe_option declared_options[] = {
    {"method",
     PROBE_STRING_AT(struct declared_request, method),
     .fallback = "",
     .choices = http_methods,
     .help = "default: POST with a body, GET without"},
    {"path",
     PROBE_STRING_AT(struct declared_request, path),
     .help = "begins with a slash; /flags/${with.flag} leaves a segment open"},
    {"json",
     PROBE_JSON_AT(struct declared_request, json),
     .fallback = "",
     .help = "the body: {value: \"${with.value}\"}; a value keeps its type"},
    {"form",
     PROBE_PAIRS_AT(struct declared_request, form),
     .fallback = "",
     .help = "or the fields of a form"},
    {"body",
     PROBE_STRING_AT(struct declared_request, body),
     .fallback = "",
     .help = "or a body as it is; values are escaped as in a form"},
    {"headers",
     PROBE_PAIRS_AT(struct declared_request, headers),
     .fallback = "",
     .help = "besides the target's: {Idempotency-Key: \"${plan.hash}\"}"},
    {"bearer",
     PROBE_SECRET_AT(struct declared_request, bearer),
     .fallback = "",
     .help = "a token, instead of the target's login"},
    {"effect",
     PROBE_STRING_AT(struct declared_request, effect),
     .fallback = "",
     .choices = effects,
     .help = "how much it can hurt; needed unless the method only reads"},
    {"allow",
     PROBE_PAIRS_AT(struct declared_request, allow),
     .fallback = "",
     .help = "extended regular expressions that values must match as a whole: {flag: \"pay.*\"}"},
    {"before",
     PROBE_GROUP_AT(struct declared_request, before),
     .fallback = "",
     .help = "a look before it is planned, and again before it is sent",
     .nested = before_options,
     .item_size = sizeof(struct declared_before)},
    {"expect",
     PROBE_LIST_AT(struct declared_request, expect),
     .fallback = "[2xx]",
     .help = "statuses that mean that it was done"},
    {"expect_json",
     PROBE_PAIRS_AT(struct declared_request, expect_json),
     .fallback = "",
     .help = "and values of the answer"},
    {"answer",
     PROBE_PAIRS_AT(struct declared_request, answer),
     .fallback = "",
     .help = "what the script hears of the answer: {id: json.data.id, at: header.Date}"},
    {"undo",
     PROBE_GROUP_AT(struct declared_request, undo),
     .fallback = "",
     .help = "what takes it back",
     .nested = undo_options,
     .item_size = sizeof(struct declared_undo)},
    {"timeout",
     PROBE_DURATION_AT(struct declared_request, timeout_ms),
     .fallback = "10s",
     .min = 100,
     .max = 50000,
     .help = "for the answer; what was sent and not answered may have been done"},
    {0},
};

/* ------------------------------------------------------------ what it is ---- */

const char *declared_method(const struct declared_request *request)
{
    bool body = http_given(request->json) || http_given(request->body) ||
                (request->form && request->form->name);
    return http_given(request->method) ? request->method : body ? "POST" : "GET";
}

static bool only_reads(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
           strcmp(method, "OPTIONS") == 0;
}

static bool each_pair(const struct probe_pair *pairs, bool (*each)(const char *inside, void *data),
                      void *data)
{
    for (; pairs && pairs->name; pairs++)
        if (!blanks_each(pairs->value, each, data))
            return false;
    return true;
}

bool declared_each(const struct declared *declared, bool (*each)(const char *inside, void *data),
                   void *data)
{
    const struct declared_request *request = declared->request;
    const struct declared_undo *undo = declared->undo;
    const char *const texts[] = {request->path,
                                 request->json,
                                 request->body,
                                 declared->before ? declared->before->path : NULL,
                                 undo ? undo->path : NULL,
                                 undo ? undo->json : NULL,
                                 undo ? undo->body : NULL};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (!blanks_each(texts[i], each, data))
            return false;
    return each_pair(request->form, each, data) && each_pair(request->headers, each, data);
}

struct wanted {
    const char *kind, *name;
};

static bool is_other(const char *inside, void *data)
{
    const struct wanted *wanted = data;
    size_t len = strlen(wanted->kind);
    return strncmp(inside, wanted->kind, len) != 0 || inside[len] != '.' ||
           strcmp(inside + len + 1, wanted->name) != 0;
}

bool declared_leaves_open(const struct declared *declared, const char *kind, const char *name)
{
    struct wanted wanted = {kind, name};
    return !declared_each(declared, is_other, &wanted);
}

bool declared_allows(const struct declared *declared, const char *name, const char *value)
{
    const struct probe_pair *pair = declared->request->allow;
    regex_t pattern;
    regmatch_t match;
    while (pair && pair->name && strcmp(pair->name, name) != 0)
        pair++;
    if (!pair || !pair->name)
        return true;
    if (!pair->value || regcomp(&pattern, pair->value, REG_EXTENDED) != 0)
        return false;
    bool whole = regexec(&pattern, value, 1, &match, 0) == 0 && match.rm_so == 0 &&
                 (size_t)match.rm_eo == strlen(value);
    regfree(&pattern);
    return whole;
}

/* ------------------------------------------------------------- refusals ---- */

/* What of a request is refused, with its name. */
#define REFUSE(error_, request_, format_, ...)                                                     \
    probe_refuse((error_), "requests", "%.64s: " format_, (request_)->name, __VA_ARGS__)

static bool is_name(const char *name)
{
    return *name && strlen(name) <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(name);
}

struct reference_check {
    const struct declared *declared;
    char wrong[160];
};

/* Whether it will be known when the request is made. */
static bool is_known(const char *inside, void *data)
{
    struct reference_check *check = data;
    bool known = (strncmp(inside, "with.", 5) == 0 && is_name(inside + 5)) ||
                 (strncmp(inside, "before.", 7) == 0 && check->declared->before &&
                  json_path_is(inside + 7)) ||
                 strcmp(inside, "plan.hash") == 0;
    if (!known)
        (void)snprintf(check->wrong, sizeof(check->wrong), "%.150s", inside);
    return known;
}

static bool is_not_before(const char *inside, void *data)
{
    (void)data;
    return strncmp(inside, "before.", 7) != 0 && strcmp(inside, "plan.hash") != 0;
}

static int check_references(const struct declared *declared, struct probe_error *error)
{
    const struct declared_request *request = declared->request;
    struct reference_check check = {declared, ""};
    if (!declared_each(declared, is_known, &check))
        return REFUSE(
            error,
            request,
            "${%s} is not known here%s",
            check.wrong,
            strncmp(check.wrong, "before.", 7) == 0 ? ": `before` says what is asked first" : "");
    if (declared->before && !blanks_each(declared->before->path, is_not_before, NULL))
        return REFUSE(error, request, "%s", "the path of `before` can hold ${with.NAME} alone");
    for (const struct probe_pair *pair = request->allow; pair && pair->name; pair++) {
        regex_t pattern;
        if (!declared_leaves_open(declared, "with", pair->name))
            return REFUSE(error, request, "nothing asks for ${with.%.60s}", pair->name);
        if (!pair->value || regcomp(&pattern, pair->value, REG_EXTENDED | REG_NOSUB) != 0)
            return REFUSE(
                error, request, "allow.%.60s is no extended regular expression", pair->name);
        regfree(&pattern);
    }
    return 0;
}

static int check_shape(const struct declared *declared, struct probe_error *error)
{
    const struct declared_request *request = declared->request;
    const struct declared_undo *undo = declared->undo;
    const char *const paths[] = {
        request->path, undo ? undo->path : NULL, declared->before ? declared->before->path : NULL};
    int bodies = http_given(request->json) + http_given(request->body) +
                 (request->form && request->form->name);
    if (!is_name(request->name))
        return REFUSE(error, request, "%s", "a name has letters, digits, - and _, 64 at most");
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        if (http_given(paths[i]) && *paths[i] != '/')
            return REFUSE(error, request, "the path %.100s does not begin with a slash", paths[i]);
    if (request->path && !*request->path)
        return REFUSE(error, request, "%s", "its path is empty; write / at least");
    if (bodies > 1)
        return REFUSE(error, request, "%s", "one body is enough: `json`, `form` or `body`");
    if (undo && http_given(undo->json) && http_given(undo->body))
        return REFUSE(error, request, "%s", "one body of `undo` is enough: `json` or `body`");
    if (request->before && undo && undo->before)
        return REFUSE(error, request, "%s", "`before` is there twice, in `undo` as well");
    if (!http_given(request->effect) && !only_reads(declared_method(request)))
        return REFUSE(error,
                      request,
                      "`effect` is missing: how much %s can hurt: reads, reversible, disruptive or "
                      "destructive",
                      declared_method(request));
    return 0;
}

static int check_answers(const struct declared *declared, struct probe_error *error)
{
    const struct declared_request *request = declared->request;
    const struct declared_before *before = declared->before;
    for (const struct probe_pair *pair = request->answer; pair && pair->name; pair++)
        if (!capture_is(pair->value) || strncmp(pair->value, "cookie.", 7) == 0)
            return REFUSE(
                error, request, "answer.%.60s is written json.PATH or header.NAME", pair->name);
    if (before && ((http_given(before->count) && !json_path_is(before->count)) ||
                   (http_given(before->total) && !json_path_is(before->total))))
        return REFUSE(error, request, "%s", "`count` and `total` are paths, as data.items");
    return 0;
}

/* ------------------------------------------------------------ compiling ---- */

static int compile(struct declared *declared, const struct declared_request *request,
                   struct probe_error *error)
{
    const struct declared_undo *undo = request->undo;
    int status;
    declared->request = request;
    declared->undo = undo;
    declared->before = request->before ? request->before : undo ? undo->before : NULL;
    while (http_given(request->effect) && strcmp(effects[declared->effect], request->effect) != 0)
        declared->effect++;
    if ((status = check_shape(declared, error)) != 0 ||
        (status = check_references(declared, error)) != 0 ||
        (status = check_answers(declared, error)) != 0 ||
        (status = expect_take(&declared->expect, request->expect, error)) != 0)
        return status;
    declared->judge =
        judge_create(&(const struct judge_wants){.expect_json = request->expect_json}, error);
    if (!declared->judge)
        return -EINVAL;
    if (!declared->before)
        return 0;
    declared->before_judge = judge_create(
        &(const struct judge_wants){.expect_json = declared->before->expect_json}, error);
    return declared->before_judge
               ? expect_take(&declared->before_expect, declared->before->expect, error)
               : -EINVAL;
}

int declared_create(const struct probe_items *requests, struct declared **ret_all,
                    struct probe_error *error)
{
    const struct declared_request *first = requests->first;
    struct declared *all = requests->count ? calloc(requests->count, sizeof(*all)) : NULL;
    int status = 0;
    if (requests->count && !all)
        abort();
    for (size_t i = 0; i < requests->count && status == 0; i++)
        status = compile(&all[i], &first[i], error);
    if (status == 0)
        *ret_all = all;
    else
        declared_destroy(all, requests->count);
    return status;
}

void declared_destroy(struct declared *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        judge_drop(all[i].judge);
        judge_drop(all[i].before_judge);
    }
    free(all);
}
