/*
 * metrics_checks - the part of /metrics that grows with what is configured.
 *
 * Layer: app.  Part of app/metrics.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/metrics.h"
#include "base/arena.h"

enum { LONGEST_LABELS = 8192, LONGEST_NAME = 128 };

/* A check that has run, and the labels of its lines. */
struct shown_row {
    const struct duty *duty;
    const struct board_row *row;
    struct text labels; /* in the arena */
};

/* One line of a measure's family. */
struct point {
    const char *measure;
    const struct text *labels;
    double value;
};

struct sheet {
    const struct metrics_source *source;
    struct exposition *exposition;
    struct arena *arena;
    struct text scratch;
    struct shown_row *rows;
    size_t count;
    struct point *points;
    size_t point_count, point_room;
};

/* What the scratch holds, kept for as long as the page is made. */
static struct text keep_labels(struct sheet *sheet)
{
    struct text *scratch = &sheet->scratch;
    return (struct text){.bytes = arena_copy_n(sheet->arena, scratch->bytes, scratch->len),
                         .len = scratch->len};
}

/* ---------------------------------------------------------------- rows ---- */

static void add_row(struct sheet *sheet, const struct duty *duty)
{
    const struct config_target *target = duty->target->config;
    const struct board_row *row = board_row(sheet->source->board, target->name, duty->config->name);
    struct text *labels = &sheet->scratch;
    if (!row)
        return;
    text_cut_to(labels, 0);
    exposition_label(labels, "realm", sheet->source->session->config->agent.realm);
    exposition_label(labels, "target", target->name);
    exposition_label(labels, "name", duty->config->name);
    exposition_label(labels, "check", duty->config->check->full_name);
    sheet->rows[sheet->count++] = (struct shown_row){duty, row, keep_labels(sheet)};
}

static void take_rows(struct sheet *sheet)
{
    const struct schedule *schedule = sheet->source->schedule;
    struct target *target;
    sheet->rows = arena_array(sheet->arena, schedule->duty_count, sizeof(*sheet->rows));
    list_for_each(target, &schedule->targets, struct target, link) {
        for (size_t i = 0; i < target->duty_count; i++)
            if (sheet->count < schedule->duty_count)
                add_row(sheet, &target->duties[i]);
    }
    board_sweep(sheet->source->board);
}

/* One line a check. */
static void each_row(struct sheet *sheet, enum exposition_kind kind, const char *name,
                     const char *help, double of(const struct board_row *row))
{
    exposition_family(sheet->exposition, kind, name, help);
    for (size_t i = 0; i < sheet->count; i++)
        exposition_real(sheet->exposition,
                        kind == EXPOSITION_COUNTER ? "_total" : NULL,
                        &sheet->rows[i].labels,
                        of(sheet->rows[i].row));
}

static double runs_of(const struct board_row *row)
{
    return (double)row->runs;
}

static double failures_of(const struct board_row *row)
{
    return (double)row->failures;
}

static double late_of(const struct board_row *row)
{
    return (double)row->late;
}

static double lateness_of(const struct board_row *row)
{
    return (double)row->late_us / 1e6;
}

static double left_out_of(const struct board_row *row)
{
    return (double)row->left_out;
}

static void write_durations(struct sheet *sheet)
{
    struct exposition *exposition = sheet->exposition;
    exposition_family(exposition,
                      EXPOSITION_HISTOGRAM,
                      "runbookd_check_duration_seconds",
                      "how long the check's runs took");
    for (size_t i = 0; i < sheet->count; i++) {
        const struct board_row *row = sheet->rows[i].row;
        const struct text *labels = &sheet->rows[i].labels;
        uint64_t below = 0;
        for (size_t at = 0; at < BOARD_BUCKETS; at++) {
            below += row->bucket[at];
            exposition_bucket(exposition, labels, (double)board_bounds_us[at] / 1e6, below);
        }
        exposition_bucket(exposition, labels, HUGE_VAL, row->runs);
        exposition_real(exposition, "_sum", labels, (double)row->duration_us / 1e6);
        exposition_count(exposition, "_count", labels, row->runs);
    }
}

/* --------------------------------------------------------------- cells ---- */

static void write_status(struct sheet *sheet, const struct shown_row *row,
                         const struct board_cell *cell)
{
    const struct duty *duty = row->duty;
    struct text *labels = &sheet->scratch;
    if (cell->status == PROBE_GRADED) /* nothing was reported yet */
        return;
    text_cut_to(labels, 0);
    text_add_n(labels, row->labels.bytes, row->labels.len);
    exposition_label(labels, "subject", cell->subject);
    exposition_label(labels, "status", event_status_name(cell->status));
    if (duty->target->config->where == PROBE_NODE)
        exposition_label(labels, "node", metrics_node(sheet->source));
    exposition_label(labels, "owner", duty->config->owner);
    exposition_labels(labels, sheet->source->session->config->agent.labels);
    exposition_labels(labels, duty->config->labels);
    exposition_count(sheet->exposition, NULL, labels, 1);
}

static void add_point(struct sheet *sheet, const char *measure, const struct text *labels,
                      double value)
{
    if (sheet->point_count == sheet->point_room) {
        sheet->point_room = sheet->point_room ? 2 * sheet->point_room : 1024;
        sheet->points = mem_resize(sheet->points, sheet->point_room * sizeof(*sheet->points));
    }
    sheet->points[sheet->point_count++] = (struct point){measure, labels, value};
}

static void take_points(struct sheet *sheet, const struct shown_row *row,
                        const struct board_cell *cell)
{
    const struct text *labels = &row->labels;
    if (!cell->numbers || target_holds(row->duty)) /* what is held is not measured now */
        return;
    if (cell->subject) {
        text_cut_to(&sheet->scratch, 0);
        text_add_n(&sheet->scratch, row->labels.bytes, row->labels.len);
        exposition_label(&sheet->scratch, "subject", cell->subject);
        struct text *own = arena_new(sheet->arena, sizeof(*own));
        *own = keep_labels(sheet);
        labels = own;
    }
    for (size_t i = 0; i < cell->measures->count; i++)
        if (!isnan(cell->numbers[i]))
            add_point(sheet, cell->measures->slots[i].name, labels, cell->numbers[i]);
}

static int by_measure(const void *a, const void *b)
{
    const struct point *left = a, *right = b;
    int by_name = left->measure == right->measure ? 0 : strcmp(left->measure, right->measure);
    return by_name ? by_name : (left > right) - (left < right);
}

/* One gauge a measure, with a line for each subject that has it. */
static void write_points(struct sheet *sheet)
{
    char name[LONGEST_NAME], help[2 * LONGEST_NAME];
    const char *measure = "";
    if (sheet->point_count)
        qsort(sheet->points, sheet->point_count, sizeof(*sheet->points), by_measure);
    for (size_t i = 0; i < sheet->point_count; i++) {
        const struct point *point = &sheet->points[i];
        if (strcmp(point->measure, measure) != 0) {
            measure = point->measure;
            (void)snprintf(name, sizeof(name), "runbookd_measure_%s", measure);
            (void)snprintf(help, sizeof(help), "the measure %s, as it was found last", measure);
            exposition_family(sheet->exposition, EXPOSITION_GAUGE, name, help);
        }
        exposition_real(sheet->exposition, NULL, point->labels, point->value);
    }
}

static void write_cells(struct sheet *sheet)
{
    exposition_family(sheet->exposition,
                      EXPOSITION_GAUGE,
                      "runbookd_finding_status",
                      "1: the status that is reported of this subject");
    for (size_t i = 0; i < sheet->count; i++)
        for (size_t at = 0; at < sheet->rows[i].row->count; at++)
            write_status(sheet, &sheet->rows[i], &sheet->rows[i].row->cells[at]);
    for (size_t i = 0; i < sheet->count; i++)
        for (size_t at = 0; at < sheet->rows[i].row->count; at++)
            take_points(sheet, &sheet->rows[i], &sheet->rows[i].row->cells[at]);
    write_points(sheet);
}

void metrics_write_checks(const struct metrics_source *source, struct exposition *exposition)
{
    struct sheet sheet = {.source = source, .exposition = exposition, .arena = arena_create()};
    text_init(&sheet.scratch, LONGEST_LABELS);
    take_rows(&sheet);
    each_row(&sheet, EXPOSITION_COUNTER, "runbookd_check_runs", "runs of the check", runs_of);
    each_row(&sheet,
             EXPOSITION_COUNTER,
             "runbookd_check_failures",
             "runs that could not examine",
             failures_of);
    each_row(&sheet,
             EXPOSITION_COUNTER,
             "runbookd_check_late",
             "runs that began more than 100 ms after they were due",
             late_of);
    each_row(&sheet,
             EXPOSITION_GAUGE,
             "runbookd_check_lateness_seconds",
             "how long after it was due the last run began",
             lateness_of);
    each_row(&sheet,
             EXPOSITION_GAUGE,
             "runbookd_check_subjects_left_out",
             "subjects of the last run that are not in this page",
             left_out_of);
    write_durations(&sheet);
    write_cells(&sheet);
    free(sheet.points);
    text_finish(&sheet.scratch);
    arena_destroy(sheet.arena);
}
