/* What the tests of events share: a bus, a finding, and the schema that every line is held to. */
#ifndef TESTS_EVENT_FIXTURE_H
#define TESTS_EVENT_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "base/redact.h"
#include "probe/event.h"

#define WALL INT64_C(1795229882118)

static const char *const agent_labels[] = {"service", "orders", "env", "production", NULL};
static const struct event_speaker speaker = {
    .realm = "orders/production",
    .role = "cluster",
    .node = "n1",
    .pod = "runbookd-x",
    .boot = "b7c1",
    .version = "0.1.0",
    .config = "7c1e22",
    .labels = agent_labels,
};

static const struct probe_measure table[] = {{"used", "", PROBE_GAUGE},
                                             {"usable", "", PROBE_GAUGE},
                                             {"used_percent", "", PROBE_GAUGE},
                                             {"mode", "", PROBE_WORD},
                                             {0}};
static const struct probe_sizes sizes = {.field = sizeof(struct probe_field),
                                         .column = sizeof(struct probe_column),
                                         .pair = sizeof(struct probe_pair)};

static struct {
    struct bus *bus;
    struct measures measures;
    FILE *lines; /* all lines of all tests, for the schema */
    char last[200000], message[20000];
    struct event heard; /* its strings are gone */
    unsigned count;
    bool blanked; /* lines whose times and statuses are secrets: JSON, but not as the schema says */
} now;

static inline void on_event(const struct event *event, void *data)
{
    (void)data;
    assert_int_equal(strlen(event->json), event->len);
    assert_null(strchr(event->json, '\n'));
    (void)snprintf(now.last, sizeof(now.last), "%s", event->json);
    (void)snprintf(now.message, sizeof(now.message), "%s", event->message);
    now.heard = *event;
    now.count++;
    if (!now.blanked)
        (void)fprintf(now.lines, "%s\n", event->json);
}

static inline int set_up(void **state)
{
    (void)state;
    measures_init(&now.measures, table);
    now.bus = bus_create(&speaker);
    now.count = 0;
    now.blanked = false;
    bus_subscribe(now.bus, on_event, NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    bus_destroy(now.bus);
    measures_finish(&now.measures);
    redact_forget_all();
    return 0;
}

#define report(...)                                                                                \
    finding_create(&(const struct probe_finding){sizeof(struct probe_finding), __VA_ARGS__},       \
                   &now.measures,                                                                  \
                   &sizes)

static const char *const check_labels[] = {"team", "dba", "env", "staging", NULL};
static const struct ledger_report changed = {
    .reason = "change",
    .status = PROBE_CRITICAL,
    .previous = PROBE_WARNING,
    .since_wall_ms = WALL - 31114,
    .changed_wall_ms = WALL,
    .streak = 3,
    .valid_until_wall_ms = WALL + 900000,
};

static inline struct event_finding about(const struct finding *finding)
{
    return (struct event_finding){
        .finding = finding,
        .report = &changed,
        .scope = "cluster",
        .target = "orders-db",
        .name = "connections",
        .check = "postgres.connections",
        .condition = "used_percent > 95",
        .for_ms = 30000,
        .owner = "#dba",
        .doc = "https://runbooks.example.org/orders-db",
        .labels = check_labels,
        .duration_us = 1900,
    };
}

static inline const char *emit(const struct event_finding *event)
{
    event_emit_finding(now.bus, event, WALL);
    return now.last;
}

static const struct probe_column columns[] = {{"application", PROBE_FIELD_TEXT},
                                              {"sessions", PROBE_FIELD_INT}};
static const char *const cells[] = {"backend", "71"};
static const struct probe_table rows = {columns, 2, cells, 1, 0};

static inline struct finding *connections(void)
{
    static const struct probe_pair labels[] = {{"pod", "p1"}, {"team", "theirs"}, {0}};
    return report(.summary = "96 of 97 usable connections are used",
                  .hint = "end leaked sessions",
                  .labels = labels,
                  .fields = PROBE_FIELDS(probe_int("used", 96),
                                         probe_int("usable", 97),
                                         probe_real("used_percent", 98.9690721),
                                         probe_text("mode", "primary"),
                                         probe_rows("by_application", &rows)));
}

/* Every line above, by the script that holds all lines of all tests to the schema. */
static inline void every_line_is_as_the_schema_says(void **state)
{
    char path[64], script[512];
    const char *tests = getenv("TESTS");
    int status = -1;
    (void)state;
    assert_non_null(tests);
    (void)snprintf(script, sizeof(script), "%s/e2e/validate_events.py", tests);
    (void)snprintf(path, sizeof(path), "/dev/fd/%d", fileno(now.lines));
    assert_int_equal(fflush(now.lines), 0);
    assert_true(ftell(now.lines) > 10000);
    (void)lseek(fileno(now.lines), 0, SEEK_SET);
    pid_t child = fork();
    if (child == 0) {
        (void)execl("/usr/bin/python3", "python3", script, path, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static inline int open_lines(void **state)
{
    (void)state;
    now.lines = tmpfile();
    return now.lines ? 0 : -1;
}

static inline int close_lines(void **state)
{
    (void)state;
    return fclose(now.lines);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
