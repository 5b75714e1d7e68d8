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
                                    NULL};

struct code {
    const char *code; /* as the vendor writes it; "4xxxx": any that begins with 4 */
    enum vendor_class class;
};

/* An API: whose it is by its host, where its errors stand, what they mean. */
struct vendor {
    const char *name, *hosts;   /* ends of host names, separated by spaces */
    const char *code, *message; /* paths into the body */
    const char *fine;           /* the code that means that all is well; NULL: none is there */
    const struct code *codes;   /* ended by { 0 } */
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

/* Google APIs (YouTube Data API, "Errors"): errors[].reason. */
static const struct code google_codes[] = {{"quotaExceeded", VENDOR_RATE_LIMITED},
                                           {"rateLimitExceeded", VENDOR_RATE_LIMITED},
                                           {"userRateLimitExceeded", VENDOR_RATE_LIMITED},
                                           {"dailyLimitExceeded", VENDOR_RATE_LIMITED},
                                           {"authError", VENDOR_TOKEN},
                                           {"required", VENDOR_TOKEN},
                                           {"forbidden", VENDOR_TOKEN},
                                           {"insufficientPermissions", VENDOR_TOKEN},
                                           {"keyInvalid", VENDOR_TOKEN},
                                           {"accessNotConfigured", VENDOR_TOKEN},
                                           {"badRequest", VENDOR_REQUEST},
                                           {"notFound", VENDOR_REQUEST},
                                           {"backendError", VENDOR_OUTAGE},
                                           {"internalError", VENDOR_OUTAGE},
                                           {0}};

/* X's API, "Response codes and error messages". */
static const struct code x_codes[] = {{"32", VENDOR_TOKEN},
                                      {"64", VENDOR_TOKEN},
                                      {"88", VENDOR_RATE_LIMITED},
                                      {"89", VENDOR_TOKEN},
                                      {"130", VENDOR_OUTAGE},
                                      {"131", VENDOR_OUTAGE},
                                      {"34", VENDOR_REQUEST},
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

/* Stripe's API, "Errors". */
static const struct code stripe_codes[] = {{"rate_limit", VENDOR_RATE_LIMITED},
                                           {"api_key_expired", VENDOR_TOKEN},
                                           {"platform_api_key_expired", VENDOR_TOKEN},
                                           {"secret_key_required", VENDOR_TOKEN},
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
     "error.errors[0].reason",
     "error.message",
     NULL,
     google_codes},
    {"x", "api.x.com api.twitter.com", "errors[0].code", "errors[0].message", NULL, x_codes},
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
    {"stripe", "stripe.com", "error.code", "error.message", NULL, stripe_codes},
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

static bool has_host(const struct vendor *vendor, const char *host)
{
    for (const char *end = vendor->hosts; *end; end += strspn(end, " ")) {
        size_t len = strcspn(end, " ");
        if (ends_with(host, end, len))
            return true;
        end += len;
    }
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

/* Where those without a list of ours put their words (RFC 9457, OAuth, and what is usual). */
static const json_t *find_message(const struct vendor *vendor, const json_t *body)
{
    static const char *const usual[] = {"message", "detail", "title", "error_description"};
    const json_t *message = json_path_find(body, vendor->message);
    for (size_t i = 0; !message && i < sizeof(usual) / sizeof(*usual); i++)
        message = json_path_find(body, usual[i]);
    return message;
}

struct vendor_says vendor_of(const char *name, const char *host, int status, const json_t *body,
                             const struct probe_pair *own)
{
    const struct vendor *vendor = find(name, host);
    struct vendor_says says = {.class = class_of_status(status)};
    const json_t *code = body ? json_path_find(body, vendor->code) : NULL;
    const json_t *message = body ? find_message(vendor, body) : NULL;
    if (code && !json_is_null(code))
        json_path_print(code, says.code, sizeof(says.code));
    if (vendor->fine && strcmp(says.code, vendor->fine) == 0)
        says.code[0] = '\0';
    if (message && (*says.code || says.class != VENDOR_OK))
        json_path_print(message, says.message, sizeof(says.message));
    if (!*says.code)
        return says;
    if (!class_of_code(vendor, says.code, own, &says.class) && says.class == VENDOR_OK)
        says.class = VENDOR_REQUEST; /* an error with a fine status, of which no list tells */
    return says;
}
