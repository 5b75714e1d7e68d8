#include "sequences.h"

#include <inttypes.h>
#include <string.h>

#include "evidence.h"
#include "postgres_queries.h"

const struct probe_measure sequences_measures[] = {
    {"used_percent", "of the fullest sequence; zero: none is in use", .kind = PROBE_GAUGE},
    {"count", "sequences that can run out", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_column columns[SEQUENCES_COLUMNS] = {{"sequence", PROBE_FIELD_TEXT},
                                                               {"column", PROBE_FIELD_TEXT},
                                                               {"type", PROBE_FIELD_TEXT},
                                                               {"last_value", PROBE_FIELD_TEXT},
                                                               {"final_value", PROBE_FIELD_TEXT},
                                                               {"left", PROBE_FIELD_TEXT},
                                                               {"used_percent", PROBE_FIELD_REAL}};

/* Puts a sequence where it belongs among the fullest, if it does. */
static void place(struct sequences_run *own, const struct rows *rows, size_t row)
{
    double used = rows_real(rows, row, "used_percent");
    size_t at = own->count;

    while (at > 0 && own->fullest[at - 1].used_percent < used)
        at--;
    if (at == SEQUENCES_SHOWN)
        return;
    size_t behind = own->count - at - (own->count == SEQUENCES_SHOWN);
    memmove(&own->fullest[at + 1], &own->fullest[at], behind * sizeof(*own->fullest));
    own->count += own->count < SEQUENCES_SHOWN;
    own->fullest[at].used_percent = used;
    for (size_t i = 0; i < SEQUENCES_COLUMNS; i++) {
        const char *text = rows_text(rows, row, columns[i].name);
        (void)snprintf(own->fullest[at].cells[i], SEQUENCES_CELL, "%s", text ? text : "");
    }
}

struct shown {
    const char *cells[SEQUENCES_SHOWN * SEQUENCES_COLUMNS];
    struct probe_table table;
};

static struct probe_field shown_of(struct shown *shown, const struct sequences_run *own,
                                   int64_t total)
{
    for (size_t i = 0; i < own->count * SEQUENCES_COLUMNS; i++) {
        const char *cell = own->fullest[i / SEQUENCES_COLUMNS].cells[i % SEQUENCES_COLUMNS];
        shown->cells[i] = *cell ? cell : NULL;
    }
    shown->table =
        (struct probe_table){columns, SEQUENCES_COLUMNS, shown->cells, own->count, total};
    return probe_rows("sequences", &shown->table);
}

static void report(struct probe_run *run, const struct rows *rows)
{
    const struct sequences_run *own = run->data;
    const struct fullest *first = own->fullest;
    int64_t count = rows_int(rows, 0, "count");
    double used = own->count ? first->used_percent : 0;
    struct shown shown;
    char summary[480];

    if (local_tell_hidden(run, rows, count, "sequences"))
        return;
    if (own->count == 0)
        (void)snprintf(summary, sizeof(summary), "no sequence is in use");
    else
        (void)snprintf(
            summary,
            sizeof(summary),
            "the fullest sequence, %.100s, has used %.2f%% of its numbers; %.40s are left%s%.130s",
            first->cells[0],
            used,
            first->cells[5],
            *first->cells[1] ? " for " : "",
            first->cells[1]);
    local_report(run,
                 .summary = summary,
                 .hint = used > 50 ? "make the column and the sequence bigint before it ends: "
                                     "inserts fail then; the narrower of both counts"
                                   : NULL,
                 .fields = PROBE_FIELDS(probe_real("used_percent", used),
                                        probe_int("count", count),
                                        shown_of(&shown, own, count)));
    local_done(run);
}

static void ask(struct probe_run *run)
{
    const struct sequences_run *own = run->data;

    local_ask(run,
              &(const struct question){.sql = sequences_sql,
                                       .params = {own->after},
                                       .param_count = 1,
                                       .then = check_sequences});
}

void check_sequences(struct probe_run *run, const struct answer *answer)
{
    struct sequences_run *own = run->data;
    const struct rows *rows = &answer->rows;
    const char *last = rows_text(rows, 0, "last_id");

    for (size_t row = 0; row < rows->count; row++)
        if (rows_text(rows, row, "sequence"))
            place(own, rows, row);
    if (!last) {
        report(run, rows);
        return;
    }
    (void)snprintf(own->after, sizeof(own->after), "%s", last);
    ask(run);
}

static void begin(struct probe_run *run)
{
    struct sequences_run *own = run->data;

    own->count = 0;
    (void)snprintf(own->after, sizeof(own->after), "0");
    ask(run);
}

void run_sequences(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, begin);
}
