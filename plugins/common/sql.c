#include "common/sql.h"

#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------- writing ---- */

struct shown {
    char *out;
    size_t room, len;
    bool space;   /* one is due before the next piece */
    bool literal; /* the last thing written is "?" ... */
    bool comma;   /* ... and a comma after it was held back */
    bool more;    /* ... and it stands for several */
    bool cut;
};

static void put(struct shown *shown, const char *bytes, size_t len)
{
    if (shown->cut || shown->room - shown->len <= len) {
        shown->cut = true;
        return;
    }
    memcpy(shown->out + shown->len, bytes, len);
    shown->len += len;
}

static void put_space(struct shown *shown)
{
    if (shown->space && shown->len > 0)
        put(shown, " ", 1);
    shown->space = false;
}

/* What was held back behind a literal, now that something else follows. */
static void settle(struct shown *shown)
{
    if (shown->more)
        put(shown, ", ...", 5);
    if (shown->comma)
        put(shown, ",", 1);
    shown->literal = shown->comma = shown->more = false;
}

static void put_piece(struct shown *shown, const char *bytes, size_t len)
{
    if (shown->literal && len == 1 && *bytes == ',' && !shown->comma) {
        shown->comma = true;
        shown->space = false;
        return;
    }
    settle(shown);
    put_space(shown);
    put(shown, bytes, len);
}

static void put_literal(struct shown *shown)
{
    if (shown->literal && shown->comma) {
        shown->more = true;
        shown->comma = shown->space = false;
        return;
    }
    settle(shown);
    put_space(shown);
    put(shown, "?", 1);
    shown->literal = true;
}

/* Cuts back to where a character began, and says that something is missing. */
static void put_end(struct shown *shown)
{
    settle(shown);
    if (shown->cut && shown->room > 3) {
        size_t end = shown->len < shown->room - 4 ? shown->len : shown->room - 4;
        while (end > 0 && ((unsigned char)shown->out[end] & 0xc0) == 0x80 && end < shown->len)
            end--;
        memcpy(shown->out + end, "...", 3);
        shown->len = end + 3;
    }
    shown->out[shown->len] = '\0';
}

/* ------------------------------------------------------------- reading ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters of any alphabet: bytes from 0x80 on belong to names, as servers have it. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

/*
 * The end of "..." or `...`, in which the quote is doubled.  To some servers a backslash hides it
 * (ClickHouse), to others it is a letter like others: behind one nobody knows, and it is NULL.
 */
static const char *skip_name(const char *at)
{
    char quote = *at++;
    for (; *at; at++) {
        if (*at == '\\' && at[1] == quote)
            return NULL;
        if (*at == quote && *++at != quote)
            return at;
    }
    return at;
}

/*
 * The end of a '...' literal.  With `escapes` a backslash hides what follows it; without, whether
 * it does depends on the server's settings, so that a quote behind one leaves NULL: nobody knows.
 */
static const char *skip_string(const char *at, bool escapes)
{
    for (at++; *at; at++) {
        if (*at == '\\' && at[1] == '\'' && !escapes)
            return NULL;
        if (*at == '\\' && at[1] && escapes)
            at++;
        else if (*at == '\'' && *++at != '\'')
            return at;
    }
    return at;
}

/* The end of $tag$...$tag$; NULL: `at` begins none. */
static const char *skip_dollars(const char *at)
{
    const char *end = at + 1;
    if (is_digit(*end))
        return NULL; /* a parameter: $1 */
    while (is_letter(*end) || is_digit(*end))
        end++;
    if (*end != '$')
        return NULL;

    size_t len = (size_t)(end + 1 - at);
    for (const char *close = end + 1; (close = strchr(close, '$')); close++) {
        if (strncmp(close, at, len) == 0)
            return close + len;
    }
    return at + strlen(at);
}

/* The end of a comment, which may hold others; `at` if it begins none. */
static const char *skip_comment(const char *at)
{
    if (at[0] == '-' && at[1] == '-')
        return at + strcspn(at, "\n");
    if (at[0] != '/' || at[1] != '*')
        return at;
    for (unsigned depth = 0; *at; at++) {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at++;
        } else if (at[0] == '*' && at[1] == '/') {
            at++;
            if (--depth == 0)
                return at + 1;
        }
    }
    return at;
}

/* The end of 12, 1.5e-3, .5, 0x1F, 1_000; `at` if none begins here. */
static const char *skip_number(const char *at)
{
    if (!is_digit(*at) && !(*at == '.' && is_digit(at[1])))
        return at;
    while (is_digit(*at) || is_letter(*at) || *at == '.' ||
           ((*at == '-' || *at == '+') && (at[-1] == 'e' || at[-1] == 'E') && is_digit(at[1])))
        at++;
    return at;
}

static const char *skip_word(const char *at)
{
    while (is_letter(*at) || is_digit(*at) || *at == '$')
        at++;
    return at;
}

/* E'...', B'...', X'...', N'...' and U&'...': how long the prefix is; zero: `at` begins none. */
static size_t prefix_of(const char *at)
{
    if (*at && strchr("eEbBxXnN", *at) && at[1] == '\'')
        return 1;
    return (*at == 'u' || *at == 'U') && at[1] == '&' && at[2] == '\'' ? 2 : 0;
}

/* Shows what begins at `at`, and returns where it ends; NULL: the rest must stay hidden. */
static const char *show(struct shown *shown, const char *at)
{
    size_t prefix = prefix_of(at);
    const char *end = NULL;

    if (at[prefix] == '\'') {
        put_literal(shown);
        return skip_string(at + prefix, *at == 'e' || *at == 'E');
    }
    if (*at == '$' && (end = skip_dollars(at))) {
        put_literal(shown);
        return end;
    }
    if ((end = skip_number(at)) != at) {
        put_literal(shown);
        return end;
    }
    if (*at == '"' || *at == '`')
        end = skip_name(at);
    else if (*at == '$' || is_letter(*at))
        end = skip_word(at + 1);
    else
        end = at + 1;
    if (end)
        put_piece(shown, at, (size_t)(end - at));
    return end;
}

void sql_normalise(char *out, size_t room, const char *statement)
{
    struct shown shown = {.out = out, .room = room};
    const char *at = statement;

    if (room == 0)
        return;
    while (at && *at && !shown.cut) {
        const char *after = skip_comment(at);
        if (after != at || is_space(*at)) {
            shown.space = true;
            at = after != at ? after : at + 1;
        } else {
            at = show(&shown, at);
        }
    }
    if (!at) {
        settle(&shown);
        put(&shown, " ...", 4);
    }
    put_end(&shown);
}

/* --------------------------------------------------------------- arrays ---- */

bool sql_array(char *out, size_t room, const char *const *words)
{
    size_t len = 0;

    if (room < sizeof("{}"))
        return false;
    out[len++] = '{';
    for (size_t i = 0; words && words[i]; i++) {
        /* At worst every byte is escaped; then two quotes, a comma, "}" and the NUL. */
        if (room - len < 2 * strlen(words[i]) + 5) {
            memcpy(out, "{}", sizeof("{}"));
            return false;
        }
        if (i > 0)
            out[len++] = ',';
        out[len++] = '"';
        for (const char *at = words[i]; *at; at++) {
            if (*at == '"' || *at == '\\')
                out[len++] = '\\';
            out[len++] = *at;
        }
        out[len++] = '"';
    }
    out[len++] = '}';
    out[len] = '\0';
    return true;
}

/* ----------------------------------------------------------- templates ---- */

/* The place that a template has here, or NULL. */
static const struct sql_place *place_at(const char *template, const struct sql_place *places)
{
    for (; *template == '{' && places->name; places++) {
        size_t len = strlen(places->name);
        if (strncmp(template + 1, places->name, len) == 0 && template[1 + len] == '}')
            return places;
    }
    return NULL;
}

bool sql_fill(char *out, size_t room, const char *template, const struct sql_place *places)
{
    size_t len = 0;

    while (*template) {
        const struct sql_place *place = place_at(template, places);
        const char *text = place ? (place->text ? place->text : "") : template;
        size_t size = place ? strlen(text) : 1;
        if (size >= room - len) {
            *out = '\0';
            return false;
        }
        memcpy(out + len, text, size);
        len += size;
        template += place ? strlen(place->name) + 2 : 1;
    }
    out[len] = '\0';
    return true;
}

/* ------------------------------------------------------------ operators' ---- */

/* Appends what `at` holds up to `end`, between quotes, each quote inside doubled. */
static bool put_quoted(char *out, size_t room, size_t *len, const char *at, const char *end,
                       char quote)
{
    if (room - *len < 2 * (size_t)(end - at) + 3)
        return false;
    out[(*len)++] = quote;
    for (; at < end; at++) {
        if (*at == quote)
            out[(*len)++] = quote;
        out[(*len)++] = *at;
    }
    out[(*len)++] = quote;
    out[*len] = '\0';
    return true;
}

/* The end of "..." in PostgreSQL's own way, in which a backslash is nothing special. */
static const char *skip_part(const char *at)
{
    for (at++; *at; at++)
        if (*at == '"' && *++at != '"')
            return at;
    return at;
}

/* One part: as it is between double quotes, otherwise quoted here.  NULL: it is no part. */
static const char *put_part(char *out, size_t room, size_t *len, const char *at)
{
    const char *end = *at == '"' ? skip_part(at) : at + strcspn(at, ".");
    size_t given = (size_t)(end - at);

    if (*at != '"')
        return given > 0 && put_quoted(out, room, len, at, end, '"') ? end : NULL;
    if (given < 3 || end[-1] != '"' || room - *len <= given)
        return NULL;
    memcpy(out + *len, at, given);
    *len += given;
    out[*len] = '\0';
    return end;
}

bool sql_name(char *out, size_t room, const char *name)
{
    size_t len = 0;
    const char *at = name;

    while (room > 2 && (at = put_part(out, room - 1, &len, at)) && *at == '.') {
        out[len++] = '.';
        at++;
    }
    if (room > 2 && at && !*at)
        return true;
    if (room > 0)
        *out = '\0';
    return false;
}

bool sql_literal(char *out, size_t room, const char *text)
{
    size_t len = 0;

    if (room > 0)
        *out = '\0';
    return put_quoted(out, room, &len, text, text + strlen(text), '\'');
}

static const char *skip_blank(const char *at)
{
    for (;;) {
        const char *after = skip_comment(at);
        if (after == at && !is_space(*at))
            return at;
        at = after == at ? at + 1 : after;
    }
}

/* What follows one token: a literal, a name, a comment, or one character.  NULL: nobody knows. */
static const char *skip_token(const char *at)
{
    size_t prefix = prefix_of(at);
    const char *end = skip_comment(at);

    if (end != at)
        return end;
    if (at[prefix] == '\'')
        return skip_string(at + prefix, *at == 'e' || *at == 'E');
    if (*at == '$' && (end = skip_dollars(at)))
        return end;
    if (*at == '"')
        return skip_name(at);
    return is_letter(*at) ? skip_word(at + 1) : at + 1;
}

const char *sql_refuse_statement(const char *text, size_t *ret_len)
{
    static const char *const verbs[] = {"select", "with", "values", "table"};
    const char *verb = skip_blank(text);
    bool reads = false;

    while (*verb == '(')
        verb = skip_blank(verb + 1);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        size_t len = (size_t)(skip_word(verb) - verb);
        reads = reads || (len == strlen(verbs[i]) && strncasecmp(verb, verbs[i], len) == 0);
    }
    if (!reads)
        return "is no question: it must begin with SELECT, WITH, VALUES or TABLE";

    const char *at = text;
    while (at && *at && *at != ';')
        at = skip_token(at);
    if (at && *at && *skip_blank(at + 1))
        return "holds several statements; only one is asked";
    *ret_len = at ? (size_t)(at - text) : strlen(text);
    return NULL;
}
