/* An event as a message of RFC 5424, byte for byte; and datagrams. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "out/syslog_line.h"

#define AGENT "\"agent\":{\"realm\":\"orders\",\"node\":\"n 1\",\"boot\":\"b7c1\"}"
#define CRITICAL                                                                                   \
    "{\"schema\":1,\"time\":\"2026-11-21T02:58:02.118Z\",\"kind\":\"finding\",\"level\":"          \
    "\"error\","                                                                                   \
    "\"message\":\"96 of 97 \\u00fcsed\",\"id\":\"9f2c41d07be3a655\",\"seq\":48213," AGENT         \
    ",\"target\":\"orders-db\",\"name\":\"connections\",\"subject\":\"a\\\"b]c\\\\d\",\"status\":" \
    "\"critical\",\"reason\":\"change\",\"silenced_by\":null}"

static struct text out;

static const char *message_of(const char *line, struct syslog_wish wish)
{
    text_finish(&out);
    text_init(&out, 1 << 20);
    if (!syslog_add(&wish, (struct view){line, strlen(line)}, &out))
        return "(none)";
    return out.bytes;
}

static void a_finding_is_a_message_with_its_data(void **state)
{
    (void)state;
    assert_string_equal(message_of(CRITICAL, (struct syslog_wish){.facility = 3, .max = 8192}),
                        "<26>1 2026-11-21T02:58:02.118Z n_1 runbookd b7c1 finding [runbookd@32473 "
                        "realm=\"orders\" target=\"orders-db\" name=\"connections\" "
                        "subject=\"a\\\"b\\]c\\\\d\" status=\"critical\" reason=\"change\" "
                        "id=\"9f2c41d07be3a655\" seq=\"48213\"] " CRITICAL);
    assert_string_equal(
        message_of(CRITICAL, (struct syslog_wish){.facility = 16, .sentence = true, .max = 8192}),
        "<130>1 2026-11-21T02:58:02.118Z n_1 runbookd b7c1 finding [runbookd@32473 "
        "realm=\"orders\" target=\"orders-db\" name=\"connections\" "
        "subject=\"a\\\"b\\]c\\\\d\" status=\"critical\" reason=\"change\" "
        "id=\"9f2c41d07be3a655\" seq=\"48213\"] critical orders-db/connections[a\"b]c\\d]: "
        "96 of 97 \u00fcsed");
}

static void severity_comes_from_the_status_else_from_the_level(void **state)
{
    static const struct {
        const char *line, *begins;
    } cases[] = {
        {"{\"status\":\"critical\",\"level\":\"error\"}", "<26>1 "},
        {"{\"status\":\"warning\",\"level\":\"warn\"}", "<28>1 "},
        {"{\"status\":\"unknown\",\"level\":\"warn\"}", "<28>1 "},
        {"{\"status\":\"ok\",\"level\":\"info\"}", "<30>1 "},
        {"{\"level\":\"error\"}", "<27>1 "},
        {"{\"level\":\"warn\"}", "<28>1 "},
        {"{\"level\":\"info\"}", "<30>1 "},
        {"{\"level\":\"debug\"}", "<31>1 - - runbookd - - [runbookd@32473] {\"level\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *seen =
            message_of(cases[i].line, (struct syslog_wish){.facility = 3, .max = 8192});
        if (strncmp(seen, cases[i].begins, strlen(cases[i].begins)) != 0)
            fail_msg("%s: %s", cases[i].line, seen);
    }
    assert_string_equal(message_of("[1]", (struct syslog_wish){.max = 8192}), "(none)");
}

static void what_is_too_long_goes_as_a_sentence_that_is_whole_utf8(void **state)
{
    (void)state;
    const char *seen = message_of(CRITICAL, (struct syslog_wish){.facility = 3, .max = 480});
    assert_non_null(strstr(seen, " cut=\"1\"] critical orders-db/connections"));
    assert_null(strstr(seen, "{"));
    MEM_AUTO char *whole = mem_copy(seen);
    size_t len = strlen(whole);
    assert_int_equal((unsigned char)whole[len - 5], 0xc3); /* ...\u00fcsed */
    seen = message_of(CRITICAL, (struct syslog_wish){.facility = 3, .max = len - 4});
    assert_int_equal(strlen(seen), len - 5); /* not half a character */
    assert_memory_equal(seen, whole, len - 5);
    seen = message_of(CRITICAL, (struct syslog_wish){.facility = 3, .max = 200}); /* no torn data */
    assert_string_equal(seen,
                        "<26>1 2026-11-21T02:58:02.118Z n_1 runbookd b7c1 finding - critical "
                        "orders-db/connections[a\"b]c\\d]: 96 of 97 \u00fcsed");
}

/* ------------------------------------------------------------ datagrams ---- */

struct answer {
    bool done;
    int status;
    char message[200];
};

static void on_sent(int status, const char *message, void *data)
{
    struct answer *answer = data;
    *answer = (struct answer){.done = true, .status = status};
    if (message)
        (void)strncpy(answer->message, message, sizeof(answer->message) - 1);
}

static int listen_at(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void datagrams_arrive_or_it_is_said_that_nobody_listens(void **state)
{
    static const struct datagram_piece pieces[] = {{0, 3}, {3, 4}};
    struct loop *loop = loop_create();
    struct answer answer = {0};
    struct datagram_wish wish = {.loop = loop,
                                 .host = "localhost",
                                 .bytes = "onetwo!",
                                 .pieces = pieces,
                                 .count = 2,
                                 .timeout_ms = 10000};
    char seen[16];
    (void)state;
    int fd = listen_at(&wish.port);
    (void)datagram_send(&wish, on_sent, &answer);
    assert_false(answer.done);
    assert_true(loop_run_until(loop, &answer.done, 10000));
    assert_int_equal(answer.status, 0);
    assert_int_equal(recv(fd, seen, sizeof(seen), 0), 3);
    assert_int_equal(recv(fd, seen, sizeof(seen), 0), 4);
    assert_memory_equal(seen, "two!", 4);
    (void)close(fd);
    answer.done = false;
    (void)datagram_send(&wish, on_sent, &answer);
    assert_true(loop_run_until(loop, &answer.done, 10000));
    assert_int_equal(answer.status, -ECONNREFUSED);
    assert_non_null(strstr(answer.message, "by UDP: Connection refused"));
    datagram_cancel(datagram_send(&wish, on_sent, &answer));
    datagram_cancel(NULL);
    wish.host = "..";
    answer.done = false;
    (void)datagram_send(&wish, on_sent, &answer);
    assert_true(loop_run_until(loop, &answer.done, 10000));
    assert_true(answer.status < 0);
    resolve_shutdown(loop);
    assert_int_equal(loop_destroy(loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finding_is_a_message_with_its_data),
        cmocka_unit_test(severity_comes_from_the_status_else_from_the_level),
        cmocka_unit_test(what_is_too_long_goes_as_a_sentence_that_is_whole_utf8),
        cmocka_unit_test(datagrams_arrive_or_it_is_said_that_nobody_listens),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_finish(&out);
    return failed;
}
