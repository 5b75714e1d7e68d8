/* What an operator's statement would do, as far as its words tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "statement.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void what_changes_counted_rows_is_taken(void **state)
{
    static const char *const fine[] = {
        "update orders set state = 'paid' where id = 7",
        "UPDATE orders SET state = 'drop table x; truncate y' WHERE id = 7;",
        "delete from orders where (id, n) in (select id, 1 from old where n > 2)  ; -- all of them",
        "insert into orders select * from old",
        "insert into o values (1) on conflict (id) do update set n = 2",
        "with old as (select id from orders where n < 3 for update) delete from orders using old "
        "where orders.id = old.id",
        "with old as (select id from orders for no key update) update orders set n = 1 where id in "
        "(table old)",
        "merge into a using b on a.id = b.id when matched then update set n = 1 when not matched "
        "then insert values (b.id)",
        "update \"delete\" set \"where\" = 1 where n = 1",
        "/* why /* nested */ */ delete from only orders as o where o.id = $$ it's $$",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(fine); i++)
        if (statement_refuse(fine[i]))
            fail_msg("%s: %s", fine[i], statement_refuse(fine[i]));
}

static void anything_else_is_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"drop table orders", "is no INSERT"},
        {"TRUNCATE orders", "is no INSERT"},
        {"select count(*) from orders", "is no INSERT"},
        {"explain analyze delete from orders where id = 1", "is no INSERT"},
        {"with a as (select 1) select * from a", "is no INSERT"},
        {"", "is no INSERT"},
        {"'delete'", "is no INSERT"},
        {"update orders set state = 'paid'", "has no WHERE"},
        {"delete from orders", "has no WHERE"},
        {"delete from orders -- where id = 1", "has no WHERE"},
        {"delete from \"where\"", "has no WHERE"},
        {"delete from orders using (select 1 where true) as a", "has no WHERE"},
        {"update orders set state = (select 'where' from a where b = 1)", "has no WHERE"},
        {"delete from a where id = 1; drop table b", "more than one"},
        {"delete from a where id = 1; delete from b where id = 1", "more than one"},
        {";delete from a where id = 1", "is no INSERT"},
        {"with d as (delete from a where id = 1 returning *) insert into b select * from d",
         "inside of brackets"},
        {"update a set n = 'x\\' where id = 1", "end cannot be told"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        const char *says = statement_refuse(wrong[i][0]);
        if (!says || !strstr(says, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], says ? says : "(taken)");
    }
}

static void one_that_is_too_long_is_refused(void **state)
{
    static char text[2 * STATEMENT_ROOM];
    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "delete from a where ", 20);
    assert_non_null(statement_refuse(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_counted_rows_is_taken),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(one_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
