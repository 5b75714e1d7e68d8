#include "explained.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { MOST_DEPTH = 100, CONDITION_ROOM = 1024 };

/* ------------------------------------------------------------ a condition ---- */

static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || (c & 0x80);
}

/* A name as the server writes it: bare, or in double quotes.  NULL: there is none. */
static const char *take_name(const char *at, char out[EXPLAINED_NAME])
{
    bool quoted = *at == '"';
    size_t len = 0;

    for (at += quoted; *at && (quoted ? *at != '"' || at[1] == '"' : is_of_name(*at)); at++) {
        at += quoted && *at == '"';
        if (len + 1 >= EXPLAINED_NAME)
            return NULL;
        out[len++] = *at;
    }
    out[len] = '\0';
    if (len == 0 || (quoted && *at != '"'))
        return NULL;
    return at + quoted;
}

/* "o.state" of this alias; NULL: it is something else. */
static const char *take_column(const char *at, const char *alias, char out[EXPLAINED_NAME])
{
    char owner[EXPLAINED_NAME];

    at = take_name(at, owner);
    if (!at || *at != '.' || strcmp(owner, alias) != 0)
        return NULL;
    return take_name(at + 1, out);
}

/* The end of '...', or of "...". */
static const char *skip_quoted(const char *at)
{
    for (char quote = *at++; *at; at++)
        if (*at == quote && *++at != quote)
            return at;
    return at;
}

/* Whether a column of this alias stands anywhere in it. */
static bool names(const char *at, const char *alias)
{
    char name[EXPLAINED_NAME];

    while (*at) {
        if (take_column(at, alias, name))
            return true;
        if (*at == '\'' || *at == '"') {
            at = skip_quoted(at);
        } else if (is_of_name(*at)) {
            while (is_of_name(*at))
                at++;
        } else {
            at++;
        }
    }
    return false;
}

/* "o.state = $1", "(o.state)::text = ANY (...)", "o.at >= $2"; anything else is none of ours. */
static bool read_condition(const char *text, const char *alias, struct explained_column *ret)
{
    static const char cast[] = ")::text";
    const char *at = take_column(text + (*text == '('), alias, ret->name);
    size_t len;

    ret->as_text = *text == '(';
    if (at && ret->as_text)
        at = strncmp(at, cast, sizeof(cast) - 1) == 0 ? at + sizeof(cast) - 1 : NULL;
    if (!at || *at++ != ' ')
        return false;
    len = strcspn(at, " ");
    ret->range = *at == '<' || *at == '>';
    if (!(len == 1 && strchr("=<>", *at)) && !(len == 2 && ret->range && at[1] == '='))
        return false;
    return at[len] == ' ' && !names(at + len, alias);
}

static void add_condition(struct explained_scan *scan, const char *alias, const char *at,
                          size_t len)
{
    char text[CONDITION_ROOM];
    struct explained_column column = {0};

    if (len >= sizeof(text) || scan->column_count == EXPLAINED_COLUMNS)
        return;
    memcpy(text, at, len);
    text[len] = '\0';
    if (!read_condition(text, alias, &column))
        return;
    for (size_t i = 0; i < scan->column_count; i++)
        if (strcmp(scan->columns[i].name, column.name) == 0) {
            scan->columns[i].range = scan->columns[i].range && column.range;
            return;
        }
    scan->columns[scan->column_count++] = column;
}

/* Where the part that begins here ends: at " AND " outside of brackets, or at `end`. */
static const char *end_of_part(const char *at, const char *end)
{
    unsigned depth = 0;

    while (at < end && (depth > 0 || strncmp(at, " AND ", 5) != 0)) {
        if (*at == '\'' || *at == '"') {
            at = skip_quoted(at);
            continue;
        }
        depth += *at == '(';
        depth -= *at == ')' && depth > 0;
        at++;
    }
    return at < end ? at : end;
}

/* Whether one pair of brackets holds all of it. */
static bool is_bracketed(const char *at, const char *end)
{
    unsigned depth = 0;

    if (*at != '(')
        return false;
    while (at < end) {
        if (*at == '\'' || *at == '"') {
            at = skip_quoted(at);
            continue;
        }
        depth += *at == '(';
        depth -= *at == ')' && depth > 0;
        at++;
        if (depth == 0)
            return at == end;
    }
    return false;
}

/*
 * "((o.a = $1) AND o.b)": one condition, and another that is none of ours.  Both sides of an OR
 * are one part, which begins with a bracket that does not hold all of it, and is read as none.
 */
static void read_filter(struct explained_scan *scan, const char *alias, const char *filter)
{
    const char *end = filter + strlen(filter);

    if (is_bracketed(filter, end))
        filter++, end--;
    for (const char *after; filter < end; filter = after + 5) {
        after = end_of_part(filter, end);
        bool inside = is_bracketed(filter, after);
        add_condition(scan, alias, filter + inside, (size_t)(after - filter) - (inside ? 2 : 0));
        if (after == end)
            return;
    }
}

/* ------------------------------------------------------------------ a plan ---- */

static void copy(char out[EXPLAINED_NAME], const char *text)
{
    (void)snprintf(out, EXPLAINED_NAME, "%s", text ? text : "");
}

static void add_scan(struct explained *ret, const json_t *node)
{
    const char *alias = json_string_value(json_object_get(node, "Alias"));
    const char *filter = json_string_value(json_object_get(node, "Filter"));
    struct explained_scan *scan = &ret->scans[ret->scan_count];

    if (ret->total++ >= EXPLAINED_SCANS)
        return;
    ret->scan_count++;
    copy(scan->schema, json_string_value(json_object_get(node, "Schema")));
    copy(scan->table, json_string_value(json_object_get(node, "Relation Name")));
    scan->filtered = filter != NULL;
    if (alias && filter)
        read_filter(scan, alias, filter);
}

static void read_node(struct explained *ret, const json_t *node, unsigned depth)
{
    const char *type = json_string_value(json_object_get(node, "Node Type"));
    const json_t *below;
    size_t index;

    if (type && strcmp(type, "Seq Scan") == 0)
        add_scan(ret, node);
    json_array_foreach(json_object_get(node, "Plans"), index, below)
        if (depth < MOST_DEPTH)
            read_node(ret, below, depth + 1);
}

bool explained_read(struct explained *ret, const char *json)
{
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    const json_t *plan = json_object_get(json_array_get(root, 0), "Plan");

    *ret = (struct explained){0};
    if (plan)
        read_node(ret, plan, 0);
    json_decref(root);
    return plan != NULL;
}
