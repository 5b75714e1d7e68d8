/*
 * quota - what an answer says of its rate limit, in the dialects that APIs speak:
 *
 *   RateLimit: "default";r=50;t=30 with RateLimit-Policy: "default";q=100;w=60  (IETF, draft 08 on)
 *   RateLimit: limit=100, remaining=50, reset=30                                (IETF, drafts 06, 07)
 *   RateLimit-Limit, -Remaining, -Reset or -Reset-After: seconds                (IETF, before)
 *   X-RateLimit-*, X-Rate-Limit-*: the reset as seconds, or as a time           (GitHub, X, ...)
 *   X-RateLimit-Reset-After                                                     (Discord)
 *   X-RateLimit-*-Requests: the reset as a duration, "6m0s"                     (OpenAI)
 *   X-App-Usage, X-Business-Use-Case-Usage: percent used, as JSON               (Meta)
 *   X-Shopify-Shop-Api-Call-Limit: 32/40                                        (Shopify)
 *   Retry-After                                                                 (RFC 9110, 10.2.3)
 *
 * Pure.
 */
#ifndef HTTP_QUOTA_H
#define HTTP_QUOTA_H

#include <runbookd/probe.h>

/* Other names, as the operator gives them; NULL or "": the known ones. */
struct quota_names {
    const char *limit, *remaining, *reset;
};

/* Below zero: not said. */
struct quota {
    double limit, remaining, remaining_percent;
    double reset_seconds; /* until there is more */
    double retry_seconds; /* Retry-After */
    const char *dialect;  /* the header that said so; NULL: none */
};

/* `now_ms` since 1970, for a reset that is a time. */
struct quota quota_of(const struct probe_response *response, const struct quota_names *names,
                      int64_t now_ms);

#endif
