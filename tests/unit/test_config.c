/* probe/config: what an operator wrote becomes targets and checks; the language as JSON Schema. */
#include "config_fixture.h"

/* --------------------------------------------------------------- agent ---- */

static void the_agent_has_its_defaults(void **state)
{
    (void)state;
    (void)unsetenv("POD_NAME");
    load("version: 1\n");
    const struct config_agent *agent = &config->agent;
    assert_string_equal(said.bytes, "");
    assert_string_equal(agent->realm, "default");
    assert_int_equal(agent->role, ROLE_ANY);
    assert_null(agent->node);
    assert_null(agent->pod);
    assert_null(agent->state);
    assert_null(agent->labels);
    assert_false(agent->emit_all);
    assert_int_equal(agent->repeat_ms, 300000);
    assert_int_equal(agent->snapshot_ms, 3600000);
    assert_int_equal(agent->heartbeat_ms, 60000);
    assert_int_equal(agent->max_event, 15360);
    assert_null(agent->checks_as_of);
    assert_int_equal(agent->most_at_once, 256);
    assert_false(agent->use_proxies);
    assert_int_equal(config->target_count, 0);
}

static void the_agent_is_as_written(void **state)
{
    (void)state;
    (void)setenv("POD_NAME", "backend-7", 1);
    (void)setenv("TEST_ENV", "staging", 1);
    load("agent:\n  realm: orders/production\n  role: node\n  node: ${env:TEST_NONE:-}\n"
         "  state: /var/lib/runbookd\n  labels: {env: \"${env:TEST_ENV}\", build: 213}\n"
         "  emit: all\n  repeat: 0\n  snapshot: 2h\n  heartbeat: 30s\n  max_event: 64KiB\n"
         "  checks_as_of: 0.1\n  most_at_once: 8\n  use_proxies: true\n");
    assert_string_equal(said.bytes, "");
    const struct config_agent *agent = &config->agent;
    assert_string_equal(agent->realm, "orders/production");
    assert_int_equal(agent->role, ROLE_NODE);
    assert_null(agent->node);
    assert_string_equal(agent->pod, "backend-7");
    assert_string_equal(agent->state, "/var/lib/runbookd");
    assert_string_equal(agent->labels[0], "env");
    assert_string_equal(agent->labels[1], "staging");
    assert_string_equal(agent->labels[3], "213");
    assert_null(agent->labels[4]);
    assert_true(agent->emit_all);
    assert_int_equal(agent->repeat_ms, 0);
    assert_int_equal(agent->max_event, 65536);
    assert_string_equal(agent->checks_as_of, "0.1");
    assert_int_equal(agent->most_at_once, 8);
    assert_true(agent->use_proxies);
    (void)unsetenv("POD_NAME");
    (void)unsetenv("TEST_ENV");
}

/* -------------------------------------------------------------- targets ---- */

static void a_target_is_filled(void **state)
{
    (void)state;
    const struct config_target *target =
        load_target("targets:\n  db:\n    type: thing\n    url: thing://u:hunter22@db:99/x\n"
                    "    user: probe\n    password: hunter33\n    owner: '#dba'\n"
                    "    doc: https://x\n    labels: {team: a, tier: b}\n");
    const struct thing *filled = target->config;
    assert_string_equal(target->name, "db");
    assert_string_equal(target->plugin->face.name, "thing");
    assert_string_equal(target->shown, "thing://db:99/x");
    assert_string_equal(filled->url->host, "db");
    assert_string_equal(filled->user, "probe");
    assert_string_equal(secret_reveal(filled->password), "hunter33");
    assert_int_equal(target->where, PROBE_CLUSTER);
    assert_string_equal(target->owner, "#dba");
    assert_string_equal(target->doc, "https://x");
    assert_int_equal(target->place.line, 2);
    assert_int_equal(target->place.column, 3);
    const struct config_check *check = check_of(target, "connections");
    assert_string_equal(check->owner, "#dba");
    assert_string_equal(check->labels[3], "b");
    assert_true(redact_finds("hunter22", 8));
}

static void the_scheme_says_the_type_where_nobody_else_does(void **state)
{
    (void)state;
    assert_string_equal(load_target("targets: {a: {url: \"things://x\"}}")->plugin->face.name,
                        "thing");
}

static void defaults_of_its_type_lie_below_a_target(void **state)
{
    (void)state;
    const struct config_target *target =
        load_target("defaults:\n  thing: {user: probe, every: 20s, labels: {a: 1, b: 2},\n"
                    "    checks: {connections: {for: 1m, critical: never}, connect: \"off\"}}\n"
                    "targets: {db: {type: thing, url: \"thing://db\", user: null, labels: {b: 3},\n"
                    "  checks: {connections: {for: 2m}}}}\n");
    assert_null(((const struct thing *)target->config)->user);
    assert_string_equal(target->labels[1], "1");
    assert_string_equal(target->labels[3], "3");
    const struct config_check *check = check_of(target, "connections");
    assert_int_equal(check->every_ms, 20000);
    assert_int_equal(check->rules.for_ms[PROBE_WARNING], 120000);
    assert_null(check->critical);
    assert_null(check_of(target, "connect"));
}

static void act_as_is_laid_over_the_target_s_own_options(void **state)
{
    (void)state;
    const struct config_target *target = load_target(TARGET "user: probe, password: s3cret-word,\n"
                                                            "  act_as: {user: ops}}}\n");
    const struct thing *looks = target->config, *acts = target->act_as.config;
    assert_string_equal(looks->user, "probe");
    assert_string_equal(acts->user, "ops");
    assert_string_equal(acts->url->host, "db");
    assert_string_equal(secret_reveal(acts->password), "s3cret-word");
    MEM_AUTO char *digest = mem_copy(target->digest);
    target = load_target(TARGET "user: probe, password: s3cret-word,\n"
                                "  act_as: {user: other}}}\n");
    assert_string_not_equal(target->digest, digest);
    target = load_target("defaults: {thing: {act_as: {user: ops}}}\n" TARGET "user: probe}}\n");
    assert_string_equal(((const struct thing *)target->act_as.config)->user, "ops");
    target = load_target("defaults: {thing: {act_as: {user: ops}}}\n" TARGET "act_as: null}}\n");
    assert_null(target->act_as.config);
    target = load_target(TARGET "user: probe, act_as: {}}}\n");
    assert_string_equal(((const struct thing *)target->act_as.config)->user, "probe");
}

static void what_a_target_lacks_is_told_at_the_target(void **state)
{
    (void)state;
    load("defaults: {thing: {user: probe}}\ntargets:\n  db: {type: thing}\n");
    assert_string_equal(said.bytes, "a.yaml:3:7: targets.db.url: is missing: thing://HOST:PORT\n");
}

static void a_role_leaves_what_does_not_fit_it_to_others(void **state)
{
    static const char targets[] = "targets: {db: {url: \"thing://x\"}, host: {type: local},\n"
                                  "  near: {url: \"thing://y\", scope: node}}\n";
    MEM_AUTO char *sidecar = mem_print("agent: {role: sidecar}\n%s", targets);
    MEM_AUTO char *cluster = mem_print("agent: {role: cluster}\n%s", targets);
    (void)state;
    load(targets);
    assert_int_equal(config->target_count, 3);
    load(sidecar);
    assert_int_equal(config->target_count, 2);
    assert_int_equal(config->elsewhere, 1);
    assert_string_equal(config->targets[0].name, "host");
    assert_string_equal(config->targets[1].name, "near");
    assert_int_equal(config->targets[1].where, PROBE_NODE);
    load(cluster);
    assert_int_equal(config->target_count, 1);
    assert_string_equal(config->targets[0].name, "db");
}

static void a_tree_of_our_own_is_built_like_a_file(void **state)
{
    const struct config_needs needs = {.offline = false};
    (void)state;
    json_t *root = json_pack("{s:{s:{s:s}}}", "targets", "thing", "url", "thing://u:pw@h");
    config = config_build(root, "the command line", &plugins, &needs, &problems);
    assert_non_null(config);
    assert_string_equal(config->targets[0].shown, "thing://h");
    config_destroy(config);
    root = json_pack("{s:{s:{s:s}}}", "targets", "thing", "url", "thing://u:hunter22/x@h");
    config = config_build(root, "the command line", &plugins, &needs, &problems);
    assert_null(config);
    problems_print(&problems, &said);
    assert_string_equal(
        said.bytes,
        "the command line: targets.thing.url: has a port that is no number (is there a password "
        "with / or : or @ in it? user and password may stand beside url)\n");
}

/* --------------------------------------------------------------- checks ---- */

static void the_default_checks_are_light_and_need_nothing(void **state)
{
    (void)state;
    const struct config_target *target = load_target(TARGET "every: 15s}}");
    assert_string_equal(names_of(target), "connect connections long_queries newer");
    assert_int_equal(config_count_checks(config), 4);
    assert_null(check_of(target, "connect")->config);
    assert_null(check_of(target, "connect")->written);
    assert_null(check_of(target, "connect")->warning);
}

static void checks_are_added_switched_off_and_named(void **state)
{
    (void)state;
    const struct config_target *target =
        load_target(TARGET "checks: {connections: off, long_queries: false, connect: true,\n"
                           "  bloat: {}, newer: {check: statements}, fast: {check: connections},\n"
                           "  orphans: {check: invariant, sql: SELECT 1}}}}");
    assert_string_equal(names_of(target), "connect bloat newer fast orphans");
    assert_string_equal(check_of(target, "newer")->check->full_name, "thing.statements");
    assert_string_equal(check_of(target, "fast")->check->full_name, "thing.connections");
    const struct invariant *orphans = check_of(target, "orphans")->config;
    assert_string_equal(orphans->sql, "SELECT 1");
    assert_int_equal(check_of(target, "orphans")->place.line, 3);
}

static void checks_of_a_later_version_are_listed_and_run_if_named(void **state)
{
    (void)state;
    load("agent: {checks_as_of: \"0.9\"}\n" TARGET "}}\n");
    assert_string_equal(said.bytes,
                        "a.yaml:1:23: warning: agent.checks_as_of: thing.newer came with 0.10 and "
                        "is not run: name it, or raise this\n");
    assert_null(check_of(&config->targets[0], "newer"));
    load("agent: {checks_as_of: \"0.10\"}\n" TARGET "}}\n");
    assert_non_null(check_of(&config->targets[0], "newer"));
    load("agent: {checks_as_of: \"0.9\"}\n" TARGET "checks: {newer: {}}}}\n");
    assert_string_equal(said.bytes, "");
    assert_non_null(check_of(&config->targets[0], "newer"));
}

static void times_come_from_the_check_the_target_and_the_plugin(void **state)
{
    (void)state;
    const struct config_target *target =
        load_target(TARGET "every: 3s, timeout: 2s,\n"
                           "  checks: {connections: {every: 1m, timeout: 50s}, bloat: {}, "
                           "long_queries: {every: 1s}, slow: {check: connections, timeout: 9s}}}}");
    static const struct {
        const char *name;
        int64_t every, timeout;
    } expected[] = {
        {"connect", 3000, 2000},       /* the target's */
        {"connections", 60000, 50000}, /* its own */
        {"long_queries", 1000, 2000},  /* what was written may be longer than the interval */
        {"slow", 3000, 9000},
        {"bloat", 3600000, 60000}, /* heavy: the plugin's */
    };
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const struct config_check *check = check_of(target, expected[i].name);
        assert_int_equal(check->every_ms, expected[i].every);
        assert_int_equal(check->timeout_ms, expected[i].timeout);
        assert_int_equal(check->rules.every_ms, expected[i].every);
    }
    target = load_target(TARGET "every: 2s}}"); /* the plugin's own limit is held to it */
    assert_int_equal(check_of(target, "connect")->timeout_ms, 2000);
}

static void rules_are_read(void **state)
{
    (void)state;
    const struct config_target *target =
        load_target("agent: {repeat: 7m, snapshot: 2h, emit: all}\n" TARGET
                    "checks: {connections: {for: 30s, recover: 1m, repeat: 0, flap: {changes: 4},\n"
                    "    labels: {team: dba}, owner: me, doc: here, clear: used_percent < 75},\n"
                    "  long_queries: {for: {warning: 5m, critical: 30s, unknown: 2m}}}}}");
    const struct config_check *check = check_of(target, "connections");
    assert_int_equal(check->rules.for_ms[PROBE_WARNING], 30000);
    assert_int_equal(check->rules.for_ms[PROBE_CRITICAL], 30000);
    assert_int_equal(check->rules.for_ms[PROBE_UNKNOWN], 0);
    assert_int_equal(check->rules.recover_ms, 60000);
    assert_int_equal(check->rules.repeat_ms, 0);
    assert_int_equal(check->rules.snapshot_ms, 7200000);
    assert_int_equal(check->rules.flap_changes, 4);
    assert_int_equal(check->rules.flap_within_ms, 1800000);
    assert_true(check->rules.emit_all);
    assert_string_equal(check->labels[1], "dba");
    assert_string_equal(check->owner, "me");
    assert_string_equal(check->doc, "here");
    assert_string_equal(condition_text(check->clear), "used_percent < 75");
    const struct ledger_rules *rules = &check_of(target, "long_queries")->rules;
    assert_int_equal(rules->for_ms[PROBE_WARNING], 300000);
    assert_int_equal(rules->for_ms[PROBE_CRITICAL], 30000);
    assert_int_equal(rules->for_ms[PROBE_UNKNOWN], 120000);
    assert_int_equal(rules->repeat_ms, 420000);
}

static void conditions_are_the_plugins_unless_others_are_written(void **state)
{
    (void)state;
    (void)setenv("TEST_LIMIT", "70", 1);
    const struct config_target *target = load_target(
        TARGET "checks: {connections: {critical: never},\n"
               "  fast: {check: connections, warning: \"used > ${env:TEST_LIMIT}\"}}}}");
    const struct config_check *check = check_of(target, "connections");
    assert_string_equal(condition_text(check->warning), "used_percent > 80");
    assert_null(check->critical);
    assert_null(check->clear);
    check = check_of(target, "fast");
    assert_string_equal(condition_text(check->warning), "used > 70");
    assert_string_equal(condition_text(check->critical), "used_percent > 95");
    (void)unsetenv("TEST_LIMIT");
}

/* ----------------------------------------------------------- JSON Schema ---- */

static const json_t *member(const json_t *json, const char *const *path)
{
    for (; *path && json; path++)
        json = json_object_get(json, *path);
    return json;
}

static void the_language_is_told_as_json_schema(void **state)
{
    static const char *const sql[] = {
        "$defs", "thing.invariant", "properties", "sql", "description", NULL};
    static const char *const own[] = {
        "$defs", "thing", "properties", "checks", "properties", "bloat", NULL};
    static const char *const critical[] = {
        "$defs", "thing.connections", "properties", "critical", "default", NULL};
    static const char *const realm[] = {"properties", "agent", "properties", "realm", NULL};
    (void)state;
    config_write_schema(&plugins, NULL, NULL, &said);
    json_t *root = json_loads(said.bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(member(root, sql)), "what finds violations");
    assert_string_equal(json_string_value(member(root, critical)), "used_percent > 95");
    assert_non_null(member(root, own));
    assert_non_null(member(root, realm));
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_agent_has_its_defaults),
        TEST(the_agent_is_as_written),
        TEST(a_target_is_filled),
        TEST(the_scheme_says_the_type_where_nobody_else_does),
        TEST(defaults_of_its_type_lie_below_a_target),
        TEST(act_as_is_laid_over_the_target_s_own_options),
        TEST(what_a_target_lacks_is_told_at_the_target),
        TEST(a_role_leaves_what_does_not_fit_it_to_others),
        TEST(a_tree_of_our_own_is_built_like_a_file),
        TEST(the_default_checks_are_light_and_need_nothing),
        TEST(checks_are_added_switched_off_and_named),
        TEST(checks_of_a_later_version_are_listed_and_run_if_named),
        TEST(times_come_from_the_check_the_target_and_the_plugin),
        TEST(rules_are_read),
        TEST(conditions_are_the_plugins_unless_others_are_written),
        TEST(the_language_is_told_as_json_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
