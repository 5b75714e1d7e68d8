/*
 * events - what it costs to say a finding: encoded by probe/event, queued and written by
 * out/console, as the agent does it.
 *
 *     bench_events COUNT >/dev/null
 *
 * Prints on stderr: bytes an event, microseconds of CPU to encode one, to encode and write one
 * (all threads), and events lost.  stdout may be a file or /dev/null.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "io/loop.h"
#include "out/console.h"
#include "probe/event.h"

enum { BATCH = 1000, BATCH_NS = 3000000, LAST_MS = 10000 };

static double cpu_us(void)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    return 1e6 * (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static const struct probe_measure declared[] = {
    {"used_percent", "of max_connections", .kind = PROBE_GAUGE},
    {"used", "sessions", .kind = PROBE_GAUGE},
    {"state", "what it is", .kind = PROBE_WORD},
    {0},
};

static struct finding *make_finding(const struct measures *measures)
{
    static const struct probe_sizes sizes = {.field = sizeof(struct probe_field),
                                             .column = sizeof(struct probe_column),
                                             .pair = sizeof(struct probe_pair)};
    const struct probe_field fields[] = {
        probe_real("used_percent", 96.5),
        probe_int("used", 96),
        probe_text("state", "primary"),
        {0},
    };
    const struct probe_finding reported = {
        .size = sizeof(reported),
        .summary = "96 of 100 connections",
        .fields = fields,
    };
    return finding_create(&reported, measures, &sizes);
}

static size_t line_len;

static void on_event(const struct event *event, void *data)
{
    (void)data;
    line_len = event->len;
}

static double emit(struct loop *loop, struct bus *bus, const struct event_finding *event,
                   long count)
{
    double start = cpu_us();
    const struct timespec pause = {.tv_nsec = BATCH_NS};
    for (long i = 0; i < count; i++) {
        event_emit_finding(bus, event, loop_wall_ms(loop));
        if (i % BATCH == 0) /* whoever writes keeps up, as it does in the agent */
            (void)nanosleep(&pause, NULL);
    }
    return cpu_us() - start;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 200000;
    struct loop *loop = loop_create();
    struct bus *bus =
        bus_create(&(const struct event_speaker){.realm = "orders", .node = "node-1"});
    struct measures measures;
    measures_init(&measures, declared);
    struct finding *finding = make_finding(&measures);
    const struct ledger_report report = {.reason = "change",
                                         .status = PROBE_CRITICAL,
                                         .previous = PROBE_OK,
                                         .since_wall_ms = 1700000000000,
                                         .changed_wall_ms = 1700000000000,
                                         .streak = 3,
                                         .valid_until_wall_ms = 1700000600000};
    const struct event_finding event = {.finding = finding,
                                        .report = &report,
                                        .scope = "node",
                                        .target = "orders-db",
                                        .name = "connections",
                                        .check = "postgres.connections",
                                        .condition = "used_percent > 95",
                                        .duration_us = 4200};
    bus_subscribe(bus, on_event, NULL);
    double encoded = emit(loop, bus, &event, count);
    struct console *console = console_open(
        loop, bus, &(const struct console_wish){.fd = STDOUT_FILENO, .name = "stdout"});
    double start = cpu_us();
    (void)emit(loop, bus, &event, count);
    size_t lost = console_close(console, LAST_MS);
    double written = cpu_us() - start;
    (void)fprintf(stderr,
                  "%zu %.2f %.2f %zu\n",
                  line_len,
                  encoded / (double)count,
                  written / (double)count,
                  lost);
    finding_destroy(finding);
    measures_finish(&measures);
    bus_destroy(bus);
    return loop_destroy(loop);
}
