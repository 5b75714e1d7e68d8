#include "operator.h"

#include <string.h>

#include "common/sql.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

int operator_put_names(char *out, size_t room, const char *const *names, const char *option,
                       struct probe_error *error)
{
    enum { MOST = 100 };
    char quoted[MOST][OPERATOR_NAME_ROOM];
    const char *list[MOST + 1] = {NULL};

    for (size_t i = 0; names && names[i]; i++) {
        if (i == MOST)
            return probe_refuse(error, option, "are more than %d", MOST);
        if (!sql_name(quoted[i], sizeof(*quoted), names[i]))
            return probe_refuse(error, option, "%s is no table's name", names[i]);
        list[i] = quoted[i];
    }
    return sql_array(out, room, list) ? 0 : probe_refuse(error, option, "are too long together");
}

/* ------------------------------------------------------------- refusals ---- */

/* Its messages quote the data, which is not ours to show. */
#define DATA_EXCEPTION "22"

#define ONLY_READS                                                                                 \
    "a check only reads: leave out what would write (a function that does, FOR UPDATE, nextval), " \
    "or make it an action"

/* What an operator can do about what his statement met, by SQLSTATE or its beginning. */
static const struct remedy {
    const char *sqlstate, *reason, *hint;
} remedies[] = {
    {"25006", "writes", ONLY_READS},
    {"25001", "writes", ONLY_READS}, /* it would leave the read-only mode */
    {"0A000",
     "writes",
     "a check only reads, and its statement stands in brackets: no INSERT, UPDATE or DELETE in a "
     "WITH"},
    {"42P01",
     "missing",
     "create the table, or correct the check: is this the right database, schema?"},
    {"42703", "missing", "correct the check: its table has no such column"},
    {"42", "statement", "correct the statement: try it in psql, within SELECT * FROM (...) AS q"},
    {"22023", "statement", "correct the time zone, or what the statement hands to a function"},
    {DATA_EXCEPTION, "statement", "correct the statement: try it in psql"},
    {"55P03", "locked", "somebody else holds a lock on it: see `locks`"},
    {"57014",
     "canceled",
     "make it cheaper: look at EXPLAIN, add an index, bound it by time; or raise the check's "
     "timeout"},
};

/* NULL: it was not the statement that was refused. */
static const struct remedy *remedy_of(const struct trouble *trouble)
{
    for (size_t i = 0; trouble->kind > TROUBLE_DENIED && i < COUNT(remedies); i++)
        if (strncmp(trouble->sqlstate, remedies[i].sqlstate, strlen(remedies[i].sqlstate)) == 0)
            return &remedies[i];
    return NULL;
}

static void end_denied(struct probe_run *run, const char *remedies_found)
{
    const struct operator_run *asked = run->data;

    local_end(run,
              .how = PROBE_DENIED,
              .status = -EACCES,
              .reason = "denied",
              .summary = asked->refusal.text,
              .hint = remedies_found ? remedies_found : run->check->needs);
}

static void on_grants(struct probe_run *run, const struct answer *answer)
{
    end_denied(run, rows_text(&answer->rows, 0, "remedies"));
}

static void on_no_grants(struct probe_run *run, const struct trouble *trouble)
{
    (void)trouble;
    end_denied(run, NULL);
}

/* A table that may not be read costs this check alone, and is told with what grants it. */
static void on_refused(struct probe_run *run, const struct trouble *trouble)
{
    struct operator_run *asked = run->data;
    const struct remedy *remedy = remedy_of(trouble);
    const char *statement = asked->local.wire.question.sql;
    char summary[120];

    (void)snprintf(summary,
                   sizeof(summary),
                   "the statement fails on some of the data (%s)",
                   trouble->sqlstate);
    if (trouble->kind == TROUBLE_DENIED) {
        asked->refusal = *trouble;
        wire_ask(run,
                 &(const struct question){.sql = denied_sql,
                                          .params = {statement},
                                          .param_count = 1,
                                          .own_names = true,
                                          .then = on_grants,
                                          .otherwise = on_no_grants});
    } else if (remedy) {
        local_end(run,
                  .how = PROBE_FAILED,
                  .status = -EINVAL,
                  .reason = remedy->reason,
                  .summary =
                      strcmp(remedy->sqlstate, DATA_EXCEPTION) == 0 ? summary : trouble->text,
                  .hint = remedy->hint);
    } else {
        local_trouble(run, trouble);
    }
}

void operator_ask(struct probe_run *run, const struct question *question)
{
    struct question own = *question;

    own.own_names = true;
    own.otherwise = on_refused;
    wire_ask(run, &own);
}

int operator_put_settings(char out[OPERATOR_SET_ROOM], const char *timezone, bool row_security,
                          struct probe_error *error)
{
    char zone[100] = "";

    if (timezone && !sql_literal(zone, sizeof(zone), timezone))
        return probe_refuse(error, "timezone", "is too long for the name of a time zone");
    (void)snprintf(out,
                   OPERATOR_SET_ROOM,
                   "set local row_security = %s%s%s",
                   row_security ? "on" : "off",
                   timezone ? ";set local timezone = " : "",
                   zone);
    return 0;
}

/* In brackets; what follows a comment at its end must be on a line of its own.  False: too long. */
static bool put_brackets(char out[OPERATOR_TEXT_ROOM], const char *before, const char *text,
                         size_t len)
{
    int size = snprintf(out, OPERATOR_TEXT_ROOM, "%s(\n%.*s\n)", before, (int)len, text);
    return size > 0 && size < OPERATOR_TEXT_ROOM;
}

int operator_put_statement(char out[OPERATOR_SQL_ROOM], const char *template, const char *statement,
                           struct probe_error *error)
{
    size_t len;
    const char *wrong = sql_refuse_statement(statement, &len);
    char text[OPERATOR_TEXT_ROOM];
    const struct sql_place places[] = {{"sql", text}, {0}};

    if (wrong)
        return probe_refuse(error, "sql", "%s", wrong);
    if (!put_brackets(text, "", statement, len) ||
        !sql_fill(out, OPERATOR_SQL_ROOM, template, places))
        return probe_refuse(error, "sql", "is longer than 15 KiB");
    return 0;
}

int operator_put_question(char out[OPERATOR_SQL_ROOM], const char *template,
                          struct sql_place *places, const char *where, struct probe_error *error)
{
    char text[OPERATOR_TEXT_ROOM] = "";
    bool fits = !where || put_brackets(text, " and ", where, strlen(where));

    for (struct sql_place *place = places; place->name; place++)
        if (strcmp(place->name, "where") == 0)
            place->text = text;
    if (!fits || !sql_fill(out, OPERATOR_SQL_ROOM, template, places))
        return probe_refuse(error, "where", "is longer than 15 KiB");
    return 0;
}
