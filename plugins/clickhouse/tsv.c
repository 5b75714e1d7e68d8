#include "tsv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 200000 };

/* ----------------------------------------------------------- exceptions ---- */

int tsv_exception_code(const char *text)
{
    static const char word[] = "Code: ";
    char *end;
    if (strncmp(text, word, sizeof(word) - 1) != 0 || !isdigit((unsigned char)text[6]))
        return 0;
    long code = strtol(text + sizeof(word) - 1, &end, 10);
    return (*end == '.' || *end == ',') && code > 0 && code < 100000 ? (int)code : 0;
}

/* Whether the line at `at`, without its end, is this word. */
static bool is_line(const char *at, const char *word)
{
    size_t len = strcspn(at, "\r\n");
    return len == strlen(word) && strncmp(at, word, len) == 0;
}

static const char *next_line(const char *at)
{
    at += strcspn(at, "\n");
    return *at ? at + 1 : at;
}

/* Newer servers put "__exception__", a tag, the error and both again behind what they had sent. */
static const char *find_announced(const char *text)
{
    for (const char *line = text; *line; line = next_line(line)) {
        if (!is_line(line, "__exception__"))
            continue;
        const char *error = next_line(next_line(line));
        return tsv_exception_code(error) ? error : NULL;
    }
    return NULL;
}

/* Older ones only the error, behind rows or half of one. */
static const char *find_appended(const char *text)
{
    const char *last = text;
    for (const char *line = text; *line; line = next_line(line))
        last = line;
    const char *code = strstr(last, "Code: ");
    return code && tsv_exception_code(code) && strstr(code, "DB::") ? code : NULL;
}

static char *copy_line(const char *at)
{
    return at ? strndup(at, strcspn(at, "\r\n")) : NULL;
}

/* --------------------------------------------------------------- cells ---- */

/* A cell as it was before it was escaped, in place; NULL: it is null. */
static char *unescape(char *cell)
{
    static const char letters[] = "bfnrt0", means[] = "\b\f\n\r\t ";
    char *to = cell;

    if (strcmp(cell, "\\N") == 0)
        return NULL;
    for (const char *at = cell; *at; at++) {
        const char *letter = *at == '\\' && at[1] ? strchr(letters, at[1]) : NULL;
        if (*at == '\\' && at[1])
            at++;
        *to++ = letter ? means[letter - letters] : *at;
    }
    *to = '\0';
    return cell;
}

/* Cuts the line at `*at` into cells, and goes on behind it.  How many; `most` are kept. */
static size_t cut_line(char **at, const char **cells, size_t most)
{
    size_t count = 0;
    for (bool more = true; more; count++) {
        char *cell = *at;
        *at += strcspn(*at, "\t\n");
        more = **at == '\t';
        if (**at)
            *(*at)++ = '\0';
        if (count < most)
            cells[count] = unescape(cell);
    }
    return count;
}

static size_t count_of(const char *text, size_t len, const char *set)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += strchr(set, text[i]) != NULL;
    return count;
}

static bool cut(struct tsv *tsv, size_t len)
{
    size_t most = count_of(tsv->text, len, "\t\n");
    char *at = tsv->text;

    if (most == 0 || most > MOST_CELLS || tsv->text[len - 1] != '\n')
        return false;
    tsv->cells = calloc(most, sizeof(*tsv->cells));
    if (!tsv->cells)
        return false;
    tsv->rows.names = tsv->cells;
    tsv->rows.columns = cut_line(&at, tsv->cells, most);
    tsv->rows.cells = tsv->cells + tsv->rows.columns;
    for (size_t i = 0; i < tsv->rows.columns; i++)
        if (!tsv->cells[i])
            return false;
    for (size_t used = tsv->rows.columns; *at; used += tsv->rows.columns) {
        if (*at == '\n' && tsv->rows.columns > 1)
            return true; /* totals and extremes follow, where a profile asks for them */
        if (cut_line(&at, tsv->cells + used, most - used) != tsv->rows.columns)
            return false;
        tsv->rows.count++;
    }
    return true;
}

enum tsv_verdict tsv_read(struct tsv *ret, const char *body, size_t len)
{
    *ret = (struct tsv){.text = malloc(len + 1)};
    if (!ret->text)
        return TSV_BROKEN;
    memcpy(ret->text, body, len);
    ret->text[len] = '\0';
    if (memchr(body, '\0', len))
        return TSV_BROKEN;
    char *appended = copy_line(find_appended(ret->text));
    ret->exception = copy_line(find_announced(ret->text));
    bool whole = !ret->exception && cut(ret, len);
    /* A row may speak of an error; where it is all of a row, or no row at all, it is one. */
    if (!ret->exception && appended && (!whole || (ret->rows.columns == 1 && ret->rows.count)))
        ret->exception = appended;
    else
        free(appended);
    if (whole && !ret->exception)
        return TSV_TABLE;
    ret->rows = (struct rows){0};
    return ret->exception ? TSV_EXCEPTION : TSV_BROKEN;
}

void tsv_free(struct tsv *tsv)
{
    free(tsv->exception);
    free(tsv->cells);
    free(tsv->text);
    *tsv = (struct tsv){0};
}
