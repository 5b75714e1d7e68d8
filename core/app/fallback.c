#include "app/fallback.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "out/sink.h"
#include "probe/keep.h"

#define USUAL_STATE "/var/lib/runbookd"

static bool comes_up_always(const char *role)
{
    return role && (strcmp(role, "sidecar") == 0 || strcmp(role, "node") == 0);
}

/* A configuration that cannot be read at all does not say where its state is. */
static char *state_folder(const char *peeked)
{
    const char *named = getenv("RUNBOOKD_STATE");
    return mem_copy(peeked && *peeked == '/' ? peeked
                    : named && *named == '/' ? named
                                             : USUAL_STATE);
}

static struct config *read_last_good(const struct session *session, const char *folder)
{
    const struct config_needs needs = {.version = RUNBOOKD_VERSION, .sinks = sink_types()};
    struct problems problems = {0};
    struct config *config = NULL;
    size_t len = 0;
    MEM_AUTO char *json = keep_last_good(folder, &len);
    if (json)
        config = config_parse(
            "the last good configuration", json, len, &session->plugins, &needs, &problems);
    if (json && !config)
        (void)session_print(&problems);
    else
        problems_finish(&problems);
    return config;
}

/* Nothing to watch: heartbeats only, until the configuration is right. */
static struct config *make_empty(const struct session *session, const char *role, const char *state)
{
    const struct config_needs needs = {.version = RUNBOOKD_VERSION, .sinks = sink_types()};
    struct problems problems = {0};
    json_t *agent = json_object();
    if (comes_up_always(role))
        (void)json_object_set_new(agent, "role", json_string(role));
    (void)json_object_set_new(agent, "state", json_string(state));
    json_t *root = json_pack("{s:i, s:o, s:{}}", "version", 1, "agent", agent, "targets");
    struct config *config =
        config_build(root, "no configuration", &session->plugins, &needs, &problems);
    problems_finish(&problems);
    return config;
}

bool fallback_take(struct session *session, const struct options *options, size_t errors)
{
    MEM_AUTO char *peeked = NULL;
    MEM_AUTO char *role = NULL;
    if (options->on_config_error == ON_ERROR_EXIT || options->path_count == 0)
        return false;
    config_peek(options->paths, options->path_count, &peeked, &role, NULL);
    MEM_AUTO char *folder = state_folder(peeked);
    struct config *config = read_last_good(session, folder);
    bool by_role =
        comes_up_always(role) ||
        (config && (config->agent.role == ROLE_SIDECAR || config->agent.role == ROLE_NODE));
    if (options->on_config_error == ON_ERROR_BY_ROLE && !by_role) {
        config_destroy(config);
        return false;
    }
    session->without = !config;
    session->errors = errors ? errors : 1;
    config_destroy(session->config);
    session->config = config ? config : make_empty(session, role, folder);
    log_error("the configuration has %zu error%s: the agent starts %s",
              session->errors,
              units_s((int64_t)session->errors),
              config ? "with the last good one" : "without any, and watches nothing");
    session_take_entries(session, options);
    return session->config != NULL;
}
