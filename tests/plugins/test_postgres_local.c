/* Checks that ask several questions: of one relation after the other, of one database after the other. */
#include "postgres_wire_fixture.h"

/* ------------------------------------------------------------ integrity ---- */

#define LISTED                                                                                     \
    "schema", "indexes", "tables", "candidates", "too_large", "checksums", "checksum_failures",    \
        "id", "relation", "index", "again"
#define RELATION(id_, name_, index_, again_)                                                       \
    "public", "t", "t", "3", "1", "t", "0", id_, name_, index_, again_

/* A statement that fails, and the transaction that ends with it. */
struct failure {
    struct speech error, back;
};

static void talk_failure(struct talk *talk, struct failure *failure, const char *sqlstate,
                         const char *message)
{
    say_error(&failure->error, sqlstate, message);
    SAY(&failure->error, 'Z', "E");
    SAY(&failure->back, 'C', "ROLLBACK\0");
    SAY(&failure->back, 'Z', "I");
    talk_begin(talk);
    talk_on(talk, MOVE_SAY(failure->error));
    talk_on(talk, KIT_UNTIL("rollback"));
    talk_on(talk, MOVE_SAY(failure->back));
}

static void one_corrupt_index_keeps_nobody_from_the_other_relations(void **state)
{
    static const char *const listed[] = {LISTED,
                                         RELATION("11", "public.a_pkey", "t", "f"),
                                         RELATION("12", "public.a", "f", "f"),
                                         RELATION("13", "public.b", "f", "f")};
    static const char *const sound[] = {"says"};
    struct speech list = {0}, nothing = {0};
    struct failure corrupt = {0}, locked = {0};
    struct talk talk = {0};
    struct kit *kit;
    (void)state;
    say_rows(&list, listed, 11, 3);
    say_rows(&nothing, sound, 1, 0);
    talk_login(&talk);
    talk_answer(&talk, &list);
    talk_failure(&talk, &corrupt, "XX002", "item order invariant violated for index");
    talk_failure(&talk, &locked, "55P03", "canceling statement due to lock timeout");
    talk_answer(&talk, &nothing);
    talk_on(&talk, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, talk.moves);
    const struct kit_finding *finding = kit_finding(kit_run(kit, "integrity"), NULL);
    const struct probe_table *corruptions = kit_rows(finding, "corruptions");
    assert_int_equal(kit_int(finding, "corrupt"), 1);
    assert_int_equal(kit_int(finding, "checked"), 2);
    assert_int_equal(kit_int(finding, "given_up"), 1);
    assert_int_equal(kit_int(finding, "skipped"), 1);
    assert_int_equal(kit_grade(kit, "integrity", finding), PROBE_CRITICAL);
    assert_string_equal(corruptions->cells[0], "public.a_pkey");
    assert_string_equal(corruptions->cells[1], "bt_index_check");
    assert_non_null(strstr(corruptions->cells[2], "item order invariant violated"));
    assert_string_equal(kit_remembered(kit, "integrity", "corrupt"), "{11}");
    assert_string_equal(kit_remembered(kit, "integrity", "position"), "13");
    assert_int_equal(kit_server_count(server), 1);
    finish(kit, server);
}

/* ------------------------------------------------------------ databases ---- */

static void each_database_has_its_turn_and_its_own_end(void **state)
{
    static const char *const databases[] = {
        "database", "postgres", "tenant_1", "tenant_2", "tenant_3"};
    static const char *const used[] = {
        "count", "hidden", "sequence", "used_percent", "left", "1", "0", "public.s", "95.00", "5"};
    struct speech list = {0}, fullest = {0}, limit = {0};
    struct talk kept = {0}, first = {0}, second = {0}, third = {0};
    struct kit *kit;
    (void)state;
    say_rows(&list, databases, 1, 4);
    say_rows(&fullest, used, 5, 1);
    say_error(&limit, "53300", "too many connections for database \"tenant_2\"");
    talk_login(&kept);
    talk_answer(&kept, &list);
    talk_on(&kept, KIT_MUTE);
    talk_on(&first, KIT_UNTIL("tenant_1"));
    talk_login(&first);
    talk_answer(&first, &fullest);
    talk_on(&first, KIT_MUTE);
    talk_on(&second, KIT_UNTIL("tenant_2"));
    talk_on(&second, KIT_UNTIL("runbookd"));
    talk_on(&second, MOVE_SAY(limit));
    talk_on(&second, KIT_CLOSE);
    talk_on(&third, KIT_UNTIL("tenant_3"));
    talk_login(&third);
    talk_answer(&third, &fullest);
    talk_on(&third, KIT_MUTE);
    struct kit_server *server = serve(&kit, NULL, HERE, kept.moves);
    kit_server_add(server, first.moves);
    kit_server_add(server, second.moves);
    kit_server_add(server, third.moves);
    kit_set(kit, "databases", "{match: \"tenant_*\", one_at_a_time: true}");

    struct kit_run *run = kit_run(kit, "sequences");
    assert_true(run->done);
    assert_int_equal(run->finding_count, 3);
    assert_true(kit_real(kit_finding(run, "tenant_1"), "used_percent") == 95);
    assert_int_equal(kit_finding(run, "tenant_2")->status, PROBE_UNKNOWN);
    assert_non_null(strstr(kit_finding(run, "tenant_2")->summary, "too many connections"));
    assert_int_equal(kit_finding(run, "tenant_3")->status, PROBE_GRADED);
    kit_advance(kit, 20);
    assert_int_equal(kit_server_count(server), 4);
    assert_int_equal(kit_server_open_count(server), 1); /* the one that is kept */
    finish(kit, server);
}

static void what_databases_must_not_say_is_refused(void **state)
{
    static const char *const wrong[] = {"{match: []}",
                                        "{except: x}",
                                        "{match: x, one_at_a_time: false}",
                                        "{match: x, but: y}",
                                        "{match: [1]}",
                                        "{match: x, except: {}}",
                                        "[x]",
                                        "x"};
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct kit *kit = kit_open(patient_for(NULL));
        kit_set(kit, "url", "postgres://db");
        kit_set(kit, "databases", wrong[i]);
        const char *refusal = kit_refusal(kit, NULL);
        assert_true(refusal && strstr(refusal, "databases"));
        assert_int_equal(kit_close(kit), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_corrupt_index_keeps_nobody_from_the_other_relations),
        cmocka_unit_test(each_database_has_its_turn_and_its_own_end),
        cmocka_unit_test(what_databases_must_not_say_is_refused),
    };
    return cmocka_run_group_tests_name("postgres, local", tests, compose, NULL);
}
