/* incident/memo, silence, freeze, ack: what people said, and that it outlives the process. */
#include "brakes_fixture.h"

/* -------------------------------------------------------------- silences ---- */

static const struct silence *silence(struct silences *silences, struct silence_wish wish)
{
    struct error error = {0};
    wish.who = wish.who ? wish.who : "uid 0";
    wish.for_ms = wish.for_ms ? wish.for_ms : MINUTE;
    return silences_add(silences, &wish, NOW, &error);
}

static const char *found(struct silences *silences, const char *target, const char *name,
                         const char *subject, int64_t now_ms)
{
    static const char *const labels[] = {"team", "dba", "env", "production", NULL};
    const struct silence_matter matter = {
        .target = target, .name = name, .subject = subject, .labels = labels};
    const struct silence *silence = silences_find(silences, &matter, now_ms);
    return silence ? silence->id : NULL;
}

static void a_silence_fits_what_it_names_and_nothing_else(void **state)
{
    struct stage *stage = *state;
    struct silences *silences = silences_create(stage->memo);
    assert_string_equal(
        silence(silences, (struct silence_wish){.target = "pg", .name = "locks", .subject = "a"})
            ->id,
        "s1");
    assert_string_equal(found(silences, "pg", "locks", "a", NOW), "s1");
    assert_null(found(silences, "pg", "locks", "b", NOW));
    assert_null(found(silences, "pg", "locks", NULL, NOW));
    assert_null(found(silences, "pg", "lock", "a", NOW));
    assert_null(found(silences, "pg2", "locks", "a", NOW));
    assert_null(found(silences, "pg", NULL, NULL, NOW)); /* of the target alone: it is about less */
    silences_destroy(silences);
}

static void a_star_stands_for_any_letters(void **state)
{
    struct stage *stage = *state;
    struct silences *silences = silences_create(stage->memo);
    (void)silence(silences, (struct silence_wish){.target = "cache-*", .name = "*_age"});
    assert_string_equal(found(silences, "cache-1", "backup_age", "x", NOW), "s1");
    assert_null(found(silences, "cache", "backup_age", NULL, NOW));
    assert_null(found(silences, "cache-1", "age", NULL, NOW));
    (void)silence(silences, (struct silence_wish){.target = "pg"});
    assert_string_equal(found(silences, "pg", "anything", "x", NOW), "s2");
    assert_string_equal(found(silences, "pg", NULL, NULL, NOW), "s2");
    silences_destroy(silences);
}

static void labels_must_all_be_there(void **state)
{
    struct stage *stage = *state;
    struct silences *silences = silences_create(stage->memo);
    (void)silence(
        silences,
        (struct silence_wish){.labels = {"team", "dba", "env", "staging"}, .label_count = 2});
    assert_null(found(silences, "pg", "locks", NULL, NOW));
    (void)silence(silences, (struct silence_wish){.labels = {"team", "dba"}, .label_count = 1});
    assert_string_equal(found(silences, "pg", "locks", NULL, NOW), "s2");
    silences_destroy(silences);
}

static void what_silences_everything_or_for_ever_is_refused(void **state)
{
    struct stage *stage = *state;
    struct silences *silences = silences_create(stage->memo);
    assert_null(silence(silences, (struct silence_wish){.who = "uid 0"}));
    assert_null(silence(silences, (struct silence_wish){.target = "*", .name = "**"}));
    assert_null(silence(silences, (struct silence_wish){.target = "pg", .for_ms = -1}));
    assert_null(
        silence(silences, (struct silence_wish){.target = "pg", .for_ms = SILENCE_LONGEST_MS + 1}));
    for (int i = 0; i < SILENCE_MOST; i++)
        assert_non_null(silence(silences, (struct silence_wish){.target = "pg"}));
    assert_null(silence(silences, (struct silence_wish){.target = "pg"}));
    assert_int_equal(silences_count(silences, NOW + MINUTE), 0);
    assert_non_null(silence(silences, (struct silence_wish){.target = "pg"}));
    silences_destroy(silences);
}

static void it_holds_until_its_time_has_passed_or_somebody_ends_it(void **state)
{
    struct stage *stage = *state;
    struct silences *silences = silences_create(stage->memo);
    (void)silence(silences, (struct silence_wish){.target = "pg"});
    assert_string_equal(found(silences, "pg", "x", NULL, NOW + MINUTE - 1), "s1");
    assert_null(found(silences, "pg", "x", NULL, NOW + MINUTE));
    (void)silence(silences, (struct silence_wish){.target = "pg"});
    assert_false(silences_end(silences, "s1", NOW, NULL, NULL));
    assert_true(silences_end(silences, "s2", NOW, NULL, NULL));
    assert_null(found(silences, "pg", "x", NULL, NOW));
    silences_destroy(silences);
}

static void silences_outlive_the_process_and_numbers_are_not_used_twice(void **state)
{
    struct stage *stage = *state;
    struct silences *silences = silences_create(stage->memo);
    int kept[2] = {0};
    const struct silence *first = silence(
        silences,
        (struct silence_wish){
            .target = "pg", .reason = "a \"fix\"", .labels = {"team", "dba"}, .label_count = 1});
    silences_keep(silences, first, count, kept);
    silences_keep(silences,
                  silence(silences, (struct silence_wish){.target = "x", .for_ms = 1}),
                  count,
                  kept);
    silences_destroy(silences);
    close_memo(stage);
    assert_int_equal(kept[0], 2);
    open_memo(stage);
    silences = silences_create(stage->memo);
    assert_int_equal(silences_count(silences, NOW + 1), 1);
    first = silences_get(silences, "s1", NOW + 1);
    assert_string_equal(first->reason, "a \"fix\"");
    assert_int_equal(first->until_ms, NOW + MINUTE);
    assert_string_equal(found(silences, "pg", "locks", NULL, NOW + 1), "s1");
    assert_string_equal(silence(silences, (struct silence_wish){.target = "y"})->id, "s3");
    silences_destroy(silences);
}

/* ---------------------------------------------------------------- freeze ---- */

struct told {
    int frozen, thawed;
    bool any;
};

static void on_freeze(const char *why, void *data)
{
    struct told *told = data;
    told->frozen += why != NULL;
    told->thawed += why == NULL;
    told->any = true;
}

static void the_switch_holds_until_it_is_taken_back_or_its_time_has_passed(void **state)
{
    struct stage *stage = *state;
    struct told told = {0};
    loop_drive(stage->loop, 1000, NOW);
    struct freeze *freeze = freeze_create(stage->loop, stage->memo);
    freeze_tell(freeze, on_freeze, &told);
    assert_null(freeze_why(freeze));
    freeze_set(freeze, "uid 7", "on-sale", 0);
    assert_string_equal(freeze_why(freeze), "frozen by uid 7: on-sale");
    loop_advance(stage->loop, 30 * 24 * 3600 * UINT64_C(1000));
    assert_non_null(freeze_why(freeze));
    freeze_unset(freeze);
    assert_null(freeze_why(freeze));
    freeze_set(freeze, "uid 7", NULL, MINUTE);
    loop_advance(stage->loop, MINUTE - 1);
    assert_non_null(freeze_why(freeze));
    loop_advance(stage->loop, 2);
    assert_null(freeze_why(freeze));
    assert_int_equal(told.frozen, 2);
    assert_int_equal(told.thawed, 2);
    freeze_destroy(freeze);
}

static void the_switch_outlives_the_process(void **state)
{
    struct stage *stage = *state;
    int kept[2] = {0};
    struct freeze *freeze = freeze_create(stage->loop, stage->memo);
    freeze_set(freeze, "uid 7", "on-sale", 0);
    freeze_keep(freeze, count, kept);
    freeze_destroy(freeze);
    close_memo(stage);
    assert_int_equal(kept[0], 1);
    open_memo(stage);
    freeze = freeze_create(stage->loop, stage->memo);
    assert_string_equal(freeze_why(freeze), "frozen by uid 7: on-sale");
    freeze_unset(freeze);
    freeze_keep(freeze, count, kept);
    freeze_destroy(freeze);
    close_memo(stage);
    open_memo(stage);
    freeze = freeze_create(stage->loop, stage->memo);
    assert_null(freeze_why(freeze));
    freeze_destroy(freeze);
}

static void wait_told(struct stage *stage, struct told *told)
{
    told->any = false;
    assert_true(loop_run_until(stage->loop, &told->any, 20000));
}

static void a_file_freezes_while_it_is_there_and_until_it_was_looked_at(void **state)
{
    struct stage *stage = *state;
    struct told told = {0};
    MEM_AUTO char *path = mem_print("%s/freeze", stage->folder);
    MEM_AUTO char *by_file = mem_print("frozen by the file %s: on-sale at ten", path);
    struct freeze *freeze = freeze_create(stage->loop, stage->memo);
    freeze_tell(freeze, on_freeze, &told);
    freeze_watch(freeze, path);
    assert_non_null(strstr(freeze_why(freeze), "was not looked at yet"));
    while (freeze_why(freeze)) {
        bool never = false;
        (void)loop_run_until(stage->loop, &never, 10);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("on-sale at ten\nsecond line\n", file);
    (void)fclose(file);
    wait_told(stage, &told);
    assert_string_equal(freeze_why(freeze), by_file);
    assert_int_equal(unlink(path), 0);
    wait_told(stage, &told);
    assert_null(freeze_why(freeze));
    freeze_watch(freeze, NULL);
    freeze_destroy(freeze);
}

/* --------------------------------------------------------------- windows ---- */

/* NOW is 2026-11-21T02:58:02Z, a Saturday. */
static void a_window_freezes_from_its_beginning_to_its_end(void **state)
{
    struct stage *stage = *state;
    struct told told = {0};
    struct named_window all[2] = {{.name = "onsale", .reason = "weekly on-sale"}, {.name = "late"}};
    const struct windows windows = {all, 2};
    struct error error;
    loop_drive(stage->loop, 1000, NOW);
    all[0].when = (struct window){.kind = WINDOW_CRON, .for_ms = 90 * MINUTE};
    all[1].when = (struct window){.kind = WINDOW_CRON, .for_ms = 10 * MINUTE};
    assert_int_equal(cron_parse("0 3 * * SAT", &all[0].when.cron, &error), 0);
    assert_int_equal(cron_parse("10 3 * * SAT", &all[1].when.cron, &error), 0);
    struct freeze *freeze = freeze_create(stage->loop, stage->memo);
    freeze_tell(freeze, on_freeze, &told);
    freeze_use_windows(freeze, &windows);
    assert_null(freeze_why(freeze));
    loop_advance(stage->loop, 2 * MINUTE);
    assert_int_equal(told.frozen, 1);
    assert_string_equal(freeze_why(freeze),
                        "frozen by window onsale until 2026-11-21 04:30 UTC: weekly on-sale");
    loop_advance(stage->loop, 15 * MINUTE); /* both hold: the one that ends last is told */
    assert_non_null(strstr(freeze_why(freeze), "onsale"));
    const struct windows turned = {(struct named_window[]){all[1], all[0]}, 2};
    int64_t until_ms = 0;
    assert_string_equal(windows_freeze(&turned, loop_wall_ms(stage->loop), &until_ms)->name,
                        "onsale");
    freeze_set(freeze, "uid 7", NULL, 0); /* a person's word comes first */
    assert_string_equal(freeze_why(freeze), "frozen by uid 7");
    freeze_unset(freeze);
    loop_advance(stage->loop, 90 * MINUTE);
    assert_null(freeze_why(freeze));
    assert_int_equal(told.frozen, 1);
    assert_int_equal(told.thawed, 1);
    freeze_destroy(freeze);
}

static void a_window_of_which_nothing_is_known_freezes(void **state)
{
    struct stage *stage = *state;
    struct told told = {0};
    struct window_spans spans = {0};
    struct named_window one = {.name = "ics", .when = {.kind = WINDOW_SPANS, .spans = &spans}};
    const struct windows windows = {&one, 1};
    const struct silence_matter matter = {.target = "pg"};
    struct freeze *freeze = freeze_create(stage->loop, stage->memo);
    freeze_tell(freeze, on_freeze, &told);
    freeze_use_windows(freeze, &windows);
    assert_string_equal(freeze_why(freeze),
                        "frozen by window ics, of which it is not known when it is: its calendar "
                        "was not looked at yet");
    assert_int_equal(told.frozen, 0); /* soon it is known, and then it is told */
    spans.trouble = "/x.ics:3: the event has no DTSTART";
    freeze_use_windows(freeze, &windows);
    assert_int_equal(told.frozen, 1);
    assert_non_null(strstr(freeze_why(freeze), "/x.ics:3: the event has no DTSTART"));
    assert_null(windows_silence(&windows, &matter, false, NOW)); /* a silence does not hold */
    spans = (struct window_spans){.known = true};
    freeze_use_windows(freeze, &windows);
    assert_null(freeze_why(freeze));
    assert_int_equal(told.thawed, 1);
    freeze_use_windows(freeze, NULL);
    assert_null(freeze_why(freeze));
    freeze_destroy(freeze);
}

static void a_silence_window_is_of_what_it_names(void **state)
{
    static const char *const targets[] = {"pg*", NULL}, *const checks[] = {"cert.*", NULL};
    static const char *const labels[] = {"team", "dba", NULL};
    struct named_window one = {.name = "upkeep",
                               .match = {.targets = targets, .labels = labels, .written = true},
                               .except = {.checks = checks, .written = true}};
    const struct windows windows = {&one, 1};
    struct silence_matter matter = {
        .target = "pg-1", .name = "c", .check = "postgres.connections", .labels = labels};
    (void)state;
    assert_ptr_equal(windows_silence(&windows, &matter, false, NOW), &one);
    assert_ptr_equal(windows_silence(&windows, &matter, true, NOW), &one);
    one.remediate = true;
    assert_null(windows_silence(&windows, &matter, true, NOW));
    matter.check = "cert.expiry";
    assert_null(windows_silence(&windows, &matter, false, NOW));
    matter.check = NULL; /* of the target alone: no exception */
    assert_ptr_equal(windows_silence(&windows, &matter, false, NOW), &one);
    matter.labels = NULL;
    assert_null(windows_silence(&windows, &matter, false, NOW));
    matter.labels = labels;
    matter.target = "redis";
    assert_null(windows_silence(&windows, &matter, false, NOW));
    matter.target = "pg-1";
    one.when = (struct window){.kind = WINDOW_DATES, .from_ms = NOW + 1, .until_ms = NOW + MINUTE};
    assert_null(windows_silence(&windows, &matter, false, NOW));
    assert_ptr_equal(windows_silence(&windows, &matter, false, NOW + 1), &one);
}

/* ------------------------------------------------------------------ acks ---- */

static void an_ack_is_of_one_finding_until_it_is_over(void **state)
{
    struct stage *stage = *state;
    struct acks *acks = acks_create(stage->memo);
    int kept[2] = {0};
    acks_add(acks,
             &(const struct ack){
                 .id = "9f2c41d07be3a655", .who = "uid 7", .reason = "mine", .at_ms = NOW},
             count,
             kept);
    acks_add(acks,
             &(const struct ack){
                 .id = "9f2c41d07be3a655", .who = "uid 8", .reason = NULL, .at_ms = NOW + 1},
             count,
             kept);
    acks_add(
        acks,
        &(const struct ack){.id = "0000000000000001", .who = "uid 7", .reason = NULL, .at_ms = NOW},
        count,
        kept);
    assert_string_equal(acks_find(acks, "9f2c41d07be3a655")->who, "uid 8");
    assert_null(acks_find(acks, "9f2c41d07be3a656"));
    acks_end(acks, "0000000000000001");
    acks_end(acks, "0000000000000002");
    acks_destroy(acks);
    close_memo(stage);
    assert_int_equal(kept[0], 3);
    open_memo(stage);
    acks = acks_create(stage->memo);
    assert_string_equal(acks_find(acks, "9f2c41d07be3a655")->who, "uid 8");
    assert_null(acks_find(acks, "0000000000000001"));
    acks_destroy(acks);
}

static void without_a_store_all_works_and_says_that_nothing_is_kept(void **state)
{
    (void)state;
    struct error error = {0};
    struct memo *memo = memo_open(NULL, &error);
    struct silences *silences = silences_create(memo);
    int kept[2] = {0};
    assert_false(memo_keeps(memo));
    silences_keep(silences, silence(silences, (struct silence_wish){.target = "pg"}), count, kept);
    assert_int_equal(kept[1], 1);
    assert_string_equal(found(silences, "pg", "x", NULL, NOW), "s1");
    silences_destroy(silences);
    memo_close(memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_silence_fits_what_it_names_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_star_stands_for_any_letters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_must_all_be_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_silences_everything_or_for_ever_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            it_holds_until_its_time_has_passed_or_somebody_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            silences_outlive_the_process_and_numbers_are_not_used_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_switch_holds_until_it_is_taken_back_or_its_time_has_passed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_switch_outlives_the_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_file_freezes_while_it_is_there_and_until_it_was_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_window_freezes_from_its_beginning_to_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_window_of_which_nothing_is_known_freezes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silence_window_is_of_what_it_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_ack_is_of_one_finding_until_it_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            without_a_store_all_works_and_says_that_nothing_is_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
