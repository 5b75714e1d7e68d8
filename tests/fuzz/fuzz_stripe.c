/*
 * Bytes as Stripe's answers to the stripe plugin, on the fake host: the first byte says which check
 * asks, the second how it is answered.  Whatever comes, the run ends once and breaks none of the
 * kit's rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { PLAN = 10, WAYS = 16, MOST_ANSWERS = 24 };

static const char *const checks[WAYS] = {"status",
                                         "api",
                                         "payment_intent",
                                         "payment_failure_rate",
                                         "declines",
                                         "rate_limit",
                                         "webhook_endpoint",
                                         "webhook_deliveries",
                                         "webhook_receiver",
                                         "stuck_payments",
                                         "redeliver_events"};

static const int codes[] = {200, 200, 200, 400, 403, 404, 429, 503};

static struct kit *open_kit(void)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "key", "rk_test_ofthefuzzer");
    kit_set(kit, "webhook_secret", "whsec_ofthefuzzer");
    kit_set_for(kit, "payment_intent", "id", "pi_1");
    kit_set_for(kit, "webhook_receiver", "url", "https://shop.example.org/hooks");
    return kit;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct probe_pair plain[] = {{.name = "Request-Id", .value = "req_1"}, {0}};
    static const struct probe_pair again[] = {
        {.name = "Stripe-Should-Retry", .value = "true"},
        {.name = "Retry-After", .value = "1"},
        {.name = "Date", .value = "Sat, 21 Nov 2026 03:00:00 GMT"},
        {.name = "Location", .value = "https://a:b@c/?d"},
        {0}};
    if (len < 2 || !checks[bytes[0] % WAYS])
        return 0;
    size_t way = bytes[0] % WAYS;
    struct kit *kit = open_kit();
    char *body = malloc(len - 1); /* exactly as long as it is, for ASan */
    memcpy(body, bytes + 2, len - 2);
    body[len - 2] = '\0';
    const struct kit_answer answer = {.code = codes[bytes[1] & 7u],
                                      .headers = bytes[1] & 8 ? again : plain,
                                      .body = body,
                                      .body_len = len - 2};
    for (int i = 0; i < MOST_ANSWERS; i++) /* as often as it is asked again */
        kit_answer(kit, &answer);
    const struct kit_run *run =
        way == PLAN ? kit_plan(kit, checks[way]) : kit_try(kit, checks[way]);
    if (!run->over)
        abort();
    const char *broken = kit_broken(kit);
    /* Answers are laid out for the longest way; and ids that Stripe keeps apart may be the same. */
    if (*broken && !strstr(broken, "laid out") && !strstr(broken, "never asked for") &&
        !strstr(broken, "twice in one run")) {
        (void)fprintf(stderr, "%s: %s\n", checks[way], broken);
        abort();
    }
    (void)kit_close(kit);
    free(body);
    return 0;
}
