/*
 * config_words - the keys of the language, as tables: what reads them, what the JSON Schema says
 * of them, and what a misspelt one is held against.
 *
 * Layer: probe.  Part of probe/config.
 */
#include "probe/config_parts.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const char *const roles[] = {"sidecar", "node", "cluster", NULL};
static const char *const emissions[] = {"changes", "all", NULL};
static const char *const scopes[] = {"node", "cluster", "quorum", NULL};

const struct probe_option config_agent_options[] = {
    {"realm",
     PROBE_STRING_AT(struct agent_words, agent.realm),
     .fallback = "default",
     .help = "part of every id: what shares leases, guard state and ids"},
    {"role",
     PROBE_STRING_AT(struct agent_words, role),
     .fallback = "",
     .choices = roles,
     .help = "which scopes this process serves; without it all of them"},
    {"node",
     PROBE_STRING_AT(struct agent_words, agent.node),
     .fallback = "",
     .help = "the name of this node; default: the host's"},
    {"state",
     PROBE_STRING_AT(struct agent_words, agent.state),
     .fallback = "",
     .help = "a folder for what outlives the process"},
    {"control",
     PROBE_STRING_AT(struct agent_words, agent.control),
     .fallback = "",
     .help = "the socket that the command line talks to, or off; default: control.sock in "
             "agent.state, else in $RUNTIME_DIRECTORY"},
    {"emit",
     PROBE_STRING_AT(struct agent_words, emit),
     .fallback = "changes",
     .choices = emissions,
     .help = "whether a line is written for changes, or for every sample"},
    {"repeat",
     PROBE_DURATION_AT(struct agent_words, agent.repeat_ms),
     .fallback = "5m",
     .max = CONFIG_LONGEST_MS,
     .help = "how often what is not ok is said again; 0: never"},
    {"snapshot",
     PROBE_DURATION_AT(struct agent_words, agent.snapshot_ms),
     .fallback = "1h",
     .max = CONFIG_LONGEST_MS,
     .help = "how often everything is said, ok too; 0: never"},
    {"heartbeat",
     PROBE_DURATION_AT(struct agent_words, agent.heartbeat_ms),
     .fallback = "1m",
     .min = SECOND,
     .max = HOUR,
     .help = "how often the agent says that it lives"},
    {"max_event",
     PROBE_BYTES_AT(struct agent_words, agent.max_event),
     .fallback = "15KiB",
     .min = 2 << 10,
     .max = 1 << 20,
     .help = "the longest line; evidence is cut first"},
    {"checks_as_of",
     PROBE_STRING_AT(struct agent_words, agent.checks_as_of),
     .fallback = "",
     .help = "default checks of that version: newer ones are listed, not run"},
    {"most_at_once",
     PROBE_INT_AT(struct agent_words, agent.most_at_once),
     .fallback = "256",
     .min = 1,
     .max = 10000,
     .help = "runs of all targets together"},
    {"watchdog",
     PROBE_DURATION_AT(struct agent_words, agent.watchdog_ms),
     .fallback = "10s",
     .min = SECOND,
     .max = HOUR,
     .help = "how long a plugin or a script may hold everything up before the agent ends, to be "
             "started again"},
    {"use_proxies",
     PROBE_BOOL_AT(struct agent_words, agent.use_proxies),
     .fallback = "false",
     .help = "honour http_proxy, https_proxy and no_proxy"},
    {0},
};

const struct probe_option config_target_options[] = {
    {"type",
     PROBE_STRING_AT(struct target_words, type),
     .fallback = "",
     .help = "the plugin; may be left out where the URL's scheme says it"},
    {"scope",
     PROBE_STRING_AT(struct target_words, scope),
     .fallback = "",
     .choices = scopes,
     .help = "who asks: every agent for its node, or one for the realm; default: the plugin's"},
    {"owner", PROBE_STRING_AT(struct target_words, owner), .fallback = "", .help = "whom to ask"},
    {"doc",
     PROBE_STRING_AT(struct target_words, doc),
     .fallback = "",
     .help = "where its runbook is"},
    {"every",
     PROBE_DURATION_AT(struct target_words, every_ms),
     .fallback = "",
     .min = 100,
     .max = CONFIG_LONGEST_MS,
     .help = "interval of its light checks; heavy ones keep their own"},
    {"timeout",
     PROBE_DURATION_AT(struct target_words, timeout_ms),
     .fallback = "",
     .min = 10,
     .max = HOUR,
     .help = "how long its light checks may take"},
    {0},
};

const struct probe_option config_check_options[] = {
    {"check",
     PROBE_STRING_AT(struct check_words, check),
     .fallback = "",
     .help = "which check of the plugin; default: the name"},
    {"every",
     PROBE_DURATION_AT(struct check_words, every_ms),
     .fallback = "",
     .min = 100,
     .max = CONFIG_LONGEST_MS,
     .help = "interval"},
    {"timeout",
     PROBE_DURATION_AT(struct check_words, timeout_ms),
     .fallback = "",
     .min = 10,
     .max = HOUR,
     .help = "how long it may take; not longer than its interval"},
    {"recover",
     PROBE_DURATION_AT(struct check_words, recover_ms),
     .fallback = "",
     .max = CONFIG_LONGEST_MS,
     .help = "how long a better status must last before it is reported"},
    {"repeat",
     PROBE_DURATION_AT(struct check_words, repeat_ms),
     .fallback = "",
     .max = CONFIG_LONGEST_MS,
     .help = "how often it is said again while not ok; 0: never; default: agent.repeat"},
    {"owner",
     PROBE_STRING_AT(struct check_words, owner),
     .fallback = "",
     .help = "whom to ask; default: the target's"},
    {"doc",
     PROBE_STRING_AT(struct check_words, doc),
     .fallback = "",
     .help = "where its runbook is; default: the target's"},
    {0},
};

const struct probe_option config_hold_options[] = {
    {"warning",
     PROBE_DURATION_AT(struct hold_words, warning_ms),
     .fallback = "",
     .max = CONFIG_LONGEST_MS},
    {"critical",
     PROBE_DURATION_AT(struct hold_words, critical_ms),
     .fallback = "",
     .max = CONFIG_LONGEST_MS},
    {"unknown",
     PROBE_DURATION_AT(struct hold_words, unknown_ms),
     .fallback = "",
     .max = CONFIG_LONGEST_MS,
     .help = "default: three samples"},
    {0},
};

const struct probe_option config_flap_options[] = {
    {"changes", PROBE_INT_AT(struct flap_words, changes), .fallback = "6", .min = 2, .max = 1000},
    {"within",
     PROBE_DURATION_AT(struct flap_words, within_ms),
     .fallback = "30m",
     .min = SECOND,
     .max = CONFIG_LONGEST_MS},
    {0},
};

const char *const config_top_words[] = {"version",
                                        "requires",
                                        "agent",
                                        "defaults",
                                        "targets",
                                        "remediations",
                                        "exec",
                                        "guard",
                                        "approval",
                                        "silences",
                                        "sinks",
                                        NULL};
const char *const config_agent_words[] = {"labels", "connectivity", "lease", "admin", "otlp", NULL};
const char *const config_target_words[] = {
    "act_as", "labels", "checks", "active", "depends_on", NULL};
const char *const config_check_words[] = {
    "labels", "warning", "critical", "clear", "for", "flap", "active", "depends_on", NULL};

/* ------------------------------------------------------------ reserved ---- */

#define LOOKS_ONLY "this version looks only, and changes nothing"
#define LEFT_OUT "this target is left out"

const struct config_reserved config_reserved_top[] = {
    {"runbooks", "findings open no incident"},
    {"severities", "findings open no incident"},
    {"after_every_incident", "findings open no incident"},
    {"templates", "targets made of them are left out"},
    {0},
};

const struct config_reserved config_reserved_agent[] = {
    {"log", "the log on stderr is JSON where that is no terminal"},
    {0},
};

const struct config_reserved config_reserved_target[] = {
    {"template", LEFT_OUT},
    {"each", LEFT_OUT},
    {"class", "nothing is silenced anyway"},
    {"pooler", "pooled and direct connections are treated alike"},
    {"preset", "the default checks run"},
    {0},
};

const struct config_reserved config_reserved_scope[] = {
    {"scope", "agents cannot vote, so a quorum's target runs where its plugin says"},
    {0},
};

/* Types of sinks that come later. */
const struct config_reserved config_reserved_check[] = {
    {"class", "nothing is silenced anyway"},
    {0},
};
