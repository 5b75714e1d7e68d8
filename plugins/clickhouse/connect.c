/*
 * connect - what a new client meets: is somebody there, is it ClickHouse, does it let us in?
 */
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "clickhouse_queries.h"

/* 26007002 of "26.7.2.1": as system.build_options has it, in VERSION_INTEGER. */
static int64_t number_of(const char *version)
{
    int64_t number = 0;
    for (int part = 0; part < 3; part++) {
        char *end;
        number = number * 1000 + strtol(version, &end, 10);
        version = *end == '.' ? end + 1 : end;
    }
    return number;
}

/* A server that was started anew may have other columns, and other rights. */
static void note_restart(struct server *server, const char *version, int64_t uptime)
{
    if (uptime < server->uptime || strcmp(version, server->version) != 0)
        survey_forget(&server->survey);
    server->uptime = uptime;
    (void)snprintf(server->version, sizeof(server->version), "%s", version);
}

static void on_login(struct probe_run *run, const struct answer *answer)
{
    struct server *server = run->target->data;
    const struct connect_run *state = run->data;
    const char *version = rows_text(&answer->rows, 0, "version");
    int64_t uptime = rows_int(&answer->rows, 0, "uptime_seconds");
    char summary[200], hint[400];

    if (!version) {
        probe_fail(run, -EPROTO, "the server does not tell its version");
        return;
    }
    note_restart(server, version, uptime);
    (void)snprintf(summary, sizeof(summary), "ClickHouse %.40s lets in and answers", version);
    (void)snprintf(hint,
                   sizeof(hint),
                   "%.60s may change no setting, so only its profile's max_execution_time ends "
                   "what is given up here: ALTER USER %.60s SETTINGS readonly = 2",
                   server->user,
                   server->user);
    probe_report(run,
                 .summary = summary,
                 .hint = server->survey.bare ? hint : NULL,
                 .fields = PROBE_FIELDS(
                     probe_real("connect_ms", (double)state->connect_us / 1e3),
                     probe_real("ping_ms", (double)state->ping_us / 1e3),
                     probe_real("query_ms", (double)answer->query_us / 1e3),
                     probe_int("uptime_seconds", uptime),
                     probe_int("server_version", number_of(version)),
                     probe_text("database", rows_text(&answer->rows, 0, "database")),
                     probe_text("limits", server->survey.bare ? "the user's profile" : "ours"),
                     probe_text("tls", *state->tls ? state->tls : "none")));
    probe_done(run);
}

static void on_ping(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    struct connect_run *state = run->data;
    struct trouble trouble;
    const struct probe_timing *us = &response->us;

    if (status != 0)
        trouble_of_request(&trouble, status, response);
    else if (response->code >= 500)
        trouble_of_stranger(&trouble, response);
    if (status != 0 || response->code >= 500) {
        trouble_end(run, &trouble);
        return;
    }
    /* Whatever else it says: proxies know no /ping, and pass questions on all the same. */
    state->connect_us = us->tls ? us->tls : us->connect;
    state->ping_us = us->total - state->connect_us;
    if (response->peer && response->peer->tls_version)
        (void)snprintf(state->tls, sizeof(state->tls), "%s", response->peer->tls_version);
    wire_ask(run, &(const struct question){.sql = connect_sql, .plain = true, .then = on_login});
}

void connect_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ping(run, on_ping);
}
