/*
 * sinks - what it costs to deliver events: encoded, spooled, sent, acknowledged, forgotten.
 *
 *     bench_sinks SECONDS PER_SECOND SINK SPOOL FOLDER
 *
 * SINK is one of "sinks:", in YAML; %d in it is the port of a child process, which takes requests by
 * HTTP (where the sink is of that type), or whatever comes, and throws them away.  PER_SECOND 0: as
 * many as are taken.  SPOOL is "spool" or "memory"; FOLDER is where the spool is.  Prints: events delivered a second, CPU of all threads in
 * cores, microseconds of CPU an event, bytes sent an event, MiB resident at most, events dropped.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/tls.h"
#include "io/wait.h"
#include "out/sink.h"
#include "probe/event.h"

enum { STEP_MS = 5, MOST_WAITING = 20000 };

/* -------------------------------------------------------------- receiver ---- */

/* One connection: requests with a Content-Length, all answered with 200. */
static void serve(int fd, size_t *bytes)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    static char buffer[1 << 20];
    size_t have = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + have, sizeof(buffer) - 1 - have);
        if (got <= 0)
            return;
        have += (size_t)got;
        buffer[have] = '\0';
        char *end = strstr(buffer, "\r\n\r\n"), *length = strcasestr(buffer, "content-length:");
        if (!end || !length)
            continue;
        size_t body = strtoul(length + 15, NULL, 10), here = have - (size_t)(end + 4 - buffer);
        *bytes += body;
        for (body -= here; body > 0; body -= (size_t)got)
            if ((got = read(fd, buffer, body < sizeof(buffer) ? body : sizeof(buffer))) <= 0)
                return;
        have = 0;
        if (write(fd, reply, sizeof(reply) - 1) < 0)
            return;
    }
}

/* Whatever comes, as syslog's. */
static void swallow(int fd, size_t *bytes)
{
    static char buffer[1 << 20];
    for (ssize_t got; (got = read(fd, buffer, sizeof(buffer))) > 0;)
        *bytes += (size_t)got;
}

/* Returns the port; what was sent comes through `*ret_pipe` at the end.  Nobody may ever come. */
static int receive(bool http, pid_t *ret_child, int *ret_pipe)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2];
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 ||
        listen(listener, 16) < 0 || getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
        pipe(ends) < 0)
        exit(1);
    *ret_child = fork();
    if (*ret_child == 0) {
        size_t bytes = 0;
        (void)close(ends[0]);
        (http ? serve : swallow)(accept(listener, NULL, NULL), &bytes);
        (void)!write(ends[1], &bytes, sizeof(bytes));
        _exit(0);
    }
    (void)close(listener);
    (void)close(ends[1]);
    *ret_pipe = ends[0];
    return ntohs(address.sin_port);
}

/* ---------------------------------------------------------------- events ---- */

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
        .size = sizeof(reported), .summary = "96 of 100 connections", .fields = fields};
    return finding_create(&reported, measures, &sizes);
}

struct bench {
    struct loop *loop;
    struct bus *bus;
    struct sinks *sinks;
    struct finding *finding;
    struct timer timer;
    double per_second, due;
    uint64_t start_us, until_us;
    struct sink_counts counts;
};

static void on_each(const char *name, const struct sink_counts *counts, void *data)
{
    struct bench *bench = data;
    (void)name;
    bench->counts = *counts;
}

/* One of two hundred targets, with digits that no packing foresees. */
static void emit(struct bench *bench)
{
    char target[32], doc[64];
    unsigned long random = (unsigned long)lrand48();
    (void)snprintf(target, sizeof(target), "orders-db-%lu", random % 200);
    (void)snprintf(doc, sizeof(doc), "https://runbooks.example.org/%lx", random);
    const struct ledger_report report = {
        .reason = "change",
        .status = PROBE_CRITICAL,
        .previous = PROBE_WARNING,
        .since_wall_ms = loop_wall_ms(bench->loop),
        .streak = 3,
    };
    const struct event_finding event = {
        .finding = bench->finding,
        .report = &report,
        .scope = "cluster",
        .target = target,
        .name = "connections",
        .check = "postgres.connections",
        .condition = "used_percent > 95",
        .owner = "#dba",
        .doc = doc,
        .duration_us = random % 100000,
    };
    event_emit_finding(bench->bus, &event, loop_wall_ms(bench->loop));
}

static void on_step(void *data)
{
    struct bench *bench = data;
    uint64_t now = loop_now_us(bench->loop);
    if (now >= bench->until_us) {
        loop_stop(bench->loop);
        return;
    }
    sinks_each(bench->sinks, on_each, bench);
    if (bench->per_second > 0) {
        double due = (double)(now - bench->start_us) * bench->per_second / 1e6;
        for (; bench->due < due; bench->due++)
            emit(bench);
    } else {
        for (int i = 0; i < 1000 && bench->counts.waiting < MOST_WAITING; i++)
            emit(bench);
    }
    timer_start(&bench->timer, bench->loop, bench->per_second > 0 ? STEP_MS : 1, on_step, bench);
}

/* ------------------------------------------------------------------ whole ---- */

static double cpu_s(void)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static long resident_kib(void)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    return use.ru_maxrss;
}

static struct config *configure(const char *sink, int port, bool spool, const char *folder)
{
    struct plugins none = {0};
    struct problems problems = {0};
    const struct config_needs needs = {.sinks = sink_types()};
    MEM_AUTO char *state = spool ? mem_print("agent: {state: %s}\n", folder) : mem_copy("");
    const char *place = strstr(sink, "%d");
    MEM_AUTO char *before = place ? mem_copy_n(sink, (size_t)(place - sink)) : mem_copy(sink);
    MEM_AUTO char *there = place ? mem_print("%d%s", port, place + 2) : mem_copy("");
    MEM_AUTO char *text = mem_print("%ssinks: {c: {%s%s}}", state, before, there);
    struct config *config = config_parse("bench", text, strlen(text), &none, &needs, &problems);
    problems_finish(&problems);
    if (!config) {
        (void)fprintf(stderr, "bench_sinks: this is no sink: %s\n", sink);
        exit(1);
    }
    return config;
}

static void run(struct bench *bench, double seconds)
{
    bench->start_us = loop_now_us(bench->loop);
    bench->until_us = bench->start_us + (uint64_t)(seconds * 1e6);
    on_step(bench);
    double cpu = cpu_s();
    loop_run(bench->loop);
    cpu = cpu_s() - cpu;
    double took = (double)(loop_now_us(bench->loop) - bench->start_us) / 1e6;
    sinks_each(bench->sinks, on_each, bench);
    (void)printf("%.0f %.3f %.2f ",
                 (double)bench->counts.taken / took,
                 cpu / took,
                 1e6 * cpu / (double)(bench->counts.taken ? bench->counts.taken : 1));
}

int main(int argc, char **argv)
{
    const struct event_speaker speaker = {
        .realm = "orders/production", .role = "cluster", .node = "n1"};
    struct measures measures;
    struct bench bench = {0};
    pid_t child = 0;
    int end = -1;
    size_t bytes = 0;
    if (argc < 6)
        return 1;
    (void)signal(SIGPIPE, SIG_IGN);
    int port = receive(strstr(argv[3], "type: http") != NULL, &child, &end);
    struct config *config = configure(argv[3], port, strcmp(argv[4], "spool") == 0, argv[5]);
    measures_init(&measures, declared);
    bench.loop = loop_create();
    bench.bus = bus_create(&speaker);
    bench.finding = make_finding(&measures);
    bench.per_second = strtod(argv[2], NULL);
    bench.sinks = sinks_open(bench.loop, bench.bus, config);
    run(&bench, strtod(argv[1], NULL));
    uint64_t dropped = bench.counts.dropped;
    sinks_close(bench.sinks);
    http_shutdown(bench.loop);
    resolve_shutdown(bench.loop);
    if (!strstr(argv[3], "%d")) /* nobody has come to it */
        (void)kill(child, SIGKILL);
    if (read(end, &bytes, sizeof(bytes)) < 0)
        return 1;
    (void)waitpid(child, NULL, 0);
    (void)printf("%.1f %.1f %llu\n",
                 (double)bytes / (double)bus_count(bench.bus),
                 (double)resident_kib() / 1024,
                 (unsigned long long)dropped);
    finding_destroy(bench.finding);
    bus_destroy(bench.bus);
    measures_finish(&measures);
    tls_shutdown();
    config_destroy(config);
    condition_shutdown();
    return loop_destroy(bench.loop);
}
