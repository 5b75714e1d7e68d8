#include "statement.h"

#include <stdbool.h>
#include <string.h>

#include "common/sql.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A word of a normalised statement, with the brackets around it. */
struct token {
    char word[16], before[16]; /* lower case; longer ones are cut, as none of ours is */
    unsigned depth;
};

static bool is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

/* The end of "...", in which the quote is doubled. */
static const char *skip_quoted(const char *at)
{
    for (at++; *at; at++)
        if (*at == '"' && *++at != '"')
            return at;
    return at;
}

static const char *take_word(struct token *token, const char *at)
{
    size_t len = 0;

    memcpy(token->before, token->word, sizeof(token->before));
    for (; is_of_word(*at) || (*at >= '0' && *at <= '9') || *at == '$'; at++)
        if (len + 1 < sizeof(token->word))
            token->word[len++] = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    token->word[len] = '\0';
    return at;
}

/* The next word; NULL: there is none.  A semicolon is a word of its own. */
static const char *next(struct token *token, const char *at)
{
    while (*at) {
        if (is_of_word(*at))
            return take_word(token, at);
        if (*at == '"') {
            at = skip_quoted(at);
            memcpy(token->word, "\"", 2); /* a name stands before what follows */
            continue;
        }
        if (*at == '(')
            token->depth++;
        else if (*at == ')' && token->depth > 0)
            token->depth--;
        else if (*at == ';') {
            memcpy(token->word, ";", 2);
            return at + 1;
        }
        at++;
    }
    return NULL;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* FOR UPDATE, FOR NO KEY UPDATE, ON CONFLICT DO UPDATE and WHEN MATCHED THEN are no statements. */
static bool is_verb(const struct token *token)
{
    static const char *const verbs[] = {"insert", "update", "delete", "merge"};
    static const char *const others[] = {"for", "key", "do", "then"};
    return is_one_of(token->word, verbs, COUNT(verbs)) &&
           !is_one_of(token->before, others, COUNT(others));
}

static const char *refuse_words(const char *text)
{
    struct token token = {0};
    unsigned verbs = 0;
    bool first = true, needs_where = false, ended = false;

    for (const char *at = next(&token, text); at; at = next(&token, at)) {
        if (ended)
            return "is more than one statement";
        if (first && strcmp(token.word, "with") != 0 && !is_verb(&token))
            return "is no INSERT, UPDATE, DELETE or MERGE";
        first = false;
        if (strcmp(token.word, ";") == 0) {
            ended = true;
        } else if (is_verb(&token)) {
            if (token.depth > 0)
                return "changes rows inside of brackets, where the server does not count them";
            if (++verbs > 1)
                return "is more than one statement";
            needs_where = token.word[0] == 'u' || token.word[0] == 'd';
        } else if (strcmp(token.word, "where") == 0 && token.depth == 0) {
            needs_where = false;
        }
    }
    if (verbs == 0)
        return "is no INSERT, UPDATE, DELETE or MERGE";
    return needs_where ? "has no WHERE, and would change every row" : NULL;
}

/* What one word tells of a statement that is to be explained; NULL: nothing against it. */
static const char *refuse_plan_words(const char *text)
{
    static const char *const verbs[] = {"select", "insert", "update", "delete"};
    static const char wrong[] = "is no SELECT, INSERT, UPDATE or DELETE";
    struct token token = {0};
    bool first = true, found = false, ended = false;

    for (const char *at = next(&token, text); at; at = next(&token, at)) {
        bool verb = is_one_of(token.word, verbs, COUNT(verbs));
        if (ended)
            return "is more than one statement";
        if (first && !verb && strcmp(token.word, "with") != 0)
            return wrong;
        first = false;
        found = found || (verb && token.depth == 0);
        ended = strcmp(token.word, ";") == 0;
    }
    return found ? NULL : wrong;
}

static const char *refuse_with(const char *sql, const char *(*words)(const char *text))
{
    char text[STATEMENT_ROOM];
    size_t len;

    sql_normalise(text, sizeof(text), sql);
    len = strlen(text);
    if (len >= 3 && strcmp(text + len - 3, "...") == 0)
        return "is too long, or has a backslash before a quote, so that its end cannot be told";
    return words(text);
}

const char *statement_refuse(const char *sql)
{
    return refuse_with(sql, refuse_words);
}

const char *statement_refuse_plan(const char *sql)
{
    return refuse_with(sql, refuse_plan_words);
}
