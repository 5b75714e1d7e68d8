#include <inttypes.h>

#include "common/percent.h"
#include "pgbouncer.h"

static void on_config(struct probe_run *run, const struct answer *answer)
{
    const struct clients_run *clients = run->data;
    const struct rows *rows = &answer->rows;
    int64_t max = rows_int(rows, console_find(rows, "key", "max_client_conn"), "value");
    double percent = percent_of((double)clients->used, (double)max);
    char summary[120];

    if (max <= 0) {
        probe_fail(run, -EPROTO, "the console does not say how many clients it takes");
        return;
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " of %" PRId64 " client connections are used",
                   clients->used,
                   max);
    probe_report(run,
                 .summary = summary,
                 .hint = percent > 50 ? "lower the sum of the applications' pools, or raise "
                                        "max_client_conn with the limit of open files"
                                      : NULL,
                 .fields = PROBE_FIELDS(probe_int("used", clients->used),
                                        probe_int("max", max),
                                        probe_real("used_percent", percent)));
    probe_done(run);
}

static void on_lists(struct probe_run *run, const struct answer *answer)
{
    struct clients_run *clients = run->data;
    const struct rows *rows = &answer->rows;
    size_t row = console_find(rows, "list", "used_clients");

    if (row == rows->count) {
        probe_fail(run, -EPROTO, "the console does not say how many clients there are");
        return;
    }
    clients->used = rows_int(rows, row, "items");
    console_ask(run, "SHOW CONFIG", on_config);
}

void clients_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    console_ask(run, "SHOW LISTS", on_lists);
}
