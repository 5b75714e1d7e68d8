/*
 * Any bytes as an operator's statement: it is taken or refused, and that ends.  And any bytes as a
 * literal, or a name, inside of one: they make no WHERE, and hide none.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/common/sql.c"

#include "../../plugins/postgres/statement.c"

/* A statement with the bytes between two quotes of this kind, doubled inside. */
static char *compose(const char *format, char mark, const uint8_t *bytes, size_t len)
{
    char *quoted = malloc(2 * len + 3), *to = quoted, *out = NULL;
    *to++ = mark;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == (uint8_t)mark)
            *to++ = mark;
        if (bytes[i] && bytes[i] != '\\')
            *to++ = (char)bytes[i];
    }
    *to++ = mark;
    *to = '\0';
    size_t room = strlen(format) + strlen(quoted) + 1;
    out = malloc(room);
    (void)snprintf(out, room, format, quoted);
    free(quoted);
    return out;
}

static void expect(const char *format, char mark, const uint8_t *bytes, size_t len, bool taken)
{
    char *statement = compose(format, mark, bytes, len);
    if ((statement_refuse(statement) == NULL) != taken)
        abort();
    free(statement);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *statement = strndup((const char *)bytes, len);

    (void)statement_refuse(statement);
    (void)statement_refuse_plan(statement);
    free(statement);
    if (len > 1000)
        return 0;
    expect("update t set a = %s", '\'', bytes, len, false);
    expect("update t set a = %s where b = 1", '\'', bytes, len, true);
    expect("delete from %s", '"', bytes, len, false);
    expect("delete from %s where b = 1", '"', bytes, len, true);
    return 0;
}
