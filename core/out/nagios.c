#include "out/nagios.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "out/screen.h"
#include "out/table.h"
#include "probe/token.h"

/* A finding's line. */
struct said {
    size_t place; /* the order in which it came, among equals */
    enum probe_status status;
    char *text;     /* "pg/connections: 96 of 97 usable connections are used" */
    char *perfdata; /* its labels with the address */
};

struct nagios {
    struct said *all;
    size_t count, room;
    char *text, *perfdata; /* of the first finding, without the address: it may be the only one */
    unsigned tally[PROBE_UNKNOWN + 1];
};

enum { MAX_TEXT = 4096 };

static const char *const names[] = {[PROBE_GRADED] = "UNKNOWN",
                                    [PROBE_OK] = "OK",
                                    [PROBE_WARNING] = "WARNING",
                                    [PROBE_CRITICAL] = "CRITICAL",
                                    [PROBE_UNKNOWN] = "UNKNOWN"};

/* ---- performance data ---- */

/* What ends a text or a label early gives way: a bar, a quote, an equals sign. */
static void add_clean(struct text *out, const char *data, const char *refused)
{
    size_t begin = out->len;
    (void)screen_add(out, data, 0);
    for (char *at = out->bytes + begin; *at; at++)
        if (strchr(refused, *at))
            *at = '_';
}

static const char *unit_of(const struct measure_slot *slot)
{
    static const struct {
        const char *suffix, *unit;
    } units[] = {{"_percent", "%"}, {"_ms", "ms"}, {"_seconds", "s"}, {"_bytes", "B"}};
    if (slot->kind == PROBE_COUNTER)
        return "c";
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        size_t len = strlen(slot->name), end = strlen(units[i].suffix);
        if (len >= end && strcmp(slot->name + len - end, units[i].suffix) == 0)
            return units[i].unit;
    }
    return "";
}

/* Reads up to `max` tokens; a condition that was compiled has no wrong ones. */
static size_t read_tokens(const char *text, struct token *tokens, size_t max)
{
    struct error error;
    for (size_t count = 0; count < max; count++) {
        if (token_read(text, &tokens[count], &error) < 0)
            return 0;
        if (tokens[count].kind == TOKEN_END)
            return count + 1;
        text = tokens[count].next;
    }
    return 0;
}

static bool begins_clause(const struct token *tokens, size_t at)
{
    return at == 0 || tokens[at - 1].kind == TOKEN_OR || tokens[at - 1].kind == TOKEN_OPEN;
}

static bool ends_clause(enum token_kind kind)
{
    return kind == TOKEN_END || kind == TOKEN_OR || kind == TOKEN_CLOSE;
}

/*
 * Adds what `condition` says of `name` as a range of Nagios': "80" alerts above, "7:" below.
 * Nothing where an `and` or a `not` makes it depend on more.
 */
static void add_threshold(struct text *out, const char *condition, const char *name)
{
    enum { MOST_TOKENS = 64 };
    struct token tokens[MOST_TOKENS];
    size_t count = condition ? read_tokens(condition, tokens, MOST_TOKENS) : 0;
    for (size_t i = 0; i < count; i++)
        if (tokens[i].kind == TOKEN_AND || tokens[i].kind == TOKEN_NOT)
            return;
    for (size_t i = 0; i + 3 < count; i++) {
        enum token_kind op = tokens[i + 1].kind;
        const struct token *number = &tokens[i + 2];
        if (!token_is(&tokens[i], name) || !begins_clause(tokens, i) ||
            number->kind != TOKEN_NUMBER || !ends_clause(tokens[i + 3].kind))
            continue;
        if (op == TOKEN_MORE || op == TOKEN_AT_LEAST || op == TOKEN_LESS || op == TOKEN_AT_MOST) {
            bool below = op == TOKEN_LESS || op == TOKEN_AT_MOST;
            text_print(out, "%.*s%s", (int)number->len, number->at, below ? ":" : "");
            return;
        }
    }
}

static void add_datum(struct text *out, const char *address, const struct measure_slot *slot,
                      const struct value *value, const char *warning, const char *critical)
{
    double number = value_number(value);
    if (value->kind == VALUE_ABSENT || value->kind == VALUE_WORD)
        return;
    text_add(out, out->len ? " '" : "'");
    if (address) {
        add_clean(out, address, "'=|");
        text_add_char(out, ' ');
    }
    add_clean(out, slot->name, "'=|");
    if (value->kind == VALUE_INTEGER)
        text_print(out, "'=%" PRId64 "%s;", value->is.integer, unit_of(slot));
    else if (isfinite(number))
        text_print(out, "'=%.10g%s;", number, unit_of(slot));
    else
        text_add(out, "'=U;"); /* undetermined */
    add_threshold(out, warning, slot->name);
    text_add_char(out, ';');
    add_threshold(out, critical, slot->name);
}

static char *print_perfdata(const char *address, const struct finding *finding, const char *warning,
                            const char *critical)
{
    struct text TEXT_AUTO out;
    text_init(&out, MAX_TEXT);
    for (size_t i = 0; finding->measures && i < finding->measures->count; i++) {
        size_t whole = out.len;
        add_datum(
            &out, address, &finding->measures->slots[i], &finding->values[i], warning, critical);
        if (out.cut) { /* half a datum is a wrong one */
            text_cut_to(&out, whole);
            break;
        }
    }
    return text_take(&out);
}

/* ---- gathering ---- */

struct nagios *nagios_create(void)
{
    return mem_new(sizeof(struct nagios));
}

void nagios_destroy(struct nagios *nagios)
{
    if (!nagios)
        return;
    for (size_t i = 0; i < nagios->count; i++) {
        free(nagios->all[i].text);
        free(nagios->all[i].perfdata);
    }
    free(nagios->all);
    free(nagios->text);
    free(nagios->perfdata);
    free(nagios);
}

static char *print_text(const char *address, const struct finding *finding)
{
    struct text TEXT_AUTO out;
    text_init(&out, MAX_TEXT);
    if (address) {
        add_clean(&out, address, "|");
        text_add(&out, ": ");
    }
    add_clean(&out, finding->summary ? finding->summary : "", "|");
    return text_take(&out);
}

void nagios_add(struct nagios *nagios, const struct event_finding *finding, const char *warning,
                const char *critical)
{
    struct text TEXT_AUTO address;
    text_init(&address, MAX_TEXT);
    nagios->tally[finding->report->status]++;
    if (nagios->count == NAGIOS_MOST_LINES)
        return;
    if (nagios->count == nagios->room) {
        nagios->room = nagios->room ? 2 * nagios->room : 16;
        nagios->all = mem_resize(nagios->all, nagios->room * sizeof(*nagios->all));
    }
    table_address(finding, &address);
    if (nagios->count == 0) {
        nagios->text = print_text(NULL, finding->finding);
        nagios->perfdata = print_perfdata(NULL, finding->finding, warning, critical);
    }
    nagios->all[nagios->count] = (struct said){
        .place = nagios->count,
        .status = finding->report->status,
        .text = print_text(address.bytes, finding->finding),
        .perfdata = print_perfdata(address.bytes, finding->finding, warning, critical),
    };
    nagios->count++;
}

/* ---- printing ---- */

static int compare_said(const void *left, const void *right)
{
    const struct said *a = *(const struct said *const *)left;
    const struct said *b = *(const struct said *const *)right;
    size_t a_rank = table_rank(a->status), b_rank = table_rank(b->status);
    if (a_rank != b_rank)
        return a_rank < b_rank ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static void print_perfdata_of(const struct said *const *sorted, size_t count, struct text *out)
{
    bool barred = false;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i]->perfdata[0] == '\0')
            continue;
        text_add(out, barred ? " " : " | ");
        text_add(out, sorted[i]->perfdata);
        barred = true;
    }
    text_add_char(out, '\n');
}

void nagios_print(const struct nagios *nagios, struct text *out)
{
    if (nagios->count == 0) {
        text_add(out, "UNKNOWN - nothing was found\n");
        return;
    }
    if (nagios->count == 1) {
        text_print(out, "%s - %s", names[nagios->all[0].status], nagios->text);
        text_print(out, "%s%s\n", *nagios->perfdata ? " | " : "", nagios->perfdata);
        return;
    }
    const struct said **sorted MEM_AUTO = mem_array(nagios->count, sizeof(*sorted));
    for (size_t i = 0; i < nagios->count; i++)
        sorted[i] = &nagios->all[i];
    qsort(sorted, nagios->count, sizeof(*sorted), compare_said);
    text_print(out, "%s - ", names[sorted[0]->status]);
    table_print_tally(&(const struct screen){0}, nagios->tally, out);
    text_print(out, "; %s", sorted[0]->text);
    print_perfdata_of(sorted, nagios->count, out);
    for (size_t i = 0; i < nagios->count; i++)
        text_print(out, "[%s] %s\n", names[sorted[i]->status], sorted[i]->text);
}
