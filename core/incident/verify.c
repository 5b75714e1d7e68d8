#include "incident/verify.h"

#include <stddef.h>

const char *verify_outcome(enum verify_word word)
{
    static const char *const names[] = {NULL, "fixed", "ineffective", "unverified"};
    return names[word];
}

static int64_t end_of_within(const struct verify *verify)
{
    return verify->begun_ms + verify->within_ms;
}

enum verify_word verify_take(struct verify *verify, bool known, bool holds, int64_t now_ms)
{
    bool in_time = now_ms <= end_of_within(verify);
    if (!known)
        return verify_pass(verify, now_ms);
    verify->answered = true;
    if (!holds) {
        verify->since_ms = verify->held_ms = 0;
        return in_time ? VERIFY_GOES_ON : VERIFY_INEFFECTIVE;
    }
    if (!verify->since_ms && !in_time)
        return VERIFY_INEFFECTIVE;
    if (!verify->since_ms)
        verify->since_ms = now_ms;
    verify->held_ms = now_ms - verify->since_ms;
    return verify->held_ms >= verify->stable_ms ? VERIFY_FIXED : VERIFY_GOES_ON;
}

enum verify_word verify_pass(const struct verify *verify, int64_t now_ms)
{
    int64_t end_ms =
        verify->since_ms ? verify->since_ms + verify->stable_ms : end_of_within(verify);
    if (now_ms < end_ms + verify->slack_ms)
        return VERIFY_GOES_ON;
    return verify->since_ms || !verify->answered ? VERIFY_UNKNOWN : VERIFY_INEFFECTIVE;
}

int64_t verify_due(const struct verify *verify, int64_t now_ms)
{
    int64_t end_ms =
        verify->since_ms ? verify->since_ms + verify->stable_ms : end_of_within(verify);
    if (end_ms <= now_ms)
        end_ms += verify->slack_ms;
    return end_ms > now_ms ? end_ms : now_ms;
}
