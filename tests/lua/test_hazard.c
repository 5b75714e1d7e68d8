/* lua/hazard: commands that nobody should send, and texts that look like them and are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lua/hazard.h"
#include "probe/yaml.h"

static void finds(const char *text, const char *what, const char *at)
{
    struct hazard hazard = {0};
    if (!hazard_find(text, strlen(text), &hazard))
        fail_msg("nothing was found in: %s", text);
    if (!strstr(hazard.what, what))
        fail_msg("%s: %s", text, hazard.what);
    assert_int_equal(strncmp(text + hazard.at, at, strlen(at)), 0);
    assert_true(*hazard.hint != '\0');
}

static void is_fine(const char *text)
{
    struct hazard hazard = {0};
    if (hazard_find(text, strlen(text), &hazard))
        fail_msg("%s: %s", text, hazard.what);
}

static void test_changes_without_where(void **state)
{
    (void)state;
    finds("UPDATE events SET state = 'x'", "no WHERE", "UPDATE");
    finds("update public.events as e set state = 1 -- where id = 3", "no WHERE", "update");
    finds("DELETE FROM events", "no WHERE", "DELETE");
    finds("DELETE FROM events /* WHERE id = 3 */", "no WHERE", "DELETE");
    finds("delete from events where_ = 3", "no WHERE", "delete");
    finds("DELETE FROM a USING (SELECT 1 WHERE true) s", "no WHERE", "DELETE");
    finds("UPDATE a SET t = ' where '", "no WHERE", "UPDATE");
    finds("UPDATE a SET t = $x$ where $x$", "no WHERE", "UPDATE");
    finds("UPDATE a SET t = E'\\' where '", "no WHERE", "UPDATE");
    finds("WITH d AS (DELETE FROM a RETURNING 1) SELECT 1 FROM d WHERE true", "no WHERE", "DELETE");
}

static void test_changes_of_some_rows(void **state)
{
    (void)state;
    is_fine("UPDATE events SET state = 'x' WHERE id = 3");
    is_fine("DELETE FROM events WHERE id IN (SELECT id FROM b)");
    is_fine("SELECT 1 FROM a WHERE b FOR UPDATE");
    is_fine("INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET b = 1");
    is_fine("INSERT INTO a SELECT ';' FROM b");
    is_fine("UPDATE a SET \"where\" = 1 WHERE id = 2;");
}

static void test_what_cannot_be_brought_back(void **state)
{
    (void)state;
    finds("DROP TABLE events", "drops", "DROP");
    finds("psql -c 'x'; drop database orders", "drops", "drop");
    finds("TRUNCATE events", "empties", "TRUNCATE");
    finds("truncate table a, b", "empties", "truncate");
    finds("ALTER TABLE db.t DELETE WHERE day < 3", "mutation", "ALTER");
    finds("rm -rf /var/log/app", "whole tree", "rm");
    finds("rm -r -f x", "whole tree", "rm");
    finds("echo 3 > /proc/sys/vm/drop_caches", "caches", "drop_caches");
}

static void test_redis(void **state)
{
    (void)state;
    finds("KEYS", "KEYS", "KEYS");
    finds("keys cache:*", "KEYS", "keys");
    finds("FLUSHALL", "every key", "FLUSHALL");
    finds("redis-cli flushdb async", "every key", "flushdb");
    is_fine("the keys of that cache");
}

static void test_sessions(void **state)
{
    (void)state;
    finds("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle'",
          "any kind",
          "pg_terminate_backend");
    is_fine("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = 3 AND "
            "backend_type = 'client backend'");
}

static void test_statements_that_no_remediation_runs(void **state)
{
    (void)state;
    finds("VACUUM FULL events", "transaction", "VACUUM");
    finds("CREATE INDEX CONCURRENTLY i ON a (b)", "transaction", "CREATE");
    finds("ALTER SYSTEM SET work_mem = 1", "transaction", "ALTER");
    finds("CREATE INDEX i ON a (b)", "schema", "CREATE");
    finds("GRANT SELECT ON a TO b", "schema", "GRANT");
    finds("UPDATE a SET b = 1 WHERE c; UPDATE a SET b = 2 WHERE c",
          "more than one",
          "UPDATE a SET b = 2");
    finds("DELETE FROM a WHERE id IN (SELECT id FROM a LIMIT 10)", "ORDER BY", "LIMIT");
    is_fine("DELETE FROM a WHERE id IN (SELECT id FROM a ORDER BY id LIMIT 10)");
    is_fine("SELECT 1;");
}

static void test_sentences_are_none(void **state)
{
    (void)state;
    is_fine("update the cache and delete what is old");
    is_fine("truncate the log if it has grown");
    is_fine("drop it");
    is_fine("grant more time; create no ticket");
    is_fine("%d of %d sessions ended");
    is_fine("");
    is_fine("'");
    is_fine("$a$ never ended; delete from x");
    is_fine("/* never ended; delete from x");
    is_fine("/* one /* in another */ delete from x */");
}

static void test_strings_of_a_script(void **state)
{
    static const char source[] = "-- DELETE FROM a\n"
                                 "--[[ DROP TABLE a ]]\n"
                                 "local a = \"it's\"\n"
                                 "  local b = 'DELETE FROM a'\n"
                                 "local c = [=[\n DROP TABLE x ]=] .. \"VACUUM a\"\n"
                                 "local unended = \"KEYS";
    struct problems problems = {0};
    (void)state;
    hazard_in_script("s.lua", source, strlen(source), &problems);
    assert_int_equal(problems.errors, 0);
    assert_int_equal(problems.count, 3);
    assert_int_equal(problems.all[0].line, 4);
    assert_int_equal(problems.all[0].column, 14);
    assert_int_equal(problems.all[1].line, 6);
    assert_int_equal(problems.all[1].column, 2);
    assert_true(problems.all[0].warning);
    assert_int_equal(problems.all[2].line, 7);
    problems_finish(&problems);
}

static void test_values(void **state)
{
    static const char yaml[] = "a: {statement: DELETE FROM x, list: [DROP TABLE y]}\n"
                               "b: SELECT id FROM x LIMIT 3\n"
                               "c: 3\n";
    struct problems problems = {0};
    struct arena *arena = arena_create();
    (void)state;
    const struct node *root = yaml_read(arena, "c.yaml", yaml, strlen(yaml), &problems);
    hazard_in_values(root, "with", &problems);
    assert_int_equal(problems.count, 3);
    assert_int_equal(problems.errors, 2);
    assert_string_equal(problems.all[0].key, "with.a.statement");
    assert_int_equal(problems.all[0].column, 16);
    assert_string_equal(problems.all[1].key, "with.a.list");
    assert_true(problems.all[2].warning);
    problems_finish(&problems);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_without_where),
        cmocka_unit_test(test_changes_of_some_rows),
        cmocka_unit_test(test_what_cannot_be_brought_back),
        cmocka_unit_test(test_redis),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_statements_that_no_remediation_runs),
        cmocka_unit_test(test_sentences_are_none),
        cmocka_unit_test(test_strings_of_a_script),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
