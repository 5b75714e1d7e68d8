/*
 * scrape - reads the pages that Prometheus would scrape, where there is no Prometheus, or to see what
 * one process says itself.
 *
 * Counters and histograms count since their process began, so they are looked at twice (K43): against
 * the last run or, without one, once more after `pause`.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "matchers.h"
#include "prometheus.h"

enum { MOST_PAGE = 64 << 20, MOST_HEADERS = 64 };

const struct probe_option scrape_options[] = {
    {"metric",
     PROBE_STRING_AT(struct scrape_config, metric),
     .help = "a gauge, a counter, or a histogram without _bucket"},
    {"path",
     PROBE_STRING_AT(struct scrape_config, path),
     .fallback = "/metrics",
     .help = "of the target's URL"},
    {"urls",
     PROBE_LIST_AT(struct scrape_config, urls),
     .fallback = "[]",
     .help = "or whole addresses, one for each process: they are added up"},
    {"match",
     PROBE_PAIRS_AT(struct scrape_config, match),
     .fallback = "",
     .help = "labels and their values: {method: GET}"},
    {"by",
     PROBE_LIST_AT(struct scrape_config, by),
     .fallback = "[]",
     .help = "labels by which to tell samples apart; each combination is a subject"},
    {"quantile",
     PROBE_REAL_AT(struct scrape_config, quantile),
     .fallback = "0.95",
     .help = "of a histogram, between 0 and 1"},
    {"pause",
     PROBE_DURATION_AT(struct scrape_config, pause_ms),
     .fallback = "5s",
     .min = 100,
     .max = 60000,
     .help = "between two looks, where there was no look before"},
    {"absent",
     PROBE_STRING_AT(struct scrape_config, absent),
     .fallback = "unknown",
     .choices = absent_words,
     .help = "what it means that no page has such a metric"},
    {0},
};

const struct probe_measure scrape_measures[] = {
    {"value",
     "of a gauge the sum, of a histogram the quantile",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"per_second",
     "of a counter, or a histogram's observations",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"series", "samples that were added up", .kind = PROBE_GAUGE, .optional = true},
    {"failed", "pages that could not be read", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

int scrape_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct scrape_config *config = config_;
    char names[1024];
    (void)memory;
    if (!matchers_is_metric(config->metric))
        return probe_refuse(error, "metric", "\"%s\" is no metric's name", config->metric);
    if (!matchers_list(config->by, names, sizeof(names)))
        return probe_refuse(error, "by", "is a list of labels' names");
    if (!(config->quantile > 0 && config->quantile < 1))
        return probe_refuse(error, "quantile", "lies between 0 and 1; write 0.95");
    for (const char *const *url = config->urls; url && *url; url++)
        if (strncmp(*url, "http://", 7) != 0 && strncmp(*url, "https://", 8) != 0)
            return probe_refuse(error, "urls", "write http:// or https:// before each");
    return 0;
}

void scrape_forget(void *memory_)
{
    struct scrape_memory *memory = memory_;
    exposition_finish(&memory->before);
    memory->before_us = 0;
}

void scrape_ended(struct probe_target *self, struct probe_run *run)
{
    struct scrape_state *state = run->data;
    (void)self;
    exposition_finish(&state->now);
}

/* -------------------------------------------------------------- finding ---- */

static size_t series_of(const struct exposition *now, const char *subject)
{
    size_t series = 0;
    for (size_t i = 0; i < now->count; i++)
        if (strcmp(now->groups[i].subject, subject) == 0)
            series += now->groups[i].series;
    return series;
}

static double sum_of(const struct exposition *now, const char *subject)
{
    double sum = 0;
    for (size_t i = 0; i < now->count; i++)
        if (strcmp(now->groups[i].subject, subject) == 0)
            sum += now->groups[i].sum;
    return sum;
}

static void summarize(char *out, size_t room, const struct scrape_config *config,
                      enum exposition_kind kind, double value, double per_second)
{
    if (kind == EXPOSITION_GAUGE)
        (void)snprintf(out, room, "%.100s is %.6g", config->metric, value);
    else if (kind == EXPOSITION_COUNTER)
        (void)snprintf(out, room, "%.100s grows by %.4g a second", config->metric, per_second);
    else if (isnan(value))
        (void)snprintf(out, room, "%.100s saw nothing meanwhile", config->metric);
    else
        (void)snprintf(out,
                       room,
                       "the %g quantile of %.100s is %.4g, %.4g a second",
                       config->quantile,
                       config->metric,
                       value,
                       per_second);
}

static void report(struct probe_run *run, const struct exposition_group *group)
{
    const struct scrape_config *config = run->config;
    const struct scrape_memory *memory = run->memory;
    const struct scrape_state *state = run->data;
    const char *subject = group->subject;
    double seconds = (double)(state->began_us - memory->before_us) / 1e6;
    double growth = exposition_growth(&memory->before, &state->now, subject);
    double per_second = seconds > 0 ? growth / seconds : 0;
    double value =
        group->kind == EXPOSITION_HISTOGRAM
            ? exposition_quantile(&memory->before, &state->now, subject, config->quantile)
            : sum_of(&state->now, subject);
    char summary[240];
    struct probe_field fields[6 + TOLD_FIELDS], *field = fields;
    *field++ = probe_int("series", (int64_t)series_of(&state->now, subject));
    *field++ = probe_int("failed", (int64_t)state->failed);
    if (group->kind != EXPOSITION_COUNTER && isfinite(value))
        *field++ = probe_real("value", value);
    if (group->kind != EXPOSITION_GAUGE)
        *field++ = probe_real("per_second", per_second);
    if (state->failed > 0)
        *field++ = probe_text("last_failure", state->failure);
    field = add_told(field, run);
    *field = (struct probe_field){0};
    summarize(summary, sizeof(summary), config, group->kind, value, per_second);
    probe_report(run, .subject = *subject ? subject : NULL, .summary = summary, .fields = fields);
}

/* Whether a group is the first of its subject: each is said once. */
static bool is_first(const struct exposition *now, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (strcmp(now->groups[i].subject, now->groups[place].subject) == 0)
            return false;
    return true;
}

/* What was seen now is what the next run looks back at. */
static void keep(struct probe_run *run)
{
    struct scrape_memory *memory = run->memory;
    struct scrape_state *state = run->data;
    exposition_finish(&memory->before);
    memory->before = state->now;
    memory->before_us = state->began_us;
    state->now = (struct exposition){0};
}

static void report_all(struct probe_run *run)
{
    const struct scrape_state *state = run->data;
    for (size_t i = 0; i < state->now.count; i++)
        if (is_first(&state->now, i))
            report(run, &state->now.groups[i]);
    if (state->now.excess > 0)
        probe_log(&run->life,
                  PROBE_LOG_WARN,
                  "%s: more than %d combinations of labels: the others are not looked at",
                  run->name,
                  EXPOSITION_GROUPS);
    keep(run);
    probe_done(run);
}

/* --------------------------------------------------------------- pages ---- */

static void look(struct probe_run *run);

static bool counts_up(const struct exposition *now)
{
    for (size_t i = 0; i < now->count; i++)
        if (now->groups[i].kind != EXPOSITION_GAUGE)
            return true;
    return false;
}

static void on_pause(int status, void *data)
{
    struct probe_run *run = data;
    struct scrape_state *state = run->data;
    if (status != 0) {
        probe_fail(run, status, "no time was left for the second look: raise `timeout`");
        return;
    }
    state->again = true;
    state->url = state->failed = 0;
    look(run);
}

/* All pages have been read, as far as they could be. */
static void conclude(struct probe_run *run)
{
    const struct scrape_config *config = run->config;
    const struct scrape_memory *memory = run->memory;
    struct scrape_state *state = run->data;
    char summary[400];
    if (state->now.count == 0 && state->failed > 0) {
        probe_end(
            run, .how = PROBE_DOWN, .status = -EIO, .reason = "no_page", .summary = state->failure);
    } else if (state->now.count == 0) {
        (void)snprintf(summary, sizeof(summary), "no page has a %.120s", config->metric);
        absent_report(run, config->absent, summary);
    } else if (counts_up(&state->now) && memory->before_us == 0) {
        keep(run);
        (void)probe_timer(&run->life, (uint64_t)config->pause_ms, on_pause, run);
    } else {
        report_all(run);
    }
}

static const char *url_of(const struct scrape_config *config, size_t index)
{
    return config->urls && config->urls[0] ? config->urls[index] : NULL;
}

static void next_page(struct probe_run *run)
{
    const struct scrape_config *config = run->config;
    struct scrape_state *state = run->data;
    state->url++;
    if (config->urls && config->urls[0] && config->urls[state->url])
        look(run);
    else
        conclude(run);
}

static int on_piece(const struct probe_response *head, const char *bytes, size_t len, void *data)
{
    struct probe_run *run = data;
    struct scrape_state *state = run->data;
    if (head->code == 200)
        exposition_feed(&state->reader, bytes, len);
    return 0;
}

/* A page that failed is not counted, not even what came of it. */
static void fail_page(struct probe_run *run, const char *why)
{
    const struct scrape_config *config = run->config;
    struct scrape_state *state = run->data;
    char url[160] = "";
    if (url_of(config, state->url))
        answer_show_url(url_of(config, state->url), url, sizeof(url));
    exposition_drop(&state->now, state->url);
    state->failed++;
    (void)snprintf(
        state->failure, sizeof(state->failure), "%.100s%s%.90s", url, *url ? ": " : "", why);
}

static const char *answered(int code, char out[32])
{
    (void)snprintf(out, 32, "answers %d", code);
    return out;
}

static bool is_open_metrics(const struct probe_response *response)
{
    static const char type[] = "application/openmetrics-text";
    const char *header = answer_header(response, "content-type");
    return header && strncasecmp(header, type, sizeof(type) - 1) == 0;
}

static void on_page(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    const struct scrape_config *config = run->config;
    struct scrape_state *state = run->data;
    struct probe_ending ending;
    char why[32];
    answer_follow(&state->ask.trail, response);
    bool ours = status != 0 ? answer_is_ours(status, response, &ending)
                            : !url_of(config, 0) &&
                                  answer_denies(response, "the page is not for us", &ending);
    if (ours) {
        answer_end(run, &ending);
        return;
    }
    exposition_end(&state->reader);
    if (status != 0)
        fail_page(run, response->message ? response->message : strerror(-status));
    else if (response->code != 200)
        fail_page(run, answered(response->code, why));
    else if (is_open_metrics(response) && !state->reader.ended)
        fail_page(run, "the page is cut off: its last line is not # EOF");
    next_page(run);
}

/* The target's headers go to its own page alone, as its login does. */
static void fill_headers(const struct probe_pair *own, struct probe_pair headers[MOST_HEADERS + 2])
{
    size_t count = 0;
    headers[count++] = (struct probe_pair){
        .name = "Accept",
        .value = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"};
    for (; own && own->name && count <= MOST_HEADERS; own++)
        headers[count++] = *own;
    headers[count] = (struct probe_pair){0};
}

static void look(struct probe_run *run)
{
    struct probe_pair headers[MOST_HEADERS + 2];
    const struct server *server = run->target->config;
    const struct scrape_config *config = run->config;
    struct scrape_state *state = run->data;
    const char *url = url_of(config, state->url);
    if (state->url == 0)
        state->began_us = probe_now_us(&run->life);
    state->wish = (struct exposition_wish){config->metric, config->match, config->by};
    fill_headers(url ? NULL : server->headers, headers);
    exposition_begin(&state->reader, &state->wish, &state->now, state->url);
    probe_http(&run->life,
               on_page,
               run,
               .base = url ? NULL : server->url,
               .url = url,
               .path = url ? NULL : config->path,
               .headers = headers,
               .bearer = url ? NULL : server->bearer,
               .user = !url && server->user && *server->user ? server->user : NULL,
               .password = url ? NULL : server->password,
               .tls = server->tls,
               .max_body = MOST_PAGE,
               .on_chunk = on_piece);
}

void scrape_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    look(run);
}
