/* incident/remediation: what waits, is under way and can be taken back goes over with the realm's lease. */
#include "remediation_fixture.h"

#include "base/redact.h"

#define ASK ", mode: approve, guard: {cooldown: 0s}"
#define UNDO ", undo_after: 1h"

/* -------------------------------------------------------------- the realm ---- */

static json_t *courses; /* as it has them */
static bool lacks;      /* it has not taken all of them */

static void mirror_keep(const char *run, const char *json, void *data)
{
    (void)data;
    if (json)
        (void)json_object_set_new(courses, run, json_string(json));
    else
        (void)json_object_del(courses, run);
}

static bool mirror_whole(void *data)
{
    (void)data;
    return !lacks;
}

/* The lease changes hands: another agent, which knows nothing, takes what the realm has of courses. */
static void change_hands(void)
{
    MEM_AUTO char *path = mem_print("%s/state", world.folder);
    MEM_AUTO char *away = mem_print("%s/state-%d", world.folder, (int)world.token);
    const char *run;
    json_t *doc, *left = json_deep_copy(courses);
    close_state();
    stage.journal[0] = '\0';
    assert_int_equal(rename(path, away), 0);
    open_state();
    world.token++;
    json_object_foreach(left, run, doc)
        assert_int_equal(remediations_take_course(world.all, run, json_string_value(doc)), 0);
    json_decref(left);
    remediations_over(world.all, true);
    settle();
}

static void hold_lease(void)
{
    static const struct remediation_mirror realm = {
        .write = mirror_write, .forget = mirror_forget, .keep = mirror_keep, .whole = mirror_whole};
    world.mirrors = true;
    world.shares = &realm;
    world.lease = GUARD_LEASE_HELD;
    world.token = 7;
}

static void start_waiting(const char *yaml)
{
    start(yaml);
    turn_bad();
    said("planned waiting ");
}

/* It is done, and can be taken back. */
static void start_done(const char *yaml)
{
    told.undoes = true;
    start(yaml);
    turn_bad();
    said("planned applied ended ");
}

static const struct plan *waiting(void)
{
    const struct plan *plan = remediations_plan(world.all, world.plan);
    return plan && plan->state == PLAN_WAITING ? plan : NULL;
}

static const char *only_course(void)
{
    const char *run;
    json_t *doc;
    assert_int_equal(json_object_size(courses), 1);
    json_object_foreach(courses, run, doc)
        return json_string_value(doc);
    return NULL;
}

static void a_plan_that_waits_goes_over_with_its_id_and_its_hash_and_without_approvals(void **state)
{
    char hash[PLAN_HASH_LEN + 1];
    (void)state;
    start_waiting("approval: {expires: 1h}\n" FIX(ASK ", approvals: 2"));
    assert_int_equal(approve("uid 1"), 0);
    (void)snprintf(hash, sizeof(hash), "%s", waiting()->hash);
    int64_t expires_ms = waiting()->expires_ms;
    told.keys[2] = "c"; /* of bounds the list is none of what was read */
    change_hands();
    pass(SECOND);
    said("waiting ");
    assert_non_null(waiting());
    assert_string_equal(waiting()->hash, hash);
    assert_int_equal(waiting()->expires_ms, expires_ms);
    assert_int_equal(waiting()->approval_count, 0); /* whoever writes to the store is no approver */
    assert_int_equal(waiting()->needed, 2);
    assert_int_equal(waiting()->content->step_count, 3);
    assert_int_equal(approve("uid 1"), 0);
    assert_int_equal(approve("uid 2"), 0);
    pass(SECOND);
    applied("a b c ");
    assert_int_equal(json_object_size(courses), 0);
}

static void nobody_decides_on_it_before_it_was_planned_again(void **state)
{
    (void)state;
    start_waiting(FIX(ASK));
    close_state();
    open_state();
    json_t *doc = json_copy(courses);
    const char *run = json_object_iter_key(json_object_iter(doc));
    assert_int_equal(remediations_take_course(world.all, run, only_course()), 0);
    assert_int_equal(approve("uid 1"), -EAGAIN); /* the rest is not read yet */
    remediations_over(world.all, true);
    assert_non_null(waiting());
    pass(SECOND);
    assert_int_equal(approve("uid 1"), 0);
    pass(SECOND);
    applied("a b ");
    json_decref(doc);
}

static void items_that_are_others_now_make_it_void_and_it_is_planned_anew(void **state)
{
    char old[PLAN_ID_LEN + 1];
    (void)state;
    start_waiting(FIX(ASK ", with: {verb: \"db:drop\"}"));
    (void)snprintf(old, sizeof(old), "%s", world.plan);
    told.keys[1] = "c";
    change_hands();
    pass(SECOND);
    said("void planned waiting ");
    assert_string_not_equal(world.plan, old);
    assert_int_equal(remediations_plan(world.all, old)->state, PLAN_VOID);
    assert_int_equal(approve("uid 1"), 0);
    pass(SECOND);
    applied("a c ");
}

static void items_that_are_the_same_wait_on(void **state)
{
    char old[PLAN_ID_LEN + 1];
    (void)state;
    start_waiting(FIX(ASK ", with: {verb: \"db:drop\"}"));
    (void)snprintf(old, sizeof(old), "%s", world.plan);
    change_hands();
    pass(SECOND);
    said("waiting ");
    assert_string_equal(world.plan, old);
}

static void what_is_not_wanted_any_more_is_told_as_void(void **state)
{
    (void)state;
    start_waiting(FIX(ASK));
    told.keys[0] = NULL; /* nothing is to be done there now */
    told.used = 10;
    change_hands();
    pass(SECOND);
    said("void left ");
    assert_int_equal(remediations_plan(world.all, world.plan)->state, PLAN_VOID);
    assert_int_equal(json_object_size(courses), 0);
}

static void a_plan_that_expired_meanwhile_is_told_as_expired(void **state)
{
    (void)state;
    start_waiting("approval: {expires: 1m}\n" FIX(ASK));
    told.used = 10;
    json_t *left = json_deep_copy(courses);
    close_state();
    pass(2 * MINUTE);
    open_state();
    json_decref(courses);
    courses = left;
    change_hands();
    said("expired ");
}

static void a_secret_does_not_go_over_and_its_plan_is_made_anew(void **state)
{
    char old[PLAN_ID_LEN + 1];
    (void)state;
    redact_learn("s3cr3t-of-unit");
    start_waiting(FIX(ASK ", with: {stop: s3cr3t-of-unit}"));
    (void)snprintf(old, sizeof(old), "%s", world.plan);
    assert_null(strstr(only_course(), "s3cr3t-of-unit"));
    assert_non_null(strstr(only_course(), "\"redacted\":true"));
    change_hands();
    said("void ");
    assert_non_null(strstr(world.last, "it holds a secret"));
    pass(2 * SECOND);
    said("planned waiting ");
    assert_string_not_equal(world.plan, old);
    redact_forget_all();
}

static void one_that_is_too_long_is_told_as_void(void **state)
{
    MEM_AUTO char *json = mem_new(64 * 1024);
    (void)state;
    memset(json, 'x', 60 * 1024);
    json[0] = json[60 * 1024 - 1] = '"';
    start(FIX(ASK));
    told.json = json;
    for (int i = 0; i < TOLD_MOST - 1; i++)
        told.keys[i] = (const char *const[]){"a", "b", "c", "d", "e", "f", "g"}[i];
    turn_bad();
    said("planned waiting ");
    assert_true(strlen(only_course()) < 4096);
    told.json = NULL;
    change_hands();
    said("void ");
    assert_non_null(strstr(world.last, "too long to be handed over"));
    pass(2 * SECOND);
    said("planned waiting ");
}

static void what_was_approved_and_had_not_begun_is_to_be_approved_again(void **state)
{
    struct error error = {0};
    (void)state;
    start_waiting(FIX(ASK));
    struct remediation_decision decision = by("uid 1");
    assert_int_equal(remediations_approve(world.all, &decision, &error), 0);
    change_hands(); /* before that was on disk */
    pass(SECOND);
    said("waiting ");
    applied("");
    assert_int_equal(approve("uid 1"), 0);
    pass(SECOND);
    applied("a b ");
    assert_int_equal(json_object_size(courses), 0);
}

/* The ceiling is a higher one there: nothing that lies in the store makes an agent act. */
static void where_nothing_waits_for_an_approval_it_is_void_and_not_begun(void **state)
{
    (void)state;
    start_waiting(FIX(ASK));
    told.used = 10;
    pass(2 * SECOND);
    const struct entry *entry = entries_find(world.entries, "fix");
    ((struct entry *)(uintptr_t)entry)->mode = GUARD_AUTO;
    change_hands();
    pass(SECOND);
    said("void ");
    applied("");
    assert_int_equal(json_object_size(courses), 0);
}

static void nothing_is_applied_before_the_realm_has_all_of_it(void **state)
{
    (void)state;
    start_waiting(FIX(ASK));
    lacks = true; /* what it says does not reach the realm: nothing is applied */
    assert_int_equal(approve("uid 1"), 0);
    pass(SECOND);
    applied("");
    assert_non_null(strstr(stage.journal, "refused(lease) "));
}

static void a_step_that_was_under_way_is_unknown_and_not_begun_again(void **state)
{
    (void)state;
    told.hangs = true;
    start(FIX(AUTO ", guard: {cooldown: 1h}"));
    turn_bad();
    applied("a ");
    change_hands();
    said("unknown ");
    assert_non_null(strstr(world.last, "the agent that held the lease ended while step a"));
    told.hangs = false;
    pass(5 * SECOND);
    applied("a ");
    assert_int_equal(json_object_size(courses), 0);
}

static void who_has_told_it_at_its_start_does_not_tell_it_with_the_lease(void **state)
{
    (void)state;
    told.hangs = true;
    start(FIX(AUTO ", guard: {cooldown: 1h}"));
    turn_bad();
    MEM_AUTO char *doc = mem_copy(only_course());
    world.lease = GUARD_LEASE_UNKNOWN;
    restart();
    said("unknown ");
    world.lease = GUARD_LEASE_HELD;
    json_t *json = json_loads(doc, 0, NULL);
    const char *run = json_string_value(json_object_get(json, "run"));
    assert_int_equal(remediations_take_course(world.all, run, doc), 0);
    remediations_over(world.all, true);
    pass(SECOND);
    said("");
    assert_int_equal(json_object_size(courses), 0);
    json_decref(json);
}

static void what_was_done_is_taken_back_at_the_next(void **state)
{
    struct error error = {0};
    (void)state;
    start_done(FIX(AUTO UNDO));
    change_hands();
    said("");
    struct remediation_decision decision = by("uid 1");
    assert_int_equal(remediations_undo(world.all, &decision, &error), 0);
    pass(0);
    said("undo undoing undone ");
    applied("a b back back ");
    assert_int_equal(json_object_size(courses), 0);
}

static void what_cannot_be_taken_back_for_a_secret_in_it_is_told(void **state)
{
    struct error error = {0};
    (void)state;
    redact_learn("s3cr3t-of-unit");
    start_done(FIX(AUTO UNDO ", with: {stop: s3cr3t-of-unit}"));
    change_hands();
    said("undo_failed ");
    assert_non_null(strstr(world.last, "it holds a secret"));
    struct remediation_decision decision = by("uid 1");
    assert_int_equal(remediations_undo(world.all, &decision, &error), -ENOENT);
    assert_int_equal(json_object_size(courses), 0);
    redact_forget_all();
}

static void what_is_to_be_taken_back_in_its_time_is_so_at_the_next(void **state)
{
    (void)state;
    start_done(FIX(AUTO UNDO));
    pass(30 * MINUTE);
    change_hands();
    pass(29 * MINUTE);
    applied("a b ");
    lacks = true; /* that it begins does not reach the realm */
    pass(2 * MINUTE);
    said("undoing undo_failed ");
    applied("a b ");
}

static void who_loses_the_lease_has_nothing_of_it_any_more(void **state)
{
    (void)state;
    start_waiting(FIX(ASK));
    world.lease = GUARD_LEASE_ELSEWHERE;
    remediations_over(world.all, false);
    said("passed_on ");
    assert_null(remediations_plan(world.all, world.plan));
    assert_int_equal(json_object_size(courses), 1); /* that is the other one's now */
    pass(HOUR);
    said("");
    restart();
    pass(SECOND);
    said("");
    assert_null(remediations_plan(world.all, world.plan));
}

static void nothing_begins_before_it_is_known_what_was_left(void **state)
{
    (void)state;
    start(FIX(ASK));
    world.lease = GUARD_LEASE_UNKNOWN;
    turn_bad();
    said("");
    world.lease = GUARD_LEASE_HELD;
    pass(2 * SECOND);
    said("planned waiting ");
}

static void what_cannot_be_read_is_left_out(void **state)
{
    (void)state;
    start(FIX(ASK));
    assert_true(remediations_take_course(world.all, "r-1", "{") < 0);
    assert_true(remediations_take_course(world.all, "r-1", "{\"run\":\"r-2\",\"entry\":\"fix\"}") <
                0);
    remediations_over(world.all, true);
    pass(SECOND);
    said("");
}

static int set_up_realm(void **state)
{
    int status = set_up(state);
    courses = json_object();
    lacks = false;
    hold_lease();
    return status;
}

static int tear_down_realm(void **state)
{
    json_decref(courses);
    return tear_down(state);
}

#undef CASE
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_realm, tear_down_realm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_plan_that_waits_goes_over_with_its_id_and_its_hash_and_without_approvals),
        CASE(nobody_decides_on_it_before_it_was_planned_again),
        CASE(items_that_are_others_now_make_it_void_and_it_is_planned_anew),
        CASE(items_that_are_the_same_wait_on),
        CASE(what_is_not_wanted_any_more_is_told_as_void),
        CASE(a_plan_that_expired_meanwhile_is_told_as_expired),
        CASE(a_secret_does_not_go_over_and_its_plan_is_made_anew),
        CASE(one_that_is_too_long_is_told_as_void),
        CASE(what_was_approved_and_had_not_begun_is_to_be_approved_again),
        CASE(where_nothing_waits_for_an_approval_it_is_void_and_not_begun),
        CASE(nothing_is_applied_before_the_realm_has_all_of_it),
        CASE(a_step_that_was_under_way_is_unknown_and_not_begun_again),
        CASE(who_has_told_it_at_its_start_does_not_tell_it_with_the_lease),
        CASE(what_was_done_is_taken_back_at_the_next),
        CASE(what_cannot_be_taken_back_for_a_secret_in_it_is_told),
        CASE(what_is_to_be_taken_back_in_its_time_is_so_at_the_next),
        CASE(who_loses_the_lease_has_nothing_of_it_any_more),
        CASE(nothing_begins_before_it_is_known_what_was_left),
        CASE(what_cannot_be_read_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
