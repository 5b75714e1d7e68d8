#include "app/agent.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "app/agent_parts.h"
#include "app/numbers.h"
#include "app/renew.h"
#include "app/voice.h"
#include "base/log.h"
#include "base/units.h"
#include "io/child.h"
#include "io/http.h"
#include "io/notify.h"
#include "io/resolve.h"
#include "io/signal.h"
#include "io/tls.h"
#include "io/watchdog.h"
#include "out/sink.h"
#include "probe/metric.h"

enum { LAST_WORDS_MS = 2000 };

/* ----------------------------------------------------------- beginning ---- */

static const char *role_name(enum config_role role)
{
    static const char *const names[] = {"sidecar", "node", "cluster", NULL};
    return names[role];
}

static void make_boot(struct agent *agent)
{
    unsigned char bytes[4] = {0};
    if (getrandom(bytes, sizeof(bytes), 0) < 0)
        memcpy(bytes, &(pid_t){getpid()}, sizeof(bytes));
    (void)snprintf(agent->boot,
                   sizeof(agent->boot),
                   "%02x%02x%02x%02x",
                   bytes[0],
                   bytes[1],
                   bytes[2],
                   bytes[3]);
}

static struct event_speaker speaker_of(struct agent *agent)
{
    const struct config *config = agent->session->config;
    if (gethostname(agent->host, sizeof(agent->host) - 1) < 0)
        (void)snprintf(agent->host, sizeof(agent->host), "unknown");
    return (struct event_speaker){
        .realm = config->agent.realm,
        .role = role_name(config->agent.role),
        .node = config->agent.node ? config->agent.node : agent->host,
        .pod = config->agent.pod,
        .boot = agent->boot,
        .version = RUNBOOKD_VERSION,
        .config = config->digest,
        .labels = config->agent.labels,
        .max_event = (size_t)config->agent.max_event,
    };
}

void agent_open(struct agent *agent, struct session *session)
{
    *agent = (struct agent){.session = session};
    (void)mallopt(M_ARENA_MAX, 1); /* one thread allocates */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a state that may not grow is an error, not our end */
    if (child_start() < 0)
        log_warn("cannot start the process that looks at files and starts programs: %s",
                 strerror(errno));
    child_allow(session->config->exec.permits);
    make_boot(agent);
    agent->loop = loop_create();
    http_use_proxies(agent->loop, session->config->agent.use_proxies);
    agent->speaker = speaker_of(agent);
    agent->bus = bus_create(&agent->speaker);
    agent->ledger = ledger_create();
    agent->schedule = schedule_create(agent->loop, agent->bus, agent->ledger);
}

/* Makes the targets; what plugins refuse is printed. */
bool agent_fill(struct agent *agent)
{
    struct problems problems = {0};
    int status = schedule_fill(agent->schedule, agent->session->config, &problems);
    agent->session->refusals = problems.errors;
    return session_print(&problems) && status == 0;
}

static void write_sinks(struct writer *writer, void *data)
{
    const struct agent *agent = data;
    if (agent->sinks)
        sinks_write(agent->sinks, writer);
}

void agent_close(struct agent *agent)
{
    watchdog_stop(agent->vigil);
    timer_stop(&agent->heartbeat);
    timer_stop(&agent->limit);
    pages_stop(&agent->pages);
    timer_stop(&agent->watchdog);
    signal_destroy(agent->terminate);
    signal_destroy(agent->interrupt);
    signal_destroy(agent->hangup);
    signal_destroy(agent->reopen);
    desk_close(agent->desk);
    renew_destroy(agent->renew);
    numbers_close(agent->numbers);
    repair_close(&agent->repair);
    lead_close(&agent->lead);
    schedule_destroy(agent->schedule);
    brakes_close(&agent->brakes);
    upkeep_close(&agent->upkeep);
    if (agent->voice) {
        event_emit_agent(agent->bus,
                         LOG_INFO,
                         "stopped",
                         "the agent has stopped",
                         loop_wall_ms(agent->loop),
                         write_sinks,
                         agent);
        sinks_close(agent->sinks);
        voice_close(agent->voice, LAST_WORDS_MS);
    }
    bus_destroy(agent->bus);
    ledger_destroy(agent->ledger);
    http_shutdown(agent->loop);
    resolve_shutdown(agent->loop);
    child_stop();
    tls_shutdown();
    metric_forget_all();
    int left = loop_destroy(agent->loop);
    if (left) { /* a leak of ours: tests must see it */
        log_error("%d handles were left open at the end", left);
        agent->code = EXIT_REFUSED;
    }
}

/* ---------------------------------------------------------------- says ---- */

static void write_counts(struct writer *writer, void *data)
{
    const struct agent *agent = data;
    const struct schedule_stats *stats = &agent->stats;
    unsigned count[PROBE_UNKNOWN + 1];

    ledger_tally(agent->ledger, count);
    writer_object(writer, "checks");
    for (enum probe_status status = PROBE_OK; status <= PROBE_UNKNOWN; status++)
        writer_int(writer, event_status_name(status), count[status]);
    writer_end(writer);
    writer_int(writer, "runs", (int64_t)stats->runs);
    writer_int(writer, "failed", (int64_t)stats->failed);
    writer_int(writer, "late", (int64_t)stats->late);
    writer_real(writer, "late_max_ms", (double)stats->late_worst_us / 1000.0);
    writer_real(writer, "loop_lag_ms", (double)agent->lag_us / 1000.0);
    writer_int(writer, "running", stats->running);
    writer_int(writer, "waiting", stats->waiting);
    isolation_write(agent->schedule->isolation, writer);
    lease_write(agent->lead.lease, writer);
    writer_string(writer, "state", upkeep_word(&agent->upkeep));
    repair_write(&agent->repair, writer);
    if (agent->session->errors)
        writer_int(writer, "config_errors", (int64_t)agent->session->errors);
    writer_object(writer, "events");
    writer_int(writer, "written", (int64_t)bus_count(agent->bus));
    writer_end(writer);
    write_sinks(writer, data);
}

static void on_heartbeat(void *data)
{
    struct agent *agent = data;
    unsigned count[PROBE_UNKNOWN + 1];
    char message[192];

    ledger_tally(agent->ledger, count);
    agent->stats = schedule_take_stats(agent->schedule);
    agent->lag_us = loop_take_lag_us(agent->loop);
    (void)snprintf(message,
                   sizeof(message),
                   "%zu check%s: %u ok, %u warning, %u critical, %u unknown%s",
                   agent->schedule->duty_count,
                   units_s((int64_t)agent->schedule->duty_count),
                   count[PROBE_OK],
                   count[PROBE_WARNING],
                   count[PROBE_CRITICAL],
                   count[PROBE_UNKNOWN],
                   !agent->session->errors ? ""
                   : agent->session->without
                       ? "; there is no good configuration"
                       : "; the configuration is wrong, an earlier one is in force");
    notify_say(agent->session->notify, "STATUS=%s", message);
    event_emit_agent(
        agent->bus, LOG_INFO, "heartbeat", message, loop_wall_ms(agent->loop), write_counts, agent);
    timer_start(&agent->heartbeat,
                agent->loop,
                (uint64_t)agent->session->config->agent.heartbeat_ms,
                on_heartbeat,
                agent);
}

static void write_start(struct writer *writer, void *data)
{
    const struct agent *agent = data;
    writer_int(writer, "targets", (int64_t)agent->session->config->target_count);
    writer_int(writer, "checks_configured", (int64_t)agent->schedule->duty_count);
    writer_array(writer, "plugins");
    for (size_t i = 0; i < agent->session->plugins.count; i++)
        writer_string(writer, NULL, agent->session->plugins.all[i]->face.name);
    writer_end(writer);
}

static void say_started(struct agent *agent)
{
    char message[128];
    (void)snprintf(message,
                   sizeof(message),
                   "watching %zu target%s with %zu check%s",
                   agent->session->config->target_count,
                   units_s((int64_t)agent->session->config->target_count),
                   agent->schedule->duty_count,
                   units_s((int64_t)agent->schedule->duty_count));
    event_emit_agent(
        agent->bus, LOG_INFO, "started", message, loop_wall_ms(agent->loop), write_start, agent);
}

/* ------------------------------------------------------------ the agent ---- */

static void on_released(void *data)
{
    struct agent *agent = data;
    loop_stop(agent->loop);
}

/* The lease is given back first. */
static void on_signal(int number, void *data)
{
    struct agent *agent = data;
    log_info("%s: ending in order", number == SIGTERM ? "SIGTERM" : "interrupted");
    if (!lead_leave(&agent->lead, LAST_WORDS_MS, on_released, agent))
        loop_stop(agent->loop);
}

static void on_reopen(int number, void *data)
{
    struct agent *agent = data;
    (void)number;
    sinks_reopen(agent->sinks);
}

static void on_hangup(int number, void *data)
{
    struct agent *agent = data;
    on_reopen(number, agent);
    if (agent->renew)
        (void)renew_ask(agent->renew, NULL, NULL);
    else
        log_info(
            "SIGHUP: there is no file to read again; what the environment names was taken at the "
            "start");
}

/* What the agent answers from, when somebody asks. */
static struct desk_parts parts_of(struct agent *agent)
{
    return (struct desk_parts){
        .session = agent->session,
        .schedule = agent->schedule,
        .upkeep = &agent->upkeep,
        .brakes = &agent->brakes,
        .remediations = agent->repair.remediations,
        .sinks = agent->sinks,
        .lease = agent->lead.lease,
        .realm = agent->repair.realm,
        .speaker = &agent->speaker,
        .minute = &agent->stats,
        .renew = agent->renew,
    };
}

static void on_renewed(void *data)
{
    struct agent *agent = data;
    agent->speaker = speaker_of(agent);
    child_allow(agent->session->config->exec.permits);
    bus_set_speaker(agent->bus, &agent->speaker);
    voice_take_over(agent->voice, &agent->session->config->console);
    sinks_take_over(agent->sinks, agent->session->config);
    upkeep_renew(&agent->upkeep);
    numbers_renew(agent->numbers);
    brakes_use(&agent->brakes, agent->session->config, agent->session->entries);
    repair_use(&agent->repair, agent->session->entries, agent->session->config->digest, true);
    const struct desk_parts parts = parts_of(agent);
    desk_renew(agent->desk, &parts);
}

static void on_limit(void *data)
{
    struct agent *agent = data;
    loop_stop(agent->loop);
}

/* It is the loop that says that it turns. */
static void on_watchdog(void *data)
{
    struct agent *agent = data;
    const struct notify *notify = agent->session->notify;
    notify_say(notify, "WATCHDOG=1");
    timer_start_us(
        &agent->watchdog, agent->loop, notify_watchdog_us(notify) / 3, on_watchdog, agent);
}

/* The clock of --for begins with the first finding. */
static void on_event(const struct event *event, void *data)
{
    struct agent *agent = data;
    if (event->kind != EVENT_FINDING || agent->run_for_ms == 0)
        return;
    timer_start(&agent->limit, agent->loop, (uint64_t)agent->run_for_ms, on_limit, agent);
    agent->run_for_ms = 0;
}

static void on_lost(const char *why, void *data)
{
    struct agent *agent = data;
    if (agent->session->config->sink_count) {
        log_error("%s: the agent goes on for its sinks", why);
        return;
    }
    log_error("%s: the agent ends, since nobody hears it", why);
    agent->code = EXIT_REFUSED;
    loop_stop(agent->loop);
}

/* What a running agent listens to, beside its targets. */
static void hear(struct agent *agent, const struct options *options)
{
    bus_subscribe(agent->bus, on_event, agent);
    agent->terminate = signal_create(agent->loop, SIGTERM, on_signal, agent);
    agent->interrupt = signal_create(agent->loop, SIGINT, on_signal, agent);
    agent->hangup = signal_create(agent->loop, SIGHUP, on_hangup, agent);
    agent->reopen = signal_create(agent->loop, SIGUSR1, on_reopen, agent);
    if (options->path_count)
        agent->renew = renew_create(agent->session, options, agent->schedule, on_renewed, agent);
}

/* Once what was kept is known again: whoever asks gets no half answer. */
static void answer(struct agent *agent)
{
    const struct desk_parts parts = parts_of(agent);
    agent->desk = desk_open(&parts);
}

/* The agent's own pages, and what the service manager hears. */
static void show(struct agent *agent)
{
    const struct notify *notify = agent->session->notify;
    agent->numbers = numbers_open(&(struct metrics_source){
        .session = agent->session,
        .schedule = agent->schedule,
        .upkeep = &agent->upkeep,
        .lease = agent->lead.lease,
        .sinks = agent->sinks,
        .host = agent->host,
        .boot = agent->boot,
        .started_wall_ms = loop_wall_ms(agent->loop),
    });
    notify_say(notify,
               "READY=1\nSTATUS=watching %zu target%s with %zu check%s",
               agent->session->config->target_count,
               units_s((int64_t)agent->session->config->target_count),
               agent->schedule->duty_count,
               units_s((int64_t)agent->schedule->duty_count));
    if (notify_watchdog_us(notify))
        on_watchdog(agent);
}

static const char *place_of(const struct agent *agent)
{
    const struct config_agent *config = &agent->session->config->agent;
    return config->pod ? config->pod : config->node ? config->node : agent->host;
}

static void work(struct agent *agent)
{
    agent->vigil = watchdog_start(agent->loop, (uint64_t)agent->session->config->agent.watchdog_ms);
    upkeep_begin(&agent->upkeep);
    MEM_AUTO char *holder = mem_print("%s/%s", place_of(agent), agent->boot);
    if (lead_open(&agent->lead, agent->schedule, agent->session->config, holder) < 0) {
        agent->code = EXIT_REFUSED;
        return;
    }
    if (agent->lead.lease)
        repair_lease(&agent->repair, agent->lead.lease);
    repair_use(&agent->repair, agent->session->entries, NULL, false);
    answer(agent);
    schedule_start(agent->schedule);
    show(agent);
    pages_watch(&agent->pages, agent->loop);
    timer_start(&agent->heartbeat,
                agent->loop,
                (uint64_t)agent->session->config->agent.heartbeat_ms,
                on_heartbeat,
                agent);
    loop_run(agent->loop);
    notify_say(agent->session->notify, "STOPPING=1");
}

int agent_run(struct session *session, const struct options *options)
{
    struct agent agent;
    agent_open(&agent, session);
    agent.code = EXIT_REFUSED;
    if (upkeep_open(&agent.upkeep, session, agent.schedule) && agent_fill(&agent) &&
        (agent.voice =
             voice_open(agent.loop, agent.bus, &session->config->console, on_lost, &agent))) {
        agent.code = EXIT_FINE;
        agent.run_for_ms = options->run_for_ms;
        struct store *store = agent.upkeep.keep ? keep_store(agent.upkeep.keep) : NULL;
        brakes_open(&agent.brakes, agent.schedule, store, &agent.speaker);
        repair_open(&agent.repair, agent.schedule, store, &agent.brakes);
        brakes_use(&agent.brakes, session->config, session->entries);
        agent.sinks = sinks_open(agent.loop, agent.bus, session->config);
        repair_witness(&agent.repair, agent.sinks);
        hear(&agent, options);
        say_started(&agent);
        if (session->quarantine)
            quarantine_say(
                session->quarantine, &session->plugins, agent.bus, loop_wall_ms(agent.loop));
        work(&agent);
    }
    agent_close(&agent);
    return agent.code;
}

bool agent_accepts(struct session *session)
{
    struct agent agent;
    agent_open(&agent, session);
    bool accepted = agent_fill(&agent);
    agent_close(&agent);
    return accepted;
}
