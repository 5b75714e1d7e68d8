/*
 * status - what Stripe's own status page says, by the API that Statuspage pages have (v2).
 *
 * Only a page of that kind that is kept up to date says anything: a redirect, a page for people, a
 * 404 or one that was left standing years ago means that this probe is broken, which is unknown, and
 * neither up nor down.  incidents.json lists what is over as well; summary.json does not, and is held
 * to that here.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/age.h"
#include "common/http/answer.h"
#include "stripe.h"

enum { ROWS = 20 };

static const char *const indicators[] = {"none", "maintenance", "minor", "major", "critical", NULL};
enum impact { IMPACT_NONE, IMPACT_MAINTENANCE, IMPACT_MINOR, IMPACT_MAJOR, IMPACT_CRITICAL };

/* What a component says, as an indicator. */
static const struct {
    const char *state;
    enum impact impact;
} component_states[] = {{"operational", IMPACT_NONE},
                        {"under_maintenance", IMPACT_MAINTENANCE},
                        {"degraded_performance", IMPACT_MINOR},
                        {"partial_outage", IMPACT_MAJOR},
                        {"major_outage", IMPACT_CRITICAL}};

const struct probe_option status_options[] = {
    {"base_url",
     PROBE_URL_AT(struct status_config, base_url),
     .fallback = "https://www.stripestatus.com",
     .help = "the status page, without /api/v2; status.stripe.com is none any more"},
    {"components",
     PROBE_LIST_AT(struct status_config, components),
     .fallback = "[]",
     .help =
         "only these count, by name or id: [API, Webhooks]; default: what the page says of all"},
    {"stale_after",
     PROBE_DURATION_AT(struct status_config, stale_ms),
     .fallback = "30d",
     .min = INT64_C(3600000),
     .max = INT64_C(3660) * 86400000,
     .help = "a page that was not touched for so long says nothing"},
    {0},
};

const struct probe_measure status_measures[] = {
    {"impact",
     "of what is wrong with the components that count",
     .kind = PROBE_WORD,
     .words = indicators},
    {"indicator", "what the page says of all", .kind = PROBE_WORD, .words = indicators},
    {"count", "incidents that are not over, of these components", .kind = PROBE_GAUGE},
    {"down", "components that are not operational, of these", .kind = PROBE_GAUGE},
    {"age_seconds", "since the page was touched", .kind = PROBE_GAUGE},
    {0},
};

/* What a look at the page found. */
struct sight {
    enum impact impact, indicator;
    const json_t *incident; /* the worst one; or NULL */
    enum impact incident_impact;
    const char *component; /* the worst one; or NULL */
    enum impact component_impact;
    int64_t incidents, down;
    size_t component_rows, incident_rows;
    const char *components[ROWS * 2];
    const char *unresolved[ROWS * 4];
};

/* -------------------------------------------------------------- reading ---- */

static bool impact_of(const char *word, enum impact *ret_impact)
{
    for (size_t i = 0; indicators[i]; i++)
        if (strcmp(indicators[i], word) == 0) {
            *ret_impact = (enum impact)i;
            return true;
        }
    return false;
}

/* A state that is not known is no good one. */
static enum impact impact_of_component(const char *state)
{
    for (size_t i = 0; i < sizeof(component_states) / sizeof(*component_states); i++)
        if (strcmp(component_states[i].state, state) == 0)
            return component_states[i].impact;
    return IMPACT_MINOR;
}

/* Milliseconds of "2026-11-21T03:00:00.000-08:00"; below zero: it is no such time. */
static int64_t time_of(const char *text)
{
    struct tm when = {0};
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &when);
    int hours = 0, minutes = 0;
    if (!at)
        return -1;
    if (*at == '.')
        at += 1 + strspn(at + 1, "0123456789");
    if ((*at == '+' || *at == '-') && sscanf(at + 1, "%2d:%2d", &hours, &minutes) == 2) {
        int64_t offset = INT64_C(60000) * (hours * 60 + minutes);
        return (int64_t)timegm(&when) * 1000 - (*at == '+' ? offset : -offset);
    }
    return *at == 'Z' ? (int64_t)timegm(&when) * 1000 : -1;
}

static bool wants(const struct status_config *config, const json_t *component)
{
    const char *const *wanted = config->components;
    if (!wanted || !*wanted)
        return true;
    for (; *wanted; wanted++)
        if (strcasecmp(*wanted, list_text(component, "name")) == 0 ||
            strcmp(*wanted, list_text(component, "id")) == 0)
            return true;
    return false;
}

/* The first of the wanted components that the page does not have, or NULL. */
static const char *missing_component(const struct status_config *config, const json_t *components)
{
    size_t place;
    json_t *component;
    for (const char *const *wanted = config->components; wanted && *wanted; wanted++) {
        bool found = false;
        json_array_foreach(components, place, component) {
            found |= strcasecmp(*wanted, list_text(component, "name")) == 0 ||
                     strcmp(*wanted, list_text(component, "id")) == 0;
        }
        if (!found)
            return *wanted;
    }
    return NULL;
}

/* An incident that names no component is everybody's. */
static bool concerns(const struct status_config *config, const json_t *incident)
{
    const json_t *components = json_object_get(incident, "components");
    size_t place;
    json_t *component;
    if (json_array_size(components) == 0)
        return true;
    json_array_foreach(components, place, component) {
        if (wants(config, component))
            return true;
    }
    return false;
}

static bool is_over(const char *state)
{
    return strcmp(state, "resolved") == 0 || strcmp(state, "postmortem") == 0 ||
           strcmp(state, "completed") == 0;
}

static void look_at_components(const struct status_config *config, const json_t *components,
                               struct sight *sight)
{
    size_t place;
    json_t *component;
    json_array_foreach(components, place, component) {
        const char *state = list_text(component, "status");
        enum impact impact = impact_of_component(state);
        if (!wants(config, component) || impact == IMPACT_NONE)
            continue;
        sight->down++;
        if (impact > sight->component_impact) {
            sight->component_impact = impact;
            sight->component = list_text(component, "name");
        }
        if (sight->component_rows == ROWS)
            continue;
        sight->components[2 * sight->component_rows] = list_text(component, "name");
        sight->components[2 * sight->component_rows++ + 1] = state;
    }
}

static void look_at_incidents(const struct status_config *config, const json_t *incidents,
                              struct sight *sight)
{
    size_t place;
    json_t *incident;
    json_array_foreach(incidents, place, incident) {
        enum impact impact = IMPACT_MINOR;
        const char *state = list_text(incident, "status");
        if (is_over(state) || !concerns(config, incident))
            continue;
        (void)impact_of(list_text(incident, "impact"), &impact);
        sight->incidents++;
        if (!sight->incident || impact > sight->incident_impact) {
            sight->incident = incident;
            sight->incident_impact = impact;
        }
        if (sight->incident_rows == ROWS)
            continue;
        const char **row = &sight->unresolved[4 * sight->incident_rows++];
        row[0] = list_text(incident, "name");
        row[1] = indicators[impact];
        row[2] = state;
        row[3] = list_text(incident, "created_at");
    }
}

/* ------------------------------------------------------------- reporting ---- */

static void say(const struct sight *sight, const json_t *root, int64_t now_ms, char *out,
                size_t room)
{
    int64_t began = time_of(list_text(sight->incident, "created_at"));
    if (sight->incident)
        (void)snprintf(out,
                       room,
                       "Stripe reports an incident (%s, %.30s%s%s): %.200s",
                       indicators[sight->incident_impact],
                       list_text(sight->incident, "status"),
                       began >= 0 ? ", for " : "",
                       began >= 0 ? age_text((double)(now_ms - began) / 1000).text : "",
                       list_text(sight->incident, "name"));
    else if (sight->component)
        (void)snprintf(out,
                       room,
                       "Stripe reports that %.100s is not fully operational%s",
                       sight->component,
                       sight->down > 1 ? ", nor are others" : "");
    else if (sight->impact != IMPACT_NONE)
        (void)snprintf(out, room, "Stripe says: %.200s", list_text(root, "status.description"));
    else if (sight->indicator != IMPACT_NONE)
        (void)snprintf(out, room, "Stripe reports trouble, but none with these components");
    else
        (void)snprintf(out, room, "Stripe reports no trouble");
    (void)fault_sentence(out);
}

static void report(struct probe_run *run, const json_t *root, struct sight *sight, int64_t age_ms,
                   const struct answer_trail *trail)
{
    static const struct probe_column component_columns[] = {{"name", PROBE_FIELD_TEXT},
                                                            {"state", PROBE_FIELD_TEXT}};
    static const struct probe_column incident_columns[] = {{"name", PROBE_FIELD_TEXT},
                                                           {"impact", PROBE_FIELD_TEXT},
                                                           {"state", PROBE_FIELD_TEXT},
                                                           {"started", PROBE_FIELD_TEXT}};
    const struct probe_table components = {
        component_columns, 2, sight->components, sight->component_rows, sight->down};
    const struct probe_table unresolved = {
        incident_columns, 4, sight->unresolved, sight->incident_rows, sight->incidents};
    const struct status_config *config = run->config;
    const struct answer_evidence where = answer_evidence_of(trail);
    bool all = !config->components || !*config->components;
    char summary[400];

    sight->impact = all ? sight->indicator : sight->component_impact;
    if (!all && sight->incident_impact > sight->impact)
        sight->impact = sight->incident_impact;
    say(sight, root, probe_wall(&run->life), summary, sizeof(summary));
    probe_report(
        run,
        .summary = summary,
        .hint = sight->impact > IMPACT_MAINTENANCE
                    ? "nothing of ours repairs this: suspend own restarts, tell users, and "
                      "retry what failed after reconciling it"
                    : NULL,
        .fields = PROBE_FIELDS(probe_text("impact", indicators[sight->impact]),
                               probe_text("indicator", indicators[sight->indicator]),
                               probe_int("count", sight->incidents),
                               probe_int("down", sight->down),
                               probe_real("age_seconds", age_ms > 0 ? (double)age_ms / 1000 : 0),
                               probe_text("description", list_text(root, "status.description")),
                               probe_rows("components", &components),
                               probe_rows("unresolved", &unresolved),
                               ANSWER_LAST(where)));
    probe_done(run);
}

/* --------------------------------------------------------------- answers ---- */

static void break_off(struct probe_run *run, const char *reason, const char *summary)
{
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -EPROTO,
              .reason = reason,
              .summary = summary,
              .hint = "this says nothing of Stripe: open `base_url`/api/v2/summary.json, and set "
                      "`base_url` to where the page is now");
}

static void judge(struct probe_run *run, const json_t *root, const struct answer_trail *trail)
{
    const struct status_config *config = run->config;
    const json_t *components = json_object_get(root, "components");
    int64_t touched = time_of(list_text(root, "page.updated_at")), now = probe_wall(&run->life);
    struct sight sight = {0};
    char summary[200];
    const char *missing;
    if (!impact_of(list_text(root, "status.indicator"), &sight.indicator) || touched < 0 ||
        !json_is_array(components) || !json_is_array(json_object_get(root, "incidents"))) {
        break_off(run, "not_statuspage", "the answer is JSON, but no summary of a status page");
        return;
    }
    if (now - touched > config->stale_ms) {
        (void)snprintf(summary,
                       sizeof(summary),
                       "the status page was last touched %s ago: nobody keeps it any more",
                       age_text((double)(now - touched) / 1000).text);
        break_off(run, "stale", summary);
        return;
    }
    missing = missing_component(config, components);
    if (missing) {
        (void)snprintf(
            summary, sizeof(summary), "the status page has no component \"%.100s\"", missing);
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -ENOENT,
                  .reason = "missing",
                  .summary = summary,
                  .hint = "name `components` as the page does");
        return;
    }
    look_at_components(config, components, &sight);
    look_at_incidents(config, json_object_get(root, "incidents"), &sight);
    report(run, root, &sight, now - touched, trail);
}

static void on_response(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    struct probe_ending ending;
    char summary[300], snippet[ANSWER_SNIPPET + 1];
    const char *location = answer_header(response, "Location");
    if (status != 0 && status != -EMSGSIZE) {
        if (answer_is_ours(status, response, &ending))
            answer_end(run, &ending);
        else
            break_off(run,
                      answer_classes[answer_class_of(status)],
                      response->message ? response->message : strerror(-status));
        return;
    }
    json_t *root = status == 0 && response->code == 200
                       ? json_loadb(response->body, response->body_len, 0, NULL)
                       : NULL;
    if (json_is_object(root)) {
        struct answer_trail trail = {0};
        answer_follow(&trail, response);
        judge(run, root, &trail);
    } else if (response->code >= 300 && response->code < 400) {
        (void)snprintf(summary,
                       sizeof(summary),
                       "the status page answers %d, a redirect%s%.120s",
                       response->code,
                       location ? " to " : "",
                       location ? location : "");
        break_off(run, "redirect", fault_sentence(summary));
    } else {
        answer_snippet(response->body, response->body_len, snippet);
        (void)snprintf(summary,
                       sizeof(summary),
                       "the status page answers %d as none does: %.160s",
                       response->code,
                       *snippet ? snippet : "nothing");
        break_off(run, "not_statuspage", fault_sentence(summary));
    }
    json_decref(root);
}

void status_run(struct probe_target *self, struct probe_run *run)
{
    const struct status_config *config = run->config;
    (void)self;
    probe_http(
        &run->life, on_response, run, .base = config->base_url, .path = "/api/v2/summary.json");
}
