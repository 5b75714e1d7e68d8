#include "common/pq/answer.h"

#include <stdio.h>
#include <stdlib.h>

static void set_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text ? text : "");
}

static struct rows rows_of(const PGresult *reply)
{
    size_t columns = (size_t)PQnfields(reply), count = (size_t)PQntuples(reply);
    const char **names = calloc(columns + columns * count + 1, sizeof(*names));

    if (!names)
        abort();
    const char **cells = names + columns;
    for (size_t column = 0; column < columns; column++) {
        names[column] = PQfname(reply, (int)column);
        for (size_t row = 0; row < count; row++)
            if (!PQgetisnull(reply, (int)row, (int)column))
                cells[row * columns + column] = PQgetvalue(reply, (int)row, (int)column);
    }
    return (struct rows){names, columns, cells, count};
}

struct answer answer_read(PGconn *conn, const PGresult *reply)
{
    struct answer answer = {
        .rows = rows_of(reply),
        .server_version = PQserverVersion(conn),
        .backend_pid = PQbackendPID(conn),
    };
    set_text(answer.version, sizeof(answer.version), PQparameterStatus(conn, "server_version"));
    set_text(
        answer.tls, sizeof(answer.tls), PQsslInUse(conn) ? PQsslAttribute(conn, "protocol") : "");
    return answer;
}

void answer_free(struct answer *answer)
{
    free((void *)answer->rows.names);
    answer->rows = (struct rows){0};
}
