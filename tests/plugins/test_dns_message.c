/* plugins/dns, its pure functions: the wire, the servers, the verdict. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns_fixture.h"
#include "server.h"
#include "verdict.h"

/* ------------------------------------------------------------- question ---- */

static void a_question_is_as_rfc_1035_has_it(void **state)
{
    static const unsigned char wanted[] =
        "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x04shop\x00\x00\x1c\x00\x01";
    unsigned char question[MESSAGE_QUESTION];
    size_t len = message_ask(question, 0x1234, "www.shop.", "AAAA", true);
    (void)state;
    assert_int_equal(len, sizeof(wanted) - 1);
    assert_memory_equal(question, wanted, len);
    assert_int_equal(message_ask(question, 0, "www.shop", "CAA", false), len);
    assert_int_equal(question[2], 0);
    assert_int_equal(question[len - 4], 1);
}

static void an_address_is_asked_for_the_other_way_round(void **state)
{
    unsigned char question[MESSAGE_QUESTION];
    (void)state;
    (void)message_ask(question, 0, "192.0.2.7", "PTR", true);
    assert_string_equal((const char *)question + 12,
                        "\x01"
                        "7\x01"
                        "2\x01"
                        "0\x03"
                        "192\x07in-addr\x04"
                        "arpa");
    (void)message_ask(question, 0, "fd00::7", "PTR", true);
    assert_memory_equal(question + 12,
                        "\x01"
                        "7\x01"
                        "0",
                        4);
}

static void a_name_that_is_none_is_not_asked_for(void **state)
{
    unsigned char question[MESSAGE_QUESTION];
    char longest[400];
    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(message_ask(question, 0, "", "A", true), 0);
    assert_int_equal(message_ask(question, 0, "a..b", "A", true), 0);
    assert_int_equal(message_ask(question, 0, longest, "A", true), 0);
    longest[64] = '\0';
    assert_int_equal(message_ask(question, 0, longest, "A", true), 0);
}

/* ---------------------------------------------------------------- reply ---- */

/* One record of data, as it is read. */
static void reads(const char *type, int number, const char *data, size_t len, const char *value)
{
    struct wire wire;
    wire_reply(&wire, "a.example", type, 0);
    wire_add(&wire, number, 60, data, len);
    struct message *message = wire_read(&wire);
    if (!value) {
        assert_null(message);
        return;
    }
    assert_non_null(message);
    assert_int_equal(message->wanted, 1);
    assert_string_equal(message->records[0].value, value);
    assert_string_equal(message->records[0].name, "a.example");
    assert_string_equal(message->records[0].type, type);
    assert_int_equal(message->records[0].ttl, 60);
    free(message);
}

#define READS(type_, number_, data_, value_)                                                       \
    reads((type_), (number_), (data_), sizeof(data_) - 1, (value_))

static void records_of_each_kind_are_read(void **state)
{
    (void)state;
    READS("A", 1, "\xc0\x00\x02\x07", "192.0.2.7");
    READS("AAAA", 28, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07", "fd00::7");
    READS("CNAME", 5, "\x03Www\xc0\x0c", "www.a.example");
    READS("NS", 2, "\x00", ".");
    READS("MX", 15, "\x00\x0a\x04mail\x00", "10 mail");
    READS("SRV", 33, "\x00\x0a\x00\x3c\x13\xc4\x03sip\x00", "10 60 5060 sip");
    READS("TXT",
          16,
          "\x03"
          "abc\x04"
          "d\x00\\\xff",
          "abcd\\000\\092\\255");
    READS(
        "SOA", 6, "\x02ns\x00\x01h\x00\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", "ns h 1 2 3 4 5");
    READS("CAA", 257, "\x80\x05issueca.example", "128 issue \"ca.example\"");
}

static void records_that_end_early_are_no_answer(void **state)
{
    (void)state;
    READS("A", 1, "\xc0\x00\x02", NULL);
    READS("A", 1, "\xc0\x00\x02\x07\x07", NULL);
    READS("MX", 15, "\x00", NULL);
    READS("MX", 15, "\x00\x0a\x09mail", NULL);
    READS("TXT",
          16,
          "\x09"
          "abc",
          NULL);
    READS("SOA", 6, "\x02ns\x00\x01h\x00\0\0\0\1", NULL);
    READS("CNAME", 5, "\xc0\x1c", NULL); /* it points at itself */
    READS("CAA", 257, "\x80\x15issue", NULL);
}

static void the_longest_text_is_cut_and_ends(void **state)
{
    char data[256 * 20];
    struct wire wire;
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        data[i * 256] = (char)0xff;
        memset(data + i * 256 + 1, '\x01', 255);
    }
    wire_reply(&wire, "a.example", "TXT", 0);
    wire_add(&wire, 16, 60, data, sizeof(data));
    struct message *message = wire_read(&wire);
    assert_non_null(message);
    assert_int_equal(strlen(message->records[0].value), MESSAGE_VALUE - 1);
    free(message);
}

static void what_answers_another_question_is_no_answer(void **state)
{
    struct wire wire;
    (void)state;
    wire_reply(&wire, "a.example", "A", 0);
    struct message *message = wire_read(&wire);
    assert_non_null(message);
    free(message);
    wire.reply[0] ^= 1; /* the id */
    assert_null(wire_read(&wire));
    wire.reply[0] ^= 1;
    wire.reply[13] ^= 1; /* the name */
    assert_null(wire_read(&wire));
    wire.reply[13] ^= 1;
    wire.reply[13] ^= 0x20; /* in another case it is the same */
    message = wire_read(&wire);
    assert_non_null(message);
    free(message);
    wire.reply[2] &= 0x7f; /* a question */
    assert_null(wire_read(&wire));
    wire.len = 11;
    assert_null(wire_read(&wire));
}

static void only_a_server_that_failed_may_leave_the_question_out(void **state)
{
    struct wire wire;
    (void)state;
    wire_reply(&wire, "a.example", "A", 5);
    wire.reply[5] = 0;
    wire.len = 12;
    struct message *message = wire_read(&wire);
    assert_string_equal(message->rcode, "refused");
    free(message);
    wire.reply[3] = 0;
    assert_null(wire_read(&wire));
}

static void more_records_than_are_kept_are_counted(void **state)
{
    struct wire wire;
    (void)state;
    wire_reply(&wire, "a.example", "A", 0);
    for (int i = 0; i < MESSAGE_RECORDS + 6; i++)
        wire_add(&wire, 1, 60, "\x7f\0\0\1", 4);
    struct message *message = wire_read(&wire);
    assert_int_equal(message->count, MESSAGE_RECORDS);
    assert_int_equal(message->total, MESSAGE_RECORDS + 6);
    free(message);
}

/* --------------------------------------------------------------- servers ---- */

static void is_server(const char *text, const char *host, int port)
{
    struct server server;
    assert_true(server_parse(text, 53, &server));
    assert_string_equal(server.host, host);
    assert_int_equal(server.port, port);
}

static void servers_are_written_in_many_ways(void **state)
{
    static const char *const wrong[] = {"",
                                        "10.0.0.2:",
                                        "10.0.0.2:x",
                                        "10.0.0.2:0",
                                        "10.0.0.2:70000",
                                        "[fd00::2",
                                        "[fd00::2]x",
                                        "a b",
                                        "http://x",
                                        "[]"};
    struct server server;
    (void)state;
    is_server("10.0.0.2", "10.0.0.2", 53);
    is_server("10.0.0.2:5353", "10.0.0.2", 5353);
    is_server("fd00::2", "fd00::2", 53);
    is_server("[fd00::2]:5353", "fd00::2", 5353);
    is_server("[fd00::2]", "fd00::2", 53);
    is_server("ns1.example.org:54", "ns1.example.org", 54);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(server_parse(wrong[i], 53, &server));
}

static void resolv_conf_is_read_as_the_c_library_does(void **state)
{
    static const char text[] = "# nameserver 1.1.1.1\nsearch example.org\nnameserver\t10.0.0.2\n"
                               "nameserver fd00::2 # second\nnameserver nonsense\n"
                               "nameservers 9.9.9.9\nnameserver fe80::1%eth0";
    struct server servers[SERVER_MOST];
    (void)state;
    assert_int_equal(server_read_file(text, servers, SERVER_MOST), 3);
    assert_string_equal(servers[0].host, "10.0.0.2");
    assert_string_equal(servers[1].host, "fd00::2");
    assert_string_equal(servers[2].host, "fe80::1%eth0");
    assert_int_equal(server_read_file(text, servers, 1), 1);
    assert_int_equal(server_read_file("", servers, 1), 0);
}

/* --------------------------------------------------------------- verdict ---- */

static void answers_that_most_servers_share_are_right(void **state)
{
    struct message a = {.rcode = "noerror"}, b = a;
    const struct message *three[] = {&a, &b, &a, NULL}, *two[] = {&a, &b}, *one[] = {&a, NULL};
    bool differs[4];
    (void)state;
    a.count = b.count = 1;
    a.records[0].wanted = b.records[0].wanted = true;
    (void)snprintf(a.records[0].value, MESSAGE_VALUE, "192.0.2.7");
    (void)snprintf(b.records[0].value, MESSAGE_VALUE, "192.0.2.8");
    verdict_compare(three, 4, differs);
    assert_false(differs[0] || differs[2] || differs[3]);
    assert_true(differs[1]);
    verdict_compare(two, 2, differs);
    assert_true(differs[0] && differs[1]);
    verdict_compare(one, 2, differs);
    assert_false(differs[0]);
    a.records[0].ttl = 7;
    assert_true(verdict_same(&a, &a));
    b.records[0] = a.records[0];
    b.rcode = "nxdomain";
    assert_false(verdict_same(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_as_rfc_1035_has_it),
        cmocka_unit_test(an_address_is_asked_for_the_other_way_round),
        cmocka_unit_test(a_name_that_is_none_is_not_asked_for),
        cmocka_unit_test(records_of_each_kind_are_read),
        cmocka_unit_test(records_that_end_early_are_no_answer),
        cmocka_unit_test(the_longest_text_is_cut_and_ends),
        cmocka_unit_test(what_answers_another_question_is_no_answer),
        cmocka_unit_test(only_a_server_that_failed_may_leave_the_question_out),
        cmocka_unit_test(more_records_than_are_kept_are_counted),
        cmocka_unit_test(servers_are_written_in_many_ways),
        cmocka_unit_test(resolv_conf_is_read_as_the_c_library_does),
        cmocka_unit_test(answers_that_most_servers_share_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
