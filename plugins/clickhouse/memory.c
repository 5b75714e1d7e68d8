/*
 * memory - what the server has allocated, against what it may.
 *
 * A server that reaches max_server_memory_usage refuses queries with MEMORY_LIMIT_EXCEEDED; old ones
 * have no such limit, and the kernel ends them: then the operator says what there is.
 */
#include <inttypes.h>
#include <string.h>

#include "checks.h"
#include "clickhouse_queries.h"
#include "common/bytes.h"
#include "common/percent.h"
#include "evidence.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* max_server_memory_usage_to_ram_ratio, as it is by default. */
static const double share_of_machine = 0.9;

static int64_t limit_of(const struct memory_config *config, const struct rows *rows)
{
    int64_t server = rows_int(rows, 0, "server_limit_bytes");
    double machine = rows_real(rows, 0, "machine_bytes");
    if (config->limit > 0)
        return config->limit;
    return server > 0 ? server : (int64_t)(machine * share_of_machine);
}

static void on_memory(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"query_id", PROBE_FIELD_TEXT},
        {"user", PROBE_FIELD_TEXT},
        {"memory_bytes", PROBE_FIELD_INT},
        {"age_seconds", PROBE_FIELD_REAL},
        {"query", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t used = rows_int(rows, 0, "used_bytes"), limit = limit_of(run->config, rows);
    int64_t resident = rows_int(rows, 0, "resident_bytes");
    double used_percent = percent_of((double)used, (double)limit);
    struct probe_field extra[4];
    size_t extras = 0;
    char summary[200];

    if (rows->count == 0) {
        probe_fail(run, -EPROTO, "the server does not say what it uses");
        return;
    }
    if (resident > 0)
        extra[extras++] = probe_int("resident_bytes", resident);
    if (limit > 0) {
        extra[extras++] = probe_int("limit_bytes", limit);
        extra[extras++] = probe_real("used_percent", used_percent);
        (void)snprintf(summary,
                       sizeof(summary),
                       "%s of %s are used, %.0f %%",
                       bytes_text(used).text,
                       bytes_text(limit).text,
                       used_percent);
    } else {
        (void)snprintf(summary,
                       sizeof(summary),
                       "%s are used, and this server names no limit",
                       bytes_text(used).text);
    }
    if (rows_text(rows, 0, "rejected"))
        extra[extras++] = evidence_int("rejected", rows, "rejected");
    while (extras < COUNT(extra))
        extra[extras++] = (struct probe_field){0};
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = limit == 0          ? "set the check's `limit` to what the container may use"
                : used_percent > 75 ? "see the queries below; max_memory_usage bounds one, "
                                      "max_memory_usage_for_user those of a user"
                                    : NULL,
        .fields = PROBE_FIELDS(
            probe_int("used_bytes", used),
            evidence_of(&evidence, "queries", rows, columns, COUNT(columns), (int64_t)rows->count),
            extra[0],
            extra[1],
            extra[2],
            extra[3]));
    probe_done(run);
}

void memory_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = memory_sql, .then = on_memory});
}
