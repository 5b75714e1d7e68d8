/* plugins/cert: what is said in clear before TLS begins, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/cert/starttls.h"

static const char ssl_request[] = "\0\0\0\x08\x04\xd2\x16\x2f";

struct talk {
    const char *name;
    enum starttls_kind kind;
    const char *hears[4]; /* after each the next of `says` is expected, at last the end */
    const char *says[4];
    enum starttls_turn end;
    const char *line; /* what it said, where it refused */
};

static const struct talk talks[] = {
    {"postgres agrees", STARTTLS_POSTGRES, {"S"}, {NULL}, STARTTLS_SECURE, NULL},
    {"postgres has no TLS", STARTTLS_POSTGRES, {"N"}, {NULL}, STARTTLS_REFUSED, "no TLS here"},
    {"postgres is full", STARTTLS_POSTGRES, {"E..."}, {NULL}, STARTTLS_REFUSED, "an error"},
    {"this is no postgres", STARTTLS_POSTGRES, {"HTTP/1.1 400"}, {NULL}, STARTTLS_STRANGE, NULL},
    {"smtp agrees",
     STARTTLS_SMTP,
     {"220 ready\r\n", "250-x\r\n250-STARTTLS\r\n250 HELP\r\n", "220 go\r\n"},
     {"EHLO runbookd.invalid\r\n", "STARTTLS\r\n"},
     STARTTLS_SECURE,
     NULL},
    {"smtp with a long greeting and bare newlines",
     STARTTLS_SMTP,
     {"220-a\n220-b\n220 c\n", "250 starttls\n", "220\n"},
     {"EHLO runbookd.invalid\r\n", "STARTTLS\r\n"},
     STARTTLS_SECURE,
     NULL},
    {"smtp offers none",
     STARTTLS_SMTP,
     {"220 ready\r\n", "250-x\r\n250 HELP\r\n"},
     {"EHLO runbookd.invalid\r\n"},
     STARTTLS_REFUSED,
     "STARTTLS is not among its extensions"},
    {"smtp sends us away",
     STARTTLS_SMTP,
     {"554 no service\r\n"},
     {NULL},
     STARTTLS_REFUSED,
     "554 no service"},
    {"smtp changes its mind",
     STARTTLS_SMTP,
     {"220 ready\r\n", "250 STARTTLS\r\n", "454 not now\r\n"},
     {"EHLO runbookd.invalid\r\n", "STARTTLS\r\n"},
     STARTTLS_REFUSED,
     "454 not now"},
    {"this is no smtp", STARTTLS_SMTP, {"* OK imap\r\n"}, {NULL}, STARTTLS_STRANGE, NULL},
    {"imap agrees",
     STARTTLS_IMAP,
     {"* OK ready\r\n", "* CAPABILITY x\r\na OK begin\r\n"},
     {"a STARTTLS\r\n"},
     STARTTLS_SECURE,
     NULL},
    {"imap does not know it",
     STARTTLS_IMAP,
     {"* OK ready\r\n", "a BAD what\r\n"},
     {"a STARTTLS\r\n"},
     STARTTLS_REFUSED,
     "a BAD what"},
    {"imap says good-bye",
     STARTTLS_IMAP,
     {"* BYE full\r\n"},
     {NULL},
     STARTTLS_REFUSED,
     "* BYE full"},
    {"imap says good-bye later",
     STARTTLS_IMAP,
     {"* OK ready\r\n", "* BYE full\r\n"},
     {"a STARTTLS\r\n"},
     STARTTLS_REFUSED,
     "* BYE full"},
    {"this is no imap", STARTTLS_IMAP, {"220 smtp\r\n"}, {NULL}, STARTTLS_STRANGE, NULL},
};

/* In pieces of so many bytes, as the network likes it. */
static struct starttls_next hear(struct starttls *talk, const char *bytes, size_t piece)
{
    struct starttls_next next = {STARTTLS_WAIT, NULL, 0};
    size_t len = strlen(bytes);
    for (size_t at = 0; at < len; at += piece) {
        assert_int_equal(next.turn, STARTTLS_WAIT);
        next = starttls_hear(talk, bytes + at, piece < len - at ? piece : len - at);
        if (next.turn != STARTTLS_WAIT && talk->kind == STARTTLS_POSTGRES)
            return next;
    }
    return next;
}

static void play(const struct talk *talk, size_t piece)
{
    struct starttls state;
    struct starttls_next next = starttls_begin(&state, talk->kind);
    if (talk->kind == STARTTLS_POSTGRES) {
        assert_int_equal(next.turn, STARTTLS_WRITE);
        assert_int_equal(next.write_len, 8);
        assert_memory_equal(next.write, ssl_request, 8);
    } else {
        assert_int_equal(next.turn, STARTTLS_WAIT);
    }
    for (size_t i = 0; i < 4 && talk->hears[i]; i++) {
        next = hear(&state, talk->hears[i], piece);
        if (!talk->says[i])
            break;
        assert_int_equal(next.turn, STARTTLS_WRITE);
        assert_int_equal(next.write_len, strlen(talk->says[i]));
        assert_memory_equal(next.write, talk->says[i], next.write_len);
    }
    if (next.turn != talk->end)
        fail_msg("%s, in pieces of %zu: turn %d", talk->name, piece, (int)next.turn);
    if (talk->line)
        assert_string_equal(state.line, talk->line);
}

static void every_talk_goes_as_it_should_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
        play(&talks[i], 1);
        play(&talks[i], 3);
        play(&talks[i], 1000);
    }
}

/* Whoever puts bytes before the handshake would have them taken for the server's (CVE-2021-23222). */
static void bytes_behind_the_agreement_are_refused(void **state)
{
    (void)state;
    struct starttls talk;
    (void)starttls_begin(&talk, STARTTLS_POSTGRES);
    assert_int_equal(starttls_hear(&talk, "SX", 2).turn, STARTTLS_STRANGE);
    (void)starttls_begin(&talk, STARTTLS_IMAP);
    assert_int_equal(starttls_hear(&talk, "* OK\r\n", 6).turn, STARTTLS_WRITE);
    assert_int_equal(starttls_hear(&talk, "a OK\r\n* X\r\n", 11).turn, STARTTLS_STRANGE);
}

static void a_line_without_end_needs_no_memory(void **state)
{
    (void)state;
    struct starttls talk;
    static char line[100000];
    memset(line, '2', sizeof(line));
    (void)starttls_begin(&talk, STARTTLS_SMTP);
    for (int i = 0; i < 100; i++)
        assert_int_equal(starttls_hear(&talk, line, sizeof(line)).turn, STARTTLS_WAIT);
    assert_int_equal(starttls_hear(&talk, "\r\n", 2).turn, STARTTLS_WRITE);
}

static void empty_lines_and_none_at_all_are_strange(void **state)
{
    (void)state;
    struct starttls talk;
    (void)starttls_begin(&talk, STARTTLS_SMTP);
    assert_int_equal(starttls_hear(&talk, "", 0).turn, STARTTLS_WAIT);
    assert_int_equal(starttls_hear(&talk, "\r\n", 2).turn, STARTTLS_STRANGE);
    (void)starttls_begin(&talk, STARTTLS_IMAP);
    assert_int_equal(starttls_hear(&talk, "\n", 1).turn, STARTTLS_STRANGE);
    assert_int_equal(starttls_begin(&talk, STARTTLS_NONE).turn, STARTTLS_SECURE);
}

/* ------------------------------------------------------- MySQL and LDAP ---- */

/* The handshake of MySQL 5.7, with capabilities in the bytes before its end. */
#define GREETING(low_, high_)                                                                      \
    "\x1b\0\0\0\x0a"                                                                               \
    "5.7.1\0"                                                                                      \
    "\x01\0\0\0"                                                                                   \
    "saltsalt\0" low_ high_ "\x21\0\0\0\0"

struct packet {
    const char *name;
    enum starttls_kind kind;
    const char *bytes;
    size_t len;
    enum starttls_turn end;
};

#define PACKET(name_, kind_, bytes_, end_)                                                         \
    {                                                                                              \
        name_, STARTTLS_##kind_, bytes_, sizeof(bytes_) - 1, STARTTLS_##end_                       \
    }

static const struct packet packets[] = {
    PACKET("mysql has TLS", MYSQL, GREETING("\0", "\x08"), WRITE_LAST),
    PACKET("mysql has none", MYSQL, GREETING("\xff", "\xf7"), REFUSED),
    PACKET("mysql goes on talking", MYSQL, GREETING("\0", "\x08") "x", STRANGE),
    PACKET("mysql is full", MYSQL, "\x03\0\0\0\xff\x10\x04", REFUSED),
    PACKET("mysql without an end of its version", MYSQL, "\x05\0\0\0\x0axxxx", STRANGE),
    PACKET("this is no mysql", MYSQL, "220 mail\r\n", STRANGE),
    PACKET("a packet that is too long", MYSQL, "\xff\xff\xff\0\x0a", STRANGE),
    PACKET("ldap agrees", LDAP, "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", SECURE),
    PACKET("ldap agrees at length", LDAP,
           "\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\x00\x04\x00\x04\x00", SECURE),
    PACKET("ldap refuses", LDAP, "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x35\x04\x00\x04\x00",
           REFUSED),
    PACKET("ldap goes on talking", LDAP,
           "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\x30", STRANGE),
    PACKET("ldap ends before its result", LDAP, "\x30\x05\x02\x01\x01\x78\x00", STRANGE),
    PACKET("this is no ldap", LDAP, "HTTP/1.1 400", STRANGE),
    PACKET("lengths without end", LDAP, "\x30\x89xxxxxxxxxxxx", STRANGE),
};

static void packets_are_put_together_from_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
        const struct packet *packet = &packets[i];
        for (size_t piece = 1; piece <= packet->len; piece += packet->len - 1) {
            struct starttls talk;
            struct starttls_next next = starttls_begin(&talk, packet->kind);
            assert_int_equal(next.turn,
                             packet->kind == STARTTLS_LDAP ? STARTTLS_WRITE : STARTTLS_WAIT);
            next.turn = STARTTLS_WAIT;
            bool strange = packet->end == STARTTLS_STRANGE;
            for (size_t at = 0; at < packet->len; at += piece) {
                size_t len = piece < packet->len - at ? piece : packet->len - at;
                /* what agreed, and then goes on, is noticed with the next piece at the latest */
                if (next.turn != STARTTLS_WAIT && !(strange && at + 1 == packet->len))
                    break;
                next = starttls_hear(&talk, packet->bytes + at, len);
            }
            if (next.turn != packet->end)
                fail_msg("%s, in pieces of %zu: turn %d", packet->name, piece, (int)next.turn);
        }
    }
}

static void mysql_s_login_stops_where_tls_begins(void **state)
{
    static const char greeting[] = GREETING("\0", "\x08");
    struct starttls talk;
    (void)state;
    (void)starttls_begin(&talk, STARTTLS_MYSQL);
    struct starttls_next next = starttls_hear(&talk, greeting, sizeof(greeting) - 1);
    assert_int_equal(next.write_len, 36);
    assert_memory_equal(next.write, "\x20\0\0\x01", 4);
    assert_int_equal(next.write[5] & 0x08, 0x08);
    assert_int_equal(starttls_hear(&talk, "x", 1).turn, STARTTLS_STRANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_talk_goes_as_it_should_in_any_pieces),
        cmocka_unit_test(bytes_behind_the_agreement_are_refused),
        cmocka_unit_test(a_line_without_end_needs_no_memory),
        cmocka_unit_test(empty_lines_and_none_at_all_are_strange),
        cmocka_unit_test(packets_are_put_together_from_any_pieces),
        cmocka_unit_test(mysql_s_login_stops_where_tls_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
