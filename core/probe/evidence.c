#include "probe/evidence.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/redact.h"

/* ------------------------------------------------------------- one value ---- */

static void write_text(struct writer *writer, const char *key, const char *string)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    struct text TEXT_AUTO open;
    text_init(&open, EVIDENCE_TEXT_LEN - (sizeof(ellipsis) - 1));
    redact_add(&open, string, strlen(string));
    if (open.cut) {
        open.cut = false;
        open.max = EVIDENCE_TEXT_LEN;
        text_add(&open, ellipsis);
    }
    writer_string_n(writer, key, open.bytes, open.len);
}

/* Whether a server's text is a number as JSON has it, of a length that is one. */
static bool is_number(const char *text, bool whole)
{
    const char *c = text + (*text == '-');
    if (!isdigit((unsigned char)*c) || (*c == '0' && isdigit((unsigned char)c[1])))
        return false;
    while (isdigit((unsigned char)*c))
        c++;
    if (!whole && *c == '.' && isdigit((unsigned char)c[1]))
        for (c++; isdigit((unsigned char)*c);)
            c++;
    if (!whole && (*c == 'e' || *c == 'E') &&
        isdigit((unsigned char)c[1 + (c[1] == '-' || c[1] == '+')]))
        for (c += 2; isdigit((unsigned char)*c);)
            c++;
    return *c == '\0' && c - text <= 40;
}

static bool is_int(const char *text, int64_t *ret_number)
{
    if (!is_number(text, true))
        return false;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno)
        return false;
    *ret_number = number;
    return true;
}

static bool one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

static const char *const words_true[] = {"t", "true", "1", "y", "yes", "on", NULL};
static const char *const words_false[] = {"f", "false", "0", "n", "no", "off", NULL};
static const char *const words_no_number[] = {
    "nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity", NULL};

/* A cell as its column says; what is none of that stays the text that it is. */
static void write_cell(struct writer *writer, const char *key, enum probe_field_kind kind,
                       const char *cell)
{
    int64_t number;
    if (!cell)
        writer_null(writer, key);
    else if (redact_finds(cell, strlen(cell)))
        write_text(writer, key, cell);
    else if (kind == PROBE_FIELD_INT && is_int(cell, &number))
        writer_int(writer, key, number);
    else if (kind == PROBE_FIELD_REAL && is_number(cell, false) && isfinite(strtod(cell, NULL)))
        writer_raw(writer, key, cell);
    else if (kind == PROBE_FIELD_REAL && one_of(cell, words_no_number))
        writer_null(writer, key);
    else if (kind == PROBE_FIELD_BOOL && one_of(cell, words_true))
        writer_bool(writer, key, true);
    else if (kind == PROBE_FIELD_BOOL && one_of(cell, words_false))
        writer_bool(writer, key, false);
    else if (kind == PROBE_FIELD_TIME && is_int(cell, &number))
        writer_time(writer, key, number);
    else
        write_text(writer, key, cell);
}

/* ------------------------------------------------------------------ rows ---- */

struct columns {
    char *names[EVIDENCE_COLUMNS];
    enum probe_field_kind kinds[EVIDENCE_COLUMNS];
    size_t count;
};

static bool has_name(const struct columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (strcmp(columns->names[i], name) == 0)
            return true;
    return false;
}

/* Names that come twice, as a server may well send them, are numbered. */
static void name_column(struct columns *columns, const char *name)
{
    char *unique = redact_copy(name ? name : "column", EVIDENCE_KEY_LEN);
    for (unsigned i = 2; has_name(columns, unique); i++) {
        free(unique);
        MEM_AUTO char *numbered = mem_print("%s_%u", name ? name : "column", i);
        unique = redact_copy(numbered, EVIDENCE_KEY_LEN + 4);
    }
    columns->names[columns->count++] = unique;
}

static void columns_read(struct columns *columns, const struct probe_table *table, size_t size)
{
    columns->count = 0;
    while (columns->count < table->column_count && columns->count < EVIDENCE_COLUMNS) {
        const struct probe_column *column =
            (const void *)((const char *)table->columns + columns->count * size);
        columns->kinds[columns->count] = column->kind;
        name_column(columns, column->name);
    }
}

static void columns_finish(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        free(columns->names[i]);
}

static void write_row(struct text *text, const struct columns *columns, const char *const *cells)
{
    struct writer writer;
    writer_init(&writer, text);
    writer_object(&writer, NULL);
    for (size_t i = 0; i < columns->count; i++)
        write_cell(&writer, columns->names[i], columns->kinds[i], cells[i]);
    writer_end(&writer);
}

static void take_rows(struct evidence *piece, const struct probe_table *table, size_t column_size,
                      struct text *json)
{
    struct columns columns;
    size_t most = table->row_count < EVIDENCE_ROWS ? table->row_count : EVIDENCE_ROWS;
    columns_read(&columns, table, column_size);
    piece->row_total =
        table->total > (int64_t)table->row_count ? table->total : (int64_t)table->row_count;
    piece->row_ends = mem_array(most, sizeof(*piece->row_ends));
    json->max--; /* for the bracket at the end */
    text_add_char(json, '[');
    for (size_t i = 0, end = 1; i < most; i++) {
        if (i)
            text_add_char(json, ',');
        write_row(json, &columns, table->cells + i * table->column_count);
        if (json->cut) {
            text_cut_to(json, end);
            break;
        }
        piece->row_ends[piece->row_count++] = end = json->len;
    }
    json->max++;
    text_add_char(json, ']');
    columns_finish(&columns);
}

/* ------------------------------------------------------------------ JSON ---- */

/* JSON as it came, but on one line: what is below a space stands only between its tokens. */
static bool take_json(struct text *json, const char *value, const char **ret_wrong)
{
    size_t len = strnlen(value, EVIDENCE_JSON_LEN + 1);
    if (len > EVIDENCE_JSON_LEN) {
        *ret_wrong = "a piece of evidence was more than 64 KiB of JSON";
        return false;
    }
    json_t *tree = json_loadb(value, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!tree) {
        struct writer writer;
        *ret_wrong = "a piece of evidence was said to be JSON and is not: kept as text";
        writer_init(&writer, json);
        write_text(&writer, NULL, value);
        return true;
    }
    json_decref(tree);
    struct text TEXT_AUTO line;
    text_init(&line, EVIDENCE_JSON_LEN);
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c >= ' ')
            text_add_char(&line, *c);
    redact_add_json(json, line.bytes, line.len, 0);
    return true;
}

/* ---------------------------------------------------------------- a piece ---- */

static bool take_value(struct evidence *piece, const struct probe_field *field, size_t column_size,
                       struct text *json, const char **ret_wrong)
{
    struct writer writer;
    writer_init(&writer, json);
    switch (field->kind) {
    case PROBE_FIELD_INT:
        writer_int(&writer, NULL, field->value.integer);
        return true;
    case PROBE_FIELD_REAL:
        writer_real(&writer, NULL, field->value.real);
        return true;
    case PROBE_FIELD_BOOL:
        writer_bool(&writer, NULL, field->value.boolean);
        return true;
    case PROBE_FIELD_TIME:
        writer_time(&writer, NULL, field->value.integer);
        return true;
    case PROBE_FIELD_TEXT:
        write_cell(&writer, NULL, PROBE_FIELD_TEXT, field->value.text);
        return true;
    case PROBE_FIELD_JSON:
        if (field->value.text)
            return take_json(json, field->value.text, ret_wrong);
        writer_null(&writer, NULL);
        return true;
    case PROBE_FIELD_ROWS:
        if (field->value.rows)
            take_rows(piece, field->value.rows, column_size, json);
        else
            writer_null(&writer, NULL);
        return true;
    }
    *ret_wrong = "a field was of a kind that this agent does not know";
    return false;
}

bool evidence_take(struct evidence *piece, const struct probe_field *field, size_t column_size,
                   size_t room, const char **ret_wrong)
{
    struct text json;
    *piece = (struct evidence){0};
    text_init(&json, room);
    bool fits = room > 2 && take_value(piece, field, column_size, &json, ret_wrong) && !json.cut;
    piece->json_len = json.len;
    piece->json = text_take(&json);
    if (fits)
        piece->key = redact_copy(field->key, EVIDENCE_KEY_LEN);
    else
        evidence_finish(piece);
    return fits;
}

void evidence_finish(struct evidence *piece)
{
    free(piece->key);
    free(piece->json);
    free(piece->row_ends);
    *piece = (struct evidence){0};
}

/* --------------------------------------------------------------- writing ---- */

/* How much of a piece goes out: so many rows, all of it where it has none, or nothing. */
struct share {
    size_t rows;
    bool nothing;
    size_t bytes;
};

static size_t bytes_of_rows(const struct evidence *piece, size_t rows)
{
    return rows ? piece->row_ends[rows - 1] + 1 : 2;
}

static size_t bytes_of_key(const char *key)
{
    struct text TEXT_AUTO quoted;
    struct writer writer;
    text_init(&quoted, 8 * EVIDENCE_KEY_LEN);
    writer_init(&writer, &quoted);
    writer_string(&writer, NULL, key);
    return quoted.len + 2; /* a colon, and a comma or the closing brace */
}

static void share_out(const struct evidence *pieces, size_t count, struct share *shares,
                      size_t room)
{
    size_t total = 1; /* the opening brace */
    for (size_t i = 0; i < count; i++) {
        shares[i].rows = pieces[i].row_count;
        shares[i].bytes = bytes_of_key(pieces[i].key) + pieces[i].json_len;
        total += shares[i].bytes;
    }
    for (size_t i = count; i-- > 0 && total > room;) {
        while (shares[i].rows && total > room) {
            size_t less = bytes_of_rows(&pieces[i], shares[i].rows) -
                          bytes_of_rows(&pieces[i], shares[i].rows - 1);
            shares[i].rows--;
            shares[i].bytes -= less;
            total -= less;
        }
    }
    for (size_t i = count; i-- > 0 && total > room;) {
        shares[i].nothing = true;
        total -= shares[i].bytes;
    }
}

/* Writes a piece's share; returns how much of it was left out. */
static int64_t write_share(const struct evidence *piece, const struct share *share,
                           struct writer *writer)
{
    if (share->nothing)
        return piece->row_ends ? piece->row_total : 1;
    if (share->rows == piece->row_count) {
        writer_raw_n(writer, piece->key, piece->json, piece->json_len);
        return piece->row_total - (int64_t)piece->row_count;
    }
    writer_array(writer, piece->key);
    if (share->rows)
        writer_raw_n(writer, NULL, piece->json + 1, piece->row_ends[share->rows - 1] - 1);
    writer_end(writer);
    return piece->row_total - (int64_t)share->rows;
}

/* Whether all of it fits for sure, so that nothing need be counted exactly. */
static bool fits_easily(const struct evidence *pieces, size_t count, size_t room)
{
    size_t most = 2;
    for (size_t i = 0; i < count; i++)
        most += 6 * strlen(pieces[i].key) + 4 + pieces[i].json_len;
    return most <= room;
}

int64_t evidence_write(const struct evidence *pieces, size_t count, struct writer *writer,
                       size_t room)
{
    int64_t left_out = 0;
    struct share *shares MEM_AUTO = NULL;
    if (!fits_easily(pieces, count, room)) {
        shares = mem_array(count, sizeof(*shares));
        share_out(pieces, count, shares, room);
    }
    writer_object(writer, "evidence");
    for (size_t i = 0; i < count; i++) {
        const struct share all = {.rows = pieces[i].row_count};
        left_out += write_share(&pieces[i], shares ? &shares[i] : &all, writer);
    }
    writer_end(writer);
    return left_out;
}
