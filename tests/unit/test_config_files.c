/* probe/config: files, folders and overlays; what has changed; bounds. */
#include "config_fixture.h"

/* --------------------------------------------------- files and overlays ---- */

static void a_folders_files_are_joined_by_name(void **state)
{
    const char *const paths[] = {"base"};
    (void)state;
    assert_int_equal(mkdir("base", 0700), 0);
    put("base/10.yaml", "version: 1\nagent: {realm: x}\ntargets: {a: {url: \"thing://a\"}}\n");
    put("base/20.yml", "version: 1\ntargets: {b: {url: \"thing://b\"}}\nagent: {role: node}\n");
    put("base/30.json", "{\"targets\": {\"c\": {\"type\": \"local\"}}}");
    put("base/.hidden.yaml", "]");
    put("base/readme.txt", "]");
    load_as(paths, 1, (struct config_needs){0});
    assert_string_equal(said.bytes, "");
    assert_int_equal(config->target_count, 1);
    assert_int_equal(config->elsewhere, 2);
    assert_string_equal(config->targets[0].name, "c");
    assert_string_equal(config->targets[0].place.file, "base/30.json");
    assert_string_equal(config->agent.realm, "x");
    put("base/40.yaml", "version: 2\nagent: {realm: y}\ntargets:\n  a: {url: \"thing://c\"}\n");
    load_as(paths, 1, (struct config_needs){0});
    assert_string_equal(
        said.bytes,
        "base/40.yaml:1:1: version: stands in two files of this folder, first in base/10.yaml:1:1\n"
        "base/40.yaml:2:9: agent.realm: stands in two files of this folder, first in "
        "base/10.yaml:2:9\n"
        "base/40.yaml:4:3: targets.a: stands in two files of this folder, first in "
        "base/10.yaml:3:11\n");
    assert_null(config);
}

static void an_overlay_is_laid_over_what_came_before(void **state)
{
    const char *const paths[] = {"base.yaml", "over.yaml"};
    (void)state;
    put("base.yaml",
        "agent: {realm: x, labels: {a: 1, b: 2}}\n"
        "targets:\n"
        "  one: {url: \"thing://a\", checks: {connections: {for: 1m}, orphans: {check: invariant, "
        "sql: S}}}\n"
        "  two: {type: local}\n");
    put("over.yaml",
        "agent: {labels: {b: 3}}\n"
        "targets:\n"
        "  one: {checks: {connections: {critical: used_percent > 98}, orphans: \"off\", bloat: "
        "\"off\"}}\n"
        "  two: null\n"
        "  tow: null\n");
    load_as(paths, 2, (struct config_needs){0});
    assert_string_equal(said.bytes,
                        "over.yaml:5:3: warning: targets.tow: removes nothing: nobody set it\n");
    assert_non_null(config);
    assert_int_equal(config->target_count, 1);
    assert_string_equal(config->agent.labels[3], "3");
    const struct config_check *check = check_of(&config->targets[0], "connections");
    assert_int_equal(check->rules.for_ms[PROBE_CRITICAL], 60000);
    assert_string_equal(condition_text(check->critical), "used_percent > 98");
    assert_null(check_of(&config->targets[0], "orphans"));
}

static void what_cannot_be_read_is_told_and_the_rest_is_read(void **state)
{
    const char *const paths[] = {"none.yaml", "empty", "pipe.yaml", "bad"};
    (void)state;
    assert_int_equal(mkdir("empty", 0700), 0);
    assert_int_equal(mkdir("bad", 0700), 0);
    assert_int_equal(mkfifo("pipe.yaml", 0600), 0);
    put("bad/a.yaml", "a: [\n");
    put("bad/b.yaml", "5\n");
    put("bad/c.yaml", "nobody: knows this, but what was not read may\n");
    load_as(paths, 4, (struct config_needs){0});
    assert_null(config);
    assert_string_equal(
        said.bytes,
        "bad/a.yaml:2:1: is no YAML: did not find expected node content\n"
        "bad/b.yaml:1:1: is a number, not a map; a configuration begins with a key such as "
        "targets:\n"
        "empty: holds no .yaml, .yml or .json file\n"
        "none.yaml: cannot be read: No such file or directory\n"
        "pipe.yaml: is neither a file nor a folder\n");
    load_as(&paths[3], 1, (struct config_needs){0});
    assert_int_equal(problems.errors, 2); /* and nothing that follows from them */
}

static void kubernetes_links_are_followed(void **state)
{
    const char *const paths[] = {"map"};
    (void)state;
    assert_int_equal(mkdir("map", 0700), 0);
    assert_int_equal(mkdir("map/..2026", 0700), 0);
    put("map/..2026/a.yaml", "targets: {a: {type: local}}");
    assert_int_equal(symlink("..2026", "map/..data"), 0);
    assert_int_equal(symlink("..data/a.yaml", "map/a.yaml"), 0);
    load_as(paths, 1, (struct config_needs){0});
    assert_string_equal(said.bytes, "");
    assert_int_equal(config->target_count, 1);
}

/* --------------------------------------------------------------- digests ---- */

struct digests {
    char whole[7], target[17], connections[17], connect[17];
};

static struct digests digests_of(const char *text)
{
    struct digests digests = {""};
    load(text);
    assert_non_null(config);
    memcpy(digests.whole, config->digest, sizeof(digests.whole));
    memcpy(digests.target, config->targets[0].digest, sizeof(digests.target));
    for (size_t i = 0; i < config->targets[0].check_count; i++) {
        const struct config_check *check = &config->targets[0].checks[i];
        if (strcmp(check->name, "connections") == 0)
            memcpy(digests.connections, check->digest, sizeof(digests.connections));
        if (strcmp(check->name, "connect") == 0)
            memcpy(digests.connect, check->digest, sizeof(digests.connect));
    }
    return digests;
}

static void digests_tell_what_has_changed(void **state)
{
    (void)state;
    struct digests first = digests_of(TARGET "user: a, checks: {connections: {for: 1m}}}}");
    assert_int_equal(strlen(first.whole), 6);
    assert_int_equal(strlen(first.target), 16);
    /* The same in another order and with comments is the same. */
    struct digests same =
        digests_of("targets:\n  db: # ours\n    checks: {connections: {for: 1m}}\n"
                   "    user: a\n    url: thing://db\n    type: thing\n");
    assert_memory_equal(&first, &same, sizeof(first));
    struct digests check = digests_of(TARGET "user: a, checks: {connections: {for: 2m}}}}");
    assert_string_not_equal(check.whole, first.whole);
    assert_string_not_equal(check.target, first.target);
    assert_string_not_equal(check.connections, first.connections);
    assert_string_equal(check.connect, first.connect);
    /* What is inherited counts as well. */
    struct digests every =
        digests_of(TARGET "every: 5s, user: a, checks: {connections: {for: 1m}}}}");
    assert_string_not_equal(every.connect, first.connect);
    struct digests repeat =
        digests_of("agent: {repeat: 9m}\n" TARGET "user: a, checks: {connections: {for: 1m}}}}");
    assert_string_not_equal(repeat.target, first.target);
    (void)setenv("TEST_USER", "a", 1);
    struct digests before = digests_of(TARGET "user: \"${env:TEST_USER}\"}}");
    (void)setenv("TEST_USER", "b", 1);
    struct digests after = digests_of(TARGET "user: \"${env:TEST_USER}\"}}");
    assert_string_equal(before.whole, after.whole);
    assert_string_not_equal(before.target, after.target);
    (void)unsetenv("TEST_USER");
}

static void labels_and_checks_have_bounds(void **state)
{
    struct text TEXT_AUTO yaml;
    (void)state;
    text_init(&yaml, 1 << 20);
    text_add(&yaml, "agent:\n  labels:\n");
    for (int i = 0; i <= 64; i++)
        text_print(&yaml, "    l%d: x\n", i);
    text_print(&yaml, "targets:\n  a: {type: local, labels: {long: %01000d}}\n", 1);
    text_add(&yaml, "  b:\n    type: local\n    checks:\n");
    for (int i = 0; i <= 1000; i++)
        text_print(&yaml, "      c%d: {check: memory}\n", i);
    load(yaml.bytes);
    assert_null(config);
    assert_string_equal(said.bytes,
                        "a.yaml:3:5: agent.labels: holds 65 values, more than 64\n"
                        "a.yaml:69:35: targets.a.labels.long: is longer than 1000 bytes\n"
                        "a.yaml:73:7: targets.b.checks: has 1001 checks, more than 1000\n");
}

static void ten_thousand_targets_are_read_and_one_more_is_not(void **state)
{
    struct text TEXT_AUTO yaml;
    (void)state;
    text_init(&yaml, 1 << 22);
    text_add(&yaml, "targets:\n");
    for (int i = 0; i < 10000; i++)
        text_print(&yaml, "  t%d: {type: local}\n", i);
    load(yaml.bytes);
    assert_non_null(config);
    assert_int_equal(config->target_count, 10000);
    text_add(&yaml, "  more: {type: local}\n");
    load(yaml.bytes);
    assert_null(config);
    assert_string_equal(said.bytes, "a.yaml:2:3: targets: has more than 10000 keys\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folders_files_are_joined_by_name),
        TEST(an_overlay_is_laid_over_what_came_before),
        TEST(what_cannot_be_read_is_told_and_the_rest_is_read),
        TEST(kubernetes_links_are_followed),
        TEST(digests_tell_what_has_changed),
        TEST(labels_and_checks_have_bounds),
        TEST(ten_thousand_targets_are_read_and_one_more_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
