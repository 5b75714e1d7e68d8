#include "probe/board.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

const uint64_t board_bounds_us[BOARD_BUCKETS] = {
    1000, 5000, 25000, 100000, 500000, 2500000, 10000000, 60000000};

enum { LATE_US = 100000 };

struct board {
    struct board_row **rows; /* by target and name */
    size_t count, room;
    size_t cells, most_subjects;
};

/* ---------------------------------------------------------------- rows ---- */

static int order(const struct board_row *row, const char *target, const char *name)
{
    int by_target = strcmp(row->target, target);
    return by_target ? by_target : strcmp(row->name, name);
}

/* Where the row is, or would be; whether it is there. */
static bool search(const struct board *board, const char *target, const char *name, size_t *ret_at)
{
    size_t low = 0, high = board->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int by = order(board->rows[middle], target, name);
        if (by == 0) {
            *ret_at = middle;
            return true;
        }
        if (by < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_at = low;
    return false;
}

static struct board_row *find_or_make(struct board *board, const char *target, const char *name)
{
    size_t at;
    if (search(board, target, name, &at))
        return board->rows[at];
    if (board->count == board->room) {
        board->room = board->room ? 2 * board->room : 32;
        board->rows = mem_resize(board->rows, board->room * sizeof(*board->rows));
    }
    memmove(board->rows + at + 1, board->rows + at, (board->count - at) * sizeof(*board->rows));
    board->count++;
    board->rows[at] = mem_new(sizeof(struct board_row));
    *board->rows[at] = (struct board_row){.target = mem_copy(target), .name = mem_copy(name)};
    return board->rows[at];
}

static void finish_cell(struct board_cell *cell)
{
    free(cell->subject);
    free(cell->numbers);
}

static void destroy_row(struct board *board, struct board_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        finish_cell(&row->cells[i]);
    board->cells -= row->count;
    free(row->cells);
    free(row->target);
    free(row->name);
    free(row);
}

struct board *board_create(size_t most_subjects)
{
    struct board *board = mem_new(sizeof(*board));
    board->most_subjects = most_subjects;
    return board;
}

void board_limit(struct board *board, size_t most_subjects)
{
    if (board)
        board->most_subjects = most_subjects;
}

void board_destroy(struct board *board)
{
    if (!board)
        return;
    for (size_t i = 0; i < board->count; i++)
        destroy_row(board, board->rows[i]);
    free(board->rows);
    free(board);
}

struct board_row *board_row(struct board *board, const char *target, const char *name)
{
    size_t at;
    if (!board || !search(board, target, name, &at))
        return NULL;
    board->rows[at]->used = true;
    return board->rows[at];
}

void board_forget(struct board *board, const char *target, const char *name)
{
    size_t at;
    if (!board || !search(board, target, name, &at))
        return;
    destroy_row(board, board->rows[at]);
    board->count--;
    memmove(board->rows + at, board->rows + at + 1, (board->count - at) * sizeof(*board->rows));
}

void board_sweep(struct board *board)
{
    size_t kept = 0;
    if (!board)
        return;
    for (size_t i = 0; i < board->count; i++) {
        struct board_row *row = board->rows[i];
        if (!row->used) {
            destroy_row(board, row);
            continue;
        }
        row->used = false;
        board->rows[kept++] = row;
    }
    board->count = kept;
}

/* --------------------------------------------------------------- cells ---- */

static uint32_t hash_of(const char *subject)
{
    uint32_t hash = 2166136261u;
    for (; subject && *subject; subject++)
        hash = (hash ^ (unsigned char)*subject) * 16777619u;
    return hash;
}

/* Subjects come in the same order from run to run: begins where the last one was found. */
static struct board_cell *find_cell(struct board_row *row, const char *subject)
{
    uint32_t hash = hash_of(subject);
    for (size_t i = 0; i < row->count; i++) {
        size_t at = (row->next + i) % row->count;
        const char *other = row->cells[at].subject;
        if (row->cells[at].hash != hash ||
            (subject && other ? strcmp(subject, other) != 0 : subject != other))
            continue;
        row->next = at + 1;
        return &row->cells[at];
    }
    return NULL;
}

static struct board_cell *find_or_make_cell(struct board *board, struct board_row *row,
                                            const char *subject)
{
    struct board_cell *cell = find_cell(row, subject);
    if (cell)
        return cell;
    bool full = row->count >= board->most_subjects || board->cells >= BOARD_MOST_CELLS;
    if (full && subject) { /* the target itself always has its place */
        row->leaving_out++;
        return NULL;
    }
    if ((row->count & (row->count - 1)) == 0) /* room for twice as many at 0, 1, 2, 4, ... */
        row->cells =
            mem_resize(row->cells, (row->count ? row->count * 2 : 1) * sizeof(*row->cells));
    cell = &row->cells[row->count++];
    *cell = (struct board_cell){.subject = mem_copy(subject), .hash = hash_of(subject)};
    board->cells++;
    return cell;
}

static void hide_numbers(struct board_cell *cell)
{
    free(cell->numbers);
    cell->numbers = NULL;
    cell->measures = NULL;
}

void board_sample(struct board *board, const char *target, const char *name, const char *subject,
                  enum probe_status status, const struct measures *measures,
                  const struct value *values)
{
    if (!board)
        return;
    struct board_cell *cell = find_or_make_cell(board, find_or_make(board, target, name), subject);
    if (!cell)
        return;
    if (cell->measures != measures) {
        hide_numbers(cell);
        cell->measures = measures;
        cell->numbers = mem_array(measures->count, sizeof(*cell->numbers));
    }
    for (size_t i = 0; i < measures->count; i++) /* NOLINT: measures is never NULL */
        cell->numbers[i] = value_number(&values[i]);
    cell->status = status;
    cell->sampled = true;
}

void board_gone(struct board *board, const char *target, const char *name, const char *subject)
{
    size_t at;
    if (!board || !search(board, target, name, &at))
        return;
    struct board_row *row = board->rows[at];
    struct board_cell *cell = find_cell(row, subject);
    if (!cell)
        return;
    finish_cell(cell);
    size_t after = (size_t)(row->cells + row->count - (cell + 1));
    memmove(cell, cell + 1, after * sizeof(*cell));
    row->count--;
    board->cells--;
}

void board_over(struct board *board, const char *target, const char *name,
                const struct board_run *run)
{
    size_t bucket = 0;
    if (!board)
        return;
    struct board_row *row = find_or_make(board, target, name);
    while (bucket < BOARD_BUCKETS && run->duration_us > board_bounds_us[bucket])
        bucket++;
    row->bucket[bucket]++;
    row->duration_us += run->duration_us;
    row->runs++;
    row->failures += run->failed;
    row->late += run->late_us > LATE_US;
    row->late_us = run->late_us;
    row->left_out = run->failed ? row->left_out : row->leaving_out;
    row->leaving_out = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (run->failed || !row->cells[i].sampled)
            hide_numbers(&row->cells[i]);
        row->cells[i].sampled = false;
    }
}
