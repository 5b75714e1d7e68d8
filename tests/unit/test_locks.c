/* incident/lock, spent: targets whose evidence is kept, signatures that have counted; both outlive the process. */
#include "brakes_fixture.h"

/* ----------------------------------------------------------------- locks ---- */

static void a_lock_outlives_the_process_until_it_is_lifted(void **state)
{
    struct stage *stage = *state;
    int kept[2] = {0};
    struct locks *locks = locks_create(stage->memo);
    const struct lock first = {"pg", "uid 7", "breach", NOW, false},
                      second = {"pg", "uid 8", NULL, NOW + 1, false};
    const struct lock other = {"redis", "uid 7", NULL, NOW, false};
    assert_null(locks_find(locks, "pg"));
    assert_true(locks_set(locks, &first, count, kept));
    assert_true(locks_set(locks, &second, count, kept)); /* it is locked already, by the first */
    assert_true(locks_set(locks, &other, count, kept));
    assert_string_equal(locks_find(locks, "pg")->who, "uid 7");
    locks_lift(locks, "redis", NOW + 1, count, kept);
    locks_destroy(locks);
    close_memo(stage);
    assert_int_equal(kept[0], 4);
    open_memo(stage);
    locks = locks_create(stage->memo);
    assert_string_equal(locks_find(locks, "pg")->who, "uid 7");
    assert_string_equal(locks_find(locks, "pg")->reason, "breach");
    assert_true(locks_find(locks, "pg")->since_ms == NOW);
    assert_null(locks_find(locks, "redis"));
    locks_destroy(locks);
}

static void there_is_a_most_of_locks(void **state)
{
    struct stage *stage = *state;
    char name[16] = "";
    int kept[2] = {0};
    struct lock lock = {name, "uid 7", NULL, NOW};
    struct locks *locks = locks_create(stage->memo);
    for (int i = 0; i <= LOCK_MOST; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(locks_set(locks, &lock, count, kept), i < LOCK_MOST);
    }
    (void)snprintf(name, sizeof(name), "7");
    assert_true(locks_set(locks, &lock, count, kept)); /* which is locked already */
    locks_destroy(locks);
    close_memo(stage);
    open_memo(stage);
}

/* ----------------------------------------------------------------- spent ---- */

static void a_signature_counts_once_in_its_time_also_after_a_restart(void **state)
{
    struct stage *stage = *state;
    char a[SPENT_DIGEST_LEN + 1], b[SPENT_DIGEST_LEN + 1];
    int kept[2] = {0};
    memset(a, 'a', SPENT_DIGEST_LEN);
    memset(b, 'b', SPENT_DIGEST_LEN);
    a[SPENT_DIGEST_LEN] = b[SPENT_DIGEST_LEN] = '\0';
    struct spent *spent = spent_create(stage->memo);
    assert_int_equal(spent_use(spent, a, NOW, NOW + MINUTE, count, kept), 0);
    assert_int_equal(spent_use(spent, a, NOW + 1, NOW + MINUTE, count, kept), -EALREADY);
    assert_int_equal(spent_use(spent, b, NOW + 1, NOW + 2 * MINUTE, count, kept), 0);
    spent_destroy(spent);
    close_memo(stage);
    assert_int_equal(kept[0], 2);
    open_memo(stage);
    spent = spent_create(stage->memo);
    assert_int_equal(spent_use(spent, a, NOW + MINUTE - 1, NOW + MINUTE, count, kept), -EALREADY);
    assert_int_equal(spent_use(spent, b, NOW + MINUTE, NOW + 2 * MINUTE, count, kept), -EALREADY);
    assert_int_equal(spent_use(spent, a, NOW + MINUTE, NOW + 2 * MINUTE, count, kept), 0);
    spent_destroy(spent);
}

static void too_many_signatures_are_refused_until_they_are_stale(void **state)
{
    struct stage *stage = *state;
    char digest[SPENT_DIGEST_LEN + 1];
    int kept[2] = {0};
    struct spent *spent = spent_create(stage->memo);
    for (int i = 0; i <= SPENT_MOST; i++) {
        (void)snprintf(digest, sizeof(digest), "%064d", i);
        assert_int_equal(spent_use(spent, digest, NOW, NOW + MINUTE, count, kept),
                         i < SPENT_MOST ? 0 : -ENOSPC);
    }
    assert_int_equal(spent_use(spent, digest, NOW + MINUTE, NOW + 2 * MINUTE, count, kept), 0);
    spent_destroy(spent);
    close_memo(stage);
    open_memo(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_lock_outlives_the_process_until_it_is_lifted),
        CASE(there_is_a_most_of_locks),
        CASE(a_signature_counts_once_in_its_time_also_after_a_restart),
        CASE(too_many_signatures_are_refused_until_they_are_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
