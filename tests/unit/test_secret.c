/* secret: references, files that change, and what is known to redaction. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/redact.h"
#include "io/secret.h"

static char folder[64], path[96], reference[128];
static uint64_t now_ms;

static uint64_t by_hand(void)
{
    return now_ms;
}

static void put(const char *bytes)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs(bytes, file);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/test_secret.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/password", folder);
    (void)snprintf(reference, sizeof(reference), "${file:%s}", path);
    secret_use_clock(by_hand);
    now_ms = 1000000;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)rmdir(folder);
    redact_forget_all();
    secret_use_clock(NULL);
    return 0;
}

static void reveals(const char *text, const char *expected)
{
    struct error error = {0};
    struct probe_secret *secret = secret_create(text, &error);
    assert_string_equal(error.message, "");
    assert_non_null(secret);
    assert_string_equal(secret_reveal(secret), expected);
    secret_destroy(secret);
}

static void refuses(const char *text, const char *words)
{
    struct error error = {0};
    assert_null(secret_create(text, &error));
    assert_int_equal(error.code, -EINVAL);
    assert_non_null(strstr(error.message, words));
}

static void a_literal_is_what_it_says(void **state)
{
    (void)state;
    reveals("hunter2", "hunter2");
    reveals("", "");
    reveals("cash $ and }", "cash $ and }");
    reveals("$${env:HOME}", "${env:HOME}");
    reveals("a$${b", "a${b");
}

static void a_variable_is_put_in_and_its_fallback_where_it_is_unset_or_empty(void **state)
{
    (void)state;
    (void)setenv("TEST_SECRET", "s3cret", 1);
    (void)setenv("TEST_EMPTY", "", 1);
    (void)unsetenv("TEST_NONE");
    reveals("${env:TEST_SECRET}", "s3cret");
    reveals("pg://u:${env:TEST_SECRET}@h/${env:TEST_NONE:-db}", "pg://u:s3cret@h/db");
    reveals("${env:TEST_SECRET:-other}", "s3cret");
    reveals("${env:TEST_EMPTY:-other}", "other");
    reveals("${env:TEST_NONE:-}", "");
    reveals("${env:TEST_EMPTY}", "");
    reveals("${env:TEST_NONE:-a:-b}", "a:-b");
}

static void what_is_no_reference_is_refused_in_words(void **state)
{
    (void)state;
    refuses("${env:X", "not closed");
    refuses("${vault:x}", "neither");
    refuses("${}", "neither");
    refuses("${env:}", "environment variable");
    refuses("${env:1X}", "environment variable");
    refuses("${file:run/x}", "absolute");
    struct error error = {0};
    assert_null(secret_create("${hunter2}", &error)); /* perhaps a password: not repeated */
    assert_null(strstr(error.message, "hunter2"));
    assert_non_null(strstr(error.hint, "$${"));
}

static void an_absurd_number_of_references_is_refused(void **state)
{
    (void)state;
    char *text = mem_new(100 * 10 + 1);
    for (int i = 0; i < 100; i++)
        (void)memcpy(text + (size_t)i * 10, "x${env:PA}", 10);
    refuses(text, "more than 64");
    free(text);
    text = mem_new(70000);
    memset(text, 'x', 69999);
    refuses(text, "longer than 64 KiB");
    free(text);
}

static void an_unset_variable_is_named_and_not_revealed(void **state)
{
    (void)state;
    struct error error = {0};
    (void)unsetenv("TEST_NONE");
    struct probe_secret *secret = secret_create("x${env:TEST_NONE}", &error);
    assert_int_equal(secret_check(secret, &error), -ENOENT);
    assert_string_equal(error.message, "${env:TEST_NONE} is not set");
    assert_null(secret_reveal(secret));
    secret_destroy(secret);
}

static void a_files_trailing_newlines_go(void **state)
{
    (void)state;
    put("line one\nline two\r\n\n");
    reveals(reference, "line one\nline two");
}

static void a_file_that_cannot_serve_is_named(void **state)
{
    (void)state;
    struct error error = {0};
    struct probe_secret *secret = secret_create(reference, &error);
    assert_int_equal(secret_check(secret, &error), -ENOENT);
    assert_non_null(strstr(error.message, path));
    put("\n");
    assert_int_equal(secret_check(secret, &error), -ENODATA);
    FILE *file = fopen(path, "we");
    assert_int_equal(fwrite("a\0b", 1, 3, file), 3);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(secret_check(secret, &error), -EINVAL);
    assert_int_equal(truncate(path, 65537), 0);
    assert_int_equal(secret_check(secret, &error), -EFBIG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* opening it must not wait for a writer */
    assert_int_equal(secret_check(secret, &error), -EINVAL);
    assert_non_null(strstr(error.message, "not a regular file"));
    assert_null(secret_reveal(secret));
    secret_destroy(secret);
}

static void a_changed_file_is_seen_within_a_second_and_not_sooner(void **state)
{
    (void)state;
    struct error error = {0};
    struct probe_secret *secret = secret_create(reference, &error);
    put("old1");
    assert_string_equal(secret_reveal(secret), "old1");
    put("new2"); /* same size, perhaps the same tick of the file system's clock */
    now_ms += 999;
    assert_string_equal(secret_reveal(secret), "old1");
    now_ms += 1;
    assert_string_equal(secret_reveal(secret), "new2");
    assert_int_equal(unlink(path), 0);
    now_ms += 1000;
    assert_null(secret_reveal(secret));
    secret_destroy(secret);
}

static void a_forgotten_value_is_read_again_at_once(void **state)
{
    (void)state;
    struct error error = {0};
    struct probe_secret *secret = secret_create(reference, &error);
    put("before");
    assert_string_equal(secret_reveal(secret), "before");
    put("after");
    secret_forget(secret);
    assert_string_equal(secret_reveal(secret), "after");
    secret_destroy(secret);
}

static void every_value_revealed_is_known_to_redaction(void **state)
{
    (void)state;
    struct error error = {0};
    put("filevalue\n");
    char *text = mem_print("pg://u:%s@h", reference);
    struct probe_secret *secret = secret_create(text, &error);
    assert_false(redact_finds("filevalue", 9));
    assert_non_null(secret_reveal(secret));
    assert_true(redact_finds("filevalue", 9)); /* the reference alone, not only the whole */
    put("rotated");
    now_ms += 1000;
    assert_non_null(secret_reveal(secret));
    assert_true(redact_finds("say rotated", 11));
    assert_true(redact_finds("filevalue", 9)); /* the old one may still be in flight */
    secret_destroy(secret);
    secret = secret_create("inline-password", &error);
    assert_non_null(secret_reveal(secret));
    assert_true(redact_finds("inline-password", 15));
    secret_destroy(secret);
    free(text);
}

static void shows(const char *text, const char *expected)
{
    struct error error = {0};
    struct probe_secret *secret = secret_create(text, &error);
    assert_string_equal(secret_shown(secret), expected);
    secret_destroy(secret);
}

static void people_see_references_and_nothing_else(void **state)
{
    (void)state;
    shows("hunter2", REDACT_MARK);
    shows("${file:/run/secrets/x}", "${file:/run/secrets/x}");
    shows("pg://u:pw@${env:HOST}", REDACT_MARK "${env:HOST}");
    shows("${env:PW:-hunter2}", "${env:PW:-" REDACT_MARK "}");
    shows("${env:PW:-}", "${env:PW:-}");
    assert_true(secret_has_reference("a${env:B}"));
    assert_false(secret_has_reference("a$${env:B}"));
    assert_false(secret_has_reference(NULL));
}

static void what_is_no_secret_is_expanded_and_its_environment_not_hidden(void **state)
{
    struct error error = {0};
    (void)state;
    put("from a file\n");
    (void)setenv("TEST_SECRET", "production", 1);
    MEM_AUTO char *text = mem_print("${env:TEST_SECRET} $${x} %s", reference);
    MEM_AUTO char *value = secret_expand(text, &error);
    assert_string_equal(value, "production ${x} from a file");
    assert_false(redact_finds("production", 10));
    assert_true(redact_finds("from a file", 11));
    assert_null(secret_expand("${env:TEST_NONE}", &error));
    assert_string_equal(error.message, "${env:TEST_NONE} is not set");
    (void)unsetenv("TEST_SECRET");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_literal_is_what_it_says),
        TEST(a_variable_is_put_in_and_its_fallback_where_it_is_unset_or_empty),
        TEST(what_is_no_reference_is_refused_in_words),
        TEST(an_absurd_number_of_references_is_refused),
        TEST(an_unset_variable_is_named_and_not_revealed),
        TEST(a_files_trailing_newlines_go),
        TEST(a_file_that_cannot_serve_is_named),
        TEST(a_changed_file_is_seen_within_a_second_and_not_sooner),
        TEST(a_forgotten_value_is_read_again_at_once),
        TEST(every_value_revealed_is_known_to_redaction),
        TEST(people_see_references_and_nothing_else),
        TEST(what_is_no_secret_is_expanded_and_its_environment_not_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
