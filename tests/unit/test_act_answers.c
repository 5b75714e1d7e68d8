/* probe/answer: what plugins may answer; probe/act: what may be asked. */
#include "act_fixture.h"

/* ---------------------------------------------------------- wrong answers ---- */

static void says_nothing(struct probe_run *run)
{
    probe_done(run);
}

static void denies(struct probe_run *run)
{
    probe_end(run,
              .how = PROBE_DENIED,
              .status = -EACCES,
              .summary = "the role may not",
              .hint = "GRANT x TO y");
}

static void has_twins(struct probe_run *run)
{
    const struct probe_step steps[] = {{.key = "a", .what = "x"}, {.key = "a", .what = "y"}};
    probe_planned(run, .steps = steps, .step_count = 2);
}

static void has_no_key(struct probe_run *run)
{
    const struct probe_step steps[] = {{.key = "", .what = "x"}};
    probe_planned(run, .steps = steps, .step_count = 1);
}

static void has_no_words(struct probe_run *run)
{
    const struct probe_step steps[] = {{.key = "a"}};
    probe_planned(run, .steps = steps, .step_count = 1);
}

static void has_bad_json(struct probe_run *run)
{
    const struct probe_step steps[] = {{.key = "a", .what = "x", .json = "{a}"}};
    probe_planned(run, .steps = steps, .step_count = 1);
}

static void has_a_long_key(struct probe_run *run)
{
    char key[ACT_KEY_LEN + 2];
    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    const struct probe_step steps[] = {{.key = key, .what = "x"}};
    probe_planned(run, .steps = steps, .step_count = 1);
}

static void has_too_many(struct probe_run *run)
{
    struct probe_step *steps = mem_array(ACT_STEPS + 1, sizeof(*steps));
    probe_planned(run, .steps = steps, .step_count = ACT_STEPS + 1);
    free(steps);
}

static void overflows(struct probe_run *run)
{
    const struct probe_step steps[] = {{.key = "a", .what = "x", .count = INT64_MAX},
                                       {.key = "b", .what = "x", .count = 2}};
    probe_planned(run, .steps = steps, .step_count = 2);
}

static void takes_itself_for_a_check(struct probe_run *run)
{
    probe_report(run, .summary = "a finding");
    probe_retire(run, "x");
    probe_planned(run, .note = "nothing to do");
    probe_planned(run, .note = "twice");
    probe_done(run);
}

static void answers_with_a_result(struct probe_run *run)
{
    answer_applied(run);
}

static void answers_to_a_plan(void **state)
{
    static const struct {
        void (*answer)(struct probe_run *run);
        const char *said;
    } cases[] = {
        {says_nothing, "failed(-71,protocol,begun): the plugin ended without saying what it would"},
        {denies, "failed(-13,permission,begun): the role may not; hint: GRANT x TO y; "},
        {has_twins, "two steps have the same key"},
        {has_no_key, "a step without a key"},
        {has_no_words, "or without words for it"},
        {has_bad_json, "a step's json is none"},
        {has_a_long_key, "a step's key is longer than 512 bytes"},
        {has_too_many, "failed(-7,too_large,begun): it would take 1001 steps; hint: at most 1000"},
        {overflows, "more than can be counted"},
        {answers_with_a_result, "the plugin answered plan() with a result"},
        {takes_itself_for_a_check, "planned 0 of 0/0; "},
    };
    (void)state;
    set_up(WITH(ACT_AS));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        told.answer = cases[i].answer;
        start_plan();
        pass_ms(10);
        if (!strstr(stage.said, cases[i].said))
            fail_msg("%zu: %s is not in: %s", i, cases[i].said, stage.said);
        assert_int_equal(count_of(stage.journal, "! "), 1);
    }
}

static void has_no_outcome(struct probe_run *run)
{
    probe_applied(run, .summary = "x");
}

static void has_bad_result(struct probe_run *run)
{
    probe_applied(run, .outcome = PROBE_APPLIED, .json = "nonsense");
}

static void has_bad_undo(struct probe_run *run)
{
    probe_applied(run, .outcome = PROBE_APPLIED, .undo = &(struct probe_step){.key = "x"});
}

static void answers_to_a_step(void **state)
{
    static const struct {
        void (*answer)(struct probe_run *run);
        const char *said;
    } cases[] = {
        {says_nothing, "the plugin ended without saying what was done"},
        {has_no_outcome, "an outcome that there is not"},
        {has_bad_result, "a result's json is none"},
        {has_bad_undo, "without words for it"},
        {answer_two_steps, "the plugin answered apply() with a plan"},
    };
    (void)state;
    set_up(WITH(ACT_AS));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        told.answer = cases[i].answer;
        start_apply("a");
        pass_ms(10);
        if (!strstr(stage.said, cases[i].said))
            fail_msg("%zu: %s is not in: %s", i, cases[i].said, stage.said);
    }
}

/* --------------------------------------------------------------- options ---- */

static void options_are_filled_from_what_was_asked(void **state)
{
    static const struct {
        const char *json, *wrong;
    } cases[] = {
        {"{\"most\": 7}", ""},
        {"{}", ""},
        {"{\"keep\": {}}", ""},
        {"{\"keep\": {\"a\": 1}}", "asked: with.keep: is a map, not a list"},
        {"{\"moist\": 7}", "asked: with.moist: is not known here; did you mean most?\n"},
        {"{\"most\": 70}", "asked: with.most: is 70"},
        {"[]", "asked: with: is a list, not a map\n"},
        {"{\"most\": \"${env:HOME}\"}", "asked: with.most: holds a reference, ${...}; "},
        {"{\"most\": [{\"a\": \"$${env:HOME}\"}]}", "asked: with.most.a: holds a reference"},
    };
    (void)state;
    set_up(WITH(ACT_AS));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct problems problems = {0};
        struct text TEXT_AUTO text;
        text_init(&text, 4096);
        json_t *json = json_loads(cases[i].json, 0, NULL);
        const struct limits *filled = act_configure(
            arena, action("stop"), node_from_json(arena, json, "asked"), "with", &problems);
        problems_print(&problems, &text);
        if (strncmp(text.bytes, cases[i].wrong, strlen(cases[i].wrong)) != 0)
            fail_msg("%s: %s", cases[i].json, text.bytes);
        assert_true(!filled == (*cases[i].wrong != '\0'));
        if (filled)
            assert_int_equal(filled->most, i == 0 ? 7 : 5);
        json_decref(json);
        problems_finish(&problems);
    }
}

static void an_action_has_a_name(void **state)
{
    (void)state;
    set_up(WITH(ACT_AS));
    assert_non_null(action("stop"));
    assert_null(action("stop_all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(answers_to_a_plan),
        STAGED(answers_to_a_step),
        STAGED(options_are_filled_from_what_was_asked),
        STAGED(an_action_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
