#include "quota.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jansson.h>

#include "common/http/answer.h"
#include "common/percent.h"
#include "http.h"

static const struct quota nothing = {-1, -1, -1, -1, -1, NULL};

/* The number that a text begins with; below zero: it is none. */
static double number(const char *text)
{
    char *end;
    double value = text ? strtod(text, &end) : -1;
    return text && end != text && value >= 0 ? value : -1;
}

/* "30", or a duration as Go writes it, "6m0s"; below zero: neither. */
static double duration(const char *text)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    double sum = 0, value;
    char *end;
    if (number(text) < 0)
        return -1;
    for (; *text; text = end) {
        size_t len, i;
        value = strtod(text, &end);
        if (end == text)
            return -1;
        len = strspn(end, "mshd");
        for (i = 0; i < sizeof(units) / sizeof(*units); i++)
            if (len == strlen(units[i].unit) && strncmp(end, units[i].unit, len) == 0)
                value *= units[i].seconds;
        sum += value;
        end += len;
    }
    return sum;
}

/* Seconds from now, of seconds or of a time since 1970, in seconds or milliseconds. */
static double until(double reset, int64_t now_ms)
{
    enum { LONGEST_S = 400 * 86400 }; /* what is more is a time */
    double now_s = (double)now_ms / 1000.0;
    if (reset < LONGEST_S)
        return reset;
    if (reset > 1e11)
        reset /= 1000.0;
    return reset > now_s ? reset - now_s : 0;
}

/* ---------------------------------------------------------------- IETF ---- */

/* A member of a list of RFC 9651, "burst";r=2;t=1, with the parameters that count here. */
struct member {
    const char *name;
    size_t len;
    double remaining, reset, quota; /* r, t, q; below zero: not said */
};

static const char *skip_value(const char *at)
{
    if (*at != '"')
        return at + strcspn(at, ",;");
    for (at++; *at && *at != '"'; at++)
        at += *at == '\\' && at[1];
    return at + (*at == '"');
}

/* Takes the next one; false: there is none. */
static bool next_member(const char **list, struct member *member)
{
    const char *at = *list + strspn(*list, " \t,");
    *member = (struct member){at, 0, -1, -1, -1};
    if (!*at)
        return false;
    at = skip_value(at);
    member->len = (size_t)(at - member->name);
    while (*(at += strspn(at, " \t")) == ';') {
        const char *key = at + 1 + strspn(at + 1, " \t");
        size_t len = strcspn(key, "=;,");
        double *place = len != 1      ? NULL
                        : *key == 'r' ? &member->remaining
                        : *key == 't' ? &member->reset
                        : *key == 'q' ? &member->quota
                                      : NULL;
        at = key + len;
        if (*at == '=') {
            if (place)
                *place = number(at + 1);
            at = skip_value(at + 1);
        }
    }
    *list = at + strcspn(at, ",");
    return true;
}

/* How much the policy of that name grants; below zero: there is none, or it does not say. */
static double quota_called(const char *policies, const struct member *name)
{
    struct member policy;
    while (policies && next_member(&policies, &policy))
        if (policy.len == name->len && strncmp(policy.name, name->name, name->len) == 0)
            return policy.quota;
    return -1;
}

/* Of several policies the one of which the least is left. */
static bool of_policies(const char *now, const char *policies, struct quota *quota)
{
    struct member member;
    double least = -1;
    while (next_member(&now, &member)) {
        double limit = quota_called(policies, &member);
        double share = limit > 0 ? member.remaining / limit : member.remaining > 0 ? 1 : 0;
        if (member.remaining < 0 || (quota->remaining >= 0 && share >= least))
            continue;
        least = share;
        quota->remaining = member.remaining;
        quota->reset_seconds = member.reset;
        quota->limit = limit;
    }
    return quota->remaining >= 0;
}

/* "remaining=50" in the list of older drafts: limit=100, remaining=50, reset=30. */
static double parameter(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = text; at && *at; at += strcspn(at, ";, "), at += strspn(at, ";, "))
        if (strncasecmp(at, name, len) == 0 && at[len] == '=')
            return number(at + len + 1);
    return -1;
}

static bool of_ietf(const struct probe_response *response, struct quota *quota)
{
    const char *now = answer_header(response, "ratelimit");
    *quota = nothing;
    quota->dialect = "RateLimit";
    if (!now || of_policies(now, answer_header(response, "ratelimit-policy"), quota))
        return now != NULL;
    quota->remaining = parameter(now, "remaining");
    quota->reset_seconds = parameter(now, "reset");
    quota->limit = parameter(now, "limit");
    return quota->remaining >= 0;
}

/* -------------------------------------------------------------- headers ---- */

static const char *header(const struct probe_response *response, const char *name)
{
    return http_given(name) ? answer_header(response, name) : NULL;
}

static bool of_three(const struct probe_response *response, const struct quota_names *names,
                     int64_t now_ms, struct quota *quota)
{
    double reset = duration(header(response, names->reset));
    quota->remaining = number(header(response, names->remaining));
    quota->limit = number(header(response, names->limit));
    quota->reset_seconds = reset < 0 ? -1 : until(reset, now_ms);
    quota->dialect = names->remaining;
    return quota->remaining >= 0;
}

static bool of_headers(const struct probe_response *response, int64_t now_ms, struct quota *quota)
{
    static const struct quota_names known[] = {
        {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"},
        {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset-After"},
        {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset-After"},
        {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"},
        {"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"},
        {"X-RateLimit-Limit-Requests",
         "X-RateLimit-Remaining-Requests",
         "X-RateLimit-Reset-Requests"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        bool last = i + 1 == sizeof(known) / sizeof(*known);
        if (of_three(response, &known[i], now_ms, quota) && (quota->reset_seconds >= 0 || last))
            return true;
    }
    /* Nobody says when: then at least how many. */
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (of_three(response, &known[i], now_ms, quota))
            return true;
    return false;
}

static bool of_shopify(const struct probe_response *response, struct quota *quota)
{
    const char *text = answer_header(response, "x-shopify-shop-api-call-limit");
    const char *slash = text ? strchr(text, '/') : NULL;
    if (!slash || number(text) < 0 || number(slash + 1) < 0)
        return false;
    quota->limit = number(slash + 1);
    quota->remaining = quota->limit > number(text) ? quota->limit - number(text) : 0;
    quota->dialect = "X-Shopify-Shop-Api-Call-Limit";
    return true;
}

/* ---------------------------------------------------------------- Meta ---- */

/* The largest of the percentages used in an object: {"call_count": 28, "total_time": 25, ...}. */
static double most_used(const json_t *usage)
{
    static const char *const members[] = {"call_count", "total_time", "total_cputime"};
    double most = -1;
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const json_t *value = json_object_get(usage, members[i]);
        if (json_is_number(value) && json_number_value(value) > most)
            most = json_number_value(value);
    }
    return most;
}

/*
 * X-Business-Use-Case-Usage: {"ID": [{"call_count": ..., "estimated_time_to_regain_access": 7}]}, the
 * latter in minutes.
 */
static double most_used_by_case(const json_t *cases, double *ret_minutes)
{
    const char *name;
    size_t place;
    json_t *list, *usage;
    double most = -1;
    json_object_foreach((json_t *)cases, name, list) {
        json_array_foreach(list, place, usage) {
            double used = most_used(usage);
            const json_t *minutes = json_object_get(usage, "estimated_time_to_regain_access");
            most = used > most ? used : most;
            if (json_number_value(minutes) > *ret_minutes)
                *ret_minutes = json_number_value(minutes);
        }
    }
    return most;
}

static bool of_meta(const struct probe_response *response, struct quota *quota)
{
    const char *app = answer_header(response, "x-app-usage");
    const char *cases = answer_header(response, "x-business-use-case-usage");
    json_t *app_usage = app ? json_loads(app, 0, NULL) : NULL;
    json_t *case_usage = cases ? json_loads(cases, 0, NULL) : NULL;
    double minutes = 0, used = most_used(app_usage);
    double by_case = most_used_by_case(case_usage, &minutes);
    json_decref(app_usage);
    json_decref(case_usage);
    if (used < 0 && by_case < 0)
        return false;
    quota->dialect = used >= by_case ? "X-App-Usage" : "X-Business-Use-Case-Usage";
    used = used >= by_case ? used : by_case;
    quota->remaining_percent = used < 100 ? 100 - used : 0;
    if (minutes > 0) {
        quota->remaining_percent = 0; /* it is refused already */
        quota->reset_seconds = minutes * 60;
    }
    return true;
}

/* ------------------------------------------------------------ Retry-After ---- */

static double retry_of(const char *text, int64_t now_ms)
{
    struct tm when = {0};
    if (!text)
        return -1;
    if (number(text) >= 0)
        return number(text);
    if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &when))
        return -1;
    double seconds = (double)timegm(&when) - (double)now_ms / 1000.0;
    return seconds > 0 ? seconds : 0;
}

struct quota quota_of(const struct probe_response *response, const struct quota_names *names,
                      int64_t now_ms)
{
    struct quota quota = nothing;
    bool own = http_given(names->remaining);
    bool said = own ? of_three(response, names, now_ms, &quota)
                    : of_ietf(response, &quota) || of_headers(response, now_ms, &quota) ||
                          of_shopify(response, &quota) || of_meta(response, &quota);
    if (!said)
        quota = nothing;
    quota.retry_seconds = retry_of(answer_header(response, "retry-after"), now_ms);
    if (said && quota.limit > 0 && quota.remaining >= 0)
        quota.remaining_percent = percent_of(quota.remaining, quota.limit);
    if (response->code == 429) { /* whatever the headers say */
        quota.remaining = 0;
        quota.remaining_percent = 0;
        if (quota.reset_seconds < 0)
            quota.reset_seconds = quota.retry_seconds;
        if (!quota.dialect)
            quota.dialect = "429";
    }
    return quota;
}
