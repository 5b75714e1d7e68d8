/*
 * intent - payment_intent: what became of one payment.
 *
 * Ids, states, codes and an amount in the currency's smallest unit; nothing of who pays or with what.
 */
#include <string.h>

#include "common/age.h"
#include "stripe.h"

const char *const intent_states[] = {"requires_payment_method",
                                     "requires_confirmation",
                                     "requires_action",
                                     "processing",
                                     "requires_capture",
                                     "canceled",
                                     "succeeded",
                                     NULL};

static const char *const error_classes[] = {
    "none", "card_error", "api_error", "idempotency_error", "invalid_request_error", "other", NULL};

const struct probe_option intent_options[] = {
    {"id", PROBE_STRING_AT(struct intent_config, id), .help = "of the PaymentIntent: pi_..."},
    {0},
};

const struct probe_measure intent_measures[] = {
    {"state", "the PaymentIntent's status", .kind = PROBE_WORD, .words = intent_states},
    {"error_class",
     "the type of the last error that a payment met",
     .kind = PROBE_WORD,
     .words = error_classes},
    {"age_seconds", "since it was created", .kind = PROBE_GAUGE},
    {0},
};

int intent_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct intent_config *config = config_;
    (void)memory;
    if (!ask_is_id(config->id, "pi_"))
        return probe_refuse(error, "id", "\"%s\" is no id of a PaymentIntent: pi_...", config->id);
    return 0;
}

static const char *known(const char *const *words, const char *word, const char *otherwise)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return *words;
    return otherwise;
}

static const char *hint_of(const char *state, const char *error_class)
{
    if (strcmp(error_class, "card_error") == 0 && strcmp(state, "succeeded") != 0)
        return "the card's bank or the customer decides: ask for another means of payment; never "
               "retry a hard decline";
    if (strcmp(state, "processing") == 0)
        return "the outcome is open: retrying now may charge twice";
    return NULL;
}

static void on_answer(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    const json_t *root = answer->root;
    const char *type = list_text(root, "last_payment_error.type");
    const char *code = list_text(root, "last_payment_error.code");
    const char *decline = list_text(root, "last_payment_error.decline_code");
    const char *state = known(intent_states, list_text(root, "status"), NULL);
    const char *class = *type ? known(error_classes, type, "other") : "none";
    int64_t created = list_int(root, "created"), now = probe_wall(&run->life);
    double age = (double)(now - created * 1000) / 1000;
    char summary[300];
    (void)data;
    if (!state || strcmp(list_text(root, "object"), "payment_intent") != 0) {
        probe_fail(run,
                   -EPROTO,
                   "the reply, of status \"%.40s\", is no PaymentIntent as we know them",
                   stripe_said(list_text(root, "status")));
        return;
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   "%.100s is %s after %s%s%.60s%s%.60s",
                   list_text(root, "id"),
                   state,
                   age_text(age > 0 ? age : 0).text,
                   *code ? "; last error: " : "",
                   code,
                   *decline ? ", " : "",
                   decline);
    const struct answer_evidence where = answer_evidence_of(answer->trail);
    probe_report(run,
                 .summary = fault_sentence(summary),
                 .hint = hint_of(state, class),
                 .fields = PROBE_FIELDS(probe_text("state", state),
                                        probe_text("error_class", class),
                                        probe_real("age_seconds", age > 0 ? age : 0),
                                        probe_text("payment_intent", list_text(root, "id")),
                                        probe_int("amount", list_int(root, "amount")),
                                        probe_text("currency", list_text(root, "currency")),
                                        probe_time("created", created * 1000),
                                        probe_text("error_code", code),
                                        probe_text("decline_code", decline),
                                        probe_text("request_id", answer->request_id),
                                        ANSWER_LAST(where)));
    probe_done(run);
}

void intent_run(struct probe_target *self, struct probe_run *run)
{
    const struct intent_config *config = run->config;
    char path[160];
    (void)self;
    (void)snprintf(path, sizeof(path), "/v1/payment_intents/%s", config->id);
    ask_start(run,
              &(const struct ask){
                  .path = path, .needs = STRIPE_READS("PaymentIntents"), .then = on_answer});
}
