/* Which tables a plan reads in sequence, by which columns, and whether an index would pay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explained.h"
#include "statement.h"
#include "suggest.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ------------------------------------------------------------------- plans ---- */

static void read_filter(struct explained *ret, const char *filter)
{
    char json[1000];

    (void)snprintf(json,
                   sizeof(json),
                   "[{\"Plan\":{\"Node Type\":\"Seq Scan\",\"Schema\":\"public\",\"Relation "
                   "Name\":\"orders\",\"Alias\":\"o\",\"Filter\":\"%s\"}}]",
                   filter);
    assert_true(explained_read(ret, json));
    assert_int_equal(ret->scan_count, 1);
    assert_true(ret->scans[0].filtered);
}

static void columns_are_taken_that_an_index_could_serve(void **state)
{
    static const struct {
        const char *filter, *columns;
    } each[] = {
        {"(o.customer = $1)", "customer"},
        {"((o.state)::text = $1)", "state::text"},
        {"((o.at > $3) AND (o.customer = $1) AND ((o.state)::text = $2))",
         "at<,customer,state::text"},
        {"((o.state)::text = ANY ((ARRAY[$2, $3])::text[]))", "state::text"},
        {"((o.at >= $6) AND (o.at <= $7) AND (o.at = $8))", "at"},
        {"(o.paid AND (o.customer = $1))", "customer"},
        {"((o.customer = $1) AND (NOT o.paid) AND (o.n = $2))", "customer,n"},
        {"(o.customer = c.id)", "customer"},
        {"(o.\\\"Big \\\"\\\" One\\\" = $1)", "Big \" One"},
        {"((o.a = 'x) AND (o.b = y') AND (o.c = $1))", "a,c"},
        {"((o.a = $1) OR (o.b = $2))", ""},
        {"(((o.a = $1) OR (o.b = $2)) AND (o.c = $1))", "c"},
        {"((o.a = $1) OR ((o.b = $2) AND (o.c = $1)))", ""},
        {"(lower((o.state)::text) = $5)", ""},
        {"((o.at)::date = $1)", ""},
        {"(o.a <> $1)", ""},
        {"(o.a ~~ $1)", ""},
        {"(o.a IS NULL)", ""},
        {"(o.a = o.b)", ""},
        {"(o.a = (o.b + $1))", ""},
        {"((o.a + 1) = $1)", ""},
        {"(c.a = $1)", ""},
        {"(oo.a = $1)", ""},
        {"(o.a = ", ""},
        {"((((((", ""},
        {"", ""},
        {"(o.", ""},
        {"(o.\\\"a", ""},
        {"(o.a = 'x", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(each); i++) {
        struct explained found;
        char said[200] = "";
        read_filter(&found, each[i].filter);
        for (size_t at = 0; at < found.scans[0].column_count; at++) {
            const struct explained_column *column = &found.scans[0].columns[at];
            size_t len = strlen(said);
            (void)snprintf(said + len,
                           sizeof(said) - len,
                           "%s%s%s%s",
                           at ? "," : "",
                           column->name,
                           column->as_text ? "::text" : "",
                           column->range ? "<" : "");
        }
        if (strcmp(said, each[i].columns) != 0)
            fail_msg("%s: %s", each[i].filter, said);
    }
}

static void scans_are_found_wherever_they_are(void **state)
{
    static const char json[] =
        "[{\"Plan\":{\"Node Type\":\"Hash Join\",\"Plans\":[{\"Node Type\":\"Gather\",\"Plans\":[{"
        "\"Node Type\":\"Seq Scan\",\"Schema\":\"shop\",\"Relation Name\":\"a\",\"Alias\":\"a\"}]},"
        "{\"Node Type\":\"Index Scan\",\"Relation Name\":\"b\"}]}}]";
    struct explained found;
    (void)state;
    assert_true(explained_read(&found, json));
    assert_int_equal(found.scan_count, 1);
    assert_string_equal(found.scans[0].schema, "shop");
    assert_string_equal(found.scans[0].table, "a");
    assert_false(found.scans[0].filtered);
}

static void what_is_no_plan_is_none(void **state)
{
    static const char *const wrong[] = {
        "", "{}", "[]", "[{}]", "[1]", "Seq Scan on a", "[{\"Plan\":"};
    struct explained found;
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(explained_read(&found, wrong[i]));
}

static void too_many_scans_are_counted(void **state)
{
    static const char scan[] = ",{\"Node Type\":\"Seq Scan\"}";
    char json[4000];
    struct explained found;
    size_t len = (size_t)snprintf(
        json, sizeof(json), "[{\"Plan\":{\"Node Type\":\"Append\",\"Plans\":[%s", scan + 1);
    (void)state;
    for (size_t i = 0; i < 2 * EXPLAINED_SCANS; i++)
        len += (size_t)snprintf(json + len, sizeof(json) - len, "%s", scan);
    (void)snprintf(json + len, sizeof(json) - len, "]}}]");
    assert_true(explained_read(&found, json));
    assert_int_equal(found.scan_count, EXPLAINED_SCANS);
    assert_int_equal(found.total, 2 * EXPLAINED_SCANS + 1);
}

/* ------------------------------------------------------------------ judging ---- */

static const char *const names[] = {
    "table", "rows", "column", "quoted", "is_varchar", "sortable", "n_distinct", "index"};

#define COLUMN(name, values, index) "public.orders", "50000", name, name, "f", "t", values, index

static void judge(struct suggestion *ret, const char *filter, const char *const *cells,
                  size_t count)
{
    const struct rows rows = {names, COUNT(names), cells, count};
    struct explained found;

    read_filter(&found, filter);
    suggest_judge(ret, &found.scans[0], &rows, 10000, 5);
}

static void an_index_is_suggested_where_it_pays(void **state)
{
    static const char *const one[] = {COLUMN("customer", "-0.5", NULL)};
    static const char *const three[] = {
        COLUMN("at", "-1", NULL), COLUMN("state", "4", NULL), COLUMN("tenant", "40", NULL)};
    struct suggestion said;
    (void)state;
    judge(&said, "(o.customer = $1)", one, 1);
    assert_string_equal(said.command, "CREATE INDEX CONCURRENTLY ON public.orders (customer);");
    assert_non_null(strstr(said.why, "of its 50000 rows the filter leaves about 2"));

    judge(&said, "((o.at > $1) AND (o.state = $2) AND (o.tenant = $3))", three, 3);
    assert_string_equal(said.command,
                        "CREATE INDEX CONCURRENTLY ON public.orders (tenant, state, at);");
}

static void none_is_suggested_where_it_does_not(void **state)
{
    static const struct {
        const char *filter, *cells[8], *says;
    } each[] = {
        {"(o.state = $1)", {COLUMN("state", "4", NULL)}, "25 % of its rows"},
        {"(o.at > $1)", {COLUMN("at", "-1", NULL)}, "a range of at"},
        {"(o.customer = $1)", {COLUMN("customer", NULL, NULL)}, "no statistics of customer"},
        {"(o.customer = $1)", {COLUMN("customer", "-1", "orders_customer")}, "orders_customer"},
        {"(lower(o.customer) = $1)",
         {"public.orders", "50000", NULL, NULL, NULL, NULL, NULL, NULL},
         "none that an index"},
        {"(o.customer = $1)",
         {"public.orders", "-1", "customer", "customer", "f", "t", NULL, NULL},
         "analyse it first"},
        {"(o.customer = $1)",
         {"public.orders", "40", "customer", "customer", "f", "t", "-1", NULL},
         "about 40 rows only"},
        {"(o.body = $1)",
         {"public.orders", "50000", "body", "body", "f", "f", "-1", NULL},
         "none that an index"},
        {"((o.code)::text = $1)",
         {"public.orders", "50000", "code", "code", "f", "t", "-1", NULL},
         "none that an index"},
    };
    struct suggestion said;
    (void)state;
    for (size_t i = 0; i < COUNT(each); i++) {
        judge(&said, each[i].filter, each[i].cells, 1);
        if (*said.command || !strstr(said.why, each[i].says))
            fail_msg("%s: %s %s", each[i].filter, said.command, said.why);
    }
    judge(&said, "(o.customer = $1)", NULL, 0);
    assert_string_equal(said.command, "");
    assert_string_equal(said.table, "orders");
}

/* ---------------------------------------------------------------- statements ---- */

static void one_statement_is_planned_and_nothing_else(void **state)
{
    static const char *const fine[] = {
        "select * from orders where id = $1",
        "SELECT count(*) FROM orders WHERE note = 'drop; table' ;",
        "update orders set n = $1",
        "with a as (select 1) delete from b using a where b.id = a.id",
        "insert into orders values ($1)",
    };
    static const char *const wrong[] = {
        "explain analyze select 1",
        "select 1; drop table orders",
        "drop table orders",
        "vacuum",
        "with a as (select 1) table a",
        "copy orders to stdout",
        "call f()",
        "select 'x\\'; drop table orders; --'",
        "",
        ";",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(fine); i++)
        assert_null(statement_refuse_plan(fine[i]));
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (!statement_refuse_plan(wrong[i]))
            fail_msg("taken: %s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_taken_that_an_index_could_serve),
        cmocka_unit_test(scans_are_found_wherever_they_are),
        cmocka_unit_test(what_is_no_plan_is_none),
        cmocka_unit_test(too_many_scans_are_counted),
        cmocka_unit_test(an_index_is_suggested_where_it_pays),
        cmocka_unit_test(none_is_suggested_where_it_does_not),
        cmocka_unit_test(one_statement_is_planned_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
