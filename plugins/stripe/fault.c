#include "fault.h"

#include <stdlib.h>
#include <string.h>

#include "common/http/answer.h"

const char *const fault_classes[] = {"ok",
                                     "rate_limited",
                                     "locked",
                                     "outage",
                                     "network",
                                     "auth",
                                     "permission",
                                     "missing",
                                     "request",
                                     "not_stripe",
                                     NULL};

const char *const fault_limiters[] = {"none",
                                      "rate",
                                      "concurrency",
                                      "endpoint_rate",
                                      "endpoint_concurrency",
                                      "resource",
                                      "lock",
                                      NULL};

/* Header Stripe-Rate-Limited-Reason. */
static const struct {
    const char *said, *word;
} limiters[] = {{"global-rate", "rate"},
                {"global-concurrency", "concurrency"},
                {"endpoint-rate", "endpoint_rate"},
                {"endpoint-concurrency", "endpoint_concurrency"},
                {"resource-specific", "resource"}};

/* -------------------------------------------------------------- reading ---- */

static void copy(char *out, size_t room, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    (void)snprintf(out, room, "%s", text ? text : "");
}

/* "Having the 'rak_event_read' permission would allow this request to continue." */
static void find_permission(const char *message, char *out, size_t room)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const char *at = message ? strstr(message, "rak_") : NULL;
    (void)snprintf(out, room, "%.*s", at ? (int)strspn(at, letters) : 0, at ? at : "");
}

static const char *limiter_of(const struct probe_response *response, const char *code)
{
    const char *said = answer_header(response, "Stripe-Rate-Limited-Reason");
    for (size_t i = 0; said && i < sizeof(limiters) / sizeof(*limiters); i++)
        if (strcmp(limiters[i].said, said) == 0)
            return limiters[i].word;
    return strcmp(code, "lock_timeout") == 0 ? "lock" : "rate";
}

static enum fault_class class_of(int status, const struct fault *fault)
{
    bool limited =
        strcmp(fault->code, "rate_limit") == 0 || strcmp(fault->type, "rate_limit_error") == 0;
    if (strcmp(fault->code, "lock_timeout") == 0)
        return FAULT_LOCKED;
    if (status == 429 || limited)
        return FAULT_RATE_LIMITED;
    switch (status) {
    case 401:
        return FAULT_AUTH;
    case 403:
        return FAULT_PERMISSION;
    case 404:
        return FAULT_MISSING;
    default:
        return status >= 500 ? FAULT_OUTAGE : FAULT_REQUEST;
    }
}

static void read_headers(struct fault *fault, const struct probe_response *response)
{
    const char *id = answer_header(response, "Request-Id");
    const char *retry = answer_header(response, "Stripe-Should-Retry");
    const char *after = answer_header(response, "Retry-After");
    long seconds = after ? strtol(after, NULL, 10) : 0;
    (void)snprintf(fault->request_id, sizeof(fault->request_id), "%s", id ? id : "");
    fault->retry = retry && strcmp(retry, "true") == 0;
    fault->no_retry = retry && strcmp(retry, "false") == 0;
    if (seconds > 0 && seconds <= 3600)
        fault->retry_ms = seconds * 1000;
}

/* -------------------------------------------------------------- saying ---- */

const char *fault_sentence(char *text)
{
    for (size_t end = strlen(text); end > 0 && strchr(". ", text[end - 1]); end--)
        text[end - 1] = '\0';
    return text;
}

/* Stripe's words about a key hold its last characters, and those about permissions the account. */
static void say(struct fault *fault, const json_t *error)
{
    const char *message = json_string_value(json_object_get(error, "message"));
    char words[ANSWER_SNIPPET + 1] = "";
    if (message)
        answer_snippet(message, strlen(message), words);
    switch (fault->class) {
    case FAULT_AUTH:
        (void)snprintf(fault->text,
                       sizeof(fault->text),
                       "Stripe does not accept the key%s",
                       strcmp(fault->code, "api_key_expired") == 0 ? ": it has expired" : "");
        break;
    case FAULT_PERMISSION:
        (void)snprintf(fault->text,
                       sizeof(fault->text),
                       "the key may not do this%s%s",
                       *fault->permission ? ": it lacks " : "",
                       fault->permission);
        break;
    case FAULT_RATE_LIMITED:
        (void)snprintf(fault->text,
                       sizeof(fault->text),
                       "Stripe answers 429: too many requests (%s)",
                       fault->limiter);
        break;
    case FAULT_LOCKED:
        (void)snprintf(fault->text,
                       sizeof(fault->text),
                       "Stripe answers 429: the object is locked by another request");
        break;
    default:
        (void)snprintf(fault->text,
                       sizeof(fault->text),
                       "Stripe answers %d%s%.200s",
                       fault->http_status,
                       *words ? ": " : "",
                       words);
    }
    (void)fault_sentence(fault->text);
}

static void say_page(struct fault *fault, const struct probe_response *response)
{
    char words[ANSWER_SNIPPET + 1];
    answer_snippet(response->body, response->body_len, words);
    (void)snprintf(fault->text,
                   sizeof(fault->text),
                   "answers %d as Stripe does not: %.160s",
                   response->code,
                   *words ? words : "nothing");
    (void)fault_sentence(fault->text);
}

struct fault fault_of(const struct probe_response *response, const json_t *root)
{
    struct fault fault = {.http_status = response->code, .error = -EPROTO};
    const json_t *error = json_object_get(root, "error");
    read_headers(&fault, response);
    if (response->code == 200 && json_is_string(json_object_get(root, "object")))
        return fault;
    if (!json_is_object(error)) {
        /* Stripe's edge answers 5xx and 429 with pages too: that is an outage all the same. */
        fault.class = response->code >= 500   ? FAULT_OUTAGE
                      : response->code == 429 ? FAULT_RATE_LIMITED
                                              : FAULT_PAGE;
        fault.limiter = response->code == 429 ? limiter_of(response, "") : NULL;
        say_page(&fault, response);
        return fault;
    }
    copy(fault.type, sizeof(fault.type), error, "type");
    copy(fault.code, sizeof(fault.code), error, "code");
    find_permission(json_string_value(json_object_get(error, "message")),
                    fault.permission,
                    sizeof(fault.permission));
    fault.class = class_of(response->code, &fault);
    if (fault.class == FAULT_RATE_LIMITED || fault.class == FAULT_LOCKED)
        fault.limiter = limiter_of(response, fault.code);
    say(&fault, error);
    return fault;
}

struct fault fault_of_silence(int status, const struct probe_response *response)
{
    struct fault fault = {.class = FAULT_NETWORK,
                          .error = status,
                          .silence = answer_classes[answer_class_of(status)]};
    (void)snprintf(fault.text,
                   sizeof(fault.text),
                   "%.230s",
                   response->message ? response->message : strerror(-status));
    (void)fault_sentence(fault.text);
    return fault;
}

/* ---------------------------------------------------------------- ending ---- */

const char *fault_hint(const struct fault *fault, char out[FAULT_HINT])
{
    static const char *const hints[] = {
        [FAULT_RATE_LIMITED] = "whoever uses the same account shares its limits: find who asks so "
                               "much; let the agent look less often",
        [FAULT_LOCKED] = "two requests change one object at once; that is no matter of the rate",
        [FAULT_OUTAGE] = "see the check `status`; nothing of ours repairs this",
        [FAULT_NETWORK] = "see whether anything else answers from here, and the check `status`",
        [FAULT_AUTH] = "give the target a restricted key that is in force, of the right mode: "
                       "https://dashboard.stripe.com/apikeys",
        [FAULT_MISSING] = "compare the id; a key of test mode does not see live objects, nor one "
                          "account those of another",
        [FAULT_REQUEST] = "compare the options, and `api_version`",
        [FAULT_PAGE] = "compare `url`: a proxy may stand between"};
    if (fault->class != FAULT_PERMISSION)
        return hints[fault->class];
    (void)snprintf(out,
                   FAULT_HINT,
                   "edit the restricted key in Stripe's dashboard: %s%s%s%s",
                   fault->needs ? fault->needs : "give it this permission",
                   *fault->permission ? " (" : "",
                   fault->permission,
                   *fault->permission ? ")" : "");
    return out;
}

void fault_end(struct probe_run *run, const struct fault *fault)
{
    char room[FAULT_HINT];
    bool denied = fault->class == FAULT_AUTH || fault->class == FAULT_PERMISSION;
    probe_end(run,
              .how = denied ? PROBE_DENIED : PROBE_FAILED,
              .status = denied ? -EACCES : fault->error,
              .reason =
                  fault->class == FAULT_NETWORK ? fault->silence : fault_classes[fault->class],
              .summary = fault->text,
              .hint = fault_hint(fault, room),
              .retry_ms = fault->retry_ms);
}
