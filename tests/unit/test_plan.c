/* plan: what a decision binds, what narrows it, and that it survives being kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "incident/plan.h"
#include "incident/statement.h"

static struct act_plan *content(const char *const *keys)
{
    struct act_plan *plan = mem_new(sizeof(*plan));
    plan->steps = mem_array(8, sizeof(*plan->steps));
    for (; *keys; keys++) {
        const struct probe_step step = {.key = *keys, .what = "end it", .json = "{\"pid\":1}"};
        plan->steps[plan->step_count++] = act_step_copy(&step);
        plan->count++;
    }
    plan->total = 96;
    plan->note = mem_copy("2 walsenders are kept");
    return plan;
}

static const char *const two[] = {"4711@2026-11-21T00:58:03Z", "48133@2026-11-21T00:59:00Z", NULL};
static const char *const others[] = {"5@2026-11-21T01:00:00Z", NULL};

static struct plan like(enum probe_binds binds)
{
    return (struct plan){
        .run = "r-0c2f61aa",
        .state = PLAN_WAITING,
        .entry = "end-idle-sessions",
        .script = "postgres/kill_idle",
        .script_digest = "a1c4",
        .verb = "db:terminate_sessions",
        .action = "postgres:terminate_sessions",
        .target = "pg",
        .config = "7c1e22",
        .args = "{\"older_than\":\"10m\"}",
        .mode = GUARD_APPROVE,
        .effect = PROBE_DISRUPTIVE,
        .binds = binds,
        .max_affected = 20,
        .made_ms = 1000,
        .expires_ms = 2000,
        .needed = 1,
    };
}

static bool same_hash(const struct plan *first, const char *const *keys, const struct plan *second,
                      const char *const *other_keys)
{
    struct plan *a = plan_create(first, content(keys)),
                *b = plan_create(second, content(other_keys));
    bool same = strcmp(a->hash, b->hash) == 0;
    assert_int_equal(strlen(a->hash), PLAN_HASH_LEN);
    plan_destroy(a);
    plan_destroy(b);
    return same;
}

static void items_bind_exactly_these(void **state)
{
    (void)state;
    struct plan plan = like(PROBE_BINDS_ITEMS);
    assert_true(same_hash(&plan, two, &plan, two));
    assert_false(same_hash(&plan, two, &plan, others));
}

static void what_is_done_with_an_item_is_bound(void **state)
{
    struct plan form = like(PROBE_BINDS_ITEMS);
    struct act_plan *rows = content(others);
    const struct probe_step step = {.key = *others, .what = "end it", .json = "{\"pid\":2}"};
    (void)state;
    act_step_finish(&rows->steps[0]);
    rows->steps[0] = act_step_copy(&step);
    struct plan *one = plan_create(&form, content(others)), *other = plan_create(&form, rows);
    assert_string_not_equal(one->hash, other->hash);
    plan_destroy(one);
    plan_destroy(other);
}

static void no_value_of_a_statement_looks_like_another_line(void **state)
{
    const struct statement statement = {.realm = "r",
                                        .decision = "approve",
                                        .about = "7k3q",
                                        .reason = "so\nexcept: 4711\r\ntime: never",
                                        .wall_ms = 1795229882000};
    struct text TEXT_AUTO text;
    (void)state;
    text_init(&text, STATEMENT_LONGEST);
    statement_print(&statement, &text);
    assert_null(strstr(text.bytes, "\nexcept:"));
    assert_null(strchr(text.bytes, '\r'));
    assert_string_equal(strstr(text.bytes, "\ntime: "), "\ntime: 2026-11-21T02:58:02.000Z\n");
}

static void bounds_bind_no_list(void **state)
{
    (void)state;
    struct plan plan = like(PROBE_BINDS_BOUNDS), wider = plan;
    assert_true(same_hash(&plan, two, &plan, others));
    wider.max_affected = 21;
    assert_false(same_hash(&plan, two, &wider, two));
}

static void what_it_was_made_for_is_bound(void **state)
{
    (void)state;
    struct plan plan = like(PROBE_BINDS_BOUNDS), other = plan;
    other.script_digest = "a1c5";
    assert_false(same_hash(&plan, two, &other, two));
    other = plan;
    other.config = "7c1e23";
    assert_false(same_hash(&plan, two, &other, two));
    other = plan;
    other.args = "{\"older_than\":\"1m\"}";
    assert_false(same_hash(&plan, two, &other, two));
    other = plan;
    other.target = "pg2";
    assert_false(same_hash(&plan, two, &other, two));
    other = plan;
    other.action = "postgres:cancel_queries";
    assert_false(same_hash(&plan, two, &other, two));
}

static void taking_one_out_narrows_it(void **state)
{
    (void)state;
    struct plan form = like(PROBE_BINDS_ITEMS), *plan = plan_create(&form, content(two));
    char hash[PLAN_HASH_LEN + 1];
    memcpy(hash, plan->hash, sizeof(hash));
    assert_int_equal(plan_affected(plan), 2);
    assert_false(plan_except(plan, "9999"));
    assert_false(plan_except(plan, "471")); /* not the beginning of a number */
    assert_true(plan_except(plan, "48133"));
    assert_true(plan_except(plan, "48133")); /* twice is once */
    assert_int_equal(plan_affected(plan), 1);
    assert_true(plan_excepts(plan, two[1]));
    assert_false(plan_excepts(plan, two[0]));
    plan_hash(plan, hash);
    assert_string_equal(hash, plan->hash);
    plan_destroy(plan);
}

static void it_survives_being_kept(void **state)
{
    (void)state;
    struct plan form = like(PROBE_BINDS_ITEMS);
    form.verify = "pg/connections: used_percent < 80";
    struct plan *plan = plan_create(&form, content(two));
    (void)plan_except(plan, "4711");
    plan->approvals[plan->approval_count++] = (struct plan_approval){
        mem_copy("alice"), mem_copy("ssh-ed25519"), mem_copy("socket"), NULL, 1500};
    json_t *kept = plan_pack(plan);
    struct plan *back = plan_unpack(kept);
    assert_non_null(back);
    assert_string_equal(back->id, plan->id);
    assert_string_equal(back->hash, plan->hash);
    assert_string_equal(back->run, plan->run);
    assert_string_equal(back->verify, plan->verify);
    assert_string_equal(back->content->note, plan->content->note);
    assert_string_equal(back->approvals[0].who, "alice");
    assert_int_equal(back->expires_ms, 2000);
    assert_int_equal(plan_affected(back), 1);
    json_t *again = plan_pack(back);
    assert_true(json_equal(kept, again));
    json_decref(kept);
    json_decref(again);
    plan_destroy(plan);
    plan_destroy(back);
}

static void what_cannot_be_read_is_no_plan(void **state)
{
    (void)state;
    struct plan form = like(PROBE_BINDS_ITEMS), *plan = plan_create(&form, content(two));
    json_t *kept = plan_pack(plan), *empty = json_object();
    assert_null(plan_unpack(empty));
    (void)json_object_del(kept, "target");
    assert_null(plan_unpack(kept));
    json_decref(kept);
    json_decref(empty);
    plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_bind_exactly_these),
        cmocka_unit_test(what_is_done_with_an_item_is_bound),
        cmocka_unit_test(no_value_of_a_statement_looks_like_another_line),
        cmocka_unit_test(bounds_bind_no_list),
        cmocka_unit_test(what_it_was_made_for_is_bound),
        cmocka_unit_test(taking_one_out_narrows_it),
        cmocka_unit_test(it_survives_being_kept),
        cmocka_unit_test(what_cannot_be_read_is_no_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
