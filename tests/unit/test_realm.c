/* incident/lease, realm: the realm's documents, and what the guard knows of them. */
#include "lease_fixture.h"

#include "incident/realm.h"

static int put_status;

static void on_put(int status, void *data)
{
    (void)data;
    put_status = status;
}

static void a_document_is_written_under_the_token_only(void **state)
{
    (void)state;
    pass(600);
    lease_put(ours, 1, "guard/x", "{\"a\":1}", on_put, NULL);
    put_status = 1;
    pass(1);
    assert_int_equal(put_status, 0);
    assert_string_equal(document("guard/x"), "{\"a\":1}");
    let_other_have_it(1000000); /* we do not know yet */
    lease_put(ours, 1, "guard/x", "{\"a\":2}", on_put, NULL);
    assert_true(lease_held(ours, NULL));
    pass(1);
    assert_int_equal(put_status, -ESTALE);
    assert_false(lease_held(ours, NULL));
    assert_non_null(strstr(heard, "lease_lost "));
    assert_string_equal(document("guard/x"), "{\"a\":1}");
    lease_put(ours, 1, "guard/x", "{\"a\":3}", on_put, NULL);
    put_status = 1;
    pass(1);
    assert_int_equal(put_status, -ESTALE);
    assert_string_equal(document("guard/x"), "{\"a\":1}");
}

static void a_document_that_is_too_long_is_refused_at_once(void **state)
{
    MEM_AUTO char *value = mem_new(KEEPER_LONGEST + 2);
    (void)state;
    pass(600);
    memset(value, 'x', KEEPER_LONGEST + 1);
    lease_put(ours, 1, "guard/x", value, on_put, NULL);
    pass(1);
    assert_int_equal(put_status, -E2BIG);
    assert_true(lease_held(ours, NULL));
}

static char states[1024]; /* of the guard, as the realm keeps them */

static int on_state(const char *key, const char *json, void *data)
{
    (void)data;
    (void)snprintf(states + strlen(states), sizeof(states) - strlen(states), "%s=%s ", key, json);
    return 0;
}

static void on_said(const char *kind, const json_t *all, void *data)
{
    char *json = json_dumps(all, JSON_COMPACT);
    (void)data;
    if (json_object_size(all))
        (void)snprintf(
            states + strlen(states), sizeof(states) - strlen(states), "%s:%s ", kind, json);
    free(json);
}

static void on_over(bool over, void *data)
{
    (void)data;
    (void)snprintf(
        states + strlen(states), sizeof(states) - strlen(states), "%s ", over ? "over" : "lost");
}

static const struct realm_hears hears = {.state = on_state};
static const struct realm_hears hears_all = {
    .said = on_said, .course = on_state, .state = on_state, .over = on_over};

/* What is asked before anything is applied. */
static enum guard_lease ask_guard(const struct guard_sources *sources, uint64_t *ret_token)
{
    const char *holder = NULL;
    *ret_token = 0;
    enum guard_lease lease = sources->lease(ret_token, &holder, sources->lease_data);
    if (lease == GUARD_LEASE_ELSEWHERE)
        assert_string_equal(holder, "other");
    return lease;
}

static void the_guard_knows_who_may_act_and_what_was_done_in_the_realm(void **state)
{
    struct guard_sources sources = {0};
    struct remediation_mirror mirror = {0};
    uint64_t token;
    (void)state;
    states[0] = '\0';
    put("guard/end-idle/db", "{\"attempts\":[1]}");
    put("guarded", "{}");
    struct realm *realm = realm_create(stage.loop, ours, &hears);
    realm_serve(realm, &sources, &mirror);
    assert_int_equal(ask_guard(&sources, &token), GUARD_LEASE_UNKNOWN);
    pass(600);
    assert_int_equal(ask_guard(&sources, &token), GUARD_LEASE_HELD);
    assert_int_equal(token, 1);
    assert_string_equal(states, "end-idle/db={\"attempts\":[1]} ");
    put_status = 1;
    mirror.write("end-idle/db", "{\"attempts\":[1,2]}", token, on_put, NULL, mirror.data);
    pass(1);
    assert_int_equal(put_status, 0);
    assert_string_equal(document("guard/end-idle/db"), "{\"attempts\":[1,2]}");
    /* A plan that was made under an earlier token, and one that nobody waits for any more. */
    mirror.write("end-idle/db", "{}", token - 1, on_put, NULL, mirror.data);
    mirror.write("end-idle/db", "{}", token - 1, on_put, &put_status, mirror.data);
    mirror.forget(&put_status, mirror.data);
    put_status = 1;
    pass(1);
    assert_int_equal(put_status, -ESTALE);
    assert_string_equal(document("guard/end-idle/db"), "{\"attempts\":[1,2]}");
    assert_true(lease_held(ours, NULL));
    let_other_have_it(1000000);
    pass(10000);
    assert_int_equal(ask_guard(&sources, &token), GUARD_LEASE_ELSEWHERE);
    store.until_ms = 0;
    store.takes_ms = 100;
    while (!lease_held(ours, NULL))
        pass(1);
    assert_int_equal(ask_guard(&sources, &token),
                     GUARD_LEASE_UNKNOWN); /* what it did is not read */
    store.takes_ms = 0;
    pass(600);
    assert_int_equal(ask_guard(&sources, &token), GUARD_LEASE_HELD);
    realm_destroy(realm);
}

static void nobody_acts_who_cannot_read_what_was_done(void **state)
{
    struct guard_sources sources = {0};
    struct remediation_mirror mirror = {0};
    uint64_t token;
    (void)state;
    pass(600);
    store.away = true;
    states[0] = '\0';
    struct realm *realm = realm_create(stage.loop, ours, &hears);
    realm_serve(realm, &sources, &mirror);
    pass(2500);
    assert_true(lease_held(ours, NULL));
    assert_int_equal(ask_guard(&sources, &token), GUARD_LEASE_UNKNOWN);
    store.away = false;
    pass(1500);
    assert_int_equal(ask_guard(&sources, &token), GUARD_LEASE_HELD);
    realm_destroy(realm);
}

/* ------------------------------------------------------- what was left there ---- */

static void what_was_left_is_told_in_order_and_before_that_nobody_acts(void **state)
{
    (void)state;
    states[0] = '\0';
    put("guard/fix/db", "{}");
    put("course/r-1", "{\"plan\":1}");
    put("said/lock/db", "{\"on\":");
    put("said/silence/c1", "{\"a\":1}");
    put("said/else/x", "{}");
    struct realm *realm = realm_create(stage.loop, ours, &hears_all);
    assert_false(realm_reads(realm));
    pass(600);
    assert_false(realm_reads(realm));
    assert_string_equal(states,
                        "silence:{\"c1\":{\"a\":1}} lock:{\"db\":null} r-1={\"plan\":1} "
                        "fix/db={} over ");
    let_other_have_it(5000);
    pass(4000);
    assert_non_null(strstr(states, "over lost "));
    store.takes_ms = 200;
    while (!lease_held(ours, NULL))
        pass(100);
    assert_true(realm_reads(realm));
    pass(3000);
    assert_false(realm_reads(realm));
    assert_string_equal(states + strlen(states) - strlen("fix/db={} over "), "fix/db={} over ");
    realm_destroy(realm);
}

static void what_people_say_is_written_until_the_store_has_it(void **state)
{
    struct guard_sources sources = {0};
    struct remediation_mirror mirror = {0};
    struct error error;
    (void)state;
    struct memo *said = memo_open(NULL, &error);
    struct realm *realm = realm_create(stage.loop, ours, &hears);
    realm_memo(realm, said);
    realm_serve(realm, &sources, &mirror);
    json_t *body = json_pack("{s:i}", "a", 1), *later = json_pack("{s:i}", "a", 2);
    put_status = 1;
    memo_put_shared(said, "lock", "db", body, body, on_put, NULL);
    assert_int_equal(put_status, -ENOTSUP); /* nobody holds the lease: it is nowhere */
    pass(600);
    put_status = 1;
    memo_put_shared(said, "lock", "db", body, body, on_put, NULL);
    pass(1);
    assert_int_equal(put_status, 0);
    assert_string_equal(document("said/lock/db"), "{\"a\":1}");
    assert_true(mirror.whole(mirror.data));
    store.away = true;
    memo_put_shared(said, "lock", "db", later, later, on_put, NULL);
    pass(1);
    assert_int_equal(put_status, -ENOTSUP);
    assert_false(mirror.whole(mirror.data));
    store.away = false;
    pass(1100);
    assert_string_equal(document("said/lock/db"), "{\"a\":2}");
    assert_true(mirror.whole(mirror.data));
    store.takes_ms = 2500; /* two of them, one after the other: nobody is kept waiting for that */
    put_status = 1;
    mirror.keep("r-2", "{}", mirror.data);
    memo_put_shared(said, "lock", "db", body, body, on_put, NULL);
    pass(2900);
    assert_int_equal(put_status, 1);
    pass(200);
    assert_int_equal(put_status, -ENOTSUP);
    store.takes_ms = 0;
    pass(3000);
    assert_string_equal(document("said/lock/db"), "{\"a\":1}");
    mirror.keep("r-1", "{}", mirror.data);
    memo_put_shared(said, "lock", "db", NULL, NULL, NULL, NULL);
    pass(1);
    assert_string_equal(document("said/lock/db"), "");
    assert_string_equal(document("course/r-1"), "{}");
    mirror.keep("r-1", NULL, mirror.data);
    put_status = 1;
    memo_put_shared(said, "lock", "db", body, body, on_put, NULL);
    realm_destroy(realm); /* who waits is told */
    assert_int_equal(put_status, -ENOTSUP);
    json_decref(body);
    json_decref(later);
    memo_close(said);
}

static void what_the_store_did_not_take_is_not_written_under_a_later_token(void **state)
{
    struct guard_sources sources = {0};
    struct remediation_mirror mirror = {0};
    (void)state;
    struct realm *realm = realm_create(stage.loop, ours, &hears);
    realm_serve(realm, &sources, &mirror);
    pass(600);
    store.away = true;
    mirror.keep("r-1", "{\"ours\":1}", mirror.data);
    pass(10000); /* the lease is lost by the clock */
    store.away = false;
    store.until_ms = 0;
    put("course/r-1", "{\"theirs\":1}");
    pass(60000);
    assert_true(lease_held(ours, NULL));
    assert_string_equal(document("course/r-1"), "{\"theirs\":1}");
    assert_true(mirror.whole(mirror.data));
    realm_destroy(realm);
}

/* -------------------------------------------------------------- the freeze ---- */

static struct memo *memo;
static struct freeze *frozen;

static struct realm *open_freeze(void)
{
    struct error error;
    memo = memo_open(NULL, &error);
    frozen = freeze_create(stage.loop, memo);
    struct realm *realm = realm_create(stage.loop, ours, &hears);
    realm_freeze(realm, frozen);
    return realm;
}

static void close_freeze(struct realm *realm)
{
    realm_destroy(realm);
    freeze_destroy(frozen);
    memo_close(memo);
}

static void who_takes_the_lease_is_frozen_as_the_holder_was(void **state)
{
    (void)state;
    struct realm *realm = open_freeze();
    put("freeze",
        "{\"on\":true,\"at_ms\":1000,\"who\":\"uid 7\",\"reason\":\"on-sale\",\"until_ms\":0}");
    assert_null(freeze_why(frozen));
    pass(600);
    assert_string_equal(freeze_why(frozen), "frozen by uid 7: on-sale");
    freeze_unset(frozen);
    freeze_keep(frozen, NULL, NULL);
    pass(1);
    assert_non_null(strstr(document("freeze"), "\"on\":false"));
    freeze_set(frozen, "uid 8", NULL, 0);
    freeze_keep(frozen, NULL, NULL);
    pass(1);
    assert_non_null(strstr(document("freeze"), "\"who\":\"uid 8\""));
    close_freeze(realm);
}

static void the_later_word_about_the_freeze_counts(void **state)
{
    (void)state;
    struct realm *realm = open_freeze();
    freeze_set(frozen, "uid 7", "here", 0); /* while it does not hold the lease */
    freeze_keep(frozen, NULL, NULL);
    put("freeze", "{\"on\":false,\"at_ms\":1000}");
    pass(600);
    assert_string_equal(freeze_why(frozen), "frozen by uid 7: here");
    assert_non_null(strstr(document("freeze"), "\"reason\":\"here\""));
    let_other_have_it(5000);
    pass(4000);
    put("freeze", "{\"on\":false,\"at_ms\":99000000000000}"); /* thawed there, later */
    pass(15000);
    assert_true(lease_held(ours, NULL));
    assert_null(freeze_why(frozen));
    close_freeze(realm);
}

static void a_freeze_that_cannot_be_read_is_one_and_nobody_acts_before_it_is_read(void **state)
{
    static const char *const odd[] = {"{\"on\":tr", "{}", "[]", "{\"on\":\"yes\"}"};
    struct guard_sources sources = {0};
    struct remediation_mirror mirror = {0};
    uint64_t token;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        struct realm *realm = open_freeze();
        realm_serve(realm, &sources, &mirror);
        put("freeze", odd[i]);
        pass(600);
        assert_non_null(strstr(freeze_why(frozen), "the realm's freeze cannot be read"));
        assert_int_equal(ask_guard(&sources, &token), GUARD_LEASE_HELD);
        close_freeze(realm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_written_under_the_token_only),
        TEST(a_document_that_is_too_long_is_refused_at_once),
        TEST(the_guard_knows_who_may_act_and_what_was_done_in_the_realm),
        TEST(nobody_acts_who_cannot_read_what_was_done),
        TEST(what_was_left_is_told_in_order_and_before_that_nobody_acts),
        TEST(what_people_say_is_written_until_the_store_has_it),
        TEST(what_the_store_did_not_take_is_not_written_under_a_later_token),
        TEST(who_takes_the_lease_is_frozen_as_the_holder_was),
        TEST(the_later_word_about_the_freeze_counts),
        TEST(a_freeze_that_cannot_be_read_is_one_and_nobody_acts_before_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
