/* What plugins/common does with SQL: statements without their literals, arrays, shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/percent.h"
#include "common/sql.h"

/* ---------------------------------------------------------- normalising ---- */

static void shows(const char *statement, const char *expected)
{
    char out[200];
    sql_normalise(out, sizeof(out), statement);
    assert_string_equal(out, expected);
}

static void literals_become_question_marks(void **state)
{
    (void)state;
    shows("select * from users where email = 'a@b.example' and age>42",
          "select * from users where email = ? and age>?");
    shows("select 1.5e-3, .5, 0x1F, 1_000, -7", "select ?, ..., -?");
    shows("select E'it\\'s', U&'x', B'01', N'y'", "select ?, ...");
    shows("alter role x password 'it''s a secret'", "alter role x password ?");
    shows("select $$secret$$, $a$ $b$ secret $a$", "select ?, ...");
}

static void names_and_parameters_stay(void **state)
{
    (void)state;
    shows("select t1.a2, \"Weird 'name\" from schema1.t1 where id = $1",
          "select t1.a2, \"Weird 'name\" from schema1.t1 where id = $1");
    shows("select $1$ 'x' $1$", "select $1$ ? $1$");
    shows("select a$1 from été2", "select a$1 from été2");
}

static void comments_and_white_space_go(void **state)
{
    (void)state;
    shows("  select /* token=secret /* nested */ */ 1 -- secret\n\t from  t ", "select ? from t");
    shows("select 1 /* never closed: secret", "select ?");
}

static void lists_of_literals_are_short(void **state)
{
    (void)state;
    shows("where id in (1,2, 3 , 4)", "where id in (?, ...)");
    shows("values (1, 'a', b), (2, 'c', d)", "values (?, ..., b), (?, ..., d)");
    shows("f(1, x)", "f(?, x)");
}

static void what_was_cut_in_a_literal_does_not_leak(void **state)
{
    (void)state;
    shows("update t set a = 'secr", "update t set a = ?");
    shows("update t set a = $x$ secr", "update t set a = ?");
    shows("update t set a = E'x\\", "update t set a = ?");
}

/* With standard_conforming_strings off, the second quote does not end the string. */
static void a_quote_behind_a_backslash_hides_the_rest(void **state)
{
    (void)state;
    shows("select 'it\\' secret', 'more secret' from t", "select ? ...");
    shows("select \"it\\\" secret\", 'more secret' from t", "select ...");
    shows("select `it\\` secret`, 'more secret' from t", "select ...");
    shows("select \"a\\b\", 'secret' from t", "select \"a\\b\", ? from t");
}

static void a_long_statement_is_cut_between_characters(void **state)
{
    char out[16];
    (void)state;
    sql_normalise(out, sizeof(out), "select column_one from table_two");
    assert_string_equal(out, "select ...");
    sql_normalise(out, sizeof(out), "a b c d e f g h i j k l m");
    assert_string_equal(out, "a b c d e f ...");
    for (size_t room = 1; room < sizeof(out); room++) {
        memset(out, 'x', sizeof(out));
        sql_normalise(out, room, "é é é é é é 'x' é é é");
        assert_true(strlen(out) < room);
        for (size_t i = 0; out[i]; i += (out[i] & 0x80) ? 2 : 1)
            assert_true(!(out[i] & 0x80) || (out[i + 1] & 0xc0) == 0x80);
    }
}

static void any_bytes_end(void **state)
{
    uint32_t seed = 7;
    char bytes[64], out[48];
    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)round % sizeof(bytes);
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = "'\"$/*-\\eE1a., \n\x80\xffU&`"[(seed >> 16) % 21];
        }
        bytes[len < sizeof(bytes) ? len : sizeof(bytes) - 1] = '\0';
        sql_normalise(out, 1 + (size_t)round % sizeof(out), bytes);
        assert_true(strlen(out) <= (size_t)round % sizeof(out));
    }
}

static void words_become_an_array(void **state)
{
    static const char *const words[] = {"pg_dump", "a \"b\" \\c", "", NULL};
    static const char *const none[] = {NULL};
    char out[64];
    (void)state;
    assert_true(sql_array(out, sizeof(out), words));
    assert_string_equal(out, "{\"pg_dump\",\"a \\\"b\\\" \\\\c\",\"\"}");
    assert_true(sql_array(out, sizeof(out), none));
    assert_string_equal(out, "{}");
    assert_true(sql_array(out, sizeof(out), NULL));
    assert_string_equal(out, "{}");
    assert_false(sql_array(out, 12, words));
    assert_string_equal(out, "{}");
}

/* ------------------------------------------------------------ operators' ---- */

static void names_are_quoted_part_by_part(void **state)
{
    static const struct {
        const char *given, *expected; /* NULL: it is none */
    } cases[] = {
        {"events", "\"events\""},
        {"audit.Events", "\"audit\".\"Events\""},
        {"\"Odd.One\".Select", "\"Odd.One\".\"Select\""},
        {"a\"b", "\"a\"\"b\""},
        {"\"a\"\"b\"", "\"a\"\"b\""},
        {"events; drop table x", "\"events; drop table x\""},
        {"\"a\\\"", "\"a\\\""},
        {"\"a\\\"b\"", NULL},
        {"", NULL},
        {".", NULL},
        {"a..b", NULL},
        {"a.", NULL},
        {".a", NULL},
        {"\"open", NULL},
        {"\"\"", NULL},
        {"\"a\"b", NULL},
    };
    char out[80], small[8];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(sql_name(out, sizeof(out), cases[i].given), cases[i].expected != NULL);
        assert_string_equal(out, cases[i].expected ? cases[i].expected : "");
    }
    for (size_t room = 0; room < sizeof(small); room++)
        assert_false(sql_name(small, room, "a.long name"));
}

static void literals_are_closed(void **state)
{
    char out[16];
    (void)state;
    assert_true(sql_literal(out, sizeof(out), "it's"));
    assert_string_equal(out, "'it''s'");
    assert_true(sql_literal(out, sizeof(out), "\\'"));
    assert_string_equal(out, "'\\'''");
    assert_true(sql_literal(out, sizeof(out), ""));
    assert_string_equal(out, "''");
    assert_false(sql_literal(out, sizeof(out), "12345678"));
    assert_string_equal(out, "");
}

static void one_question_is_no_command_and_no_second_one(void **state)
{
    static const struct {
        const char *text, *wrong; /* NULL: it is fine ... */
        size_t len;               /* ... up to here; zero: as a whole */
    } cases[] = {
        {"select 1", NULL, 0},
        {" -- a\n/* b */ ((SELECT 1)) ; -- c", NULL, 27},
        {"WITH a AS (select ';') table a", NULL, 0},
        {"values ('a;b', $$;$$, \"c;\" /* ; */)", NULL, 0},
        {"select E'\\';' ;", NULL, 14},
        {"select '\\'; delete from t", NULL, 0}, /* nobody knows: the server decides */
        {"select 1; select 2", "several", 0},
        {"select 1;;", "several", 0},
        {"selects", "begin with", 0},
        {"", "begin with", 0},
        {"-- select", "begin with", 0},
        {"explain analyze delete from t", "begin with", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = 0;
        const char *wrong = sql_refuse_statement(cases[i].text, &len);
        assert_int_equal(wrong != NULL, cases[i].wrong != NULL);
        if (wrong)
            assert_non_null(strstr(wrong, cases[i].wrong));
        else
            assert_int_equal(len, cases[i].len ? cases[i].len : strlen(cases[i].text));
    }
}

static void shares_are_rounded(void **state)
{
    (void)state;
    assert_true(percent_of(96, 97) == 98.97);
    assert_true(percent_of(1, 0) == 0.0);
}

static void places_of_a_template_are_filled(void **state)
{
    const struct sql_place places[] = {
        {"table", "\"a{where}\""}, {"where", NULL}, {"tab", "never"}, {0}};
    char out[64];

    (void)state;
    assert_true(sql_fill(out, sizeof(out), "from {table} as {t}{where}{", places));
    assert_string_equal(out, "from \"a{where}\" as {t}{"); /* what is filled in is not looked at */
    assert_true(sql_fill(out, 13, "{table}12", places));
    assert_string_equal(out, "\"a{where}\"12");
    assert_false(sql_fill(out, 12, "{table}12", places));
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_become_question_marks),
        cmocka_unit_test(names_and_parameters_stay),
        cmocka_unit_test(comments_and_white_space_go),
        cmocka_unit_test(lists_of_literals_are_short),
        cmocka_unit_test(what_was_cut_in_a_literal_does_not_leak),
        cmocka_unit_test(a_quote_behind_a_backslash_hides_the_rest),
        cmocka_unit_test(a_long_statement_is_cut_between_characters),
        cmocka_unit_test(any_bytes_end),
        cmocka_unit_test(words_become_an_array),
        cmocka_unit_test(names_are_quoted_part_by_part),
        cmocka_unit_test(literals_are_closed),
        cmocka_unit_test(one_question_is_no_command_and_no_second_one),
        cmocka_unit_test(places_of_a_template_are_filled),
        cmocka_unit_test(shares_are_rounded),
    };
    return cmocka_run_group_tests_name("postgres, sql", tests, NULL, NULL);
}
