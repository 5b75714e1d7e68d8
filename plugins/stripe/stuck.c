/*
 * stuck - stuck_payments: payments that have been open for too long.
 *
 * Without `sql` those that Stripe itself calls open.  With `sql`, a SELECT in the application's own
 * PostgreSQL, those that the application calls pending, each held against its PaymentIntent: what
 * Stripe has brought to an end long ago was missed, most likely with a webhook.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/age.h"
#include "common/sql.h"
#include "stripe.h"

#define NEEDS STRIPE_READS("PaymentIntents")

const struct probe_option stuck_options[] = {
    {"older_than",
     PROBE_DURATION_AT(struct stuck_config, older_than_ms),
     .fallback = "15m",
     .min = 60000,
     .max = INT64_C(30) * 86400000,
     .help = "younger ones are not stuck yet; with `sql` that is the statement's to say"},
    {"window",
     PROBE_DURATION_AT(struct stuck_config, window_ms),
     .fallback = "1d",
     .min = 60000,
     .max = INT64_C(90) * 86400000,
     .help = "nor are older ones looked at; not with `sql`"},
    {"states",
     PROBE_LIST_AT(struct stuck_config, states),
     .fallback = "[processing, requires_confirmation]",
     .help = "which of Stripe's are open; not with `sql`"},
    {"sql",
     PROBE_STRING_AT(struct stuck_config, sql),
     .fallback = "",
     .help = "a SELECT of pending payments in the target's `database`: id, intent_id, status, "
             "created_at"},
    {"max",
     PROBE_INT_AT(struct stuck_config, max),
     .fallback = "100",
     .min = 1,
     .max = STUCK_MOST,
     .help = "how many payments of `sql` are held against Stripe"},
    {0},
};

const struct probe_measure stuck_measures[] = {
    {"count", "payments that are stuck", .kind = PROBE_GAUGE},
    {"age_seconds", "of the oldest of them; 0: there is none", .kind = PROBE_GAUGE},
    {"missed",
     "with `sql`: those that Stripe has brought to an end",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"missing",
     "with `sql`: those of which Stripe knows no PaymentIntent",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"truncated", "whether there are more than were looked at", .kind = PROBE_FLAG},
    {0},
};

static bool has_sql(const struct stuck_config *config)
{
    return config->sql && *config->sql;
}

int stuck_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct stuck_config *config = config_;
    struct stuck_memory *memory = memory_;
    size_t len;
    for (const char *const *state = config->states; state && *state; state++) {
        bool known = false;
        for (const char *const *word = intent_states; *word; word++)
            known |= strcmp(*word, *state) == 0;
        if (!known)
            return probe_refuse(error, "states", "\"%s\" is no status of a PaymentIntent", *state);
    }
    if (config->window_ms <= config->older_than_ms)
        return probe_refuse(error, "window", "must be longer than `older_than`");
    if (!has_sql(config))
        return 0;
    const char *wrong = sql_refuse_statement(config->sql, &len);
    if (wrong)
        return probe_refuse(error, "sql", "%s", wrong);
    int written = snprintf(
        memory->sql,
        sizeof(memory->sql),
        "select left(line ->> 'id', 60) as payment, left(line ->> 'intent_id', 90) as intent,"
        " left(line ->> 'status', 30) as db_status,"
        " extract(epoch from now() - (line ->> 'created_at')::timestamptz) as age_seconds "
        "from (select row_to_json(runbookd_row) as line from (select * from (\n%.*s\n)"
        " as runbookd_answer limit %" PRId64 ") as runbookd_row) as answer",
        (int)len,
        config->sql,
        config->max + 1);
    return written < 0 || (size_t)written >= sizeof(memory->sql)
               ? probe_refuse(error, "sql", "is longer than 3 KiB")
               : 0;
}

/* ------------------------------------------------------------- reporting ---- */

static double oldest(const struct stuck_state *state)
{
    double age = 0;
    for (size_t i = 0; i < state->count; i++)
        if (state->payments[i].age_seconds > age)
            age = state->payments[i].age_seconds;
    return age;
}

static void say(const struct probe_run *run, double age, char *out, size_t room)
{
    const struct stuck_state *state = run->data;
    bool sql = has_sql(run->config);
    size_t len = 0;
    if (state->total == 0) {
        (void)snprintf(out, room, "no payment is stuck");
        return;
    }
    len = (size_t)snprintf(out,
                           room,
                           "%" PRId64 " payment%s %s stuck, the oldest for %s",
                           state->total,
                           stripe_s(state->total),
                           state->total == 1 ? "is" : "are",
                           age_text(age).text);
    if (sql && state->final)
        len += (size_t)snprintf(out + len,
                                room - len,
                                "; Stripe has brought %" PRId64 " of them to an end",
                                state->final);
    if (sql && state->missing)
        (void)snprintf(
            out + len, room - len, "; of %" PRId64 " it knows no PaymentIntent", state->missing);
}

static const char *hint_of(const struct probe_run *run)
{
    const struct stuck_state *state = run->data;
    if (state->total == 0)
        return NULL;
    if (!has_sql(run->config))
        return "processing: the outcome is open, retrying may charge twice; "
               "requires_confirmation: the application stopped half way";
    return state->final ? "Stripe's word counts: reconcile them through the application, and see "
                          "webhook_deliveries for what it missed"
                        : "they are open at Stripe as well: wait, or cancel them there";
}

static void report(struct probe_run *run, bool truncated)
{
    static const struct probe_column columns[] = {{"payment", PROBE_FIELD_TEXT},
                                                  {"payment_intent", PROBE_FIELD_TEXT},
                                                  {"db_status", PROBE_FIELD_TEXT},
                                                  {"stripe_status", PROBE_FIELD_TEXT},
                                                  {"age_seconds", PROBE_FIELD_REAL}};
    const struct stuck_state *state = run->data;
    const char *cells[STUCK_SAMPLE * 5];
    char ages[STUCK_SAMPLE][24], summary[240];
    size_t rows = state->count < STUCK_SAMPLE ? state->count : STUCK_SAMPLE;
    struct probe_field fields[8 + ANSWER_FIELDS], *field = fields;
    double age = oldest(state);
    for (size_t i = 0; i < rows; i++) {
        const struct stuck_payment *payment = &state->payments[i];
        (void)snprintf(ages[i], sizeof(ages[i]), "%.0f", payment->age_seconds);
        cells[5 * i] = *payment->payment ? payment->payment : NULL;
        cells[5 * i + 1] = *payment->intent ? payment->intent : NULL;
        cells[5 * i + 2] = *payment->db_status ? payment->db_status : NULL;
        cells[5 * i + 3] = *payment->state ? payment->state : NULL;
        cells[5 * i + 4] = payment->age_seconds < 0 ? NULL : ages[i];
    }
    const struct probe_table sample = {columns, 5, cells, rows, state->total};
    say(run, age, summary, sizeof(summary));
    *field++ = probe_int("count", state->total);
    *field++ = probe_real("age_seconds", age);
    *field++ = probe_bool("truncated", truncated);
    *field++ = probe_rows("payments", &sample);
    if (has_sql(run->config)) {
        *field++ = probe_int("missed", state->final);
        *field++ = probe_int("missing", state->missing);
    }
    field = answer_add_fields(field, &state->list.trail);
    *field = (struct probe_field){0};
    probe_report(run, .summary = summary, .hint = hint_of(run), .fields = fields);
    probe_done(run);
}

/* --------------------------------------------- what Stripe calls open ---- */

static void search_next(struct probe_run *run);

static void on_intent(struct probe_run *run, const json_t *intent)
{
    struct stuck_state *state = run->data;
    state->total++;
    if (state->count == STUCK_MOST)
        return;
    struct stuck_payment *payment = &state->payments[state->count++];
    (void)snprintf(payment->intent, sizeof(payment->intent), "%s", list_text(intent, "id"));
    (void)snprintf(payment->state, sizeof(payment->state), "%s", list_text(intent, "status"));
    payment->age_seconds =
        (double)(probe_wall(&run->life) - list_int(intent, "created") * 1000) / 1000;
}

static void on_searched(struct probe_run *run, bool truncated)
{
    struct stuck_state *state = run->data;
    state->truncated |= truncated;
    state->at++;
    search_next(run);
}

/* Searches know AND or OR, not both: one search a state. */
static void search_next(struct probe_run *run)
{
    const struct stuck_config *config = run->config;
    struct stuck_state *state = run->data;
    struct stripe_window window = stripe_window(run, config->window_ms, config->older_than_ms);
    const char *word = config->states ? config->states[state->at] : NULL;
    if (!word) {
        report(run, state->truncated);
        return;
    }
    (void)snprintf(state->query,
                   sizeof(state->query),
                   "status:'%s' AND created>=%s AND created<%s",
                   word,
                   window.from,
                   window.to);
    const struct probe_pair params[] = {{.name = "query", .value = state->query}, {0}};
    list_start(run,
               &state->list,
               &(const struct list_wish){.path = "/v1/payment_intents/search",
                                         .needs = NEEDS,
                                         .params = params,
                                         .search = true,
                                         .most_pages = 5,
                                         .each = on_intent,
                                         .end = on_searched});
}

/* ------------------------------------ what the application calls pending ---- */

static void look_up(struct probe_run *run);

static void on_looked_up(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    struct stuck_state *state = run->data;
    struct stuck_payment *payment = &state->payments[state->at++];
    const char *word = list_text(answer->root, "status");
    (void)data;
    answer_join(&state->list.trail, answer->trail);
    (void)snprintf(payment->state, sizeof(payment->state), "%s", word);
    state->final += strcmp(word, "succeeded") == 0 || strcmp(word, "canceled") == 0;
    look_up(run);
}

static void on_refused(struct probe_run *run, const struct fault *fault, void *data)
{
    struct stuck_state *state = run->data;
    (void)data;
    if (fault->class != FAULT_MISSING) {
        fault_end(run, fault);
        return;
    }
    answer_join(&state->list.trail, fault->trail);
    (void)snprintf(state->payments[state->at].state, sizeof(state->payments->state), "missing");
    state->missing++;
    state->at++;
    look_up(run);
}

/* The next one that has an id of Stripe's. */
static void look_up(struct probe_run *run)
{
    struct stuck_state *state = run->data;
    for (; state->at < state->count; state->at++) {
        const char *intent = state->payments[state->at].intent;
        if (!ask_is_id(intent, "pi_"))
            continue;
        (void)snprintf(state->path, sizeof(state->path), "/v1/payment_intents/%s", intent);
        ask_start(run,
                  &(const struct ask){.path = state->path,
                                      .needs = NEEDS,
                                      .then = on_looked_up,
                                      .otherwise = on_refused});
        return;
    }
    report(run, state->truncated);
}

static void on_rows(struct probe_run *run, const struct answer *answer)
{
    const struct stuck_config *config = run->config;
    struct stuck_state *state = run->data;
    const struct rows *rows = &answer->rows;
    state->truncated = rows->count > (size_t)config->max;
    state->count = state->truncated ? (size_t)config->max : rows->count;
    state->total = (int64_t)state->count;
    for (size_t row = 0; row < state->count; row++) {
        struct stuck_payment *payment = &state->payments[row];
        (void)snprintf(
            payment->payment, sizeof(payment->payment), "%s", rows_said(rows, row, "payment"));
        (void)snprintf(
            payment->intent, sizeof(payment->intent), "%s", rows_said(rows, row, "intent"));
        (void)snprintf(payment->db_status,
                       sizeof(payment->db_status),
                       "%s",
                       rows_said(rows, row, "db_status"));
        payment->age_seconds =
            rows_text(rows, row, "age_seconds") ? rows_real(rows, row, "age_seconds") : -1;
    }
    look_up(run);
}

void stuck_run(struct probe_target *self, struct probe_run *run)
{
    const struct stripe *target = self->config;
    const struct stuck_memory *memory = run->memory;
    if (!has_sql(run->config)) {
        search_next(run);
        return;
    }
    if (!target->database.url) {
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -EINVAL,
                  .reason = "config",
                  .summary = "`sql` is asked in the target's `database`, which is not given",
                  .hint = "database: postgres://host/name, database_user, database_password");
        return;
    }
    wire_ask(run, &(const struct question){.sql = memory->sql, .own_names = true, .then = on_rows});
}

void stuck_ended(struct probe_target *self, struct probe_run *run)
{
    if (has_sql(run->config))
        wire_release(self, run);
}
