/* A mail, as it is sent: which events it tells of, in which order, and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "out/email_text.h"

#define AGENT                                                                                      \
    "\"agent\":{\"realm\":\"orders\",\"node\":\"db-1\",\"boot\":\"b7c1\",\"version\":\"0.1.0\"}"

static const char *const to[] = {"ops@example.org", "Night Shift <night@example.org>", NULL};
static struct text out;

/* Adds a finding's line. */
static void add(struct text *lines, int seq, const char *name, const char *status,
                const char *message, const char *reason)
{
    text_print(
        lines,
        "{\"kind\":\"finding\",\"message\":\"%s\",\"id\":\"%d\",\"seq\":%d," AGENT
        ",\"target\":\"db\",\"name\":\"%s\",\"subject\":null,\"status\":\"%s\","
        "\"previous\":\"warning\",\"reason\":\"%s\",\"silenced_by\":null,\"measures\":{\"used\":"
        "96},\"hint\":\"look at it\"}\n",
        message,
        seq,
        seq,
        name,
        status,
        reason);
}

static bool write(const struct text *lines, const char *prefix)
{
    const struct email_wish wish = {
        .from = "runbookd <agent@example.org>",
        .to = to,
        .prefix = prefix,
        .sink = "mail",
        .wall_ms = INT64_C(1795229882118),
    };
    text_finish(&out);
    text_init(&out, 1 << 20);
    return email_write(&wish, (struct view){lines->bytes, lines->len}, &out);
}

static void the_worst_is_told_first_with_commands_alone_in_their_lines(void **state)
{
    struct text TEXT_AUTO lines;
    (void)state;
    text_init(&lines, 100000);
    add(&lines, 1, "wal", "ok", "it is well", "change");
    add(&lines, 2, "locks", "warning", "one waits", "change");
    add(&lines, 3, "connect", "critical", "nobody answers", "change");
    add(&lines, 4, "connect", "critical", "nobody answers", "repeat");
    text_print(&lines, "{\"kind\":\"agent\",\"step\":\"heartbeat\",\"message\":\"m\"," AGENT "}\n");
    assert_true(write(&lines, ""));
    assert_string_equal(
        out.bytes,
        "Date: Sat, 21 Nov 2026 02:58:02 +0000\r\n"
        "From: runbookd <agent@example.org>\r\n"
        "To: ops@example.org,\r\n Night Shift <night@example.org>\r\n"
        "Subject: [runbookd orders] 1 critical, 1 warning, 1 ok: db/connect, db/locks, db/wal\r\n"
        "Message-ID: <b7c1.1.3.mail@runbookd>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "CRITICAL  db/connect: nobody answers\r\n"
        "    look at it\r\n"
        "    used 96\r\n"
        "\r\n"
        "runbookd show db/connect\r\n"
        "\r\n"
        "WARNING  db/locks: one waits\r\n"
        "    look at it\r\n"
        "    used 96\r\n"
        "\r\n"
        "runbookd show db/locks\r\n"
        "\r\n"
        "OK  db/wal: it is well\r\n"
        "    look at it\r\n"
        "\r\n"
        "--=20\r\n"
        "runbookd 0.1.0 on db-1, realm orders\r\n");
}

static void what_is_only_said_again_makes_no_mail(void **state)
{
    struct text TEXT_AUTO lines;
    (void)state;
    text_init(&lines, 100000);
    add(&lines, 1, "connect", "critical", "nobody answers", "repeat");
    add(&lines, 2, "connect", "critical", "nobody answers", "snapshot");
    assert_false(write(&lines, ""));
    assert_int_equal(out.len, 0);
}

static void many_are_one_mail_that_says_how_many(void **state)
{
    struct text TEXT_AUTO lines;
    (void)state;
    text_init(&lines, 1 << 20);
    for (int i = 1; i <= 100; i++)
        add(&lines, i, "connect", "critical", "nobody answers", "change");
    assert_true(write(&lines, "[night]"));
    assert_non_null(strstr(out.bytes, "\r\nSubject: [night] 100 critical: db/connect, db/"));
    assert_non_null(
        strstr(out.bytes, "\r\nand 60 more; all that is not ok:\r\n\r\nrunbookd findings\r\n"));
    size_t told = 0;
    for (const char *at = out.bytes; (at = strstr(at, "\r\nCRITICAL ")); at++)
        told++;
    assert_int_equal(told, EMAIL_MOST);
    text_cut_to(&lines, 0);
    for (int i = 1; i <= 60; i++)
        add(&lines, i, "locks", i == 60 ? "critical" : "warning", "one waits", "change");
    assert_true(write(&lines, "")); /* the worst of them came last */
    assert_non_null(strstr(out.bytes, "\r\n\r\nCRITICAL  db/locks: one waits"));
    assert_non_null(strstr(out.bytes, "\r\nand 20 more;"));
    const char *subject = strstr(out.bytes, "Subject: ");
    assert_true(strchr(subject, '\r') - subject <= 9 + 150);
}

static void what_is_not_ascii_is_encoded_and_nothing_breaks_out_of_a_header(void **state)
{
    struct text TEXT_AUTO lines;
    (void)state;
    text_init(&lines, 100000);
    add(&lines,
        1,
        "gr\u00f6\u00dfe",
        "critical",
        "\u00fc = 100 %\\r\\nBcc: x@y of a line that goes on and on and on and on and on and on",
        "change");
    assert_true(write(&lines, ""));
    assert_non_null(strstr(out.bytes, "\r\nSubject: =?UTF-8?B?"));
    assert_null(strstr(out.bytes, "\r\nBcc:"));
    assert_non_null(strstr(out.bytes, "=C3=BC =3D 100 %"));
    for (const char *at = out.bytes, *end; *at; at = end + 2) {
        end = strstr(at, "\r\n");
        assert_non_null(end);
        assert_true(end - at <= 76);
        for (; at < end; at++)
            assert_true(*at >= ' ' && *at < 127);
    }
}

static void an_address_is_bare_or_behind_a_name(void **state)
{
    static const char *const bad[] = {"",
                                      "ops",
                                      "@x",
                                      "x@",
                                      "a@b c@d",
                                      "x <a@b",
                                      "x <a@b> y",
                                      "a@b,c@d",
                                      "a@b\r\nBcc: c@d",
                                      "\u00fc@b",
                                      "<>"};
    char *bare = NULL;
    (void)state;
    assert_true(email_address("ops@example.org", &bare));
    assert_string_equal(bare, "ops@example.org");
    free(bare);
    assert_true(email_address("Night Shift <night@example.org>", &bare));
    assert_string_equal(bare, "night@example.org");
    free(bare);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (email_address(bad[i], &bare))
            fail_msg("%s was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_is_told_first_with_commands_alone_in_their_lines),
        cmocka_unit_test(what_is_only_said_again_makes_no_mail),
        cmocka_unit_test(many_are_one_mail_that_says_how_many),
        cmocka_unit_test(what_is_not_ascii_is_encoded_and_nothing_breaks_out_of_a_header),
        cmocka_unit_test(an_address_is_bare_or_behind_a_name),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_finish(&out);
    return failed;
}
