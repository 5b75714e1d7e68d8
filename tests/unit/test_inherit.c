/* incident/silence, lock, ack: what people said of what is of cluster scope goes over with the realm's lease. */
#include "brakes_fixture.h"

/* The realm's documents of one kind, as the lease's store has them. */
struct there {
    json_t *all;
    bool away; /* it takes nothing */
};

static void on_mirror(const char *kind, const char *id, const json_t *body, memo_done_fn *fn,
                      void *fn_data, void *data)
{
    struct there *there = data;
    (void)kind;
    if (!there->away && body)
        (void)json_object_set(there->all, id, (json_t *)body);
    else if (!there->away)
        (void)json_object_del(there->all, id);
    if (fn)
        fn(there->away ? -EIO : 0, fn_data);
}

/* Two agents of a realm without a disk: what is kept is the realm's alone. */
struct realm {
    struct there there;
    struct memo *memos[2];
    json_t *read; /* as it was read last */
};

static const json_t *left_there(struct realm *realm)
{
    json_decref(realm->read);
    return realm->read = json_deep_copy(realm->there.all);
}

static int open_realm(void **state)
{
    struct realm *realm = mem_new(sizeof(*realm));
    struct error error;
    realm->there.all = json_object();
    for (int i = 0; i < 2; i++) {
        realm->memos[i] = memo_open(NULL, &error);
        memo_mirror(realm->memos[i], on_mirror, &realm->there);
    }
    *state = realm;
    return 0;
}

static int close_realm(void **state)
{
    struct realm *realm = *state;
    for (int i = 0; i < 2; i++)
        memo_close(realm->memos[i]);
    json_decref(realm->there.all);
    json_decref(realm->read);
    free(realm);
    return 0;
}

#undef CASE
#define CASE(test_) cmocka_unit_test_setup_teardown(test_, open_realm, close_realm)

/* -------------------------------------------------------------- silences ---- */

static const char *make_at(struct silences *silences, bool shared, const char *target,
                           int64_t now_ms)
{
    struct error error = {0};
    const struct silence *made = silences_add(silences,
                                              &(const struct silence_wish){.target = target,
                                                                           .who = "uid 7",
                                                                           .reason = "we know",
                                                                           .for_ms = MINUTE,
                                                                           .shared = shared},
                                              now_ms,
                                              &error);
    assert_non_null(made);
    silences_keep(silences, made, NULL, NULL);
    return made->id;
}

static const char *make(struct silences *silences, bool shared, const char *target)
{
    return make_at(silences, shared, target, NOW);
}

static const char *found(struct silences *silences, const char *target, bool of_node)
{
    const struct silence_matter matter = {.target = target, .name = "x", .of_node = of_node};
    const struct silence *silence = silences_find(silences, &matter, NOW + 1);
    return silence ? silence->id : NULL;
}

static void a_silence_goes_over_under_its_id_and_is_not_about_the_other_node(void **state)
{
    struct realm *realm = *state;
    struct silences *left = silences_create(realm->memos[0]);
    struct silences *right = silences_create(realm->memos[1]);
    assert_string_equal(make(left, false, "own"), "s1");
    assert_string_equal(make(left, true, "pg*"), "c2");
    assert_int_equal(json_object_size(realm->there.all), 1);
    assert_string_equal(make(right, false, "pg-own"), "s1");
    silences_take(right, left_there(realm), NOW);
    assert_string_equal(found(right, "pg", false), "c2");
    assert_string_equal(silences_get(right, "c2", NOW)->reason, "we know");
    assert_int_equal(silences_get(right, "c2", NOW)->until_ms, NOW + MINUTE);
    assert_null(found(right, "pg", true)); /* a target of that node alone, of the same name */
    assert_string_equal(found(left, "pg", true), "c2");
    assert_null(found(right, "own", true));
    assert_string_equal(make(right, true, "pg"), "c3");
    silences_destroy(left);
    silences_destroy(right);
}

static void one_that_was_ended_stays_ended(void **state)
{
    struct realm *realm = *state;
    struct silences *left = silences_create(realm->memos[0]);
    struct silences *right = silences_create(realm->memos[1]);
    assert_string_equal(make(left, true, "pg"), "c1");
    silences_take(right, left_there(realm), NOW);
    assert_true(silences_end(right, "c1", NOW, NULL, NULL));
    assert_string_equal(found(left, "pg", false), "c1");
    silences_take(left, left_there(realm), NOW);
    assert_null(found(left, "pg", false));
    silences_take(left, left_there(realm), NOW + MINUTE); /* nobody has to know it any more */
    assert_int_equal(json_object_size(realm->there.all), 0);
    silences_destroy(left);
    silences_destroy(right);
}

static void the_realm_knows_of_so_many_that_were_ended(void **state)
{
    struct realm *realm = *state;
    struct silences *left = silences_create(realm->memos[0]);
    struct silences *right = silences_create(realm->memos[1]);
    for (int i = 0; i < SILENCE_ENDED_MOST + 10; i++)
        assert_true(silences_end(left, make(left, true, "pg"), NOW, NULL, NULL));
    assert_int_equal(json_object_size(realm->there.all), SILENCE_ENDED_MOST);
    silences_take(right, left_there(realm), NOW);
    assert_true(silences_end(right, make(right, true, "pg"), NOW, NULL, NULL));
    assert_int_equal(json_object_size(realm->there.all), SILENCE_ENDED_MOST);
    silences_destroy(left);
    silences_destroy(right);
}

static void one_that_the_realm_did_not_take_is_told_to_it_later(void **state)
{
    struct realm *realm = *state;
    struct silences *left = silences_create(realm->memos[0]);
    struct silences *right = silences_create(realm->memos[1]);
    assert_string_equal(make(left, true, "pg"), "c1");
    realm->there.away = true;
    assert_string_equal(make_at(right, true, "redis", NOW + 1), "c1"); /* of another one */
    realm->there.away = false;
    silences_take(right, left_there(realm), NOW);
    assert_string_equal(found(right, "pg", false), "c1");
    assert_string_equal(found(right, "redis", false), "c2");
    assert_non_null(json_object_get(realm->there.all, "c2"));
    silences_take(left, left_there(realm), NOW);
    assert_string_equal(found(left, "redis", false), "c2");
    silences_destroy(left);
    silences_destroy(right);
}

static void what_has_passed_meanwhile_is_not_taken(void **state)
{
    struct realm *realm = *state;
    struct silences *left = silences_create(realm->memos[0]);
    struct silences *right = silences_create(realm->memos[1]);
    (void)make(left, true, "pg");
    (void)json_object_set_new(realm->there.all, "c9", json_null());
    (void)json_object_set_new(realm->there.all, "x1", json_object());
    silences_take(right, left_there(realm), NOW + MINUTE);
    assert_int_equal(silences_count(right, NOW), 0);
    assert_null(json_object_get(realm->there.all, "c1"));
    silences_destroy(left);
    silences_destroy(right);
}

/* ----------------------------------------------------------------- locks ---- */

static void a_lock_goes_over_and_so_does_its_being_lifted(void **state)
{
    struct realm *realm = *state;
    struct locks *left = locks_create(realm->memos[0]), *right = locks_create(realm->memos[1]);
    const struct lock lock = {"pg", "uid 7", "breach", NOW, true};
    const struct lock own = {"own", "uid 7", NULL, NOW, false};
    assert_true(locks_set(left, &lock, NULL, NULL));
    assert_true(locks_set(left, &own, NULL, NULL));
    assert_int_equal(json_object_size(realm->there.all), 1);
    locks_take(right, left_there(realm), NOW + 1);
    assert_string_equal(locks_find(right, "pg")->who, "uid 7");
    assert_string_equal(locks_find(right, "pg")->reason, "breach");
    assert_true(locks_find(right, "pg")->since_ms == NOW);
    assert_null(locks_find(right, "own"));
    locks_lift(right, "pg", NOW + 2, NULL, NULL);
    locks_take(left, left_there(realm), NOW + 3); /* which still has it as set */
    assert_null(locks_find(left, "pg"));
    assert_non_null(locks_find(left, "own"));
    locks_destroy(left);
    locks_destroy(right);
}

static void the_later_word_on_a_lock_counts_and_what_cannot_be_read_is_one(void **state)
{
    struct realm *realm = *state;
    struct locks *left = locks_create(realm->memos[0]);
    const struct lock lock = {"pg", "uid 7", NULL, NOW, true};
    realm->there.away = true;
    assert_true(locks_set(left, &lock, NULL, NULL));
    realm->there.away = false;
    (void)json_object_set_new(
        realm->there.all,
        "pg",
        json_pack("{s:b, s:I}", "on", false, "since_ms", (json_int_t)NOW - 1));
    (void)json_object_set_new(realm->there.all, "redis", json_null());
    locks_take(left, left_there(realm), NOW + 5);
    assert_string_equal(locks_find(left, "pg")->who, "uid 7");
    assert_true(json_is_true(json_object_get(json_object_get(realm->there.all, "pg"), "on")));
    assert_string_equal(locks_find(left, "redis")->who, "nobody known");
    assert_true(locks_find(left, "redis")->since_ms == NOW + 5);
    (void)json_object_del(realm->there.all, "pg"); /* the store has lost it */
    locks_take(left, left_there(realm), NOW + 6);
    assert_non_null(locks_find(left, "pg"));
    assert_non_null(json_object_get(realm->there.all, "pg"));
    locks_destroy(left);
}

/* ------------------------------------------------------------------ acks ---- */

static void an_ack_goes_over_until_its_finding_is_over(void **state)
{
    struct realm *realm = *state;
    struct acks *left = acks_create(realm->memos[0]), *right = acks_create(realm->memos[1]);
    const struct ack ack = {
        .id = "9f2c41d07be3a655", .who = "uid 7", .reason = "mine", .at_ms = NOW, .shared = true};
    const struct ack own = {.id = "0000000000000001", .who = "uid 7", .at_ms = NOW};
    acks_add(left, &ack, NULL, NULL);
    acks_add(left, &own, NULL, NULL);
    assert_int_equal(json_object_size(realm->there.all), 1);
    acks_take(right, left_there(realm));
    assert_string_equal(acks_find(right, ack.id)->reason, "mine");
    assert_null(acks_find(right, own.id));
    acks_end(right, ack.id);
    assert_int_equal(json_object_size(realm->there.all), 0);
    acks_take(left, left_there(realm));
    assert_null(acks_find(left, ack.id));
    assert_non_null(acks_find(left, own.id));
    acks_destroy(left);
    acks_destroy(right);
}

/* ------------------------------------------------------------- restarted ---- */

static void what_goes_over_is_known_as_such_after_a_restart(void **state)
{
    struct stage *stage = *state;
    struct there there = {json_object(), false};
    int kept[2] = {0};
    const struct lock lock = {"pg", "uid 7", "breach", NOW, true};
    memo_mirror(stage->memo, on_mirror, &there);
    struct locks *locks = locks_create(stage->memo);
    struct silences *silences = silences_create(stage->memo);
    assert_true(locks_set(locks, &lock, count, kept));
    assert_string_equal(make(silences, true, "pg"), "c1");
    there.away = true;
    assert_true(locks_set(locks, &lock, count, kept)); /* it is on disk: known, but here alone */
    locks_destroy(locks);
    silences_destroy(silences);
    close_memo(stage);
    assert_int_equal(kept[0], 1);
    assert_int_equal(kept[1], 1);
    open_memo(stage);
    there.away = false;
    memo_mirror(stage->memo, on_mirror, &there);
    locks = locks_create(stage->memo);
    silences = silences_create(stage->memo);
    assert_string_equal(locks_find(locks, "pg")->who, "uid 7");
    assert_true(locks_find(locks, "pg")->shared);
    assert_string_equal(found(silences, "pg", true),
                        "c1"); /* it was made here: also of this node */
    silences_take(silences, there.all, NOW);
    assert_string_equal(found(silences, "pg", true), "c1");
    locks_destroy(locks);
    silences_destroy(silences);
    json_decref(there.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_silence_goes_over_under_its_id_and_is_not_about_the_other_node),
        CASE(one_that_was_ended_stays_ended),
        CASE(the_realm_knows_of_so_many_that_were_ended),
        CASE(one_that_the_realm_did_not_take_is_told_to_it_later),
        CASE(what_has_passed_meanwhile_is_not_taken),
        CASE(a_lock_goes_over_and_so_does_its_being_lifted),
        CASE(the_later_word_on_a_lock_counts_and_what_cannot_be_read_is_one),
        CASE(an_ack_goes_over_until_its_finding_is_over),
        cmocka_unit_test_setup_teardown(
            what_goes_over_is_known_as_such_after_a_restart, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
