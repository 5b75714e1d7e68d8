#include "app/lead.h"

#include <errno.h>

#include "base/log.h"

int lead_open(struct lead *lead, struct schedule *schedule, struct config *config,
              const char *holder)
{
    struct error error;
    if (!config->agent.lease.target)
        return 0;
    lead->lease = lease_create(schedule->loop, schedule->bus, config, holder, &error);
    if (!lead->lease) {
        log_error("%s", error.message);
        return -EINVAL;
    }
    lead->handover = handover_create(schedule, lead->lease, config->agent.lease.ttl_ms);
    lease_start(lead->lease);
    return 0;
}

bool lead_leave(struct lead *lead, uint64_t ms, lease_released_fn *fn, void *data)
{
    if (!lead->lease || lead->leaving)
        return false;
    lead->leaving = true;
    handover_flush(lead->handover);
    lease_release(lead->lease, ms, fn, data);
    return true;
}

void lead_close(struct lead *lead)
{
    handover_destroy(lead->handover);
    lease_destroy(lead->lease);
    *lead = (struct lead){0};
}
