#include "lua/hazard.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

enum { MOST_WORDS = 2000, WORD_ROOM = 24, SET_WITHIN = 8 };

/* A word of a text, in lower case; longer ones are cut.  ";" is a word, "\"" stands for a quoted name. */
struct word {
    char text[WORD_ROOM];
    size_t at;
    unsigned depth; /* brackets around it */
};

struct words {
    struct word all[MOST_WORDS + 1]; /* the last one is empty */
    size_t count;
};

/* ------------------------------------------------------------------ words ---- */

static bool is_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

/* Behind the closing quote, which is doubled where it is meant; `escapes`: a backslash takes the next byte. */
static size_t skip_quoted(const char *text, size_t len, size_t at, bool escapes)
{
    char quote = text[at++];
    for (; at < len; at++) {
        if (escapes && text[at] == '\\')
            at++;
        else if (text[at] == quote && (at + 1 >= len || text[at + 1] != quote))
            return at + 1;
        else if (text[at] == quote)
            at++;
    }
    return len;
}

/* Behind $tag$...$tag$, or `at` where no such quote begins here. */
static size_t skip_dollars(const char *text, size_t len, size_t at)
{
    size_t end = at + 1;
    while (end < len && (isalnum((unsigned char)text[end]) || text[end] == '_'))
        end++;
    if (end >= len || text[end] != '$' || isdigit((unsigned char)text[at + 1]))
        return at;
    size_t tag = end + 1 - at;
    for (size_t i = end + 1; i + tag <= len; i++)
        if (memcmp(text + i, text + at, tag) == 0)
            return i + tag;
    return len;
}

/* Behind a comment, or `at` where none begins here. */
static size_t skip_comment(const char *text, size_t len, size_t at)
{
    unsigned depth = 0;
    if (at + 1 < len && text[at] == '-' && text[at + 1] == '-') {
        while (at < len && text[at] != '\n')
            at++;
        return at;
    }
    if (at + 1 >= len || text[at] != '/' || text[at + 1] != '*')
        return at;
    for (; at + 1 < len; at++) {
        if (text[at] == '/' && text[at + 1] == '*') {
            depth++;
            at++;
        } else if (text[at] == '*' && text[at + 1] == '/') {
            at++;
            if (--depth == 0)
                return at + 1;
        }
    }
    return len;
}

static void add(struct words *words, const char *text, size_t at, size_t len, unsigned depth)
{
    if (words->count == MOST_WORDS)
        return;
    struct word *word = &words->all[words->count++];
    *word = (struct word){.at = at, .depth = depth};
    for (size_t i = 0; i < len && i + 1 < WORD_ROOM; i++)
        word->text[i] = (char)tolower((unsigned char)text[at + i]);
}

/* What is no word: quotes, comments, brackets.  The place behind it. */
static size_t take_other(struct words *words, const char *text, size_t len, size_t at,
                         unsigned *depth)
{
    size_t behind = skip_comment(text, len, at);
    if (behind == at && text[at] == '$')
        behind = skip_dollars(text, len, at);
    if (behind != at)
        return behind;
    switch (text[at]) {
    case '\'':
        return skip_quoted(text, len, at, false);
    case '"':
    case '`':
        add(words, "\"", 0, 1, *depth);
        words->all[words->count - 1].at = at;
        return skip_quoted(text, len, at, false);
    case '(':
        ++*depth;
        break;
    case ')':
        *depth -= *depth > 0;
        break;
    case ';':
        add(words, text, at, 1, *depth);
        break;
    default:
        break;
    }
    return at + 1;
}

static void split(struct words *words, const char *text, size_t len)
{
    unsigned depth = 0;
    for (size_t at = 0; at < len && words->count < MOST_WORDS;) {
        size_t end = at;
        while (text[at] != '$' && end < len && is_of_word(text[end]))
            end++;
        if (end == at) {
            at = take_other(words, text, len, at, &depth);
        } else if (end == at + 1 && (text[at] == 'E' || text[at] == 'e') && end < len &&
                   text[end] == '\'') {
            at = skip_quoted(text, len, end, true);
        } else {
            add(words, text, at, end - at, depth);
            at = end;
        }
    }
    words->all[words->count] = (struct word){.at = len};
}

/* ------------------------------------------------------------------- rules ---- */

static bool is(const struct words *words, size_t at, const char *text)
{
    return at < words->count && strcmp(words->all[at].text, text) == 0;
}

static bool is_one_of(const struct words *words, size_t at, const char *const *texts)
{
    for (; *texts; texts++)
        if (is(words, at, *texts))
            return true;
    return false;
}

static bool begins_statement(const struct words *words, size_t at)
{
    return at == 0 || is(words, at - 1, ";");
}

/* Whether `text` stands behind `at` in the same brackets and the same statement. */
static bool is_behind(const struct words *words, size_t at, const char *text)
{
    unsigned depth = words->all[at].depth;
    for (size_t i = at + 1; i < words->count && words->all[i].depth >= depth; i++) {
        if (is(words, i, ";"))
            return false;
        if (words->all[i].depth == depth && is(words, i, text))
            return true;
    }
    return false;
}

/* UPDATE name SET: FOR UPDATE, ON CONFLICT DO UPDATE and prose are none. */
static bool is_update(const struct words *words, size_t at)
{
    static const char *const others[] = {"for", "key", "do", "then", NULL};
    if (!is(words, at, "update") || (at && is_one_of(words, at - 1, others)))
        return false;
    for (size_t i = at + 2; i < at + SET_WITHIN && i < words->count; i++)
        if (is(words, i, "set"))
            return true;
    return false;
}

static bool changes_all(const struct words *words, size_t at)
{
    bool deletes = is(words, at, "delete") && is(words, at + 1, "from");
    return (deletes || is_update(words, at)) && !is_behind(words, at, "where");
}

static bool drops(const struct words *words, size_t at)
{
    static const char *const things[] = {"table",
                                         "database",
                                         "schema",
                                         "view",
                                         "column",
                                         "role",
                                         "user",
                                         "owned",
                                         "tablespace",
                                         "extension",
                                         NULL};
    return is(words, at, "drop") && is_one_of(words, at + 1, things);
}

static bool truncates(const struct words *words, size_t at)
{
    static const char *const ends[] = {";", "cascade", "restart", NULL};
    if (!is(words, at, "truncate"))
        return false;
    return is(words, at + 1, "table") ||
           (begins_statement(words, at) && at + 1 < words->count &&
            (at + 2 == words->count || is_one_of(words, at + 2, ends)));
}

/* ALTER TABLE name DELETE, or UPDATE: ClickHouse rewrites the parts. */
static bool mutates(const struct words *words, size_t at)
{
    if (!is(words, at, "alter") || !is(words, at + 1, "table"))
        return false;
    for (size_t i = at + 3; i < at + SET_WITHIN && i < words->count; i++)
        if (is(words, i, "delete") || is(words, i, "update"))
            return !is(words, i - 1, "on");
    return false;
}

static bool ends_sessions(const struct words *words, size_t at)
{
    static const char *const functions[] = {"pg_terminate_backend", "pg_cancel_backend", NULL};
    if (!is_one_of(words, at, functions))
        return false;
    for (size_t i = 0; i < words->count; i++)
        if (is(words, i, "backend_type"))
            return false;
    return true;
}

/* A command of Redis stands first, alone or before what it is asked. */
static bool asks_keys(const struct words *words, size_t at)
{
    return at == 0 && words->count <= 2 && is(words, at, "keys");
}

static bool flushes(const struct words *words, size_t at)
{
    static const char *const commands[] = {"flushall", "flushdb", NULL};
    return is_one_of(words, at, commands);
}

static bool drops_caches(const struct words *words, size_t at)
{
    return is(words, at, "drop_caches");
}

static bool removes_all(const struct words *words, size_t at)
{
    static const char *const both[] = {"rf", "fr", NULL};
    return is(words, at, "rm") &&
           (is_one_of(words, at + 1, both) || (is(words, at + 1, "r") && is(words, at + 2, "f")) ||
            (is(words, at + 1, "f") && is(words, at + 2, "r")));
}

static bool needs_autocommit(const struct words *words, size_t at)
{
    static const char *const kinds[] = {"database", "tablespace", "subscription", NULL};
    if (!begins_statement(words, at))
        return false;
    return is(words, at, "vacuum") ||
           (is(words, at, "create") && is_one_of(words, at + 1, kinds)) ||
           (is(words, at, "alter") && is(words, at + 1, "system")) ||
           ((is(words, at, "create") || is(words, at, "reindex") || is(words, at, "drop")) &&
            is_behind(words, at, "concurrently"));
}

static bool changes_schema(const struct words *words, size_t at)
{
    static const char *const verbs[] = {"create", "alter", "drop", "reindex", NULL};
    static const char *const things[] = {
        "table",     "index",    "unique",    "view",   "materialized", "schema",  "role",
        "user",      "function", "procedure", "or",     "extension",    "trigger", "type",
        "temporary", "sequence", "policy",    "domain", "unlogged",     "default", NULL};
    if (!begins_statement(words, at))
        return false;
    return (is_one_of(words, at, verbs) && is_one_of(words, at + 1, things)) ||
           (is(words, at, "grant") && is_behind(words, at, "to")) ||
           (is(words, at, "revoke") && is_behind(words, at, "from")) ||
           (is(words, at, "refresh") && is(words, at + 1, "materialized"));
}

/* Whether a statement begins there, and no sentence. */
static bool is_statement(const struct words *words, size_t at)
{
    return (is(words, at, "select") && at + 1 < words->count) ||
           (is(words, at, "with") && is_behind(words, at, "as")) ||
           (is(words, at, "insert") && is(words, at + 1, "into")) ||
           (is(words, at, "merge") && is(words, at + 1, "into")) ||
           (is(words, at, "delete") && is(words, at + 1, "from")) || is_update(words, at) ||
           truncates(words, at) || needs_autocommit(words, at) || changes_schema(words, at);
}

static bool is_second(const struct words *words, size_t at)
{
    return at > 0 && is(words, at - 1, ";") && is_statement(words, at);
}

/* Which rows it takes is then up to the server. */
static bool limits_without_order(const struct words *words, size_t at)
{
    unsigned depth = words->all[at].depth;
    if (!is(words, at, "limit") || at == 0)
        return false;
    for (size_t i = at; i-- > 0 && words->all[i].depth >= depth;) {
        if (words->all[i].depth != depth)
            continue;
        if (is(words, i, "order"))
            return false;
        if (is(words, i, "select"))
            return true;
    }
    return false;
}

static const struct rule {
    bool (*holds)(const struct words *words, size_t at);
    bool certain, statement;
    const char *what, *hint;
} rules[] = {
    {changes_all,
     true,
     false,
     "changes every row: it has no WHERE",
     "write a WHERE that names the rows, and count them first, as postgres:execute does"},
    {truncates, true, false, "empties a table", "delete what is old by DELETE ... WHERE"},
    {drops,
     true,
     false,
     "drops what cannot be brought back",
     "leave it to a migration; clickhouse:drop_partition drops old partitions, planned and "
     "counted"},
    {mutates,
     true,
     false,
     "is a mutation: it rewrites parts, needs room to do so, and goes on behind your back",
     "drop old partitions by clickhouse:drop_partition, or set a TTL"},
    {ends_sessions,
     true,
     false,
     "ends sessions of any kind, also those that replicate and vacuum",
     "use postgres:terminate_sessions or postgres:cancel_queries, which spare them, or filter by "
     "backend_type"},
    {asks_keys,
     true,
     false,
     "is KEYS, which holds up Redis until it has looked at every key",
     "use redis:unlink_pattern, which goes by SCAN"},
    {flushes,
     true,
     false,
     "deletes every key: sessions, queues and locks as well",
     "use redis:unlink_pattern with the cache's prefix"},
    {drops_caches,
     true,
     false,
     "drops the kernel's caches, and makes everything read from disk again",
     "find out who needs the memory"},
    {removes_all,
     true,
     false,
     "removes a whole tree",
     "remove files by age and name below one folder"},
    {needs_autocommit,
     true,
     true,
     "cannot run in a transaction, in which every statement of a remediation runs",
     "leave it to a migration; for statistics there is postgres:analyze_table"},
    {changes_schema, true, true, "changes the schema", "leave it to a migration"},
    {is_second,
     true,
     true,
     "is more than one statement",
     "write one; several changes are several actions, each planned and counted"},
    {limits_without_order,
     false,
     true,
     "has LIMIT without ORDER BY: which rows it takes is up to the server",
     "add ORDER BY a key"},
};

bool hazard_find(const char *text, size_t len, struct hazard *ret)
{
    struct words *words = mem_new(sizeof(*words));
    bool found = false;
    split(words, text, len);
    bool statement = is_statement(words, 0);
    for (size_t rule = 0; rule < COUNT_OF(rules) && !found; rule++) {
        if (rules[rule].statement && !statement)
            continue;
        for (size_t at = 0; at < words->count && !found; at++)
            if (rules[rule].holds(words, at)) {
                *ret = (struct hazard){words->all[at].at,
                                       rules[rule].certain,
                                       rules[rule].statement,
                                       rules[rule].what,
                                       rules[rule].hint};
                found = true;
            }
    }
    free(words);
    return found;
}
