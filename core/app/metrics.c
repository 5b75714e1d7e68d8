#include "app/metrics.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "incident/lease.h"
#include "io/loop.h"
#include "probe/metric.h"
#include "vm/state.h"

enum { LONGEST_LABELS = 4096, LONGEST_NAME = 128 };

/* One page under way. */
struct page {
    const struct metrics_source *source;
    struct exposition *exposition;
    struct text realm; /* the label that all lines of ours have */
};

const char *metrics_node(const struct metrics_source *source)
{
    const char *node = source->session->config->agent.node;
    return node ? node : source->host;
}

/* A family of one gauge, of the realm. */
static void gauge(const struct page *page, const char *name, const char *help, double value)
{
    exposition_family(page->exposition, EXPOSITION_GAUGE, name, help);
    exposition_real(page->exposition, NULL, &page->realm, value);
}

static void counter(const struct page *page, const char *name, const char *help, double value)
{
    exposition_family(page->exposition, EXPOSITION_COUNTER, name, help);
    exposition_real(page->exposition, "_total", &page->realm, value);
}

/* A further line of the family that is open, with one more label. */
static void line(const struct page *page, const char *suffix, const char *label, const char *word,
                 double value)
{
    struct text TEXT_AUTO labels;
    text_init(&labels, LONGEST_LABELS);
    text_add_n(&labels, page->realm.bytes, page->realm.len);
    exposition_label(&labels, label, word);
    exposition_real(page->exposition, suffix, &labels, value);
}

/* ------------------------------------------------------------ identity ---- */

static void write_build(const struct page *page)
{
    static const char *const roles[] = {"sidecar", "node", "cluster", "any"};
    const struct metrics_source *source = page->source;
    const struct config *config = source->session->config;
    struct text TEXT_AUTO labels;
    text_init(&labels, LONGEST_LABELS);
    text_add_n(&labels, page->realm.bytes, page->realm.len);
    exposition_label(&labels, "version", RUNBOOKD_VERSION);
    exposition_label(&labels, "role", roles[config->agent.role]);
    exposition_label(&labels, "node", metrics_node(source));
    exposition_label(&labels, "pod", config->agent.pod);
    exposition_label(&labels, "boot", source->boot);
    exposition_label(&labels, "config", config->digest);
    exposition_labels(&labels, config->agent.labels);
    exposition_family(
        page->exposition, EXPOSITION_INFO, "runbookd_build", "who this agent is; always 1");
    exposition_count(page->exposition, "_info", &labels, 1);
}

static void write_plugins(const struct page *page)
{
    const struct plugins *plugins = &page->source->session->plugins;
    exposition_family(
        page->exposition, EXPOSITION_INFO, "runbookd_plugin", "a plugin that is loaded; always 1");
    for (size_t i = 0; i < plugins->count; i++) {
        const struct plugin *plugin = plugins->all[i];
        struct text TEXT_AUTO labels;
        text_init(&labels, LONGEST_LABELS);
        text_add_n(&labels, page->realm.bytes, page->realm.len);
        exposition_label(&labels, "plugin", plugin->name ? plugin->name : plugin->face.name);
        exposition_label(&labels, "version", plugin->face.version ? plugin->face.version : "");
        exposition_label(&labels, "set_aside", plugin->aside ? "true" : "false");
        exposition_count(page->exposition, "_info", &labels, 1);
    }
}

/* ------------------------------------------------------------- process ---- */

/* "VmRSS:    1234 kB" of /proc/self/status, in bytes; zero where it is not there. */
static double status_bytes(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    unsigned long long kilobytes = 0;
    if (at && sscanf(at + strlen(name), ": %llu kB", &kilobytes) != 1)
        kilobytes = 0;
    return (double)kilobytes * 1024;
}

static size_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    while (folder && readdir(folder))
        count++;
    if (folder)
        (void)closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", "..", and that of the folder itself */
}

static void write_process(const struct page *page)
{
    char status[4096] = "";
    struct rusage usage = {0};
    FILE *file = fopen("/proc/self/status", "re");
    if (file) {
        status[fread(status, 1, sizeof(status) - 1, file)] = '\0';
        (void)fclose(file);
    }
    (void)getrusage(RUSAGE_SELF, &usage);
    const struct page process = {.source = page->source, .exposition = page->exposition};
    counter(&process,
            "process_cpu_seconds",
            "processor time of all threads",
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    gauge(&process,
          "process_start_time_seconds",
          "when the agent began, in seconds since 1970",
          (double)page->source->started_wall_ms / 1000);
    gauge(&process,
          "process_resident_memory_bytes",
          "memory that is resident",
          status_bytes(status, "\nVmRSS"));
    gauge(&process,
          "process_virtual_memory_bytes",
          "memory that is mapped",
          status_bytes(status, "\nVmSize"));
    gauge(&process, "process_open_fds", "descriptors that are open", (double)count_descriptors());
    gauge(page,
          "runbookd_memory_anonymous_bytes",
          "resident memory that is the agent's own, which no page cache gives back",
          status_bytes(status, "\nRssAnon"));
}

/* --------------------------------------------------------------- agent ---- */

static void write_loop(const struct page *page)
{
    struct loop *loop = page->source->schedule->loop;
    struct loop_lag lag = loop_lag(loop);
    struct state_census lua = state_census();
    counter(page, "runbookd_loop_timers", "timers that have fired", (double)lag.fired);
    counter(page,
            "runbookd_loop_lag_seconds",
            "how late timers fired, together",
            (double)lag.total_us / 1e6);
    gauge(page, "runbookd_lua_states", "Lua states that there are", (double)lua.states);
    gauge(page, "runbookd_lua_memory_bytes", "memory of all Lua states", (double)lua.bytes);
}

static void write_state(const struct page *page)
{
    const struct session *session = page->source->session;
    const char *state = upkeep_word(page->source->upkeep);
    gauge(page,
          "runbookd_config_errors",
          "errors of the configuration while an earlier one is in force",
          (double)session->errors);
    exposition_family(page->exposition,
                      EXPOSITION_GAUGE,
                      "runbookd_state",
                      "1: what becomes of agent.state: kept, failed, or none is configured");
    line(page, NULL, "state", state, 1);
    gauge(page,
          "runbookd_isolated",
          "1: the reference addresses say that the agent is cut off",
          isolation_holds(page->source->schedule->isolation));
}

/* Of a realm that has a lease; the sum over its agents is one. */
static void write_lease(const struct page *page)
{
    int64_t token = 0;
    if (!page->source->lease)
        return;
    bool held = lease_held(page->source->lease, &token);
    gauge(page, "runbookd_lease_held", "1: this agent holds the realm's lease", held);
    gauge(page,
          "runbookd_lease_token",
          "the fencing token of the lease that is held, or zero",
          held ? (double)token : 0);
}

static void write_counts(const struct page *page)
{
    const struct schedule *schedule = page->source->schedule;
    unsigned count[PROBE_UNKNOWN + 1];
    gauge(page,
          "runbookd_targets",
          "targets that are configured",
          (double)page->source->session->config->target_count);
    gauge(page, "runbookd_checks", "checks that are configured", (double)schedule->duty_count);
    gauge(page, "runbookd_checks_running", "runs that are under way", schedule->running);
    counter(
        page, "runbookd_events", "lines that the agent has said", (double)bus_count(schedule->bus));
    ledger_tally(schedule->ledger, count);
    exposition_family(
        page->exposition, EXPOSITION_GAUGE, "runbookd_findings", "subjects by reported status");
    for (enum probe_status status = PROBE_OK; status <= PROBE_UNKNOWN; status++)
        line(page, NULL, "status", event_status_name(status), count[status]);
}

/* ------------------------------------------------------ what is counted ---- */

/* Of probe/metric, whatever it is: sinks, the lease, what plugins count. */
struct counted {
    const struct page *page;
    char family[LONGEST_NAME]; /* that is open */
};

static bool is_clean(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
            return false;
    return *name && strlen(name) < LONGEST_NAME / 2;
}

static void on_metric(const char *owner, const char *name, double value, void *data)
{
    static const char total[] = "_total";
    struct counted *counted = data;
    const struct page *page = counted->page;
    char family[LONGEST_NAME];
    if (!is_clean(name))
        return;
    bool sink = strncmp(name, "sink_", strlen("sink_")) == 0;
    size_t len = strlen(name), ending = strlen(total);
    bool counts = len > ending && strcmp(name + len - ending, total) == 0;
    (void)snprintf(family,
                   sizeof(family),
                   "runbookd_%s%.*s",
                   owner && !sink ? "plugin_" : "",
                   (int)(counts ? len - ending : len),
                   name);
    if (strcmp(family, counted->family) != 0) {
        memcpy(counted->family, family, sizeof(family));
        exposition_family(page->exposition,
                          counts ? EXPOSITION_COUNTER : EXPOSITION_GAUGE,
                          counted->family,
                          !owner ? "counted by the agent"
                          : sink ? "of one sink"
                                 : "counted by a target's plugin");
    }
    line(page, counts ? total : NULL, sink ? "sink" : "target", owner, value);
}

/* What sinks with a queue count themselves, among what others do. */
static void on_sink(const char *name, const struct sink_counts *counts, void *data)
{
    (void)data;
    metric_gauge(name, "sink_delivered_total", (double)counts->taken);
    metric_gauge(name, "sink_dropped_total", (double)counts->dropped);
    metric_gauge(name, "sink_quarantined_total", (double)counts->aside);
    metric_gauge(name, "sink_quarantine_kept", (double)counts->kept_aside);
    metric_gauge(name, "sink_retries_total", (double)counts->retries);
    metric_gauge(name, "sink_waiting", (double)counts->waiting);
    metric_gauge(name, "sink_waiting_bytes", (double)counts->waiting_bytes);
    metric_gauge(name, "sink_down", counts->down);
}

bool metrics_write(const struct metrics_source *source, struct exposition *exposition)
{
    struct page page = {.source = source, .exposition = exposition};
    struct counted counted = {.page = &page};
    text_init(&page.realm, LONGEST_LABELS);
    exposition_label(&page.realm, "realm", source->session->config->agent.realm);
    write_build(&page);
    write_plugins(&page);
    write_process(&page);
    write_loop(&page);
    write_state(&page);
    write_lease(&page);
    write_counts(&page);
    if (source->sinks)
        sinks_each(source->sinks, on_sink, NULL);
    metric_each(on_metric, &counted);
    metrics_write_checks(source, exposition);
    exposition_end(exposition);
    text_finish(&page.realm);
    return !exposition->text->cut;
}
