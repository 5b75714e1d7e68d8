#include "evidence.h"

#include <inttypes.h>
#include <string.h>

#include "common/sql.h"

struct probe_field evidence_of_part(struct evidence *evidence, const char *key,
                                    const struct rows *rows, const char *part,
                                    const struct probe_column *columns, size_t column_count,
                                    int64_t total)
{
    size_t count = 0;

    for (size_t row = 0; row < rows->count && count < EVIDENCE_ROWS; row++) {
        if (!rows_text(rows, row, columns[0].name) || (part && !rows_is(rows, row, "part", part)))
            continue;
        const char **cells = &evidence->cells[count * column_count];
        for (size_t i = 0; i < column_count; i++) {
            cells[i] = rows_text(rows, row, columns[i].name);
            if (cells[i] && strcmp(columns[i].name, "query") == 0) {
                sql_normalise(evidence->queries[count], EVIDENCE_QUERY_ROOM, cells[i]);
                cells[i] = evidence->queries[count];
            }
        }
        count++;
    }
    evidence->table = (struct probe_table){columns, column_count, evidence->cells, count, total};
    return probe_rows(key, &evidence->table);
}

struct probe_field evidence_of(struct evidence *evidence, const char *key, const struct rows *rows,
                               const struct probe_column *columns, size_t column_count,
                               int64_t total)
{
    return evidence_of_part(evidence, key, rows, NULL, columns, column_count, total);
}

void fields_add(struct fields *fields, struct probe_field field)
{
    if (fields->count + 1 < sizeof(fields->list) / sizeof(*fields->list))
        fields->list[fields->count++] = field;
}

void fields_add_int(struct fields *fields, const char *key, const struct rows *rows, size_t row)
{
    if (rows_text(rows, row, key))
        fields_add(fields, probe_int(key, rows_int(rows, row, key)));
}

void fields_add_time(struct fields *fields, const char *key, const struct rows *rows, size_t row)
{
    if (rows_text(rows, row, key))
        fields_add(fields, probe_time(key, rows_int(rows, row, key)));
}

bool evidence_refuse_hidden(struct probe_run *run, const struct rows *rows)
{
    char summary[120];
    int64_t hidden = rows_int(rows, 0, "hidden");

    if (hidden == 0)
        return false;
    (void)snprintf(summary,
                   sizeof(summary),
                   "what %" PRId64 " sessions of other users do is hidden from this one",
                   hidden);
    probe_end(run,
              .how = PROBE_DENIED,
              .status = -EACCES,
              .reason = "denied",
              .summary = summary,
              .hint = run->check->needs);
    return true;
}

bool evidence_refuse_standby(struct probe_run *run, const struct rows *rows, const char *what)
{
    char summary[160];

    if (!rows_flag(rows, 0, "in_recovery"))
        return false;
    (void)snprintf(
        summary, sizeof(summary), "a standby does not decide about %s; its primary does", what);
    probe_end(run,
              .how = PROBE_INAPPLICABLE,
              .status = -ENOTSUP,
              .reason = "standby",
              .summary = summary);
    return true;
}
