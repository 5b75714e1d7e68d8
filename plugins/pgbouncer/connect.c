#include <string.h>

#include "pgbouncer.h"

static void on_version(struct probe_run *run, const struct answer *answer)
{
    const char *version = rows_text(&answer->rows, 0, "version");
    char summary[120];

    /* The console alone knows SHOW VERSION; a server behind it answers with an error. */
    if (!version || strncmp(version, "PgBouncer", 9) != 0) {
        probe_fail(run, -EPROTO, "what answers is not PgBouncer's console");
        return;
    }
    (void)snprintf(summary, sizeof(summary), "%.60s lets in and answers", version);
    probe_report(run,
                 .summary = summary,
                 .fields = PROBE_FIELDS(probe_real("connect_ms", (double)answer->connect_us / 1e3),
                                        probe_real("query_ms", (double)answer->query_us / 1e3),
                                        probe_int("server_version", answer->server_version),
                                        probe_text("tls", *answer->tls ? answer->tls : "none")));
    probe_done(run);
}

void connect_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){.sql = "SHOW VERSION",
                                      .frame = WIRE_PLAIN,
                                      .afresh = true,
                                      .then = on_version,
                                      .otherwise = console_end});
}
