/* io/mail: what closing a mailer ends: a conversation, half a letter, a look-up, the thread. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
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
#include "base/text.h"
#include "io/loop.h"
#include "io/mail.h"
#include "io/resolve.h"
#include "io/thread.h"
#include "io/wait.h"

/* A letter has far longer than a test waits for its end. */
enum { TIMEOUT_MS = 60000, SOON_MS = 5000, MOST_OTHERS = 4 };

static struct loop *loop;
static int listening, told;
static struct mail_wish wish;

static void on_end(const struct mail_end *end, void *data)
{
    (void)end, (void)data;
    told++;
}

static int bind_at_any(int type, uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static int set_up(void **state)
{
    static const char *const to[] = {"ops@example.org", NULL};
    uint16_t port;
    (void)state;
    listening = bind_at_any(SOCK_STREAM, &port);
    assert_int_equal(listen(listening, 4), 0);
    wish = (struct mail_wish){.host = "127.0.0.1",
                              .port = port,
                              .secure = MAIL_CLEAR,
                              .from = "agent@example.org",
                              .to = to,
                              .text = "Subject: x\r\n\r\nx\r\n",
                              .len = 17,
                              .timeout_ms = TIMEOUT_MS};
    told = 0;
    loop = loop_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)close(listening);
    resolve_shutdown(loop);
    return loop_destroy(loop);
}

/* Runs the loop until the server has a client; its socket. */
static int accept_one(void)
{
    struct pollfd ready = {.fd = listening, .events = POLLIN};
    bool never = false;
    for (int ms = 0; poll(&ready, 1, 0) == 0 && ms < SOON_MS; ms += 10)
        (void)loop_run_until(loop, &never, 10);
    int client = accept(listening, NULL, NULL);
    assert_true(client >= 0);
    return client;
}

static void wait_told(void)
{
    bool never = false;
    for (int ms = 0; !told && ms < SOON_MS; ms += 10)
        (void)loop_run_until(loop, &never, 10);
    assert_int_equal(told, 1);
}

static void say(int client, const char *line)
{
    assert_int_equal(send(client, line, strlen(line), 0), strlen(line));
}

/* Answers, as a server does, until a line begins with `last`, which is left without an answer. */
static void serve_until(int client, const char *last)
{
    char line[512];
    bool letter = false; /* its lines are not answered */
    FILE *lines = fdopen(dup(client), "r");
    say(client, "220 mail.example.org\r\n");
    for (;;) {
        assert_non_null(fgets(line, sizeof(line), lines));
        if (strncmp(line, last, strlen(last)) == 0)
            break;
        if (!letter)
            say(client, strncmp(line, "DATA", 4) == 0 ? "354 go on\r\n" : "250 fine\r\n");
        letter = letter || strncmp(line, "DATA", 4) == 0;
    }
    (void)fclose(lines);
}

/* Adds what still comes.  Whether the other side ends the connection within that time. */
static bool ends_within(int client, int ms, struct text *came)
{
    struct pollfd ready = {.fd = client, .events = POLLIN};
    char bytes[4096];
    while (poll(&ready, 1, ms) > 0) {
        ssize_t len = recv(client, bytes, sizeof(bytes), 0);
        if (len <= 0)
            return true;
        text_add_n(came, bytes, (size_t)len);
    }
    return false;
}

/* ---------------------------------------------------------------- closing ---- */

static void closing_ends_a_conversation_that_hangs(void **state)
{
    static const char *const unanswered[] = {"", "EHLO ", "RCPT ", "DATA", "."};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(unanswered); i++) {
        struct text TEXT_AUTO came;
        struct mailer *mailer = mailer_open(loop);
        assert_non_null(mailer);
        print_message("without an answer to \"%s\"\n", unanswered[i]);
        text_init(&came, 4096);
        mailer_send(mailer, &wish, on_end, NULL);
        int client = accept_one();
        if (*unanswered[i])
            serve_until(client, unanswered[i]);
        assert_false(ends_within(client, 50, &came));
        mailer_close(mailer);
        assert_true(ends_within(client, SOON_MS, &came));
        (void)close(client);
        assert_int_equal(thread_wait_for_left(SOON_MS), 0);
        assert_int_equal(told, 0);
    }
}

static void half_a_letter_is_not_ended_as_if_it_were_whole(void **state)
{
    static char letter[1 << 23]; /* more than sockets hold */
    struct text TEXT_AUTO came;
    (void)state;
    memset(letter, 'x', sizeof(letter));
    wish.text = letter;
    wish.len = sizeof(letter);
    text_init(&came, 2 * sizeof(letter));
    struct mailer *mailer = mailer_open(loop);
    mailer_send(mailer, &wish, on_end, NULL);
    int client = accept_one();
    serve_until(client, "DATA");
    say(client, "354 go on\r\n");
    (void)usleep(200000); /* as much of it as sockets hold is on its way */
    mailer_close(mailer);
    assert_true(ends_within(client, SOON_MS, &came));
    assert_in_range(came.len, 1000, sizeof(letter) - 1);
    assert_null(strstr(came.bytes, "\r\n.\r\n"));
    (void)close(client);
    assert_int_equal(thread_wait_for_left(SOON_MS), 0);
}

static void closing_says_farewell_and_waits_for_no_answer(void **state)
{
    struct text TEXT_AUTO came;
    (void)state;
    text_init(&came, 4096);
    struct mailer *mailer = mailer_open(loop);
    mailer_send(mailer, &wish, on_end, NULL);
    int client = accept_one();
    serve_until(client, ".");
    say(client, "250 taken\r\n");
    wait_told();
    mailer_close(mailer);
    assert_true(ends_within(client, SOON_MS, &came));
    assert_string_equal(came.bytes, "QUIT\r\n");
    (void)close(client);
    assert_int_equal(thread_wait_for_left(SOON_MS), 0);
}

/* Whose number is somebody else's by now. */
static void closing_touches_no_socket_that_was_closed_before(void **state)
{
    int others[MOST_OTHERS][2];
    char byte;
    (void)state;
    struct mailer *mailer = mailer_open(loop);
    mailer_send(mailer, &wish, on_end, NULL);
    (void)close(accept_one());
    wait_told();
    for (size_t i = 0; i < MOST_OTHERS; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, others[i]), 0);
    mailer_close(mailer);
    assert_int_equal(thread_wait_for_left(SOON_MS), 0);
    for (size_t i = 0; i < MOST_OTHERS; i++) {
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(recv(others[i][j], &byte, 1, 0), -1); /* and not its end */
            assert_int_equal(errno, EAGAIN);
        }
    }
    for (size_t i = 0; i < MOST_OTHERS; i++) {
        (void)close(others[i][0]);
        (void)close(others[i][1]);
    }
}

static void closing_ends_a_look_up(void **state)
{
    char server[32];
    uint16_t port;
    int silent = bind_at_any(SOCK_DGRAM, &port);
    (void)state;
    (void)snprintf(server, sizeof(server), "127.0.0.1:%u", (unsigned)port);
    resolve_use_servers(loop, server);
    wish.host = "mail.example.org";
    struct mailer *mailer = mailer_open(loop);
    mailer_send(mailer, &wish, on_end, NULL);
    mailer_close(mailer);
    assert_int_equal(thread_wait_for_left(SOON_MS), 0);
    resolve_shutdown(loop); /* whoever still asked would be told now */
    assert_int_equal(told, 0);
    (void)close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(closing_ends_a_conversation_that_hangs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            half_a_letter_is_not_ended_as_if_it_were_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            closing_says_farewell_and_waits_for_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            closing_touches_no_socket_that_was_closed_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_ends_a_look_up, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
