#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/answer.h"
#include "tsv.h"

enum { MOST_ROWS = 20000, MOST_BODY = 4 << 20 };

/* How long a server that lacks a table is left alone: each question is an error in its statistics. */
enum { MISSING_MS = 3600000 };

static const char cancels[] = "setting.cancel_http_readonly_queries_on_client_close";
static const char comments[] = "setting.log_comment";

int64_t wire_limit_s(int64_t left_ms)
{
    int64_t seconds = (left_ms - 300) / 1000;
    return seconds > 1 ? seconds : 1;
}

/* -------------------------------------------------------------- asking ---- */

/* The parameters of a request, and the texts behind them. */
struct wishes {
    struct probe_pair params[16];
    size_t count;
    char query_id[160], comment[200], seconds[24], rows[24];
};

static void wish(struct wishes *wishes, const char *name, const char *value)
{
    wishes->params[wishes->count++] = (struct probe_pair){.name = name, .value = value};
}

static bool has(const struct survey *survey, const char *feature)
{
    return template_has(survey->features, feature, strlen(feature));
}

/* Limits that the server keeps for this query alone. */
static void wish_limits(struct wishes *wishes, const struct probe_run *run, bool writes)
{
    const struct server *server = run->target->data;
    int64_t now = (int64_t)probe_now(&run->target->life);
    int64_t left = run->deadline_ms ? (int64_t)run->deadline_ms - now : 60000;

    (void)snprintf(wishes->seconds, sizeof(wishes->seconds), "%" PRId64, wire_limit_s(left));
    (void)snprintf(wishes->rows, sizeof(wishes->rows), "%d", MOST_ROWS);
    wish(wishes, "max_execution_time", wishes->seconds);
    wish(wishes, "max_result_rows", wishes->rows);
    wish(wishes, "result_overflow_mode", "throw");
    wish(wishes, "extremes", "0");
    if (has(&server->survey, comments))
        wish(wishes, "log_comment", wishes->comment);
    if (writes)
        return;
    wish(wishes, "readonly", "2");
    if (has(&server->survey, cancels))
        wish(wishes, "cancel_http_readonly_queries_on_client_close", "1");
}

static void name_query(struct wishes *wishes, const struct probe_run *run)
{
    const char *what = run->name ? run->name : run->check ? run->check->name : run->action->name;
    (void)snprintf(wishes->query_id,
                   sizeof(wishes->query_id),
                   "runbookd-%.50s-%.50s-%" PRIx64 "%" PRIx64,
                   run->target->name,
                   what,
                   (uint64_t)probe_wall(&run->target->life),
                   probe_now_us(&run->target->life) & 0xFFFFFF);
    (void)snprintf(
        wishes->comment, sizeof(wishes->comment), "runbookd %.80s/%.80s", run->target->name, what);
    wish(wishes, "query_id", wishes->query_id);
    wish(wishes, "default_format", "TabSeparatedWithNames");
    wish(wishes, "wait_end_of_query", "1"); /* so that an error has its own status */
}

static void on_reply(int status, const struct probe_response *response, void *data);

static void send(struct probe_run *run, const char *sql)
{
    const struct server *server = run->target->data;
    struct wire_run *wire = run->data;
    const struct probe_pair headers[] = {
        {.name = "X-ClickHouse-User", .value = server->user},
        {.name = server->password ? "X-ClickHouse-Key" : NULL, .secret = server->password},
        {0}};
    struct wishes wishes = {0};

    name_query(&wishes, run);
    if (*server->database && wire->question.plain)
        wish(&wishes, "database", server->database);
    if (!server->survey.bare)
        wish_limits(&wishes, run, wire->question.writes);
    probe_http(&run->life,
               on_reply,
               run,
               .url = server->base,
               .path = "/",
               .params = wishes.params,
               .method = "POST",
               .headers = headers,
               .body = sql,
               .body_len = strlen(sql),
               .tls = server->tls,
               .max_body = MOST_BODY);
}

static void send_question(struct probe_run *run)
{
    const struct server *server = run->target->data;
    struct wire_run *wire = run->data;
    const struct template_facts facts = {wire->question.params, server->survey.features};

    wire->step = WIRE_QUESTION;
    if (wire->question.plain) {
        send(run, wire->question.sql);
        return;
    }
    char *sql = template_fill(wire->question.sql, &facts);
    if (sql)
        send(run, sql);
    else
        probe_fail(run, -ENOMEM, "the question cannot be put together");
    free(sql);
}

/* What must be known first, or the question itself. */
static void go_on(struct probe_run *run)
{
    struct server *server = run->target->data;
    struct wire_run *wire = run->data;
    enum survey_sight sight = wire->question.sight;

    if (!wire->question.plain && survey_is_due(&server->survey, probe_now(&run->life))) {
        server->survey.bare = server->survey.bare && wire->step == WIRE_SURVEY;
        wire->step = WIRE_SURVEY;
        send(run, server->survey.question);
    } else if (sight && server->survey.rights[sight] == RIGHT_UNKNOWN) {
        wire->step = WIRE_RIGHT;
        send(run, survey_right_question(&server->survey, sight));
    } else {
        send_question(run);
    }
}

void wire_ask(struct probe_run *run, const struct question *question)
{
    struct wire_run *wire = run->data;
    struct server *server = run->target->data;

    wire->question = *question;
    wire->step = 0;
    wire->again = false;
    /* A right that was lacking may have been granted since. */
    if (server->survey.rights[question->sight] == RIGHT_LACKING)
        server->survey.rights[question->sight] = RIGHT_UNKNOWN;
    go_on(run);
}

void wire_ping(struct probe_run *run, probe_http_fn *fn)
{
    const struct server *server = run->target->data;
    probe_http(&run->life,
               fn,
               run,
               .url = server->base,
               .path = "/ping",
               .tls = server->tls,
               .fresh = true);
}

/* ------------------------------------------------------------ answering ---- */

/* A server that has said 200 already writes its error, and breaks off. */
static bool broke_off(const struct probe_response *response, struct tsv *tsv)
{
    return response->code == 200 && response->body &&
           tsv_read(tsv, response->body, response->body_len) == TSV_EXCEPTION;
}

/* Whether there is a table; if not, why.  `*tsv` is to be freed in any case. */
static bool read_reply(const struct probe_run *run, int status,
                       const struct probe_response *response, struct tsv *tsv,
                       struct trouble *trouble)
{
    const struct server *server = run->target->data;
    const struct wire_run *wire = run->data;
    const char *type = answer_header(response, "Content-Type");
    int code = status == 0 ? trouble_code(response) : 0;

    if (status != 0) {
        trouble_of_request(trouble, status, response);
        if (broke_off(response, tsv))
            trouble_of_exception(
                trouble, tsv_exception_code(tsv->exception), tsv->exception, server->user);
        else if (status == -ETIMEDOUT && response->stage >= PROBE_WAITING && !wire->question.plain)
            trouble_of_patience(trouble);
        return false;
    }
    if (code != 0) {
        trouble_of_exception(trouble, code, response->body, server->user);
        return false;
    }
    if (response->code == 200 && response->body_len == 0 && wire->question.writes)
        return true;
    if (response->code != 200 || !type || strncmp(type, "text/tab-separated-values", 25) != 0) {
        trouble_of_stranger(trouble, response);
        return false;
    }
    switch (tsv_read(tsv, response->body, response->body_len)) {
    case TSV_TABLE:
        return true;
    case TSV_EXCEPTION:
        trouble_of_exception(
            trouble, tsv_exception_code(tsv->exception), tsv->exception, server->user);
        return false;
    case TSV_BROKEN:
        break;
    }
    *trouble = (struct trouble){.how = PROBE_FAILED, .status = -EPROTO, .reason = "broken"};
    (void)snprintf(trouble->text, sizeof(trouble->text), "the answer is not a whole table");
    return false;
}

/* This user may change no setting, or this server does not know one: go on without. */
static bool refuses_settings(const struct trouble *trouble)
{
    return trouble->code == CODE_READONLY || trouble->code == CODE_SETTING_CONSTRAINT ||
           trouble->code == CODE_UNKNOWN_SETTING;
}

static bool is_missing(const struct trouble *trouble)
{
    return trouble->code == CODE_UNKNOWN_IDENTIFIER || trouble->code == CODE_NO_SUCH_COLUMN ||
           trouble->code == CODE_UNKNOWN_FUNCTION;
}

/* What can be mended by asking another way; true: it was asked again. */
static bool mend(struct probe_run *run, const struct trouble *trouble)
{
    struct server *server = run->target->data;
    struct wire_run *wire = run->data;

    if (refuses_settings(trouble) && !server->survey.bare && !wire->question.writes) {
        server->survey.bare = true;
    } else if (wire->step == WIRE_RIGHT && trouble->code == CODE_SYNTAX_ERROR) {
        survey_take_no_right(&server->survey, wire->question.sight);
    } else if (wire->step == WIRE_QUESTION && is_missing(trouble) && !wire->again &&
               !wire->question.plain) {
        wire->again = true; /* a server was replaced by one of another version */
        survey_forget(&server->survey);
    } else {
        return false;
    }
    go_on(run);
    return true;
}

/*
 * A table that came with a later version is not this server's fault.  One that a server should have
 * is missed: then the check must not look as if all were well.
 */
static void weigh_missing(const struct probe_run *run, struct trouble *trouble)
{
    const struct server *server = run->target->data;

    if (trouble->how != PROBE_INAPPLICABLE || !run->check || !run->check->applies)
        return;
    if (trouble->code == CODE_UNKNOWN_TABLE && server->survey.major < WIRE_SINCE) {
        trouble->retry_ms = MISSING_MS;
    } else {
        trouble->how = PROBE_FAILED;
        trouble->hint = NULL;
    }
}

static void fail(struct probe_run *run, const struct trouble *trouble)
{
    const struct wire_run *wire = run->data;
    struct trouble own = *trouble;
    if (mend(run, trouble))
        return;
    weigh_missing(run, &own);
    (wire->question.otherwise ? wire->question.otherwise : trouble_end)(run, &own);
}

/* Nothing is seen because nothing may be seen: that is no "nothing found". */
static void fail_blind(struct probe_run *run)
{
    struct server *server = run->target->data;
    const struct wire_run *wire = run->data;
    struct trouble trouble = {.how = PROBE_DENIED, .status = -EACCES, .reason = "denied"};

    (void)snprintf(trouble.text,
                   sizeof(trouble.text),
                   "%.60s may not see any %s, so there is no knowing how they are",
                   server->user,
                   wire->question.sight == SIGHT_TABLES ? "table" : "dictionary");
    (void)snprintf(trouble.grant,
                   sizeof(trouble.grant),
                   "GRANT %s TO %s",
                   survey_privilege(wire->question.sight),
                   server->user);
    trouble.hint = trouble.grant;
    survey_forget(&server->survey);
    trouble_end(run, &trouble);
}

static void hand_over(struct probe_run *run, const struct rows *rows, const struct probe_timing *us)
{
    const struct server *server = run->target->data;
    const struct wire_run *wire = run->data;
    enum survey_sight sight = wire->question.sight;
    int64_t connected = us->tls ? us->tls : us->connect;
    char note[300];

    if (survey_is_blind(&server->survey, sight, rows->count)) {
        fail_blind(run);
        return;
    }
    (void)snprintf(note,
                   sizeof(note),
                   "this is about what %.60s may see; of all: GRANT %s TO %.60s",
                   server->user,
                   sight ? survey_privilege(sight) : "",
                   server->user);
    bool partial = sight && server->survey.rights[sight] != RIGHT_HELD;
    wire->question.then(run,
                        &(const struct answer){.rows = *rows,
                                               .connect_us = connected,
                                               .query_us = us->total - connected,
                                               .note = partial ? note : NULL});
}

static void take(struct probe_run *run, const struct rows *rows,
                 const struct probe_response *response)
{
    struct server *server = run->target->data;
    const struct wire_run *wire = run->data;

    switch (wire->step) {
    case WIRE_SURVEY:
        if (!survey_take(&server->survey, rows, probe_now(&run->life)))
            probe_fail(run, -ENOMEM, "out of memory");
        else
            go_on(run);
        return;
    case WIRE_RIGHT:
        survey_take_right(&server->survey, wire->question.sight, rows);
        go_on(run);
        return;
    case WIRE_QUESTION:
        hand_over(run, rows, &response->us);
        return;
    }
}

static void on_reply(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    struct tsv tsv = {0};
    struct trouble trouble;

    if (read_reply(run, status, response, &tsv, &trouble))
        take(run, &tsv.rows, response);
    else
        fail(run, &trouble);
    tsv_free(&tsv);
}
