/*
 * Any bytes as a statement: what is shown fits, and ends; and what is one question ends before its
 * semicolon.  And any bytes as a literal inside of a statement: nothing of them is shown.  And any
 * bytes as a name or a literal of an operator's: what is quoted is one name, or one literal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/sql.c"

/* The bytes as a literal: quotes doubled, and no backslash, which servers read in two ways. */
static char *quote(const uint8_t *bytes, size_t len)
{
    static const char head[] = "select '", tail[] = "' from t";
    char *out = malloc(sizeof(head) + 2 * len + sizeof(tail)), *to = stpcpy(out, head);
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\'')
            *to++ = '\'';
        if (bytes[i] && bytes[i] != '\\')
            *to++ = (char)bytes[i];
    }
    (void)stpcpy(to, tail);
    return out;
}

/* Quoted, it is parts in double quotes with points between them, and nothing else. */
static void judge_name(const char *name)
{
    char quoted[256];
    if (!sql_name(quoted, sizeof(quoted), name)) {
        if (*quoted)
            abort();
        return;
    }
    const char *at = quoted;
    do {
        if (*at != '"')
            abort();
        at = skip_part(at);
        if (at[-1] != '"')
            abort();
    } while (*at == '.' && *++at);
    if (*at)
        abort();
}

static void judge_literal(const char *text)
{
    char quoted[256];
    const char *end = sql_literal(quoted, sizeof(quoted), text) ? quoted + 1 : NULL;
    while (end && *end && (*end != '\'' || *++end == '\''))
        end++;
    if (end && (*end || end[-1] != '\''))
        abort();
}

static void judge_question(const char *statement)
{
    size_t len = SIZE_MAX;
    if (!sql_refuse_statement(statement, &len) &&
        (len > strlen(statement) || (statement[len] && statement[len] != ';')))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    size_t room = len ? bytes[0] + 1u : 1;
    char *statement = strndup((const char *)bytes, len), *literal = quote(bytes, len);
    char *out = malloc(room), shown[64];

    sql_normalise(out, room, statement);
    if (strlen(out) >= room)
        abort();
    sql_normalise(shown, sizeof(shown), literal);
    if (strcmp(shown, "select ? from t") != 0)
        abort();
    judge_name(statement);
    judge_literal(statement);
    judge_question(statement);
    free(statement);
    free(literal);
    free(out);
    return 0;
}
