/* probe/config: what is wrong is told all at once, each with its place and what would be right. */
#include "config_fixture.h"

/* -------------------------------------------------------------- refusing ---- */

static const struct {
    const char *yaml, *problems;
} refused[] = {
    {"version: 2\n",
     "a.yaml:1:10: version: this agent reads version 1 of the language; write version: 1\n"},
    {"[a]\n",
     "a.yaml:1:1: is a list, not a map; a configuration begins with a key such as targets:\n"},
    {"target: {}\n", "a.yaml:1:1: target: is not known here; did you mean targets?\n"},
    {"targets: [a]\n",
     "a.yaml:1:10: targets: is not a map; "
     "write a name and its settings, such as orders-db: {url: ...}\n"},
    {"agent: {relam: x}\n", "a.yaml:1:9: agent.relam: is not known here; did you mean realm?\n"},
    {"agent: {role: leader}\n",
     "a.yaml:1:15: agent.role: is \"leader\", which is none of sidecar, node, cluster\n"},
    {"agent: {state: var/x, emit: off}\n",
     "a.yaml:1:16: agent.state: is not an absolute path\n"
     "a.yaml:1:29: agent.emit: is \"off\", which is none of changes, all\n"},
    {"targets: {db: {type: thign, url: \"thing://x\"}}\n",
     "a.yaml:1:22: targets.db.type: there is no plugin \"thign\"; did you mean thing?\n"},
    {"targets: {db: {type: oracle}}\n",
     "a.yaml:1:22: targets.db.type: there is no plugin \"oracle\"; known are local, thing\n"},
    {"targets: {db: {user: x}}\n",
     "a.yaml:1:15: targets.db.type: is missing; known are local, thing\n"},
    {"targets: {db: {url: \"redis://x\"}}\n",
     "a.yaml:1:15: targets.db.type: is missing; known are local, thing\n"},
    {"targets: {db: {type: thing}}\n",
     "a.yaml:1:15: targets.db.url: is missing: thing://HOST:PORT\n"},
    {"targets: {a/b: {type: local}, db: word}\n",
     "a.yaml:1:11: targets.a/b: cannot be a name; use at most 100 letters, digits, -, _ and ., "
     "the first a letter or digit\n"
     "a.yaml:1:35: targets.db: is text, not a map; write type: and url: below it\n"},
    {TARGET "usr: x, evry: 5s}}\n",
     "a.yaml:1:48: targets.db.usr: is not known here; did you mean user?\n"
     "a.yaml:1:56: targets.db.evry: is not known here; did you mean every?\n"},
    {TARGET "backup: bd}}\n",
     "a.yaml:1:56: targets.db.backup: there is no target \"bd\"; did you mean db?\n"},
    {TARGET "checks: [connect]}}\n",
     "a.yaml:1:56: targets.db.checks: is not a map; "
     "write a name and its settings, such as connect: {every: 30s}\n"},
    {TARGET "checks: {conections: {}, x: {check: bloaat}}}}\n",
     "a.yaml:1:57: targets.db.checks.conections: thing has no check \"conections\"; "
     "did you mean connections?\n"
     "a.yaml:1:84: targets.db.checks.x.check: thing has no check \"bloaat\"; did you mean "
     "bloat?\n"},
    {TARGET "checks: {connections: , bloat: on}}}\n",
     "a.yaml:1:57: targets.db.checks.connections: is empty; "
     "write {} to run it as it is, or \"off\"\n"
     "a.yaml:1:79: targets.db.checks.bloat: is not a map; write {} to run it as it is, or "
     "\"off\"\n"},
    {TARGET "checks: {orphans: {check: invariant}}}}\n",
     "a.yaml:1:66: targets.db.checks.orphans.sql: is missing: what finds violations\n"},
    {TARGET "checks: {connections: {warn: 5, older_than: 5s}}}}\n",
     "a.yaml:1:71: targets.db.checks.connections.warn: is not known here; did you mean warning?\n"
     "a.yaml:1:80: targets.db.checks.connections.older_than: is not known here; known are check, "
     "every, timeout, recover, repeat, owner, doc, labels, warning, critical, clear, for, flap, "
     "active, depends_on, class\n"},
    {TARGET "checks: {connections: {for: [1m], flap: 5}}}}\n",
     "a.yaml:1:76: targets.db.checks.connections.for: is a list, not a duration such as 30s\n"
     "a.yaml:1:88: targets.db.checks.connections.flap: is not a map; "
     "write it like {changes: 6, within: 30m}\n"},
    {TARGET "checks: {connections: {for: {critcal: 5m, warning: 5}}}}}\n",
     "a.yaml:1:77: targets.db.checks.connections.for.critcal: is not known here; "
     "did you mean critical?\n"
     "a.yaml:1:99: targets.db.checks.connections.for.warning: is 5 of no unit; write 5s\n"},
    {TARGET "labels: {a: {b: c}, d: true}}}\n",
     "a.yaml:1:60: targets.db.labels.a: is a map, not text\n"
     "a.yaml:1:71: targets.db.labels.d: is the boolean true, not text; write \"true\"\n"},
    {"defaults: {thign: {}, thing: {usr: x}, local: 5}\n",
     "a.yaml:1:12: defaults.thign: there is no plugin \"thign\"; did you mean thing?\n"
     "a.yaml:1:31: defaults.thing.usr: is not known here; did you mean user?\n"
     "a.yaml:1:47: defaults.local: is not a map\n"},
    {"requires: [0.1]\nagent: {checks_as_of: lately, realm: \"\"}\n",
     "a.yaml:1:11: requires: is not a version; write it like \"0.1\"\n"
     "a.yaml:2:23: agent.checks_as_of: is not a version; write it like \"0.1\"\n"},
    {TARGET "checks: {connections: {clear: never}, x: {check: 5}, y: {check: [a]}}}}\n",
     "a.yaml:1:78: targets.db.checks.connections.clear: is never: what was bad would stay so for "
     "ever\n"
     "a.yaml:1:97: targets.db.checks.x.check: thing has no check \"5\"; known are connect, "
     "connections, long_queries, bloat, statements, invariant, newer\n"
     "a.yaml:1:112: targets.db.checks.y.check: thing has no check \"y\"; known are connect, "
     "connections, long_queries, bloat, statements, invariant, newer\n"},
    /* A default that two targets inherit is wrong once. */
    {"defaults: {thing: {every: 5}}\n"
     "targets: {a: {url: \"thing://x\"}, b: {url: \"thing://x\"}}\n",
     "a.yaml:1:27: targets.a.every: is 5 of no unit; write 5s\n"},
    /* What F26 found. */
    {TARGET "\n  checks: {connections: {\n    critical: #missing > 0\n  }}}}\n",
     "a.yaml:3:5: targets.db.checks.connections.critical: is empty; what begins with # is a "
     "comment: quote the condition; never switches the grade off\n"},
    {TARGET "checks: {connections: {critical: \"off\", warning: 5, clear: false}}}}\n",
     "a.yaml:1:81: targets.db.checks.connections.critical: is off, not a condition; "
     "write never to switch the grade off\n"
     "a.yaml:1:97: targets.db.checks.connections.warning: is 5, not a condition; "
     "write it like used_percent > 5\n"
     "a.yaml:1:107: targets.db.checks.connections.clear: is false, not a condition; "
     "write never to switch the grade off\n"},
};

static void what_is_refused_says_where_and_what_would_be_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        load(refused[i].yaml);
        assert_string_equal(said.bytes, refused[i].problems);
        assert_null(config);
    }
}

static void a_wrong_condition_is_told_at_its_place(void **state)
{
    (void)state;
    load(TARGET "checks: {connections: {critical: used_percnt > 5, warning: used != 5}}}}");
    assert_null(config);
    assert_non_null(strstr(said.bytes, "a.yaml:1:81: targets.db.checks.connections.critical: "));
    assert_non_null(strstr(said.bytes, "used_percent"));
    assert_non_null(strstr(said.bytes, "a.yaml:1:107: targets.db.checks.connections.warning: "));
    assert_non_null(strstr(said.bytes, "~="));
}

static void act_as_holds_options_of_the_target(void **state)
{
    static const struct {
        const char *written, *said;
    } cases[] = {
        {"act_as: {usr: x}}}",
         "a.yaml:1:57: targets.db.act_as.usr: is not known here; did you "
         "mean user?\n"},
        {"act_as: {every: 5s}}}",
         "a.yaml:1:57: targets.db.act_as.every: is not known here; known "
         "are url, user, password, backup\n"},
        {"act_as: ops}}",
         "a.yaml:1:56: targets.db.act_as: is text, not a map; write options of "
         "the target, such as {user: ..., password: ...}; {} acts as it looks\n"},
        {"act_as: {url: 5}}}", "a.yaml:1:62: targets.db.act_as.url: does not begin with SCHEME://"},
        {"user: [], act_as: {}}}", "a.yaml:1:54: targets.db.user: is a list, not text\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        load_as(NULL, 0, (struct config_needs){0});
        MEM_AUTO char *text = mem_print("%s%s", TARGET, cases[i].written);
        load(text);
        assert_null(config);
        if (strncmp(said.bytes, cases[i].said, strlen(cases[i].said)) != 0)
            fail_msg("%s: %s", cases[i].written, said.bytes);
    }
    load("targets: {here: {type: local, act_as: {}}}\n");
    assert_string_equal(said.bytes,
                        "a.yaml:1:31: warning: targets.here.act_as: changes nothing: local has no "
                        "action\n");
}

static void what_belongs_to_a_later_version_is_said_once(void **state)
{
    (void)state;
    load("agent: {log: json}\nguard: {mode: dry-run}\n"
         "runbooks: {x: {anything: [1]}}\nsinks: {stdout: {}}\n" TARGET
         "preset: all, scope: quorum},\n"
         "  two: {url: \"thing://x\", preset: all, checks: {connect: {class: x}}},\n"
         "  three: {template: gateway, each: {}, anything: 1}}\n");
    assert_non_null(config);
    assert_int_equal(config->target_count, 2);
    assert_string_equal(
        said.bytes,
        "a.yaml:1:9: warning: agent.log: not in force yet: the log on stderr is JSON where that is "
        "no terminal\n"
        "a.yaml:3:1: warning: runbooks: not in force yet: findings open no incident\n"
        "a.yaml:5:48: warning: targets.db.preset: not in force yet: the default checks run\n"
        "a.yaml:5:61: warning: targets.db.scope: not in force yet: agents cannot vote, so a "
        "quorum's target runs where its plugin says\n"
        "a.yaml:6:59: warning: targets.two.checks.connect.class: not in force yet: nothing is "
        "silenced anyway\n"
        "a.yaml:7:11: warning: targets.three.template: not in force yet: this target is left out\n"
        "a.yaml:7:30: warning: targets.three.each: not in force yet: this target is left out\n");
    assert_int_equal(problems.errors, 0);
}

static void a_file_for_a_newer_version_has_its_keys_left_out(void **state)
{
    (void)state;
    load("requires: \"0.2\"\nfuture: 1\n" TARGET "futur: 2}}");
    assert_non_null(config);
    assert_string_equal(
        said.bytes,
        "a.yaml:1:11: warning: requires: this is runbookd 0.1.0: keys that it does not know are "
        "left out\n"
        "a.yaml:2:1: warning: future: is not known to this version; known are version, requires, "
        "agent, defaults, targets, remediations, exec, guard, approval, silences, sinks, "
        "runbooks, severities, after_every_incident, templates\n"
        "a.yaml:3:48: warning: targets.db.futur: is not known to this version; known are type, "
        "scope, owner, doc, every, timeout, url, user, password, backup, act_as, labels, checks, "
        "active, depends_on, template, each, class, pooler, "
        "preset\n");
    load("requires: \"0.1\"\nfuture: 1\n");
    assert_null(config);
}

static void offline_secrets_need_not_be_there(void **state)
{
    const char *const paths[] = {"a.yaml"};
    (void)state;
    put("a.yaml",
        "targets: {db: {type: thing, url: \"${file:/nonexistent/u}\",\n"
        "  password: \"${env:TEST_NONE}\"}}");
    load_as(paths, 1, (struct config_needs){.offline = true});
    assert_string_equal(said.bytes, "");
    assert_non_null(config);
    load_as(paths, 1, (struct config_needs){.offline = false});
    assert_string_equal(
        said.bytes,
        "a.yaml:1:34: targets.db.url: ${file:/nonexistent/u}: No such file or directory\n"
        "a.yaml:2:13: targets.db.password: ${env:TEST_NONE} is not set\n");
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_refused_says_where_and_what_would_be_right),
        TEST(a_wrong_condition_is_told_at_its_place),
        TEST(act_as_holds_options_of_the_target),
        TEST(what_belongs_to_a_later_version_is_said_once),
        TEST(a_file_for_a_newer_version_has_its_keys_left_out),
        TEST(offline_secrets_need_not_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
