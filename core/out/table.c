#include "out/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"

struct row {
    size_t place; /* the order in which it came, among equals */
    enum probe_status status;
    char since[UNITS_DURATION_LEN]; /* empty: just now */
    char *address, *what;
    char *measures, *held, *hint; /* NULL: none */
};

struct table {
    struct table_look look;
    struct row *rows;
    size_t count, room;
    unsigned tally[PROBE_UNKNOWN + 1];
    unsigned left_out; /* beyond the maximum */
};

enum {
    GAP = 2,
    STATUS_CELLS = 8, /* "critical" */
    NARROW = 40,      /* cells for what is said, below which it gets lines of its own */
    MAX_CELL = 4096
};

/* From the worst to the best; statuses that there are. */
static const enum probe_status worst_first[] = {
    PROBE_CRITICAL, PROBE_WARNING, PROBE_UNKNOWN, PROBE_OK};

size_t table_rank(enum probe_status status)
{
    size_t at = 0;
    while (at < COUNT_OF(worst_first) && worst_first[at] != status)
        at++;
    return at;
}

/* ---- what a row says ---- */

void table_address(const struct event_finding *finding, struct text *out)
{
    text_print(out, "%s/%s", finding->target, finding->name);
    if (finding->finding->subject)
        text_print(out, "[%s]", finding->finding->subject);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), end = strlen(suffix);
    return len > end && strcmp(name + len - end, suffix) == 0;
}

/* What a large number means: 15728640 bytes are 15.0 MiB. */
static void add_meaning(struct text *out, const char *name, double number)
{
    char said[32];
    if (ends_with(name, "_bytes") && number >= 1024 && number < 9e18)
        units_print_bytes((int64_t)number, said, sizeof(said));
    else if (ends_with(name, "_seconds") && number >= 120 && number < 1e12)
        units_print_duration((int64_t)(number * 1000), said);
    else
        return;
    text_print(out, " (%s)", said);
}

static void add_real(struct text *out, double number)
{
    char digits[64];
    if (!isfinite(number) || fabs(number) >= 1e15 || (number != 0 && fabs(number) < 0.01)) {
        text_print(out, "%.3g", number);
        return;
    }
    int len = snprintf(digits, sizeof(digits), "%.2f", number);
    while (digits[len - 1] == '0')
        len--;
    text_add_n(out, digits, (size_t)(digits[len - 1] == '.' ? len - 1 : len));
}

static void add_measure(struct text *out, const char *name, const struct value *value)
{
    if (value->kind == VALUE_ABSENT)
        return;
    text_print(out, "%s%s ", out->len ? "  " : "", name);
    if (value->kind == VALUE_INTEGER)
        text_print(out, "%" PRId64, value->is.integer);
    else if (value->kind == VALUE_REAL)
        add_real(out, value->is.real);
    else
        text_add(out,
                 value->kind == VALUE_WORD ? value->is.word
                 : value->is.flag          ? "true"
                                           : "false");
    add_meaning(out, name, value_number(value));
}

/* "used 96  usable 97", or NULL. */
static char *print_measures(const struct finding *finding)
{
    struct text TEXT_AUTO out;
    text_init(&out, MAX_CELL);
    for (size_t i = 0; finding->measures && i < finding->measures->count; i++)
        add_measure(&out, finding->measures->slots[i].name, &finding->values[i]);
    return out.len ? text_take(&out) : NULL;
}

static char *print_held(const char *const *held)
{
    struct text TEXT_AUTO out;
    text_init(&out, MAX_CELL);
    for (size_t i = 0; held && held[i]; i++)
        text_print(&out, "%s%s", i ? ", " : "these checks wait for it: ", held[i]);
    return out.len ? text_take(&out) : NULL;
}

static char *print_address(const struct event_finding *finding)
{
    struct text TEXT_AUTO out;
    text_init(&out, MAX_CELL);
    table_address(finding, &out);
    return text_take(&out);
}

/* ---- gathering ---- */

struct table *table_create(const struct table_look *look)
{
    struct table *table = mem_new(sizeof(*table));
    table->look = *look;
    return table;
}

void table_destroy(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++) {
        free(table->rows[i].address);
        free(table->rows[i].what);
        free(table->rows[i].measures);
        free(table->rows[i].held);
        free(table->rows[i].hint);
    }
    free(table->rows);
    free(table);
}

static struct row *add_row(struct table *table)
{
    if (table->count == table->room) {
        table->room = table->room ? 2 * table->room : 16;
        table->rows = mem_resize(table->rows, table->room * sizeof(*table->rows));
    }
    struct row *row = &table->rows[table->count];
    *row = (struct row){.place = table->count++};
    return row;
}

void table_add(struct table *table, const struct event_finding *finding, int64_t wall_ms)
{
    enum probe_status status = finding->report->status;
    int64_t since_ms = wall_ms - finding->report->since_wall_ms;
    table->tally[status]++;
    if (status == PROBE_OK && table->look.fold_ok)
        return;
    if (table->count == TABLE_MOST_ROWS) {
        table->left_out++;
        return;
    }
    struct row *row = add_row(table);
    row->status = status;
    if (since_ms >= 1000)
        units_print_duration(since_ms, row->since);
    row->address = print_address(finding);
    row->what = mem_copy(finding->finding->summary ? finding->finding->summary : "");
    row->measures = table->look.measures ? print_measures(finding->finding) : NULL;
    row->held = print_held(finding->held);
    row->hint = status == PROBE_OK ? NULL : mem_copy(finding->finding->hint);
}

enum probe_status table_worst(const struct table *table)
{
    for (size_t i = 0; i < COUNT_OF(worst_first); i++)
        if (table->tally[worst_first[i]])
            return worst_first[i];
    return PROBE_GRADED;
}

/* ---- printing ---- */

struct widths {
    size_t since, address, before_what;
    size_t what; /* zero: endless */
};

static size_t longer(size_t a, size_t b)
{
    return a > b ? a : b;
}

static struct widths measure_widths(const struct table *table)
{
    static const char head[] = "TARGET/CHECK[SUBJECT]";
    struct widths widths = {.address = strlen("TARGET/CHECK")};
    size_t columns = table->look.screen.columns;
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->rows[i];
        widths.since = longer(widths.since, strlen(row->since));
        widths.address = longer(widths.address, screen_width(row->address));
        if (strchr(row->address, '['))
            widths.address = longer(widths.address, strlen(head));
    }
    if (columns && widths.address > columns * 2 / 5)
        widths.address = columns * 2 / 5;
    widths.before_what =
        STATUS_CELLS + GAP + (widths.since ? widths.since + GAP : 0) + widths.address + GAP;
    widths.what = columns > widths.before_what ? columns - widths.before_what : columns ? 1 : 0;
    return widths;
}

static void print_cell(struct text *out, const char *data, size_t width)
{
    screen_pad(out, data, width);
    screen_pad(out, "", GAP);
}

static void print_head(const struct widths *widths, const struct table *table, struct text *out)
{
    print_cell(out, "STATUS", STATUS_CELLS);
    if (widths->since)
        print_cell(out, "FOR", widths->since);
    bool subjects = false;
    for (size_t i = 0; i < table->count; i++)
        subjects |= strchr(table->rows[i].address, '[') != NULL;
    print_cell(out, subjects ? "TARGET/CHECK[SUBJECT]" : "TARGET/CHECK", widths->address);
    (void)screen_add(out, "WHAT", widths->what);
    text_add_char(out, '\n');
}

/* A line below a row's first: measures and what waits are faint, a hint is not. */
static void print_below(const struct screen *screen, const char *data, size_t indent,
                        const char *between, bool faint, struct text *out)
{
    if (!data)
        return;
    if (faint)
        screen_faint(screen, out);
    screen_wrap(screen, out, data, indent, between);
    if (faint)
        screen_plain(screen, out);
}

static void print_row(const struct screen *screen, const struct widths *widths,
                      const struct row *row, struct text *out)
{
    bool narrow = screen->columns && widths->what < NARROW; /* then nothing stands beside it */
    size_t indent = narrow ? 4 : widths->before_what;
    screen_paint(screen, out, row->status);
    screen_pad(out, event_status_name(row->status), STATUS_CELLS);
    screen_plain(screen, out);
    screen_pad(out, "", GAP);
    if (widths->since)
        print_cell(out, row->since, widths->since);
    if (narrow) {
        (void)screen_add(out, row->address, widths->address);
        text_add_char(out, '\n');
        screen_wrap(screen, out, row->what, indent, " ");
    } else {
        print_cell(out, row->address, widths->address);
        (void)screen_add(out, row->what, widths->what);
        text_add_char(out, '\n');
    }
    print_below(screen, row->measures, indent, "  ", true, out);
    print_below(screen, row->held, indent, " ", true, out);
    print_below(screen, row->hint, indent, " ", false, out);
}

static int compare_rows(const void *left, const void *right)
{
    const struct row *a = *(const struct row *const *)left, *b = *(const struct row *const *)right;
    if (a->status != b->status)
        return table_rank(a->status) < table_rank(b->status) ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

void table_print_tally(const struct screen *screen, const unsigned tally[PROBE_UNKNOWN + 1],
                       struct text *out)
{
    const char *comma = "";
    for (size_t i = 0; i < COUNT_OF(worst_first); i++) {
        enum probe_status status = worst_first[i];
        if (tally[status] == 0)
            continue;
        text_add(out, comma);
        screen_paint(screen, out, status);
        text_print(out, "%u %s", tally[status], event_status_name(status));
        screen_plain(screen, out);
        comma = ", ";
    }
    if (!*comma)
        text_add(out, "nothing was found");
}

void table_print(const struct table *table, struct text *out)
{
    struct widths widths = measure_widths(table);
    const struct row **sorted MEM_AUTO = mem_array(table->count, sizeof(*sorted));
    for (size_t i = 0; i < table->count; i++)
        sorted[i] = &table->rows[i];
    qsort(sorted, table->count, sizeof(*sorted), compare_rows);
    if (table->count)
        print_head(&widths, table, out);
    for (size_t i = 0; i < table->count; i++)
        print_row(&table->look.screen, &widths, sorted[i], out);
    table_print_tally(&table->look.screen, table->tally, out);
    text_add_char(out, '\n');
    if (table->left_out)
        text_print(out, "%u more are counted here and not shown\n", table->left_out);
}

/* ---- one event a line ---- */

enum { TIME_CELLS = 9, ADDRESS_CELLS = 28, WIDE = 110 };

static void print_time(const struct screen *screen, int64_t wall_ms, struct text *out)
{
    char time[UNITS_TIME_LEN];
    units_print_time(wall_ms, time);
    screen_faint(screen, out);
    text_print(out, "%.8sZ", time + strlen("2026-11-21T"));
    screen_plain(screen, out);
    screen_pad(out, "", GAP);
}

static enum probe_status status_of(enum log_level level)
{
    return level == LOG_ERROR ? PROBE_CRITICAL : level == LOG_WARN ? PROBE_WARNING : PROBE_GRADED;
}

/* Cells taken: in a column where there is room for one, else as few as it needs. */
static size_t print_event_address(const struct screen *screen, const struct event_finding *finding,
                                  struct text *out)
{
    char *address MEM_AUTO = print_address(finding);
    size_t cells = screen_add(out, address, screen->columns ? ADDRESS_CELLS : 0);
    bool column = screen->columns == 0 || screen->columns >= WIDE;
    size_t gap = GAP + (column && cells < ADDRESS_CELLS ? ADDRESS_CELLS - cells : 0);
    screen_pad(out, "", gap);
    return cells + gap;
}

void table_print_event(const struct table_look *look, const struct event *event, int64_t wall_ms,
                       struct text *out)
{
    static const char *const kinds[] = {"finding", "remedy", "incident", "audit", "agent", "log"};
    const struct screen *screen = &look->screen;
    const struct event_finding *finding = event->finding;
    const size_t begin = TIME_CELLS + GAP + STATUS_CELLS + GAP;
    enum probe_status status = finding ? finding->report->status : status_of(event->level);
    print_time(screen, wall_ms, out);
    screen_paint(screen, out, status);
    screen_pad(out, finding ? event_status_name(status) : kinds[event->kind], STATUS_CELLS);
    screen_plain(screen, out);
    screen_pad(out, "", GAP);
    size_t taken = begin + (finding ? print_event_address(screen, finding, out) : 0);
    size_t room = screen->columns > taken ? screen->columns - taken : screen->columns ? 1 : 0;
    (void)screen_add(out, event->message ? event->message : "", room);
    text_add_char(out, '\n');
    if (finding && status != PROBE_OK && finding->finding->hint)
        screen_wrap(screen, out, finding->finding->hint, begin, " ");
}
