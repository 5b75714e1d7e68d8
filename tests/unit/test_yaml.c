/* probe/yaml, probe/node, probe/problem: what is written becomes a tree with places, or is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/redact.h"
#include "probe/yaml.h"

struct reading {
    struct arena *arena;
    struct problems problems;
    struct text text;
    const struct node *root;
};

static void begin(struct reading *reading)
{
    *reading = (struct reading){.arena = arena_create()};
    text_init(&reading->text, 1 << 20);
}

static const struct node *read_n(struct reading *reading, const char *bytes, size_t len)
{
    return reading->root = yaml_read(reading->arena, "a.yaml", bytes, len, &reading->problems);
}

static const struct node *read_one(struct reading *reading, const char *bytes)
{
    begin(reading);
    return read_n(reading, bytes, strlen(bytes));
}

static void end(struct reading *reading)
{
    text_finish(&reading->text);
    problems_finish(&reading->problems);
    arena_destroy(reading->arena);
}

static const char *as_json(struct reading *reading, const struct node *node)
{
    struct writer writer;
    text_cut_to(&reading->text, 0);
    writer_init(&writer, &reading->text);
    node_write(node, &writer, false);
    return reading->text.bytes;
}

static const char *as_problems(struct reading *reading)
{
    text_cut_to(&reading->text, 0);
    problems_print(&reading->problems, &reading->text);
    return reading->text.bytes;
}

/* ------------------------------------------------------------- reading ---- */

static const struct {
    const char *yaml, *json;
} readable[] = {
    {"", "{}"},
    {"# nothing but a comment\n", "{}"},
    {"---\n", "{}"},
    {"\xEF\xBB\xBF"
     "a: 1",
     "{\"a\":1}"},
    {"a: 1\nb: [x, 2.5, ~]\n", "{\"a\":1,\"b\":[\"x\",2.5,null]}"},
    {"on: off\nyes: no\ny: n", "{\"on\":\"off\",\"yes\":\"no\",\"y\":\"n\"}"},
    {"[true, True, FALSE, tRue, null, Null, NULL, nULL]",
     "[true,true,false,\"tRue\",null,null,null,\"nULL\"]"},
    {"['true', \"1\", '~', '']", "[\"true\",\"1\",\"~\",\"\"]"},
    {"[0x1F, 0o17, 017, -12, +3, 1_000, 0b1, 12:30]",
     "[31,15,17,-12,3,\"1_000\",\"0b1\",\"12:30\"]"},
    {"[1., .5, 1e3, 1.5E-3, ., e3, 1e, .inf, -.INF, .nan]",
     "[1,0.5,1000,0.0015,\".\",\"e3\",\"1e\",null,null,null]"},
    {"[99999999999999999999]", "[1e+20]"},
    {"a: &x {b: 1}\nc: *x\nd: [*x, *x]",
     "{\"a\":{\"b\":1},\"c\":{\"b\":1},\"d\":[{\"b\":1},{\"b\":1}]}"},
    {"a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}"},
    {"sql: |\n  SELECT 1\n  FROM t\nfold: >-\n  a\n  b\n",
     "{\"sql\":\"SELECT 1\\nFROM t\\n\",\"fold\":\"a b\"}"},
    {"password: ${file:/run/secrets/pg}\nenv: ${env:ENV:-production}",
     "{\"password\":\"${file:/run/secrets/pg}\",\"env\":\"${env:ENV:-production}\"}"},
    {"{\"json\":[1,true,null,\"a\\/b\\n\\u00e9\",{\"x\":{}},[]]}",
     "{\"json\":[1,true,null,\"a/b\\n\xC3\xA9\",{\"x\":{}},[]]}"},
    {"{\n\t\"tabs\":\t1,\n\t\"in\": [\n\t\t2\n\t]\n}", "{\"tabs\":1,\"in\":[2]}"},
    {"200: ok\ntrue: word", "{\"200\":\"ok\",\"true\":\"word\"}"},
    {"critical: #missing > 0", "{\"critical\":null}"},
};

static void yaml_and_json_are_read_by_the_core_schema(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(readable); i++) {
        struct reading reading;
        const struct node *root = read_one(&reading, readable[i].yaml);
        assert_string_equal(as_problems(&reading), "");
        assert_non_null(root);
        assert_string_equal(as_json(&reading, root), readable[i].json);
        end(&reading);
    }
}

static void every_value_and_key_knows_its_place(void **state)
{
    struct reading reading;
    (void)state;
    const struct node *root =
        read_one(&reading, "targets:\n  db:\n    url: postgres://db\n    checks: {a: {}, b: 1}\n");
    const struct node *db = node_find(node_find(root, "targets"), "db");
    const struct node *b = node_find(node_find(db, "checks"), "b");
    assert_int_equal(node_find(db, "url")->place.line, 3);
    assert_int_equal(node_find(db, "url")->place.column, 10);
    assert_int_equal(node_find(db, "url")->named.column, 5);
    assert_string_equal(node_find(db, "url")->place.file, "a.yaml");
    assert_int_equal(b->place.line, 4);
    assert_int_equal(b->place.column, 24);
    assert_int_equal(b->named.column, 21);
    assert_int_equal(node_place(db, "nothing").line, 3);
    end(&reading);
}

static void a_number_keeps_the_text_it_was_written_with(void **state)
{
    struct reading reading;
    (void)state;
    const struct node *root = read_one(&reading, "checks_as_of: 0.10");
    assert_string_equal(node_find(root, "checks_as_of")->text, "0.10");
    end(&reading);
}

/* ------------------------------------------------------------ refusing ---- */

static const struct {
    const char *yaml, *problems;
} refused[] = {
    {"a: 1\nb: {x: 1, x: 2}\na: 3\n",
     "a.yaml:2:11: b.x: stands here for the second time, first in line 2 column 5\n"
     "a.yaml:3:1: a: stands here for the second time, first in line 1 column 1\n"},
    {"a: 1\na: 2\na: 3\n",
     "a.yaml:2:1: a: stands here for the second time, first in line 1 column 1\n"
     "a.yaml:3:1: a: stands here for the second time, first in line 1 column 1\n"},
    {"base: &b {a: 1}\nc:\n  <<: *b\n",
     "a.yaml:3:3: c: merge keys `<<` are not part of this language; "
     "use `defaults:`, or an alias for a whole value\n"},
    {"labels: {env: ${env:ENV}}\n",
     "a.yaml:1:16: is no YAML: did not find expected ',' or '}'; "
     "quote it: inside { } and [ ] a reference needs quotes, \"${env:NAME}\"\n"},
    {"t: {url: ${file:/x}}\n",
     "a.yaml:1:11: is no YAML: did not find expected ',' or '}'; "
     "quote it: inside { } and [ ] a reference needs quotes, \"${env:NAME}\"\n"},
    {"a: {b: 1\nc: 2\n",
     "a.yaml:2:2: is no YAML: did not find expected ',' or '}', "
     "while parsing a flow mapping that begins in line 1\n"},
    {"a:\n\tb: 1\n",
     "a.yaml:2:1: is no YAML: found character that cannot start any token; "
     "indent with spaces, not with tabs\n"},
    {"owner: @dba\n",
     "a.yaml:1:8: is no YAML: found character that cannot start any token; "
     "quote the value that begins with this character\n"},
    {"say: this: that\n",
     "a.yaml:1:10: is no YAML: mapping values are not allowed in this context; "
     "a value that holds \": \" needs quotes\n"},
    {"match: \"\\d+\"\n",
     "a.yaml:1:9: is no YAML: found unknown escape character; "
     "write the value in single quotes, where \\ stands for itself\n"},
    {"a: 1\n---\nb: 2\n",
     "a.yaml:2:1: a second document begins here; "
     "one file holds one document: put the other into a file of its own\n"},
    {"a: !!str 1\nb: !include x.yaml\n",
     "a.yaml:1:4: a: tags such as tag:yaml.org,2002:str are not part of this language; "
     "quote what is meant as text\n"
     "a.yaml:2:4: b: tags such as !include are not part of this language; "
     "quote what is meant as text\n"},
    {"[a, b]: 1\n*x : 2\n",
     "a.yaml:1:1: a key must be a word\n"
     "a.yaml:2:1: a key must be a word\n"
     "a.yaml:2:1: *x has no &x before it\n"},
    {"\"\": 1\n", "a.yaml:1:1: a key is empty\n"},
    {"a: &x [1, *x]\nb: *y\n",
     "a.yaml:1:11: a: *x stands inside its own &x\n"
     "a.yaml:2:4: b: *y has no &y before it\n"},
    {"a: \"\\0\"\n", "a.yaml:1:4: a: holds a NUL character\n"},
    {"name: caf\xE9\n", "a.yaml:1:10: is not UTF-8 text: incomplete UTF-8 octet sequence\n"},
    {"a: b\nname: \x01\n", "a.yaml:2:7: is not UTF-8 text: control characters are not allowed\n"},
    {"\x7F"
     "ELF\x02\x01\x01",
     "a.yaml:1:1: is not UTF-8 text: control characters are not allowed\n"},
    {"\xFF\xFE"
     "a",
     "a.yaml:1:1: is not UTF-8 text: invalid leading UTF-8 octet\n"},
    {"\"open", "a.yaml:1:6: is no YAML: found unexpected end of stream\n"},
};

static void what_is_refused_says_where_and_what_would_be_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct reading reading;
        (void)read_one(&reading, refused[i].yaml);
        assert_string_equal(as_problems(&reading), refused[i].problems);
        end(&reading);
    }
}

static void a_billion_laughs_are_one_error(void **state)
{
    struct reading reading;
    struct text TEXT_AUTO yaml;
    (void)state;
    text_init(&yaml, 10000);
    text_add(&yaml, "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n");
    for (int i = 1; i < 10; i++) {
        text_print(&yaml, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++)
            text_print(&yaml, "%s*a%d", j ? ", " : "", i - 1);
        text_add(&yaml, "]\n");
    }
    assert_null(read_one(&reading, yaml.bytes));
    assert_string_equal(
        as_problems(&reading),
        "a.yaml:6:40: a5: *a4 makes this file more than 500000 values or 64 levels\n");
    assert_true(arena_size(reading.arena) < 64u << 20);
    end(&reading);
}

static void aliases_cannot_dig_deeper_than_the_bound(void **state)
{
    struct reading reading;
    struct text TEXT_AUTO yaml;
    (void)state;
    text_init(&yaml, 10000);
    text_add(&yaml, "a0: &a0 [[[[[1]]]]]\n");
    for (int i = 1; i < 20; i++)
        text_print(&yaml, "a%d: &a%d [[[[[*a%d]]]]]\n", i, i, i - 1);
    assert_null(read_one(&reading, yaml.bytes));
    assert_string_equal(
        as_problems(&reading),
        "a.yaml:13:16: a12: *a11 makes this file more than 500000 values or 64 levels\n");
    end(&reading);
}

static void sixty_four_levels_are_read_and_one_more_is_refused(void **state)
{
    struct reading reading;
    char deep[2 * 65 + 1];
    (void)state;
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = '\0';
    assert_null(read_one(&reading, deep));
    assert_string_equal(as_problems(&reading), "a.yaml:1:65: is more than 64 levels deep\n");
    end(&reading);
    deep[64] = ']';
    deep[128] = '\0';
    assert_non_null(read_one(&reading, deep));
    assert_string_equal(as_problems(&reading), "");
    assert_int_equal(strlen(as_json(&reading, reading.root)), 128);
    end(&reading);
}

static void too_many_keys_values_or_bytes_are_one_error(void **state)
{
    struct reading reading;
    struct text TEXT_AUTO yaml;
    (void)state;
    text_init(&yaml, 16 << 20);
    for (int i = 0; i <= YAML_MOST_KEYS; i++)
        text_print(&yaml, "k%d: 1\n", i);
    assert_null(read_one(&reading, yaml.bytes));
    assert_string_equal(as_problems(&reading), "a.yaml:1:1: has more than 10000 keys\n");
    end(&reading);

    text_cut_to(&yaml, 0);
    text_add(&yaml, "[");
    for (int i = 0; i < YAML_MOST_VALUES; i++)
        text_add(&yaml, "1,");
    text_add(&yaml, "]");
    assert_null(read_one(&reading, yaml.bytes));
    assert_string_equal(as_problems(&reading),
                        "a.yaml:1:1000000: the file has more than 500000 values\n");
    end(&reading);

    while (yaml.len <= YAML_MOST_BYTES)
        text_add(&yaml, "# many words and nothing said\n");
    assert_null(read_one(&reading, yaml.bytes));
    assert_string_equal(as_problems(&reading), "a.yaml: is larger than 8 MiB\n");
    end(&reading);
}

/* ------------------------------------------------------------- merging ---- */

static const struct {
    const char *base, *over, *merged;
} merges[] = {
    {"{a: 1, b: {x: 1, y: 2}}", "{b: {y: 3, z: 4}}", "{\"a\":1,\"b\":{\"x\":1,\"y\":3,\"z\":4}}"},
    {"{a: [1, 2]}", "{a: [3]}", "{\"a\":[3]}"},
    {"{a: {x: 1}}", "{a: word}", "{\"a\":\"word\"}"},
    {"{a: word}", "{a: {x: 1}}", "{\"a\":{\"x\":1}}"},
    {"{a: 1, b: 2}", "{a: null, b: ~}", "{}"},
    {"{a: {x: 1, y: 2}}", "{a: {x: null}}", "{\"a\":{\"y\":2}}"},
    /* An empty value is mostly a condition that begins with #: it does not remove. */
    {"{critical: used > 1}", "critical: #used > 2", "{\"critical\":null}"},
    {"{}", "{a: null}", "{\"a\":null}"},
};

static void an_overlay_merges_maps_replaces_the_rest_and_removes_by_null(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(merges); i++) {
        struct reading reading;
        const struct node *base = read_one(&reading, merges[i].base);
        const struct node *over = read_n(&reading, merges[i].over, strlen(merges[i].over));
        const struct node *merged = node_merge(reading.arena, base, over);
        assert_string_equal(as_json(&reading, merged), merges[i].merged);
        end(&reading);
    }
}

static void a_tree_of_our_own_is_read_as_one_from_a_file(void **state)
{
    struct reading reading;
    (void)state;
    begin(&reading);
    json_t *json = json_loads("{\"b\": [1, 2.5, true, false, null, \"x\"], \"a\": {}}", 0, NULL);
    const struct node *root = node_from_json(reading.arena, json, "the command line");
    json_decref(json);
    assert_string_equal(as_json(&reading, root), "{\"b\":[1,2.5,true,false,null,\"x\"],\"a\":{}}");
    assert_string_equal(node_find(root, "b")->place.file, "the command line");
    assert_int_equal(node_find(root, "b")->place.line, 0);
    end(&reading);
}

/* ------------------------------------------------------------ problems ---- */

static void problems_are_sorted_said_once_and_free_of_secrets(void **state)
{
    struct problems problems = {0};
    struct text TEXT_AUTO text;
    const struct place late = {"b.yaml", 9, 1}, early = {"b.yaml", 2, 7};
    (void)state;
    text_init(&text, 10000);
    redact_learn("hunter2");
    problem_hint(problem_add(&problems, late, "targets.a.user", "is %s", "wrong"), "write %d", 5);
    (void)problem_add(&problems, late, "targets.b.user", "is %s", "wrong");
    (void)problem_warn(&problems, early, NULL, "hunter2 is odd");
    (void)problem_add(&problems, (struct place){"a.yaml", 0, 0}, NULL, "cannot be read");
    (void)problem_add(&problems, (struct place){0}, "targets.a.url", "is missing");
    (void)problem_add(&problems, (struct place){0}, "targets.b.url", "is missing");
    assert_int_equal(problems.count, 5);
    assert_int_equal(problems.errors, 4);
    problems_print(&problems, &text);
    assert_string_equal(text.bytes,
                        "targets.a.url: is missing\n"
                        "targets.b.url: is missing\n"
                        "a.yaml: cannot be read\n"
                        "b.yaml:2:7: warning: [redacted] is odd\n"
                        "b.yaml:9:1: targets.a.user: is wrong; write 5\n");
    problems_finish(&problems);
    redact_forget_all();
}

static void problems_beyond_the_maximum_are_counted(void **state)
{
    struct problems problems = {0};
    struct text TEXT_AUTO text;
    (void)state;
    text_init(&text, 1 << 20);
    for (unsigned i = 0; i < PROBLEMS_MOST + 20; i++)
        problem_hint(problem_add(&problems, (struct place){"a", i + 1, 1}, NULL, "bad"), "good");
    assert_int_equal(problems.errors, PROBLEMS_MOST + 20);
    problems_print(&problems, &text);
    assert_non_null(strstr(text.bytes, "\na:1000:1: bad; good\nand 20 more\n"));
    problems_finish(&problems);
}

static void the_nearest_word_is_near(void **state)
{
    static const char *const words[] = {
        "connections", "every", "for", "timeout", "url", "user", "warning", NULL};
    static const struct {
        const char *written, *nearest;
    } cases[] = {
        {"conections", "connections"},
        {"connection", "connections"},
        {"evrey", "every"},
        {"Every", "every"},
        {"ulr", "url"},
        {"usr", "user"},
        {"warn", "warning"},
        {"time-out", "timeout"},
        {"fro", "for"},
        {"zzz", NULL},
        {"x", NULL},
        {"password", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *nearest = problem_nearest(cases[i].written, words);
        if (cases[i].nearest)
            assert_string_equal(nearest ? nearest : "", cases[i].nearest);
        else
            assert_null(nearest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_and_json_are_read_by_the_core_schema),
        cmocka_unit_test(every_value_and_key_knows_its_place),
        cmocka_unit_test(a_number_keeps_the_text_it_was_written_with),
        cmocka_unit_test(what_is_refused_says_where_and_what_would_be_right),
        cmocka_unit_test(a_billion_laughs_are_one_error),
        cmocka_unit_test(aliases_cannot_dig_deeper_than_the_bound),
        cmocka_unit_test(sixty_four_levels_are_read_and_one_more_is_refused),
        cmocka_unit_test(too_many_keys_values_or_bytes_are_one_error),
        cmocka_unit_test(an_overlay_merges_maps_replaces_the_rest_and_removes_by_null),
        cmocka_unit_test(a_tree_of_our_own_is_read_as_one_from_a_file),
        cmocka_unit_test(problems_are_sorted_said_once_and_free_of_secrets),
        cmocka_unit_test(problems_beyond_the_maximum_are_counted),
        cmocka_unit_test(the_nearest_word_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
