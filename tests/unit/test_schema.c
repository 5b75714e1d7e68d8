/* probe/schema: option tables fill structs, say what is wrong, and become JSON Schema. */
#include <stdio.h>
#include <unistd.h>

#include <jansson.h>

#include "io/tls.h"
#include "schema_fixture.h"

/* ------------------------------------------------------------- filling ---- */

static void what_is_not_written_has_its_fallback(void **state)
{
    struct filling filling;
    (void)state;
    fill(&filling, "{}", false);
    assert_string_equal(problems_of(&filling), "");
    const struct everything *got = &filling.got;
    assert_string_equal(got->word, "plain");
    assert_string_equal(got->level, "low");
    assert_null(got->other);
    assert_null(got->password);
    assert_true(got->flag);
    assert_int_equal(got->count, 3);
    assert_int_equal(got->every, 30000);
    assert_int_equal(got->size, 65536);
    assert_true(got->share == 0.5 && got->rate == 2);
    assert_string_equal(got->keys[0], "a");
    assert_string_equal(got->keys[1], "b");
    assert_null(got->keys[2]);
    assert_null(got->url);
    assert_null(got->tls);
    assert_null(got->headers);
    assert_int_equal(got->steps.count, 0);
    assert_null(got->json);
    assert_int_equal(got->named.count, 0);
    assert_null(got->group);
    end(&filling);
}

static void every_type_is_filled_as_written(void **state)
{
    struct filling filling;
    (void)state;
    fill(&filling,
         "word: 0.10\nlevel: high\nother: db\npassword: p@ss\nflag: false\ncount: 0x10\n"
         "every: 1m30s\nsize: 1MiB\nshare: 1e-1\nrate: 30/m\nkeys: [a b, 5]\n"
         "headers: {Accept: text/html, Age: 5}\n"
         "steps: [{path: /a}, {path: /b, count: 9}]\n"
         "json: {a: [1, yes, true, null], b: {c: 0.5}}\n"
         "named: {one: {path: /a}, two: {path: /b, count: 9}}\ngroup: {path: /c}\n",
         false);
    assert_string_equal(problems_of(&filling), "");
    const struct everything *got = &filling.got;
    assert_string_equal(got->word, "0.10");
    assert_string_equal(got->level, "high");
    assert_string_equal(got->other, "db");
    assert_string_equal(filling.schema.links->target, "db");
    assert_string_equal(filling.schema.links->path, "t.other");
    assert_int_equal(filling.schema.links->place.line, 3);
    assert_string_equal(secret_reveal(got->password), "p@ss");
    assert_false(got->flag);
    assert_int_equal(got->count, 16);
    assert_int_equal(got->every, 90000);
    assert_int_equal(got->size, 1 << 20);
    assert_true(got->share == 0.1 && got->rate == 0.5);
    assert_string_equal(got->keys[0], "a b");
    assert_string_equal(got->keys[1], "5");
    assert_string_equal(got->headers[0].name, "Accept");
    assert_string_equal(got->headers[1].value, "5");
    assert_null(got->headers[2].name);
    const struct step *steps = got->steps.first;
    assert_int_equal(got->steps.count, 2);
    assert_string_equal(steps[0].path, "/a");
    assert_int_equal(steps[0].count, 7);
    assert_int_equal(steps[1].count, 9);
    assert_string_equal(got->json, "{\"a\":[1,\"yes\",true,null],\"b\":{\"c\":0.5}}");
    const struct named *named = got->named.first;
    assert_int_equal(got->named.count, 2);
    assert_string_equal(named[0].name, "one");
    assert_string_equal(named[1].name, "two");
    assert_string_equal(named[1].step.path, "/b");
    assert_int_equal(named[0].step.count, 7);
    const struct step *group = got->group;
    assert_string_equal(group->path, "/c");
    assert_int_equal(group->count, 7);
    end(&filling);
}

static void tls_settings_are_filled(void **state)
{
    struct filling filling;
    (void)state;
    fill(&filling,
         "tls: {ca: /ca.pem, certificate: /c.pem, key: /k.pem, name: db, verify: ca, lowest: 1.3}",
         false);
    assert_string_equal(problems_of(&filling), "");
    const struct probe_tls *tls = filling.got.tls;
    assert_string_equal(tls->ca, "/ca.pem");
    assert_string_equal(tls->certificate, "/c.pem");
    assert_string_equal(tls->key, "/k.pem");
    assert_string_equal(tls->name, "db");
    assert_int_equal(tls->verify, TLS_VERIFY_CA);
    assert_int_equal(tls->lowest, 0x0304);
    end(&filling);
    fill(&filling, "tls: {}", false);
    assert_int_equal(filling.got.tls->verify, TLS_VERIFY_FULL);
    assert_int_equal(filling.got.tls->lowest, 0x0303);
    end(&filling);
}

/* ---------------------------------------------------------- references ---- */

static void references_are_put_in_place(void **state)
{
    struct filling filling;
    char path[] = "/tmp/test_schema.XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_int_equal(write(fd, "hunter22\n", 9), 9);
    (void)close(fd);
    (void)setenv("TEST_COUNT", "42", 1);
    (void)setenv("TEST_ENV", "production", 1);
    MEM_AUTO char *yaml = mem_print("word: ${env:TEST_ENV}-$${x}\ncount: \"${env:TEST_COUNT}\"\n"
                                    "flag: ${env:TEST_NONE:-false}\npassword: ${file:%s}\n"
                                    "headers: {Authorization: \"Bearer ${file:%s}\"}\n"
                                    "json: {a: \"${env:TEST_ENV}\", b: \"${captured:token}\"}\n",
                                    path,
                                    path);
    fill(&filling, yaml, false);
    assert_string_equal(problems_of(&filling), "");
    assert_string_equal(filling.got.word, "production-${x}");
    assert_int_equal(filling.got.count, 42);
    assert_false(filling.got.flag);
    assert_string_equal(secret_reveal(filling.got.password), "hunter22");
    assert_null(filling.got.headers[0].value);
    assert_string_equal(secret_reveal(filling.got.headers[0].secret), "Bearer hunter22");
    assert_string_equal(filling.got.json, "{\"a\":\"production\",\"b\":\"${captured:token}\"}");
    assert_true(redact_finds("hunter22", 8));
    assert_false(redact_finds("production", 10));
    end(&filling);
    (void)unlink(path);
    (void)unsetenv("TEST_COUNT");
    (void)unsetenv("TEST_ENV");
}

static void offline_nothing_that_is_referred_to_need_be_there(void **state)
{
    struct filling filling;
    const char *yaml = "word: ${env:TEST_NONE}\ncount: ${env:TEST_NONE}\n"
                       "password: ${file:/nonexistent/x}\nurl: ${file:/nonexistent/url}\n"
                       "level: ${env:TEST_NONE}\nother: ${env:TEST_NONE}\n"
                       "tls: {verify: \"${env:TEST_NONE}\"}\n";
    (void)state;
    fill(&filling, yaml, true);
    assert_string_equal(problems_of(&filling), "");
    assert_string_equal(filling.got.word, "plain");
    assert_int_equal(filling.got.count, 3);
    assert_string_equal(filling.got.level, "low");
    assert_null(filling.got.other);
    assert_int_equal(filling.got.tls->verify, TLS_VERIFY_FULL);
    assert_non_null(filling.got.password);
    assert_string_equal(filling.got.url->shown, "${file:/nonexistent/url}");
    assert_string_equal(filling.got.url->host, "");
    end(&filling);
    fill(&filling, "count: ${file:/etc/passwd}", true); /* no file is opened */
    assert_string_equal(problems_of(&filling), "");
    end(&filling);
    fill(&filling, "url: thing://u:hunter22@h", true); /* what stands there is hidden even so */
    assert_true(redact_finds("hunter22", 8));
    end(&filling);
    fill(&filling, yaml, false);
    assert_string_equal(
        problems_of(&filling),
        "a.yaml:1:7: t.word: ${env:TEST_NONE} is not set\n"
        "a.yaml:2:8: t.count: ${env:TEST_NONE} is not set\n"
        "a.yaml:3:11: t.password: ${file:/nonexistent/x}: No such file or directory\n"
        "a.yaml:4:6: t.url: ${file:/nonexistent/url}: No such file or directory\n"
        "a.yaml:5:8: t.level: ${env:TEST_NONE} is not set\n"
        "a.yaml:6:8: t.other: ${env:TEST_NONE} is not set\n"
        "a.yaml:7:15: t.tls.verify: ${env:TEST_NONE} is not set\n");
    end(&filling);
}

/* ------------------------------------------------------------ refusing ---- */

static const struct {
    const char *yaml, *problems;
} refused[] = {
    {"evry: 5s", "a.yaml:1:1: t.evry: is not known here; did you mean every?\n"},
    {"xyzzy: 5s",
     "a.yaml:1:1: t.xyzzy: is not known here; known are word, level, other, password, flag, count, "
     "every, size, share, rate, keys, url, tls, headers, steps, json, "
     "named, group\n"},
    {"named: {one: {path: /a, cuont: 3}, two: {}}",
     "a.yaml:1:25: t.named.one.cuont: is not known here; did you mean count?\n"
     "a.yaml:1:41: t.named.two.path: is missing: where\n"},
    {"named: [a]", "a.yaml:1:8: t.named: is a list, not a map of maps: {name: {...}}\n"},
    {"named: {one: 5}", "a.yaml:1:14: t.named.one: is 5, not a map\n"},
    {"group: {}", "a.yaml:1:8: t.group.path: is missing: where\n"},
    {"group: x", "a.yaml:1:8: t.group: is text, not a map\n"},
    {"word: true", "a.yaml:1:7: t.word: is the boolean true, not text; write \"true\"\n"},
    {"word: [a]", "a.yaml:1:7: t.word: is a list, not text\n"},
    {"word:", "a.yaml:1:1: t.word: is empty; write text, or take the line away\n"},
    {"word: ${env:1X}", "a.yaml:1:7: t.word: ${env:...} does not name an environment variable\n"},
    {"word: ${captive:x}",
     "a.yaml:1:7: t.word: a reference is neither ${env:NAME} nor ${file:/path}; "
     "for a plain \"${\" write $${\n"},
    {"level: hgih",
     "a.yaml:1:8: t.level: is \"hgih\", which is none of low, middle, high; write high\n"},
    {"flag: yes",
     "a.yaml:1:7: t.flag: is the word \"yes\": booleans are true and false; write true\n"},
    {"flag: Off",
     "a.yaml:1:7: t.flag: is the word \"Off\": booleans are true and false; write false\n"},
    {"flag: \"true\"",
     "a.yaml:1:7: t.flag: is text, not true or false; write true without quotes\n"},
    {"flag: 1", "a.yaml:1:7: t.flag: is \"1\", not true or false\n"},
    {"count: 0", "a.yaml:1:8: t.count: is 0, less than 1\n"},
    {"count: 101", "a.yaml:1:8: t.count: is 101, more than 100\n"},
    {"count: 1.5", "a.yaml:1:8: t.count: is \"1.5\", not a whole number\n"},
    {"count: \"5\"", "a.yaml:1:8: t.count: is text, not a whole number; write 5 without quotes\n"},
    {"count: many", "a.yaml:1:8: t.count: is text, not a whole number\n"},
    {"count: 99999999999999999999",
     "a.yaml:1:8: t.count: is 99999999999999999999, which is too large\n"},
    {"every: 30", "a.yaml:1:8: t.every: is 30 of no unit; write 30s\n"},
    {"every: 5 m",
     "a.yaml:1:8: t.every: is \"5 m\", not a duration; write it like 250ms, 30s, 5m, 1h30m or "
     "7d\n"},
    {"every: 10ms", "a.yaml:1:8: t.every: is 10ms, less than 1s\n"},
    {"every: 2h", "a.yaml:1:8: t.every: is 2h, more than 1h\n"},
    {"every: 99999999d", "a.yaml:1:8: t.every: is longer than a century\n"},
    {"size: 5 parsecs",
     "a.yaml:1:7: t.size: is \"5 parsecs\", not a size; write it like 4096, 64KiB or 2GB\n"},
    {"size: 2MiB", "a.yaml:1:7: t.size: is 2MiB, more than 1.0 MiB\n"},
    {"share: .nan", "a.yaml:1:8: t.share: is \".nan\", not a number\n"},
    {"rate: 5", "a.yaml:1:7: t.rate: is \"5\", not a rate; write it like 2/s, 10/m or 100/h\n"},
    {"keys: one", "a.yaml:1:7: t.keys: is text, not a list such as [a, b]; write [one]\n"},
    {"keys: [a, {b: c}, true]",
     "a.yaml:1:11: t.keys: is a map, not text\n"
     "a.yaml:1:19: t.keys: is the boolean true, not text; write \"true\"\n"},
    {"headers: [a]", "a.yaml:1:10: t.headers: is a list, not a map such as {name: value}\n"},
    {"steps: [{count: 1}, 5, {path: /x, cuont: 1}]",
     "a.yaml:1:9: t.steps[0].path: is missing: where\n"
     "a.yaml:1:21: t.steps[1]: is 5, not a map\n"
     "a.yaml:1:35: t.steps[2].cuont: is not known here; did you mean count?\n"},
    {"tls: true", "a.yaml:1:6: t.tls: is true, not a map such as {ca: /file}\n"},
    {"tls: {ca: ca.pem, verify: yes, lowest: 1.4, certificate: /c, kay: /k}",
     "a.yaml:1:6: t.tls: needs both certificate and key, or neither\n"
     "a.yaml:1:11: t.tls.ca: is not an absolute path\n"
     "a.yaml:1:27: t.tls.verify: is \"yes\", which is none of full, ca, none\n"
     "a.yaml:1:40: t.tls.lowest: is \"1.4\", which is none of 1.0, 1.1, 1.2, 1.3\n"
     "a.yaml:1:62: t.tls.kay: is not known here; did you mean key?\n"},
};

static void what_is_refused_says_what_would_be_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct filling filling;
        fill(&filling, refused[i].yaml, false);
        assert_string_equal(problems_of(&filling), refused[i].problems);
        end(&filling);
    }
}

static void unknown_keys_are_warnings_where_a_newer_version_is_required(void **state)
{
    struct filling filling;
    (void)state;
    fill(&filling, "{}", false);
    filling.schema.lenient = true;
    const struct node *map = yaml_read(filling.schema.memory, "a", "evry: 1", 7, &filling.problems);
    schema_refuse_unknown(&filling.schema, &(struct schema_keys){.tables = {options}}, map, "t");
    assert_int_equal(filling.problems.errors, 0);
    assert_string_equal(
        problems_of(&filling),
        "a:1:1: warning: t.evry: is not known to this version; did you mean every?\n");
    end(&filling);
}

/* --------------------------------------------------------- JSON Schema ---- */

static void tables_become_json_schema(void **state)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    (void)state;
    text_init(&text, 1 << 20);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    schema_write_properties(options, NULL, &writer);
    writer_end(&writer);
    json_t *root = json_loads(text.bytes, 0, NULL);
    assert_non_null(root);
    json_t *level = json_object_get(root, "level");
    assert_string_equal(json_string_value(json_object_get(level, "description")), "how much");
    assert_string_equal(json_string_value(json_object_get(level, "default")), "low");
    assert_int_equal(json_array_size(json_object_get(level, "enum")), 3);
    json_t *items = json_object_get(json_object_get(root, "steps"), "items");
    assert_true(json_is_false(json_object_get(items, "additionalProperties")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(items, "required"), 0)),
                        "path");
    json_t *named = json_object_get(root, "named"), *group = json_object_get(root, "group");
    assert_true(json_is_false(json_object_get(group, "additionalProperties")));
    assert_string_equal(json_string_value(json_object_get(group, "type")), "object");
    json_t *each = json_object_get(named, "additionalProperties");
    assert_non_null(json_object_get(json_object_get(each, "properties"), "path"));
    assert_true(json_is_false(json_object_get(each, "additionalProperties")));
    json_t *count = json_array_get(json_object_get(json_object_get(root, "count"), "anyOf"), 0);
    assert_int_equal(json_integer_value(json_object_get(count, "maximum")), 100);
    assert_int_equal(json_object_size(root), COUNT_OF(options) - 1);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_written_has_its_fallback),
        cmocka_unit_test(every_type_is_filled_as_written),
        cmocka_unit_test(tls_settings_are_filled),
        cmocka_unit_test(references_are_put_in_place),
        cmocka_unit_test(offline_nothing_that_is_referred_to_need_be_there),
        cmocka_unit_test(what_is_refused_says_what_would_be_right),
        cmocka_unit_test(unknown_keys_are_warnings_where_a_newer_version_is_required),
        cmocka_unit_test(tables_become_json_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
