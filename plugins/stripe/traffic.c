#include "traffic.h"

#include <stdio.h>
#include <string.h>

void traffic_note(struct traffic *traffic, uint64_t now_ms, enum traffic_end end,
                  const char *limiter, const char *path)
{
    uint64_t minute = now_ms / 60000u + 1;
    size_t at = minute % TRAFFIC_MINUTES;
    if (traffic->minutes[at].minute != minute)
        memset(&traffic->minutes[at], 0, sizeof(traffic->minutes[at]));
    traffic->minutes[at].minute = minute;
    traffic->minutes[at].asked++;
    traffic->minutes[at].limited += end == TRAFFIC_LIMITED;
    traffic->minutes[at].locked += end == TRAFFIC_LOCKED;
    if (end == TRAFFIC_FINE)
        return;
    traffic->limiter = limiter;
    (void)snprintf(traffic->path, sizeof(traffic->path), "%s", path);
}

struct traffic_sum traffic_sum(const struct traffic *traffic, uint64_t now_ms, int64_t minutes)
{
    struct traffic_sum sum = {0};
    uint64_t last = now_ms / 60000u + 1;
    for (size_t i = 0; i < TRAFFIC_MINUTES; i++) {
        uint64_t minute = traffic->minutes[i].minute;
        if (minute == 0 || minute > last || last - minute >= (uint64_t)minutes)
            continue;
        sum.asked += traffic->minutes[i].asked;
        sum.limited += traffic->minutes[i].limited;
        sum.locked += traffic->minutes[i].locked;
        if (traffic->minutes[i].limited > sum.worst)
            sum.worst = traffic->minutes[i].limited;
    }
    return sum;
}
