#include "console.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const hints[] = {
    [TROUBLE_REFUSED] =
        "nobody listens there: see whether PgBouncer runs, then host and port; the databases "
        "behind it may be well",
    [TROUBLE_LOST] = "read PgBouncer's log",
    [TROUBLE_STARTING_UP] = "it is shutting down: see who restarts it, and why",
    [TROUBLE_TOO_MANY_CLIENTS] =
        "max_client_conn is reached, and applications are refused as well: raise it with its "
        "limit of open files, or lower the sum of the applications' pools",
    [TROUBLE_AUTH] = "set the target's user and password as auth_file has them",
    [TROUBLE_DATABASE] = "set the target's database to that of the console: pgbouncer",
    [TROUBLE_PROTOCOL] = "correct host and port",
    [TROUBLE_MISSING] = "point the target at PgBouncer's console, the database pgbouncer",
    [TROUBLE_BUSY] = "it lets in, and then does not answer: see the machine's load",
};

void console_end(struct probe_run *run, const struct trouble *trouble)
{
    trouble_end_hinted(run, trouble, trouble->kind < COUNT(hints) ? hints[trouble->kind] : NULL);
}

void console_ask(struct probe_run *run, const char *command, wire_answer_fn *then)
{
    wire_ask(run,
             &(const struct question){
                 .sql = command, .frame = WIRE_PLAIN, .then = then, .otherwise = console_end});
}

void console_command(struct probe_run *run, const char *command, wire_answer_fn *then,
                     wire_trouble_fn *otherwise)
{
    wire_ask(run,
             &(const struct question){.sql = command,
                                      .frame = WIRE_PLAIN,
                                      .afresh = true,
                                      .then = then,
                                      .otherwise = otherwise ? otherwise : console_end});
}

size_t console_find(const struct rows *rows, const char *column, const char *value)
{
    size_t row = 0;
    for (; row < rows->count; row++) {
        const char *text = rows_text(rows, row, column);
        if (text && strcmp(text, value) == 0)
            break;
    }
    return row;
}

void console_compose(char *out, size_t room, const char *verb, const char *name)
{
    size_t len;

    (void)snprintf(out, room, "%s", verb);
    if (!*name)
        return;
    (void)snprintf(out, room, "%s \"", verb);
    for (len = strlen(out); *name && len + 3 < room; name++) {
        if (*name == '"')
            out[len++] = '"';
        out[len++] = *name;
    }
    out[len++] = '"';
    out[len] = '\0';
}
