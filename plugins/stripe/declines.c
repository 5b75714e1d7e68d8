/*
 * declines - whether more cards are declined than usual, and which: by code, brand, country, funding.
 *
 * Two lists of charges, of the window and of the same time a while ago, so that night is held against
 * night.  Of a card its brand, country and kind are counted, nothing else of it is read.
 */
#include <inttypes.h>
#include <string.h>

#include "common/age.h"
#include "common/percent.h"
#include "stripe.h"

/* A share of less than this is taken for this: from one in a thousand to three is no threefold. */
#define FLOOR_PERCENT 1.0

const struct probe_option declines_options[] = {
    {"window",
     PROBE_DURATION_AT(struct declines_config, window_ms),
     .fallback = "1h",
     .min = 60000,
     .max = INT64_C(7) * 86400000,
     .help = "how far back charges are counted"},
    {"baseline",
     PROBE_DURATION_AT(struct declines_config, baseline_ms),
     .fallback = "1d",
     .min = 60000,
     .max = INT64_C(90) * 86400000,
     .help = "how long ago the window was that it is held against: 1d, 7d"},
    {"min_count",
     PROBE_INT_AT(struct declines_config, min_count),
     .fallback = "20",
     .min = 1,
     .max = 1000,
     .help = "of fewer charges no share is said"},
    {0},
};

const struct probe_measure declines_measures[] = {
    {"declined_percent",
     "of the charges; absent below min_count",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"baseline_percent", "the same, a `baseline` ago", .kind = PROBE_GAUGE, .optional = true},
    {"baseline_ratio",
     "now to then; shares below 1 % count as 1 %",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"blocked_percent",
     "of the charges: by Radar, Stripe's fraud rules, before any bank was asked",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"rejected", "charges that were declined or blocked", .kind = PROBE_GAUGE},
    {"total", "charges in the window", .kind = PROBE_GAUGE},
    {"truncated", "whether only the newest charges were counted", .kind = PROBE_FLAG},
    {0},
};

int declines_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct declines_config *config = config_;
    (void)memory;
    if (config->baseline_ms < config->window_ms)
        return probe_refuse(error, "baseline", "must be no shorter than `window`");
    return 0;
}

static void on_charge(struct probe_run *run, const json_t *charge)
{
    struct declines_state *state = run->data;
    struct declines_part *part = state->looking_back ? &state->before : &state->now;
    bool rejected = strcmp(list_text(charge, "status"), "failed") == 0;
    bool blocked = rejected && strcmp(list_text(charge, "outcome.type"), "blocked") == 0;
    const char *reason = list_text(charge, "outcome.reason");
    part->total++;
    part->rejected += rejected;
    part->blocked += blocked;
    if (state->looking_back)
        return;
    if (rejected)
        tally_add(&state->by_code, *reason ? reason : list_text(charge, "failure_code"), true);
    if (strcmp(list_text(charge, "payment_method_details.type"), "card") != 0)
        return;
    tally_add(&state->by_brand, list_text(charge, "payment_method_details.card.brand"), rejected);
    tally_add(
        &state->by_country, list_text(charge, "payment_method_details.card.country"), rejected);
    tally_add(
        &state->by_funding, list_text(charge, "payment_method_details.card.funding"), rejected);
}

/* ------------------------------------------------------------- reporting ---- */

static double share(const struct declines_part *part)
{
    return percent_of((double)part->rejected, (double)part->total);
}

static double floored(double percent)
{
    return percent > FLOOR_PERCENT ? percent : FLOOR_PERCENT;
}

static void say(struct declines_state *state, const struct declines_config *config, char *out,
                size_t room)
{
    const struct declines_part *now = &state->now, *before = &state->before;
    const char *first = tally_first(&state->by_code);
    size_t len;
    if (now->total == 0) {
        (void)snprintf(out, room, "there were no charges");
        return;
    }
    len = (size_t)snprintf(
        out, room, "%" PRId64 " of %" PRId64 " charges were declined", now->rejected, now->total);
    if (now->total < config->min_count)
        len += (size_t)snprintf(out + len, room - len, ", too few to say a share");
    else if (before->total >= config->min_count)
        len += (size_t)snprintf(out + len,
                                room - len,
                                ", %.1f %%; %s ago it was %.1f %%",
                                share(now),
                                age_text((double)config->baseline_ms / 1000).text,
                                share(before));
    if (first)
        (void)snprintf(out + len, room - len, "; mostly %.60s", first);
}

static void report(struct probe_run *run)
{
    const struct declines_config *config = run->config;
    struct declines_state *state = run->data;
    bool enough = state->now.total >= config->min_count;
    bool compared = enough && state->before.total >= config->min_count;
    struct tally_rows codes, brands, countries, fundings;
    struct probe_field fields[14 + ANSWER_FIELDS], *field = fields;
    char summary[300];
    *field++ = probe_int("rejected", state->now.rejected);
    *field++ = probe_int("total", state->now.total);
    *field++ = probe_bool("truncated", state->now.truncated);
    *field++ = probe_int("blocked_by_radar", state->now.blocked);
    if (enough) {
        *field++ = probe_real("declined_percent", share(&state->now));
        *field++ = probe_real("blocked_percent",
                              percent_of((double)state->now.blocked, (double)state->now.total));
    }
    if (compared) {
        *field++ = probe_real("baseline_percent", share(&state->before));
        *field++ = probe_real("baseline_ratio",
                              floored(share(&state->now)) / floored(share(&state->before)));
    }
    *field++ = tally_field(&codes, &state->by_code, "by_code", "code", NULL);
    *field++ = tally_field(&brands, &state->by_brand, "by_brand", "brand", "charges");
    *field++ = tally_field(&countries, &state->by_country, "by_country", "country", "charges");
    *field++ = tally_field(&fundings, &state->by_funding, "by_funding", "funding", "charges");
    field = answer_add_fields(field, &state->list.trail);
    *field = (struct probe_field){0};
    say(state, config, summary, sizeof(summary));
    probe_report(run,
                 .summary = fault_sentence(summary),
                 .hint = state->now.blocked * 2 > state->now.rejected
                             ? "most of them were blocked by Radar: see its rules, and whether "
                               "somebody tests stolen cards"
                         : state->now.rejected
                             ? "one code, brand or country that stands out is a bank's or a "
                               "network's: Stripe's support knows; all of them together are ours"
                             : NULL,
                 .fields = fields);
    probe_done(run);
}

/* ---------------------------------------------------------------- asking ---- */

static void on_end(struct probe_run *run, bool truncated);

static void ask(struct probe_run *run, int64_t ago_ms)
{
    const struct declines_config *config = run->config;
    struct declines_state *state = run->data;
    state->window = stripe_window(run, ago_ms + config->window_ms, ago_ms);
    const struct probe_pair params[] = {{.name = "created[gte]", .value = state->window.from},
                                        {.name = "created[lt]", .value = state->window.to},
                                        {0}};
    list_start(run,
               &state->list,
               &(const struct list_wish){.path = "/v1/charges",
                                         .needs = STRIPE_READS("Charges and Refunds"),
                                         .params = params,
                                         .most_pages = LIST_MOST_PAGES / 2,
                                         .each = on_charge,
                                         .end = on_end});
}

static void on_end(struct probe_run *run, bool truncated)
{
    const struct declines_config *config = run->config;
    struct declines_state *state = run->data;
    if (state->looking_back) {
        report(run);
        return;
    }
    state->now.truncated = truncated;
    state->looking_back = true;
    ask(run, config->baseline_ms);
}

void declines_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    ask(run, 0);
}
