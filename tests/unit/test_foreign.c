/* incident/matchers and incident/foreign: what a silence of Alertmanager fits, and what cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "incident/foreign.h"

#define NOW INT64_C(1795229882000) /* 2026-11-21T02:58:02Z */

/* Whether `matchers`, JSON, fit `labels`; -1: they cannot be read. */
static int fit(const char *matchers, const char *labels)
{
    json_t *list = json_loads(matchers, JSON_DECODE_ANY, NULL),
           *object = json_loads(labels, 0, NULL);
    MEM_AUTO char *wrong = NULL;
    struct matchers *parsed = matchers_parse(list, &wrong);
    assert_int_equal(!parsed, wrong != NULL);
    int result = parsed ? matchers_fit(parsed, object) : -1;
    matchers_destroy(parsed);
    json_decref(list);
    json_decref(object);
    return result;
}

static int fits_regex(const char *regex, const char *value)
{
    MEM_AUTO char *matchers =
        mem_print("[{\"name\":\"a\",\"value\":\"%s\",\"isRegex\":true}]", regex);
    MEM_AUTO char *labels = mem_print("{\"a\":\"%s\"}", value);
    return fit(matchers, labels);
}

static void all_must_fit(void **state)
{
    (void)state;
    static const char both[] =
        "[{\"name\":\"a\",\"value\":\"x\",\"isRegex\":false,\"isEqual\":true},"
        "{\"name\":\"b\",\"value\":\"y\",\"isEqual\":false}]";
    assert_int_equal(fit(both, "{\"a\":\"x\"}"), 1); /* a label that is not there is empty */
    assert_int_equal(fit(both, "{\"a\":\"x\",\"b\":\"z\"}"), 1);
    assert_int_equal(fit(both, "{\"a\":\"x\",\"b\":\"y\"}"), 0);
    assert_int_equal(fit(both, "{\"a\":\"xx\"}"), 0);
    assert_int_equal(fit("[{\"name\":\"a\",\"value\":\"\"}]", "{}"), 1);
    assert_int_equal(fit("[{\"name\":\"a\",\"value\":\"x|y\",\"isRegex\":true,\"isEqual\":false}]",
                         "{\"a\":\"y\"}"),
                     0);
}

#define A "{\"name\":\"a\",\"value\":\"x\"}"
#define B "{\"name\":\"b\",\"value\":\"x\"}"
#define Y "{\"name\":\"a\",\"value\":\"y\"}"
#define REGEX "{\"name\":\"a\",\"value\":\"x\",\"isRegex\":true}"
#define UNLIKE "{\"name\":\"a\",\"value\":\"x\",\"isEqual\":false}"

static bool same(const char *a, const char *b)
{
    struct matchers *parsed[2];
    const char *const written[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        MEM_AUTO char *wrong = NULL;
        json_t *list = json_loads(written[i], 0, NULL);
        parsed[i] = matchers_parse(list, &wrong);
        assert_non_null(parsed[i]);
        json_decref(list);
    }
    bool result = matchers_same(parsed[0], parsed[1]);
    assert_int_equal(matchers_same(parsed[1], parsed[0]), result);
    assert_false(matchers_same(parsed[0], NULL));
    matchers_destroy(parsed[0]);
    matchers_destroy(parsed[1]);
    return result;
}

static void in_whatever_order_they_say_the_same(void **state)
{
    (void)state;
    assert_true(same("[" A "," B "]", "[" B "," A "]"));
    assert_false(same("[" A "]", "[" A "," B "]"));
    assert_false(same("[" A "," A "]", "[" A "," B "]"));
    assert_false(same("[" A "]", "[" B "]"));
    assert_false(same("[" A "]", "[" Y "]"));
    assert_false(same("[" A "]", "[" REGEX "]"));
    assert_false(same("[" A "]", "[" UNLIKE "]"));
    assert_false(matchers_same(NULL, NULL));
}

static void an_expression_fits_the_whole_value(void **state)
{
    (void)state;
    assert_int_equal(fits_regex("b", "abc"), 0);
    assert_int_equal(fits_regex("ab", "abc"), 0);
    assert_int_equal(fits_regex("bc", "abc"), 0);
    assert_int_equal(fits_regex("a|abc", "abc"), 1);
    assert_int_equal(fits_regex("(?:a|b)+[0-9]{2}", "abba42"), 1);
    assert_int_equal(fits_regex("q\\\\.x", "q.x"), 1);
    assert_int_equal(fits_regex("q\\\\.x", "qux"), 0);
    assert_int_equal(fits_regex("\\\\w+", "a_1"), 1);
    assert_int_equal(fits_regex(".*", ""), 1);
    assert_int_equal(fits_regex("[^a].*?", "bcd"), 1);
}

static void what_posix_reads_otherwise_is_refused(void **state)
{
    static const char *const wrong[] = {
        "\\\\d+", "(?i)a", "\\\\pL", "[\\\\d]", "a\\\\1", "(", "[", "x\\\\", "(?P<n>a)"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (fits_regex(wrong[i], "1") != -1)
            fail_msg("%s was read", wrong[i]);
    assert_int_equal(fit("[]", "{}"), -1);
    assert_int_equal(fit("{}", "{}"), -1);
    assert_int_equal(fit("[{\"name\":\"a\"}]", "{}"), -1);
    assert_int_equal(fit("[7]", "{}"), -1);
}

#define SILENCE(id, state, start, end, matchers)                                                   \
    "{\"id\":\"" id "\",\"status\":{\"state\":\"" state "\"},\"comment\":\"c\\u001b[m\","          \
    "\"createdBy\":\"alice\",\"startsAt\":\"" start "\",\"endsAt\":\"" end                         \
    "\",\"matchers\":" matchers "}"
#define X "[{\"name\":\"a\",\"value\":\"x\"}]"

static bool skips(const char *uuid, void *data)
{
    return strcmp(uuid, data) == 0;
}

static const char *found(const struct foreigns *foreigns, int64_t now_ms, const char *skip)
{
    json_t *labels = json_pack("{s:s}", "a", "x");
    const struct foreign *foreign = foreigns_find(foreigns, labels, now_ms, skips, (void *)skip);
    json_decref(labels);
    return foreign ? foreign->face.id : "";
}

static void one_that_holds_is_found(void **state)
{
    static const char json[] = "[" SILENCE(
        "11111111-2222",
        "active",
        "2026-11-21T02:58:00.5Z",
        "2026-11-21T03:58:00.000Z",
        X) "," SILENCE("22222222-2222",
                       "expired",
                       "2026-11-21T02:58:00.000Z",
                       "2026-11-21T03:58:00.000Z",
                       X) "," SILENCE("33333333-2222",
                                      "pending",
                                      "2026-11-21T04:00:00.000Z",
                                      "2026-11-21T05:00:00Z",
                                      X) "," SILENCE("44444444-2222",
                                                     "active",
                                                     "2026-11-21T02:58:00Z",
                                                     "2026-11-22T02:58:00Z",
                                                     "[{\"name\":\"a\",\"value\":\"\\\\d\","
                                                     "\"isRegex\":true}]") "]";
    (void)state;
    struct foreigns *foreigns = foreigns_parse(json, sizeof(json) - 1);
    assert_non_null(foreigns);
    assert_int_equal(foreigns->count, 4);
    assert_int_equal(foreigns->unread, 1);
    assert_string_equal(foreigns->wrong, "a=~\"\\d\" is no expression that can be read here");
    assert_int_equal(foreigns->all[0].face.begun_ms, NOW - 1500);
    assert_string_equal(foreigns->all[0].face.who, "alice");
    assert_null(strchr(foreigns->all[0].face.reason, 27)); /* it goes to terminals */
    assert_string_equal(found(foreigns, NOW, ""), "11111111");
    assert_string_equal(found(foreigns, NOW - 1501, ""), "");
    assert_string_equal(found(foreigns, NOW, "11111111-2222"), ""); /* ours */
    assert_string_equal(found(foreigns, NOW + 3720000, ""), "33333333");
    assert_false(foreign_holds(&foreigns->all[1], NOW)); /* a person has ended it */
    assert_true(foreign_holds(&foreigns->all[0], NOW + 3597999));
    assert_false(foreign_holds(&foreigns->all[0], NOW + 3598000));
    assert_string_equal(foreigns_get(foreigns, "22222222")->uuid, "22222222-2222");
    assert_null(foreigns_get(foreigns, "2222"));
    foreigns_destroy(foreigns);
}

static void what_is_no_list_of_silences_is_none(void **state)
{
    static const char *const wrong[] = {
        "", "{}", "[7]", "[{\"id\":\"\"}]", "[{}", "null", "<html>"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_null(foreigns_parse(wrong[i], strlen(wrong[i])));
    struct foreigns *none = foreigns_parse("[]\n", 3);
    assert_string_equal(found(none, NOW, ""), "");
    foreigns_destroy(none);
    foreigns_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_must_fit),
        cmocka_unit_test(in_whatever_order_they_say_the_same),
        cmocka_unit_test(an_expression_fits_the_whole_value),
        cmocka_unit_test(what_posix_reads_otherwise_is_refused),
        cmocka_unit_test(one_that_holds_is_found),
        cmocka_unit_test(what_is_no_list_of_silences_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
