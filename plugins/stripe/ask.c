#include "ask.h"

#include <stdlib.h>
#include <string.h>

#include "stripe.h"

enum {
    MOST_BODY = 8 << 20,
    ON_LOOP = 64 << 10, /* what is longer is parsed on the pool */
    MOST_PARAMS = 24,
    TRIES = 3,
    FIRST_PAUSE_MS = 500
};

/* A request on its way.  Nothing but `run` points into a run. */
struct asking {
    struct probe_run *run;
    char *path, *form, *idempotency_key;
    struct probe_pair params[MOST_PARAMS + 1];
    const char *needs;
    bool once;
    ask_fn *then;
    ask_refused_fn *otherwise;
    void *data;
    int retries;
    /* the answer */
    struct probe_response response; /* without what it borrows */
    struct probe_pair headers[5];
    char values[4][80];
    char *body;
    double total_ms;
    struct answer_trail trail;
    json_t *root;
};

static char *copy(const char *text)
{
    char *own = text ? strdup(text) : NULL;
    if (text && !own)
        abort();
    return own;
}

static void forget_answer(struct asking *asking)
{
    json_decref(asking->root);
    free(asking->body);
    asking->root = NULL;
    asking->body = NULL;
}

static void free_asking(struct asking *asking)
{
    forget_answer(asking);
    for (size_t i = 0; asking->params[i].name; i++) {
        free((char *)asking->params[i].name);
        free((char *)asking->params[i].value);
    }
    free(asking->path);
    free(asking->form);
    free(asking->idempotency_key);
    free(asking);
}

bool ask_is_id(const char *text, const char *prefix)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    size_t len = strlen(text), begin = strlen(prefix);
    return len > begin && len < 100 && strncmp(text, prefix, begin) == 0 &&
           strspn(text, letters) == len;
}

/* ------------------------------------------------------------------ key ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *mode_of(const char *key)
{
    if (begins(key, "rk_live_") || begins(key, "sk_live_"))
        return "live";
    return begins(key, "rk_test_") || begins(key, "sk_test_") ? "test" : NULL;
}

const char *ask_mode(struct probe_run *run)
{
    const struct stripe *config = run->target->config;
    const char *key = config->key ? probe_reveal(&run->life, config->key) : NULL;
    return key ? mode_of(key) : NULL;
}

static void refuse_key(struct probe_run *run, const char *reason, const char *summary)
{
    probe_end(run,
              .how = PROBE_DENIED,
              .status = -EACCES,
              .reason = reason,
              .summary = summary,
              .hint = "give the target as `key` a restricted key (rk_...) that may only read: "
                      "https://dashboard.stripe.com/apikeys");
}

/* Whether the key is one to be sent.  A secret key of test mode moves no money: that is warned of. */
static bool key_fits(struct probe_run *run)
{
    const struct stripe *config = run->target->config;
    struct stripe_target *target = run->target->data;
    const char *key = config->key ? probe_reveal(&run->life, config->key) : NULL;
    const char *mode = key ? mode_of(key) : NULL;
    char summary[120];
    if (!config->key) {
        refuse_key(run, "no_key", "the target has no `key`, without which the API does not answer");
        return false;
    }
    if (!key) /* the request says why it cannot be read */
        return true;
    if (begins(key, "whsec_") || begins(key, "pk_")) {
        refuse_key(run,
                   "wrong_key",
                   *key == 'p' ? "`key` is a publishable key, which may read nothing"
                               : "`key` is the signing secret of webhooks, not a key of the API");
        return false;
    }
    if (!begins(key, "rk_") && !begins(key, "sk_test_")) {
        refuse_key(run,
                   begins(key, "sk_") ? "unrestricted_key" : "wrong_key",
                   begins(key, "sk_") ? "`key` is a secret key with all rights: it is not used"
                                      : "`key` does not begin as a restricted key does");
        return false;
    }
    if (strcmp(config->mode, "any") != 0 && (!mode || strcmp(mode, config->mode) != 0)) {
        (void)snprintf(summary,
                       sizeof(summary),
                       "`key` is of %s mode, and `mode` says %s",
                       mode ? mode : "no known",
                       config->mode);
        refuse_key(run, "wrong_mode", summary);
        return false;
    }
    if (*key == 's' && !target->warned) {
        target->warned = true;
        probe_log(
            &run->life,
            PROBE_LOG_WARN,
            "`key` is a secret key of test mode: a restricted one that may only read is enough");
    }
    return true;
}

/* --------------------------------------------------------------- answers ---- */

static void send(struct asking *asking);

static void on_pause(int status, void *data)
{
    struct asking *asking = data;
    if (status == 0) {
        send(asking);
        return;
    }
    if (status != -ECANCELED)
        probe_fail(asking->run, status, "Stripe asks to be asked again, and the time is over");
    free_asking(asking);
}

/* How long to wait before the next try; below zero: there is none. */
static int64_t pause_of(const struct asking *asking, const struct fault *fault)
{
    uint64_t now = probe_now(&asking->run->life), end = asking->run->deadline_ms;
    int64_t pause = (int64_t)FIRST_PAUSE_MS << asking->retries;
    bool safe = asking->idempotency_key && fault->class == FAULT_NETWORK;
    if (asking->once || fault->no_retry || asking->retries + 1 >= TRIES || (!fault->retry && !safe))
        return -1;
    if (fault->retry_ms > pause)
        pause = fault->retry_ms;
    return end == 0 || now + (uint64_t)pause + 500 < end ? pause : -1;
}

static void refuse(struct asking *asking, struct fault *fault)
{
    int64_t pause = pause_of(asking, fault);
    fault->needs = asking->needs;
    fault->total_ms = asking->total_ms;
    fault->trail = &asking->trail;
    if (pause >= 0) {
        asking->retries++;
        forget_answer(asking);
        (void)probe_timer(&asking->run->life, (uint64_t)pause, on_pause, asking);
        return;
    }
    if (asking->otherwise)
        asking->otherwise(asking->run, fault, asking->data);
    else
        fault_end(asking->run, fault);
    free_asking(asking);
}

static void note(struct asking *asking, const struct fault *fault)
{
    struct stripe_target *target = asking->run->target->data;
    traffic_note(&target->traffic,
                 probe_now(&asking->run->life),
                 fault->class == FAULT_RATE_LIMITED ? TRAFFIC_LIMITED
                 : fault->class == FAULT_LOCKED     ? TRAFFIC_LOCKED
                                                    : TRAFFIC_FINE,
                 fault->limiter,
                 asking->path);
}

static void judge(struct asking *asking)
{
    struct fault fault = fault_of(&asking->response, asking->root);
    note(asking, &fault);
    if (fault.class != FAULT_NONE) {
        refuse(asking, &fault);
        return;
    }
    asking->then(asking->run,
                 &(const struct ask_answer){.root = asking->root,
                                            .request_id = fault.request_id,
                                            .total_ms = asking->total_ms,
                                            .retries = asking->retries,
                                            .trail = &asking->trail},
                 asking->data);
    free_asking(asking);
}

static int parse(void *data)
{
    struct asking *asking = data;
    asking->root =
        json_loadb(asking->body, asking->response.body_len, JSON_REJECT_DUPLICATES, NULL);
    return 0;
}

static void on_parsed(int status, void *data)
{
    struct asking *asking = data;
    if (status == 0) {
        judge(asking);
        return;
    }
    if (status != -ECANCELED)
        probe_fail(asking->run, status, "the reply cannot be read: %s", strerror(-status));
    free_asking(asking);
}

/* Keeps what the judgement needs, which the agent only lends. */
static void keep(struct asking *asking, const struct probe_response *response)
{
    static const char *const names[] = {
        "Request-Id", "Retry-After", "Stripe-Should-Retry", "Stripe-Rate-Limited-Reason"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = answer_header(response, names[i]);
        if (!value)
            continue;
        (void)snprintf(asking->values[count], sizeof(asking->values[count]), "%s", value);
        asking->headers[count] =
            (struct probe_pair){.name = names[i], .value = asking->values[count]};
        count++;
    }
    asking->headers[count] = (struct probe_pair){0};
    asking->body = malloc(response->body_len + 1);
    if (!asking->body)
        abort();
    memcpy(asking->body, response->body, response->body_len);
    asking->body[response->body_len] = '\0';
    asking->response = (struct probe_response){.code = response->code,
                                               .headers = asking->headers,
                                               .body = asking->body,
                                               .body_len = response->body_len};
}

static void on_response(int status, const struct probe_response *response, void *data)
{
    struct asking *asking = data;
    struct probe_ending ending;
    asking->total_ms = (double)response->us.total / 1000.0;
    answer_follow(&asking->trail, response);
    if (status == 0) {
        keep(asking, response);
        if (response->body_len > ON_LOOP) {
            (void)probe_work(&asking->run->life, parse, on_parsed, asking);
        } else {
            (void)parse(asking);
            on_parsed(0, asking);
        }
        return;
    }
    if (status == -EMSGSIZE && response->code) {
        probe_end(asking->run,
                  .how = PROBE_FAILED,
                  .status = status,
                  .reason = "too_large",
                  .summary = "the reply is longer than 8 MiB");
        free_asking(asking);
    } else if (answer_is_ours(status, response, &ending)) {
        answer_end(asking->run, &ending);
        free_asking(asking);
    } else {
        struct fault fault = fault_of_silence(status, response);
        note(asking, &fault);
        refuse(asking, &fault);
    }
}

/* ---------------------------------------------------------------- asking ---- */

static void send(struct asking *asking)
{
    const struct stripe *config = asking->run->target->config;
    struct probe_pair headers[6] = {{.name = "Stripe-Version", .value = config->version},
                                    {.name = "Accept", .value = "application/json"}};
    size_t count = 2;
    if (config->account && *config->account)
        headers[count++] = (struct probe_pair){.name = "Stripe-Account", .value = config->account};
    if (asking->idempotency_key)
        headers[count++] =
            (struct probe_pair){.name = "Idempotency-Key", .value = asking->idempotency_key};
    if (asking->form)
        headers[count] = (struct probe_pair){.name = "Content-Type",
                                             .value = "application/x-www-form-urlencoded"};
    probe_http(&asking->run->life,
               on_response,
               asking,
               .base = config->url,
               .path = asking->path,
               .params = asking->params[0].name ? asking->params : NULL,
               .headers = headers,
               .body = asking->form,
               .body_len = asking->form ? strlen(asking->form) : 0,
               .bearer = config->key,
               .tls = config->tls,
               .max_body = MOST_BODY);
}

void ask_start(struct probe_run *run, const struct ask *ask)
{
    if (!key_fits(run))
        return;
    struct asking *asking = calloc(1, sizeof(*asking));
    if (!asking)
        abort();
    asking->run = run;
    asking->path = copy(ask->path);
    asking->form = copy(ask->form);
    asking->idempotency_key = copy(ask->idempotency_key);
    asking->needs = ask->needs;
    asking->once = ask->once;
    asking->then = ask->then;
    asking->otherwise = ask->otherwise;
    asking->data = ask->data;
    for (size_t i = 0; ask->params && ask->params[i].name && i < MOST_PARAMS; i++)
        asking->params[i] = (struct probe_pair){.name = copy(ask->params[i].name),
                                                .value = copy(ask->params[i].value)};
    send(asking);
}
