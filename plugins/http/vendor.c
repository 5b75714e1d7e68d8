#include "vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json_path.h"

const char *const vendor_classes[] = {
    "ok", "rate_limited", "token", "request", "outage", "network", "body", NULL};
const char *const vendor_names[] = {"auto",
                                    "generic",
                                    "meta",
                                    "tiktok",
                                    "google",
                                    "x",
                                    "ticketmaster",
                                    "eventbrite",
                                    "stripe",
                                    "auth0",
                                    NULL};

struct code {
    const char *code; /* as the vendor writes it; "4xxxx": any that begins with 4 */
    enum vendor_class class;
};

/* An API: whose it is by its host, where its errors stand, what they mean. */
struct vendor {
    const char *name, *hosts; /* ends of host names, separated by spaces */
    const char *code,
        *message;             /* paths into the body, separated by spaces: the most telling first */
    const char *fine;         /* the code that means that all is well; NULL: none is there */
    const struct code *codes; /* ended by { 0 } */
};

/* Meta's Graph API, "Handling errors" and "Rate limits". */
static const struct code meta_codes[] = {{"1", VENDOR_OUTAGE},
                                         {"2", VENDOR_OUTAGE},
                                         {"3", VENDOR_TOKEN},
                                         {"4", VENDOR_RATE_LIMITED},
                                         {"10", VENDOR_TOKEN},
                                         {"17", VENDOR_RATE_LIMITED},
                                         {"32", VENDOR_RATE_LIMITED},
                                         {"102", VENDOR_TOKEN},
                                         {"190", VENDOR_TOKEN},
                                         {"341", VENDOR_RATE_LIMITED},
                                         {"368", VENDOR_RATE_LIMITED},
                                         {"613", VENDOR_RATE_LIMITED},
                                         {"8000x", VENDOR_RATE_LIMITED},
                                         {"2xx", VENDOR_TOKEN},
                                         {"100", VENDOR_REQUEST},
                                         {0}};

/* TikTok's Business API, "Return codes"; all of them come with HTTP 200. */
static const struct code tiktok_codes[] = {{"40001", VENDOR_TOKEN},
                                           {"40100", VENDOR_RATE_LIMITED},
                                           {"40101", VENDOR_TOKEN},
                                           {"40102", VENDOR_TOKEN},
                                           {"40103", VENDOR_TOKEN},
                                           {"40104", VENDOR_TOKEN},
                                           {"40105", VENDOR_TOKEN},
                                           {"40110", VENDOR_TOKEN},
                                           {"40133", VENDOR_RATE_LIMITED},
                                           {"4xxxx", VENDOR_REQUEST},
                                           {"5xxxx", VENDOR_OUTAGE},
                                           {"6xxxx", VENDOR_OUTAGE},
                                           {0}};

/*
 * Google APIs: google.api.ErrorReason in details[], where there is one (an invalid key is only there),
 * errors[].reason of older ones (YouTube Data API, "Errors"), google.rpc.Code in status.
 */
static const struct code google_codes[] = {{"API_KEY_INVALID", VENDOR_TOKEN},
                                           {"API_KEY_SERVICE_BLOCKED", VENDOR_TOKEN},
                                           {"API_KEY_HTTP_REFERRER_BLOCKED", VENDOR_TOKEN},
                                           {"API_KEY_IP_ADDRESS_BLOCKED", VENDOR_TOKEN},
                                           {"ACCESS_TOKEN_EXPIRED", VENDOR_TOKEN},
                                           {"ACCESS_TOKEN_SCOPE_INSUFFICIENT", VENDOR_TOKEN},
                                           {"ACCESS_TOKEN_TYPE_UNSUPPORTED", VENDOR_TOKEN},
                                           {"CREDENTIALS_MISSING", VENDOR_TOKEN},
                                           {"CONSUMER_SUSPENDED", VENDOR_TOKEN},
                                           {"CONSUMER_INVALID", VENDOR_TOKEN},
                                           {"BILLING_DISABLED", VENDOR_TOKEN},
                                           {"SERVICE_DISABLED", VENDOR_TOKEN},
                                           {"RATE_LIMIT_EXCEEDED", VENDOR_RATE_LIMITED},
                                           {"RESOURCE_QUOTA_EXCEEDED", VENDOR_RATE_LIMITED},
                                           {"quotaExceeded", VENDOR_RATE_LIMITED},
                                           {"rateLimitExceeded", VENDOR_RATE_LIMITED},
                                           {"userRateLimitExceeded", VENDOR_RATE_LIMITED},
                                           {"dailyLimitExceeded", VENDOR_RATE_LIMITED},
                                           {"authError", VENDOR_TOKEN},
                                           {"required", VENDOR_TOKEN},
                                           {"forbidden", VENDOR_TOKEN},
                                           {"insufficientPermissions", VENDOR_TOKEN},
                                           {"keyInvalid", VENDOR_TOKEN},
                                           {"keyExpired", VENDOR_TOKEN},
                                           {"accessNotConfigured", VENDOR_TOKEN},
                                           {"badRequest", VENDOR_REQUEST},
                                           {"notFound", VENDOR_REQUEST},
                                           {"backendError", VENDOR_OUTAGE},
                                           {"internalError", VENDOR_OUTAGE},
                                           {"UNAUTHENTICATED", VENDOR_TOKEN},
                                           {"PERMISSION_DENIED", VENDOR_TOKEN},
                                           {"RESOURCE_EXHAUSTED", VENDOR_RATE_LIMITED},
                                           {"INVALID_ARGUMENT", VENDOR_REQUEST},
                                           {"NOT_FOUND", VENDOR_REQUEST},
                                           {"UNAVAILABLE", VENDOR_OUTAGE},
                                           {"DEADLINE_EXCEEDED", VENDOR_OUTAGE},
                                           {"INTERNAL", VENDOR_OUTAGE},
                                           {0}};

/* X's API: "Response codes and error messages" of v1.1, the last part of v2's problem types. */
static const struct code x_codes[] = {{"32", VENDOR_TOKEN},
                                      {"64", VENDOR_TOKEN},
                                      {"88", VENDOR_RATE_LIMITED},
                                      {"89", VENDOR_TOKEN},
                                      {"130", VENDOR_OUTAGE},
                                      {"131", VENDOR_OUTAGE},
                                      {"34", VENDOR_REQUEST},
                                      {"99", VENDOR_TOKEN},
                                      {"135", VENDOR_TOKEN},
                                      {"326", VENDOR_TOKEN},
                                      {"usage-capped", VENDOR_RATE_LIMITED},
                                      {"client-forbidden", VENDOR_TOKEN},
                                      {"unsupported-authentication", VENDOR_TOKEN},
                                      {"not-authorized-for-resource", VENDOR_TOKEN},
                                      {"not-authorized-for-field", VENDOR_TOKEN},
                                      {"invalid-request", VENDOR_REQUEST},
                                      {"resource-not-found", VENDOR_REQUEST},
                                      {"operational-disconnect", VENDOR_OUTAGE},
                                      {0}};

/* Ticketmaster's Discovery API: an Apigee fault. */
static const struct code ticketmaster_codes[] = {
    {"policies.ratelimit.QuotaViolation", VENDOR_RATE_LIMITED},
    {"policies.ratelimit.SpikeArrestViolation", VENDOR_RATE_LIMITED},
    {"oauth.v2.InvalidApiKey", VENDOR_TOKEN},
    {"oauth.v2.InvalidApiKeyForGivenResource", VENDOR_TOKEN},
    {"oauth.v2.FailedToResolveAPIKey", VENDOR_TOKEN},
    {0}};

/* Eventbrite's API v3, "Errors". */
static const struct code eventbrite_codes[] = {{"HIT_RATE_LIMIT", VENDOR_RATE_LIMITED},
                                               {"INVALID_AUTH", VENDOR_TOKEN},
                                               {"INVALID_AUTH_HEADER", VENDOR_TOKEN},
                                               {"NO_AUTH", VENDOR_TOKEN},
                                               {"NOT_AUTHORIZED", VENDOR_TOKEN},
                                               {"ACCESS_DENIED", VENDOR_TOKEN},
                                               {"NOT_FOUND", VENDOR_REQUEST},
                                               {"ARGUMENTS_ERROR", VENDOR_REQUEST},
                                               {"INTERNAL_ERROR", VENDOR_OUTAGE},
                                               {0}};

/* Stripe's API, "Errors": code, and type where there is none; invalid_request_error says no more than
 * the status. */
static const struct code stripe_codes[] = {{"rate_limit", VENDOR_RATE_LIMITED},
                                           {"rate_limit_error", VENDOR_RATE_LIMITED},
                                           {"authentication_error", VENDOR_TOKEN},
                                           {"api_error", VENDOR_OUTAGE},
                                           {"api_key_expired", VENDOR_TOKEN},
                                           {"platform_api_key_expired", VENDOR_TOKEN},
                                           {"secret_key_required", VENDOR_TOKEN},
                                           {0}};

/* Auth0: errorCode of its Management API, error of its Authentication API (RFC 6749, 5.2). */
static const struct code auth0_codes[] = {{"too_many_requests", VENDOR_RATE_LIMITED},
                                          {"too_many_attempts", VENDOR_RATE_LIMITED},
                                          {"too_many_logins", VENDOR_RATE_LIMITED},
                                          {"slow_down", VENDOR_RATE_LIMITED},
                                          {"invalid_token", VENDOR_TOKEN},
                                          {"insufficient_scope", VENDOR_TOKEN},
                                          {"access_denied", VENDOR_TOKEN},
                                          {"unauthorized_client", VENDOR_TOKEN},
                                          {"unauthorized", VENDOR_TOKEN},
                                          {"invalid_client", VENDOR_TOKEN},
                                          {"invalid_grant", VENDOR_TOKEN},
                                          {"login_required", VENDOR_TOKEN},
                                          {"invalid_request", VENDOR_REQUEST},
                                          {"invalid_scope", VENDOR_REQUEST},
                                          {"invalid_uri", VENDOR_REQUEST},
                                          {"invalid_body", VENDOR_REQUEST},
                                          {"invalid_query_string", VENDOR_REQUEST},
                                          {"feature_not_enabled", VENDOR_REQUEST},
                                          {"operation_not_supported", VENDOR_REQUEST},
                                          {"server_error", VENDOR_OUTAGE},
                                          {"temporarily_unavailable", VENDOR_OUTAGE},
                                          {0}};

static const struct code no_codes[] = {{0}};

static const struct vendor vendors[] = {
    {"meta",
     "facebook.com instagram.com threads.net",
     "error.code",
     "error.message",
     NULL,
     meta_codes},
    {"tiktok", "tiktok.com tiktokapis.com", "code", "message", "0", tiktok_codes},
    {"google",
     "googleapis.com youtube.com",
     "error.details[0].reason error.details[1].reason error.errors[0].reason error.status",
     "error.message",
     NULL,
     google_codes},
    {"x",
     "api.x.com api.twitter.com",
     "errors[0].code type errors[0].type",
     "errors[0].message detail errors[0].detail",
     NULL,
     x_codes},
    {"ticketmaster",
     "ticketmaster.com",
     "fault.detail.errorcode",
     "fault.faultstring",
     NULL,
     ticketmaster_codes},
    {"eventbrite",
     "eventbriteapi.com eventbrite.com",
     "error",
     "error_description",
     NULL,
     eventbrite_codes},
    {"stripe", "stripe.com", "error.code error.type", "error.message", NULL, stripe_codes},
    {"auth0",
     "auth0.com",
     "errorCode error",
     "message error_description description",
     NULL,
     auth0_codes},
    {"generic", "", "error.code", "error.message", NULL, no_codes},
};

enum { VENDOR_COUNT = sizeof(vendors) / sizeof(*vendors) };

/* ------------------------------------------------------------- whose it is ---- */

static bool ends_with(const char *host, const char *end, size_t len)
{
    size_t all = strlen(host);
    return all >= len && strncasecmp(host + all - len, end, len) == 0 &&
           (all == len || host[all - len - 1] == '.');
}

/* The next of several words, and where the others begin; NULL: there is none. */
static const char *next_word(const char *words, size_t *ret_len)
{
    words += strspn(words, " ");
    *ret_len = strcspn(words, " ");
    return *ret_len ? words : NULL;
}

static bool has_host(const struct vendor *vendor, const char *host)
{
    size_t len;
    for (const char *end = vendor->hosts; (end = next_word(end, &len)); end += len)
        if (ends_with(host, end, len))
            return true;
    return false;
}

static const struct vendor *find(const char *name, const char *host)
{
    bool automatic = strcmp(name, "auto") == 0;
    for (size_t i = 0; i < VENDOR_COUNT; i++)
        if (automatic ? has_host(&vendors[i], host) : strcmp(vendors[i].name, name) == 0)
            return &vendors[i];
    return &vendors[VENDOR_COUNT - 1];
}

/* --------------------------------------------------------- what it means ---- */

/* "4xxxx" fits 40105. */
static bool fits(const char *pattern, const char *code)
{
    for (; *pattern && *code; pattern++, code++)
        if (*pattern != *code && *pattern != 'x')
            return false;
    return *pattern == *code;
}

static enum vendor_class class_of_status(int status)
{
    if (status == 429 || status == 420)
        return VENDOR_RATE_LIMITED;
    if (status == 401 || status == 403 || status == 407)
        return VENDOR_TOKEN;
    if (status >= 500 || status == 408)
        return VENDOR_OUTAGE;
    return status >= 200 && status < 300 ? VENDOR_OK : VENDOR_REQUEST;
}

static bool class_of_word(const char *word, enum vendor_class *ret_class)
{
    for (size_t i = 0; word && vendor_classes[i]; i++)
        if (strcmp(vendor_classes[i], word) == 0) {
            *ret_class = (enum vendor_class)i;
            return true;
        }
    return false;
}

bool vendor_map_is(const struct probe_pair *own, const struct probe_pair **ret_wrong)
{
    enum vendor_class class;
    for (; own && own->name; own++)
        if (!class_of_word(own->value, &class)) {
            *ret_wrong = own;
            return false;
        }
    return true;
}

/* The operator's own word first, then the vendor's. */
static bool class_of_code(const struct vendor *vendor, const char *code,
                          const struct probe_pair *own, enum vendor_class *ret_class)
{
    for (; own && own->name; own++)
        if (strcmp(own->name, code) == 0)
            return class_of_word(own->value, ret_class);
    for (const struct code *known = vendor->codes; known->code; known++)
        if (fits(known->code, code)) {
            *ret_class = known->class;
            return true;
        }
    return false;
}

/* What stands at the first of some paths, of those where there is something. */
static const json_t *find_first(const json_t *body, const char *paths)
{
    size_t len;
    const json_t *found = NULL;
    for (const char *at = paths; !found && (at = next_word(at, &len)); at += len) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%.*s", (int)len, at);
        found = json_path_find(body, path);
    }
    return found;
}

/* Where those without a list of ours put their words (RFC 9457, OAuth, and what is usual). */
static const json_t *find_message(const struct vendor *vendor, const json_t *body)
{
    const json_t *message = find_first(body, vendor->message);
    return message ? message : find_first(body, "message detail title error_description");
}

/* A code as it is listed: of a problem's type (RFC 9457) the last part, and none for about:blank. */
static void print_code(const json_t *value, char *out, size_t room)
{
    char text[200];
    const char *slash;
    json_path_print(value, text, sizeof(text));
    slash = strncmp(text, "http", 4) == 0 ? strrchr(text, '/') : NULL;
    (void)snprintf(out, room, "%.*s", (int)room - 1, slash ? slash + 1 : text);
    if (strcmp(text, "about:blank") == 0)
        *out = '\0';
}

/* The most telling code that is known, or else the first that there is. */
static void take_code(const struct vendor *vendor, const json_t *body, const struct probe_pair *own,
                      struct vendor_says *says)
{
    size_t len;
    for (const char *at = vendor->code; (at = next_word(at, &len)); at += len) {
        char path[64], code[sizeof(says->code)];
        (void)snprintf(path, sizeof(path), "%.*s", (int)len, at);
        const json_t *value = json_path_find(body, path);
        if (!value || json_is_null(value))
            continue;
        print_code(value, code, sizeof(code));
        if (!*says->code)
            memcpy(says->code, code, sizeof(code));
        if (*code && class_of_code(vendor, code, own, &says->class)) {
            memcpy(says->code, code, sizeof(code));
            return;
        }
    }
    if (vendor->fine && strcmp(says->code, vendor->fine) == 0)
        says->code[0] = '\0';
    if (*says->code && says->class == VENDOR_OK)
        says->class = VENDOR_REQUEST; /* an error with a fine status, of which no list tells */
}

struct vendor_says vendor_of(const char *name, const char *host, int status, const json_t *body,
                             const struct probe_pair *own)
{
    const struct vendor *vendor = find(name, host);
    struct vendor_says says = {.class = class_of_status(status)};
    if (!body)
        return says;
    take_code(vendor, body, own, &says);
    const json_t *message = find_message(vendor, body);
    if (message && (*says.code || says.class != VENDOR_OK))
        json_path_print(message, says.message, sizeof(says.message));
    return says;
}
