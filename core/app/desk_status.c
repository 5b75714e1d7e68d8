/* desk_status - how the agent is, and what it found, in numbers: part of app/desk. */
#include <unistd.h>

#include "app/desk_parts.h"
#include "io/loop.h"
#include "out/spool.h"

static void write_optional(struct writer *writer, const char *key, const char *text)
{
    if (text)
        writer_string(writer, key, text);
}

static void write_config(const struct desk *desk, struct writer *writer)
{
    const struct session *session = desk->parts.session;
    writer_object(writer, "config");
    writer_string(writer, "digest", session->config->digest);
    writer_time(writer, "loaded", desk->loaded_wall_ms);
    writer_int(writer, "targets", (int64_t)session->config->target_count);
    writer_int(writer, "checks", (int64_t)desk->parts.schedule->duty_count);
    writer_int(writer, "errors", (int64_t)session->errors);
    writer_bool(writer, "without", session->without);
    writer_end(writer);
}

static void write_agent(const struct desk *desk, struct writer *writer)
{
    const struct event_speaker *speaker = desk->parts.speaker;
    writer_object(writer, "agent");
    writer_string(writer, "version", speaker->version);
    write_optional(writer, "role", speaker->role);
    writer_string(writer, "node", speaker->node);
    write_optional(writer, "pod", speaker->pod);
    writer_string(writer, "boot", speaker->boot);
    writer_int(writer, "pid", getpid());
    write_optional(writer, "socket", desk->path);
    writer_time(writer, "started", desk->started_wall_ms);
    writer_end(writer);
}

/* The worst of a tally, as once and probe have it; unknown where nothing was found yet. */
static enum probe_status worst_of(const unsigned count[PROBE_UNKNOWN + 1])
{
    return count[PROBE_CRITICAL]  ? PROBE_CRITICAL
           : count[PROBE_WARNING] ? PROBE_WARNING
           : count[PROBE_UNKNOWN] ? PROBE_UNKNOWN
           : count[PROBE_OK]      ? PROBE_OK
                                  : PROBE_UNKNOWN;
}

static void write_findings(const struct desk *desk, struct writer *writer)
{
    unsigned count[PROBE_UNKNOWN + 1];
    ledger_tally(desk->parts.schedule->ledger, count);
    writer_object(writer, "findings");
    for (enum probe_status status = PROBE_OK; status <= PROBE_UNKNOWN; status++)
        writer_int(writer, event_status_name(status), count[status]);
    writer_int(writer, "pending", count[PROBE_GRADED]);
    writer_end(writer);
    writer_string(writer, "worst", event_status_name(worst_of(count)));
}

static void write_checks(const struct desk *desk, struct writer *writer)
{
    const struct schedule_stats *last = desk->parts.minute, *now = &desk->parts.schedule->stats;
    writer_object(writer, "checks");
    writer_int(writer, "running", now->running);
    writer_int(writer, "waiting", now->waiting);
    writer_int(writer, "late", (int64_t)(last->late + now->late));
    writer_int(writer, "failed", (int64_t)(last->failed + now->failed));
    writer_end(writer);
}

static void on_plan(const struct plan *plan, void *data)
{
    struct writer *writer = data;
    if (plan->state != PLAN_WAITING)
        return;
    writer_object(writer, NULL);
    writer_string(writer, "plan", plan->id);
    writer_string(writer, "remediation", plan->entry);
    writer_time(writer, "expires", plan->expires_ms);
    writer_end(writer);
}

static void write_plans(const struct desk *desk, struct writer *writer)
{
    const struct entries *entries = desk->parts.session->entries;
    if (entries)
        writer_string(writer, "ceiling", guard_mode_name(entries->ceiling.mode));
    if (!desk->parts.remediations)
        return;
    remediations_write(desk->parts.remediations, writer);
    writer_array(writer, "plans");
    remediations_each_plan(desk->parts.remediations, on_plan, writer);
    writer_end(writer);
}

/* Events that receivers have refused. */
static void write_aside(const struct desk *desk, struct writer *writer)
{
    const struct spool *spool = desk->parts.sinks ? sinks_spool(desk->parts.sinks) : NULL;
    uint64_t count = spool ? spool_count_aside(spool, NULL) : 0;
    if (count)
        writer_int(writer, "quarantined", (int64_t)count);
}

void desk_status(struct desk *desk, struct control_call *call,
                 const struct control_request *request)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    (void)request;
    desk_begin(&text, &writer);
    writer_string(&writer, "realm", desk->parts.speaker->realm);
    writer_time(&writer, "time", loop_wall_ms(desk->parts.schedule->loop));
    write_agent(desk, &writer);
    write_config(desk, &writer);
    write_findings(desk, &writer);
    write_checks(desk, &writer);
    lease_write(desk->parts.lease, &writer);
    if (desk->parts.lease && lease_until_ms(desk->parts.lease))
        writer_time(&writer, "lease_until", lease_until_ms(desk->parts.lease));
    freeze_write(desk->parts.brakes->freeze, &writer);
    writer_int(&writer,
               "silences",
               (int64_t)silences_count(desk->parts.brakes->silences, desk_clock(desk).wall_ms));
    locks_write(desk->parts.brakes->locks, &writer);
    write_aside(desk, &writer);
    alertmanager_write(desk->parts.brakes->alertmanager, &writer);
    write_plans(desk, &writer);
    writer_string(&writer, "state", upkeep_word(desk->parts.upkeep));
    write_optional(&writer, "state_folder", desk->parts.session->config->agent.state);
    isolation_write(desk->parts.schedule->isolation, &writer);
    writer_bool(&writer, "isolated", isolation_holds(desk->parts.schedule->isolation));
    desk_end(call, &text, &writer);
}

/* That this is answered at all says that the loop turns. */
void desk_healthz(struct desk *desk, struct control_call *call,
                  const struct control_request *request)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    (void)request;
    desk_begin(&text, &writer);
    writer_string(&writer, "status", "ok");
    writer_time(&writer, "started", desk->started_wall_ms);
    writer_string(&writer, "state", upkeep_word(desk->parts.upkeep));
    write_config(desk, &writer);
    desk_end(call, &text, &writer);
}
