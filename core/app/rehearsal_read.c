/*
 * rehearsal_read - a test file, read by tables of options as a configuration is.
 *
 * Layer: app.  Part of app/rehearsal.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/rehearsal_parts.h"
#include "base/mem.h"
#include "probe/schema.h"

/* ---------------------------------------------------------------- reading ---- */

struct reading {
    struct schema schema;
    struct problems *problems;
};

static const struct node *nth(const struct node *list, size_t at)
{
    const struct node *node = list ? list->first : NULL;
    while (node && at--)
        node = node->next;
    return node;
}

/* Of these words exactly one is to be there. */
static void one_of(struct reading *reading, const struct node *node, const char *path,
                   const char *const *words)
{
    const char *found = NULL;
    for (size_t i = 0; words[i]; i++) {
        if (node_is_absent(node_find(node, words[i])))
            continue;
        if (found)
            (void)problem_add(reading->problems,
                              node_place(node, words[i]),
                              path,
                              "has both %s and %s: write two lines",
                              found,
                              words[i]);
        found = words[i];
    }
    if (!found)
        problem_hint_words(
            problem_add(reading->problems, node->place, path, "does not say what it is about"),
            "",
            words);
}

static void read_given(struct reading *reading, const struct node *list, const char *path,
                       struct rehearsal_case *test)
{
    static const char *const words[] = {"check",
                                        "action",
                                        "approve",
                                        "reject",
                                        "take_back",
                                        "remediate",
                                        "freeze",
                                        "thaw",
                                        "silence",
                                        "lease",
                                        NULL};
    for (size_t i = 0; i < test->given_count; i++) {
        struct given *given = &test->given[i];
        given->node = nth(list, i);
        one_of(reading, given->node, path, words);
        if (node_is_absent(node_find(given->node, "every")))
            given->every_ms = -1;
        if (node_is_absent(node_find(given->node, "until")))
            given->until_ms = -1;
        if (node_is_absent(node_find(given->node, "total")))
            given->total = -1;
        if (given->check && !given->measures && !given->subjects && !given->unknown && !given->down)
            problem_hint(problem_add(reading->problems, given->node->place, path, "finds nothing"),
                         "write measures: {...}, subjects: {...}, unknown: WORD or down: WORD");
        if (given->every_ms < 0 && given->until_ms >= 0)
            problem_hint(problem_add(reading->problems,
                                     node_place(given->node, "until"),
                                     path,
                                     "has until without every"),
                         "write every: 15s as well");
    }
}

static void read_expected(struct reading *reading, const struct node *list, const char *path,
                          struct rehearsal_case *test)
{
    static const char *const words[] = {"finding", "remediation", NULL};
    for (size_t i = 0; i < test->expected_count; i++) {
        struct expected *expected = &test->expected[i];
        expected->node = nth(list, i);
        one_of(reading, expected->node, path, words);
        if (node_is_absent(node_find(expected->node, "affected")))
            expected->affected = -1;
        if (expected->finding && !expected->status)
            problem_hint(
                problem_add(reading->problems, expected->node->place, path, "expects no status"),
                "write status: critical, or another");
        if (expected->remediation && !expected->outcome)
            problem_hint(
                problem_add(reading->problems, expected->node->place, path, "expects no outcome"),
                "write outcome: planned, or another");
    }
}

static void read_beginning(struct reading *reading, struct rehearsal_case *test, const char *path)
{
    struct tm tm = {0};
    const char *end = test->begins ? strptime(test->begins, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
    if (end && !*end) {
        test->begins_ms = (int64_t)timegm(&tm) * 1000;
        return;
    }
    problem_hint(problem_add(reading->problems,
                             node_place(test->node, "begins"),
                             path,
                             "is no time in UTC: \"%s\"",
                             test->begins ? test->begins : ""),
                 "write it like 2026-01-05T12:00:00Z");
}

/* Until its last line, or as long as was written. */
static void set_length(struct rehearsal_case *test, int64_t written_ms)
{
    int64_t most = written_ms;
    for (size_t i = 0; i < test->given_count; i++) {
        const struct given *given = &test->given[i];
        int64_t last = given->until_ms > given->at_ms ? given->until_ms : given->at_ms;
        most = last > most ? last : most;
    }
    for (size_t i = 0; i < test->expected_count; i++)
        most = test->expected[i].at_ms > most ? test->expected[i].at_ms : most;
    test->lasts_ms = most;
}

static void *copy(const struct reading *reading, const struct probe_items *items, size_t size)
{
    void *all = arena_array(reading->schema.memory, items->count + 1, size);
    if (items->count)
        memcpy(all, items->first, items->count * size);
    return all;
}

static void take_case(struct reading *reading, const struct case_words *words,
                      const struct node *node, const char *path, struct rehearsal_case *test)
{
    *test = (struct rehearsal_case){
        .name = words->name,
        .begins = words->begins,
        .given = copy(reading, &words->given, sizeof(struct given)),
        .given_count = words->given.count,
        .expected = copy(reading, &words->expected, sizeof(struct expected)),
        .expected_count = words->expected.count,
        .count = words->count,
        .node = node,
    };
    read_given(
        reading, node_find(node, "given"), node_path(reading->schema.memory, path, "given"), test);
    read_expected(reading,
                  node_find(node, "expect"),
                  node_path(reading->schema.memory, path, "expect"),
                  test);
    read_beginning(reading, test, node_path(reading->schema.memory, path, "begins"));
    set_length(test, words->lasts_ms);
    if (test->expected_count == 0 && !test->count)
        problem_hint(problem_add(reading->problems, node->place, path, "expects nothing"),
                     "write expect: or count:");
}

/* "../base" beside tests/pool_test.yaml is tests/../base. */
static void read_paths(struct rehearsal *rehearsal, const char *const *written)
{
    const char *slash = strrchr(rehearsal->path, '/');
    int len = slash ? (int)(slash - rehearsal->path + 1) : 0;
    size_t count = 0;
    while (written && written[count])
        count++;
    rehearsal->config = arena_array(rehearsal->memory, count + 1, sizeof(*rehearsal->config));
    for (size_t i = 0; i < count; i++)
        rehearsal->config[i] =
            written[i][0] == '/'
                ? written[i]
                : arena_print(rehearsal->memory, "%.*s%s", len, rehearsal->path, written[i]);
}

/* A file is one case, or holds several under "cases". */
static void read_root(struct reading *reading, struct rehearsal *rehearsal, const struct node *root)
{
    struct arena *memory = rehearsal->memory;
    struct file_words words = {0};
    const struct node *list = node_find(root, "cases");
    const struct schema_keys keys = {
        {rehearsal_file_options, list ? NULL : rehearsal_case_options, NULL}, NULL};
    schema_fill(&reading->schema, rehearsal_file_options, root, "", &words);
    schema_refuse_unknown(&reading->schema, &keys, root, "");
    read_paths(rehearsal, words.config);
    rehearsal->count = list ? words.cases.count : 1;
    rehearsal->cases = arena_array(memory, rehearsal->count + 1, sizeof(*rehearsal->cases));
    if (list) {
        const struct case_words *all = words.cases.first;
        for (size_t i = 0; i < rehearsal->count && !reading->problems->errors; i++)
            take_case(reading,
                      &all[i],
                      nth(list, i),
                      arena_print(memory, "cases[%zu]", i),
                      &rehearsal->cases[i]);
        if (rehearsal->count == 0)
            (void)problem_add(reading->problems, list->place, "cases", "holds no case");
        return;
    }
    struct case_words one = {0};
    schema_fill(&reading->schema, rehearsal_case_options, root, "", &one);
    if (!reading->problems->errors)
        take_case(reading, &one, root, "", &rehearsal->cases[0]);
}

struct rehearsal *rehearsal_read(const char *path, struct problems *problems)
{
    struct arena *memory = arena_create();
    struct rehearsal *rehearsal = arena_new(memory, sizeof(*rehearsal));
    struct reading reading = {.schema = {.memory = memory, .problems = problems, .offline = true},
                              .problems = problems};
    rehearsal->memory = memory;
    rehearsal->path = arena_copy(memory, path);
    size_t before = problems->errors;
    const struct node *root = config_read_file(memory, rehearsal->path, problems);
    if (root)
        read_root(&reading, rehearsal, root);
    if (root && problems->errors == before)
        return rehearsal;
    arena_destroy(memory);
    return NULL;
}

void rehearsal_destroy(struct rehearsal *rehearsal)
{
    if (rehearsal)
        arena_destroy(rehearsal->memory);
}

const char *const *rehearsal_config(const struct rehearsal *rehearsal)
{
    return rehearsal->config;
}

size_t rehearsal_count(const struct rehearsal *rehearsal)
{
    return rehearsal->count;
}

const char *rehearsal_name(const struct rehearsal *rehearsal, size_t at)
{
    return rehearsal->cases[at].name;
}
