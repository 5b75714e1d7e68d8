/* io/serve: pages for whoever asks, whatever way he asks in. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/serve.h"
#include "io/wait.h"

enum { LARGE = 8 << 20 };

static struct {
    struct loop *loop;
    struct serve *serve;
    uint16_t port;
    unsigned asked;
    bool driven; /* the clock, by the test */
    char reply[4096];
    size_t len;
} stage;

static struct serve_page *answer(const struct serve_question *question, void *data)
{
    (void)data;
    stage.asked++;
    if (strcmp(question->path, "/large") == 0)
        return serve_page_create(200, "text/plain", memset(mem_new(LARGE), 'x', LARGE), LARGE);
    if (strcmp(question->path, "/page") != 0)
        return NULL;
    return serve_page_of(200, "text/plain", *question->accept ? question->accept : "plain");
}

/* A port that is free now. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static int set_up(void **state)
{
    struct error error;
    char address[32];
    (void)state;
    memset(&stage, 0, sizeof(stage));
    stage.loop = loop_create();
    stage.port = free_port();
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", stage.port);
    stage.serve = serve_open(stage.loop, address, answer, NULL, &error);
    return stage.serve ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    serve_close(stage.serve);
    return loop_destroy(stage.loop);
}

static int visit(const char *question)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(stage.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
                errno == EINPROGRESS);
    assert_int_equal(send(fd, question, strlen(question), MSG_NOSIGNAL), (ssize_t)strlen(question));
    return fd;
}

/* Turns the loop until the visitor has heard all, `ms` at most; whether the other side ended. */
static bool hear(int fd, uint64_t ms)
{
    stage.len = 0;
    for (uint64_t passed = 0; passed < ms; passed += 2) {
        const bool never = false;
        if (stage.driven)
            loop_advance(stage.loop, 2);
        else
            (void)loop_run_until(stage.loop, &never, 2);
        ssize_t got = recv(fd, stage.reply + stage.len, sizeof(stage.reply) - 1 - stage.len, 0);
        if (got > 0)
            stage.len += (size_t)got;
        stage.reply[stage.len] = '\0';
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return true;
    }
    return false;
}

static const char *ask(const char *question)
{
    int fd = visit(question);
    assert_true(hear(fd, 5000));
    (void)close(fd);
    return stage.reply;
}

static void a_page_is_read_by_get_and_head(void **state)
{
    (void)state;
    assert_non_null(strstr(ask("GET /page HTTP/1.1\r\nHost: x\r\n\r\n"), "\r\n\r\nplain"));
    assert_non_null(strstr(stage.reply, "HTTP/1.1 200 "));
    assert_non_null(strstr(stage.reply, "Connection: close"));
    assert_non_null(strstr(ask("GET /page?x=1 HTTP/1.0\r\nAccept: a/b\r\n\r\n"), "\r\n\r\na/b"));
    const char *head = ask("HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(head, "Content-Length: 5"));
    assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
    assert_non_null(strstr(ask("GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"), " 404 "));
}

static void nothing_else_than_reading_is_done(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        char question[128];
        (void)snprintf(question,
                       sizeof(question),
                       "%s /page HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
                       methods[i]);
        assert_non_null(strstr(ask(question), " 405 "));
        assert_non_null(strstr(stage.reply, "Allow: GET, HEAD"));
    }
    assert_int_equal(stage.asked, 0);
}

static void rubbish_and_too_long_a_question_end(void **state)
{
    static char long_one[40000];
    (void)state;
    (void)ask("\x16\x03\x01\x02\x01\xFC\r\n\r\n\r\n");
    (void)ask("GET\r\n\r\n");
    memset(long_one, 'a', sizeof(long_one) - 1);
    memcpy(long_one, "GET /", 5);
    memcpy(long_one + sizeof(long_one) - 14, " HTTP/1.0\r\n\r\n", 14);
    (void)ask(long_one);
    assert_null(strstr(stage.reply, " 200 "));
    assert_non_null(strstr(ask("GET /page HTTP/1.1\r\nHost: x\r\n\r\n"), " 200 "));
}

static void who_reads_slowly_holds_nobody(void **state)
{
    int slow[8];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(slow); i++)
        slow[i] = visit("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(ask("GET /page HTTP/1.1\r\nHost: x\r\n\r\n"), " 200 "));
    assert_int_equal(stage.asked, COUNT_OF(slow) + 1);
    for (size_t i = 0; i < COUNT_OF(slow); i++)
        (void)close(slow[i]);
}

/* More visitors than there is room for, none of whom says what he wants: they go, in time. */
static void who_says_nothing_is_sent_away(void **state)
{
    int fds[SERVE_MOST_VISITORS + 8];
    (void)state;
    loop_drive(stage.loop, 1000, 0);
    stage.driven = true;
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = visit("GET /page HT");
    int one = visit("GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(hear(one, SERVE_VISIT_MS - 100)); /* he waits in the kernel */
    assert_true(hear(one, 1000));
    assert_non_null(strstr(stage.reply, " 200 "));
    (void)close(one);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
}

static void an_address_is_numbers(void **state)
{
    static const char *const wrong[] = {"",
                                        "9797",
                                        ":9797",
                                        "localhost:1",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:0",
                                        "127.0.0.1:x",
                                        "::1:9797",
                                        "[::1]",
                                        "[127.0.0.1]:1",
                                        "1.2.3:4",
                                        "1.2.3.4:-1",
                                        "1.2.3.4:65536",
                                        "1.2.3.4:99999999999"};
    struct sockaddr_storage address;
    socklen_t len;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(serve_address(wrong[i], &address, &len));
    assert_true(serve_address("0.0.0.0:9797", &address, &len));
    assert_true(serve_address("[::1]:9797", &address, &len));
    assert_int_equal(address.ss_family, AF_INET6);
}

static void a_port_that_is_taken_is_told(void **state)
{
    struct error error;
    char address[32];
    (void)state;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", stage.port);
    assert_null(serve_open(stage.loop, address, answer, NULL, &error));
    assert_int_equal(error.code, -EADDRINUSE);
    assert_non_null(strstr(error.message, address));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_page_is_read_by_get_and_head),
        TEST(nothing_else_than_reading_is_done),
        TEST(rubbish_and_too_long_a_question_end),
        TEST(who_reads_slowly_holds_nobody),
        TEST(who_says_nothing_is_sent_away),
        TEST(an_address_is_numbers),
        TEST(a_port_that_is_taken_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
