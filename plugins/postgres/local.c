#include "local.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

#include "postgres_queries.h"

/* ------------------------------------------------------------- options ---- */

/* One pattern, or a list of them. */
static bool is_patterns(const json_t *patterns)
{
    size_t i;
    json_t *pattern;

    if (json_is_string(patterns))
        return true;
    json_array_foreach(patterns, i, pattern)
        if (!json_is_string(pattern))
            return false;
    return json_array_size(patterns) > 0;
}

/* What is wrong with `databases`, or NULL. */
static const char *fault_of(json_t *databases)
{
    json_t *match = json_object_get(databases, "match");
    json_t *except = json_object_get(databases, "except");
    json_t *single = json_object_get(databases, "one_at_a_time");
    size_t known = (match != NULL) + (except != NULL) + (single != NULL);

    if (!match || json_object_size(databases) != known)
        return "is a map of match, except and one_at_a_time, such as {match: \"tenant_*\"}";
    if (!is_patterns(match) || (except && !is_patterns(except)))
        return "holds patterns in match and except: \"tenant_*\", or a list of such";
    return single && !json_is_true(single) ? "are asked one at a time, never together" : NULL;
}

int local_create(struct probe_target *self, struct probe_error *error)
{
    const struct local_server *server = self->config;
    struct local_target *target = self->data;
    int status = wire_create(self, error);

    if (status < 0 || !server->databases)
        return status;
    json_t *databases = json_loads(server->databases, JSON_DECODE_ANY, NULL);
    const char *fault = fault_of(databases);
    if (fault) {
        json_decref(databases);
        return probe_refuse(error, "databases", "%s", fault);
    }
    target->databases = databases;
    return 0;
}

void local_destroy(struct probe_target *self)
{
    struct local_target *target = self->data;

    json_decref(target->databases);
    wire_destroy(self);
}

static bool fits(const char *name, const json_t *patterns)
{
    size_t i;
    json_t *pattern;

    if (json_is_string(patterns))
        return fnmatch(json_string_value(patterns), name, 0) == 0;
    json_array_foreach(patterns, i, pattern)
        if (fnmatch(json_string_value(pattern), name, 0) == 0)
            return true;
    return false;
}

/* ------------------------------------------------------------- its turn ---- */

const char *local_database(const struct probe_run *run)
{
    const struct local_run *own = run->data;
    return own->next > 0 ? own->names[own->next - 1] : "";
}

static void go_on(struct probe_run *run)
{
    struct local_run *own = run->data;

    if (own->next == own->count) {
        probe_done(run);
        return;
    }
    wire_visit(run, own->names[own->next++]);
    own->ask(run);
}

static void on_list(struct probe_run *run, const struct answer *answer)
{
    const struct local_target *target = run->target->data;
    const json_t *match = json_object_get(target->databases, "match");
    const json_t *except = json_object_get(target->databases, "except");
    struct local_run *own = run->data;
    size_t matching = 0;

    for (size_t row = 0; row < answer->rows.count; row++) {
        const char *name = rows_text(&answer->rows, row, "database");
        if (!name || !fits(name, match) || fits(name, except))
            continue;
        if (matching++ < LOCAL_MOST)
            (void)snprintf(own->names[own->count++], LOCAL_NAME_ROOM, "%s", name);
    }
    if (matching == 0)
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -ENOENT,
                  .reason = "missing",
                  .summary = "no database of the server fits `databases`",
                  .hint = "correct `match` and `except` of the target's `databases`");
    else if (matching > LOCAL_MOST)
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -E2BIG,
                  .reason = "databases",
                  .summary = "more than 200 databases fit `databases`",
                  .hint = "spread them over several targets, each with a `match` of its own");
    else
        go_on(run);
}

void local_start(struct probe_run *run, local_ask_fn *ask)
{
    const struct local_target *target = run->target->data;
    struct local_run *own = run->data;

    own->ask = ask;
    if (target->databases)
        wire_ask(run, &(const struct question){.sql = local_sql, .then = on_list});
    else
        ask(run);
}

void local_ask(struct probe_run *run, const struct question *question)
{
    struct question own = *question;

    if (!own.otherwise)
        own.otherwise = local_trouble;
    wire_ask(run, &own);
}

/* ------------------------------------------------------------ reporting ---- */

void local_tell(struct probe_run *run, const struct probe_finding *finding)
{
    struct probe_finding own = *finding;
    const char *database = local_database(run);
    char subject[320];

    (void)snprintf(subject,
                   sizeof(subject),
                   "%s%s%s",
                   database,
                   finding->subject ? "/" : "",
                   finding->subject ? finding->subject : "");
    if (*database)
        own.subject = subject;
    run->life.host->report(run, &own);
}

void local_done(struct probe_run *run)
{
    go_on(run);
}

void local_close(struct probe_run *run, const struct probe_ending *ending)
{
    const struct local_run *own = run->data;
    bool down = ending->how == PROBE_DOWN;
    /* Whoever answered for one database and has no time left for the next is slow, not gone. */
    bool late = (run->deadline_ms && probe_now(&run->life) >= run->deadline_ms) ||
                (down && own->next > 1 && ending->status == -ETIMEDOUT);
    /* One database may be full, by a limit of its own, while the server is well. */
    bool full = down && strcmp(ending->reason, "too_many_clients") == 0;
    char summary[480];

    if (own->next == 0 || (down && !late && !full)) {
        run->life.host->end(run, ending);
    } else if (late) {
        (void)snprintf(summary,
                       sizeof(summary),
                       "time was up at %s, the %zu. of %zu databases: %s",
                       local_database(run),
                       own->next,
                       own->count,
                       ending->summary);
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -ETIMEDOUT,
                  .reason = "timeout",
                  .summary = summary,
                  .hint =
                      "raise the check's timeout, or spread the databases over several targets");
    } else {
        local_report(
            run, .status = PROBE_UNKNOWN, .summary = ending->summary, .hint = ending->hint);
        go_on(run);
    }
}

void local_trouble(struct probe_run *run, const struct trouble *trouble)
{
    struct probe_ending ending = trouble_ending(run, trouble, NULL);
    local_close(run, &ending);
}

bool local_tell_hidden(struct probe_run *run, const struct rows *rows, int64_t count,
                       const char *what)
{
    int64_t hidden = rows_int(rows, 0, "hidden");
    const char *grants = rows_text(rows, 0, "grants");
    char summary[160];

    if (hidden == 0)
        return false;
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " of %" PRId64 " %s may not be looked at",
                   hidden,
                   count,
                   what);
    if (!grants)
        grants = run->check->needs;
    if (hidden < count)
        local_report(
            run, .status = PROBE_UNKNOWN, .subject = "hidden", .summary = summary, .hint = grants);
    else
        local_end(run,
                  .how = PROBE_DENIED,
                  .status = -EACCES,
                  .reason = "denied",
                  .summary = summary,
                  .hint = grants);
    return hidden >= count;
}
