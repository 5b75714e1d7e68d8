#include "rls.h"

#include <inttypes.h>

#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

const struct probe_option rls_options[] = {
    {"role", PROBE_STRING_AT(struct rls, role), .help = "as whom the application logs in"},
    {"tables",
     PROBE_LIST_AT(struct rls, tables),
     .fallback = "",
     .help = "tables that must be covered: events, billing.invoices"},
    {"column",
     PROBE_STRING_AT(struct rls, column),
     .fallback = "",
     .help = "so must every table that has this column, and that the role may use: tenant_id"},
    {"require_force",
     PROBE_BOOL_AT(struct rls, require_force),
     .fallback = "true",
     .help = "whether policies must hold for the owner too (FORCE ROW LEVEL SECURITY)"},
    {0},
};

const struct probe_measure rls_measures[] = {
    {"tables", "how many must be covered", .kind = PROBE_GAUGE},
    {"exposed", "those on which no policy keeps the role from rows", .kind = PROBE_GAUGE},
    {"open_policies",
     "tables whose policies let the role see every row: using (true)",
     .kind = PROBE_GAUGE},
    {"bypasses",
     "whether the role, or one that it may become, is exempt from policies",
     .kind = PROBE_FLAG},
    {0},
};

int prepare_rls(const void *config, void *memory, struct probe_error *error)
{
    const struct rls *options = config;
    struct rls_memory *own = memory;

    if ((!options->tables || !*options->tables) && !options->column)
        return probe_refuse(error, "tables", "or `column` must say what is to be covered");
    return operator_put_names(own->tables, sizeof(own->tables), options->tables, "tables", error);
}

/* What was found, in one sentence; what could not be looked at makes it unknown. */
static enum probe_status say_cover(const struct rows *rows, const struct rls *options, char *out,
                                   size_t room)
{
    int64_t count = rows_int(rows, 0, "count"), exposed = rows_int(rows, 0, "exposed");
    int64_t missing = rows_int(rows, 0, "missing"), opened = rows_int(rows, 0, "opened");

    if (rows_flag(rows, 0, "bypasses"))
        (void)snprintf(out, room, "%.60s is exempt from row security", options->role);
    else if (exposed > 0)
        (void)snprintf(out,
                       room,
                       "%" PRId64 " of %" PRId64 " tables are open to %.60s: %.60s, %s",
                       exposed,
                       count,
                       options->role,
                       rows_text(rows, 0, "table"),
                       rows_text(rows, 0, "problem"));
    else if (missing > 0)
        (void)snprintf(out,
                       room,
                       "%" PRId64 " of %" PRId64 " tables do not exist: %.60s",
                       missing,
                       count,
                       rows_text(rows, 0, "table"));
    else if (opened > 0)
        (void)snprintf(out,
                       room,
                       "the policies of %" PRId64 " tables let %.60s see every row: %.60s",
                       opened,
                       options->role,
                       rows_text(rows, 0, "table"));
    else
        (void)snprintf(
            out, room, "row security holds %.60s on %" PRId64 " tables", options->role, count);
    return missing > 0 && exposed == 0 && !rows_flag(rows, 0, "bypasses") ? PROBE_UNKNOWN
                                                                          : PROBE_GRADED;
}

static const char *hint_of(const struct rows *rows)
{
    if (rows_flag(rows, 0, "bypasses"))
        return "ALTER ROLE ... NOSUPERUSER NOBYPASSRLS, and REVOKE its membership in roles that "
               "are exempt";
    if (rows_int(rows, 0, "exposed") > 0)
        return "ALTER TABLE ... ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; let another "
               "role own the tables";
    return rows_int(rows, 0, "missing") > 0 ? "correct `tables`, with their schemas" : NULL;
}

static void end_without(struct probe_run *run, const char *summary, const char *hint)
{
    local_end(run,
              .how = PROBE_FAILED,
              .status = -ENOENT,
              .reason = "missing",
              .summary = summary,
              .hint = hint);
}

void check_rls(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {{"table", PROBE_FIELD_TEXT},
                                                  {"problem", PROBE_FIELD_TEXT},
                                                  {"no_such_table", PROBE_FIELD_BOOL},
                                                  {"enabled", PROBE_FIELD_BOOL},
                                                  {"forced", PROBE_FIELD_BOOL},
                                                  {"owner", PROBE_FIELD_TEXT},
                                                  {"policies", PROBE_FIELD_INT},
                                                  {"commands", PROBE_FIELD_TEXT},
                                                  {"opened_by", PROBE_FIELD_TEXT}};
    const struct rls *options = run->config;
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t count = rows_int(rows, 0, "count");
    char summary[320];

    if (rows_int(rows, 0, "roles") == 0) {
        end_without(run, "there is no role of that name", "correct `role`");
        return;
    }
    if (count == 0) {
        end_without(run,
                    "the role may use no table that has the column",
                    "correct `column` or `role`: is this the right database?");
        return;
    }
    enum probe_status status = say_cover(rows, options, summary, sizeof(summary));
    local_report(
        run,
        .status = status,
        .summary = summary,
        .hint = hint_of(rows),
        .fields = PROBE_FIELDS(
            probe_int("tables", count),
            probe_int("exposed", rows_int(rows, 0, "exposed")),
            probe_int("open_policies", rows_int(rows, 0, "opened")),
            probe_bool("bypasses", rows_flag(rows, 0, "bypasses")),
            evidence_of(&evidence, "uncovered_first", rows, columns, COUNT(columns), count)));
    local_done(run);
}

static void ask_rls(struct probe_run *run)
{
    const struct rls *options = run->config;
    const struct rls_memory *own = run->memory;

    local_ask(run,
              &(const struct question){.sql = rls_sql,
                                       .params = {own->tables,
                                                  options->column,
                                                  options->role,
                                                  options->require_force ? "true" : "false"},
                                       .param_count = 4,
                                       .own_names = true,
                                       .then = check_rls});
}

void run_rls(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_rls);
}
