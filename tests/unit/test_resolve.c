/* resolve: against a name server of the test's own, on the same loop. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "files.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/wait.h"

/* A name server.  What it answers depends on the first letter of the name. */
static struct {
    int fd;
    struct watch *watch;
    int asked; /* questions seen, A and AAAA each */
    uint32_t ttl;
    uint8_t last_byte; /* of the address it gives */
    char csv[32];
} server;

static struct loop *loop;
static struct life life;
static int files_before;

/* Adds one record that answers the name of the question. */
static size_t add_record(unsigned char *at, bool six)
{
    const unsigned char head[] = {0xc0, 12, 0, six ? 28 : 1, 0, 1};
    uint32_t ttl = htonl(server.ttl);
    size_t len = six ? 16 : 4;
    memcpy(at, head, sizeof(head));
    memcpy(at + 6, &ttl, 4);
    at[10] = 0;
    at[11] = (unsigned char)len;
    memset(at + 12, 0, len);
    at[12] = six ? 0xfd : 127;
    at[12 + len - 1] = server.last_byte;
    return 12 + len;
}

static void on_question(int status, unsigned events, void *data)
{
    unsigned char packet[600];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    (void)status, (void)events, (void)data;
    ssize_t len = recvfrom(server.fd, packet, 512, 0, (struct sockaddr *)&from, &from_len);
    assert_true(len > 12);
    server.asked++;
    size_t end = 12;
    while (packet[end])
        end += packet[end] + 1u;
    bool six = packet[end + 2] == 28;
    end += 5;
    char kind = (char)packet[13];
    packet[2] |= 0x80;
    packet[3] = kind == 'n' ? 0x83 : kind == 's' ? 0x82 : 0x80;
    packet[7] = packet[9] = packet[11] = 0;
    if (kind == 'g' || kind == 'b' || (kind == 'f' && !six)) {
        packet[7] = 1;
        end += add_record(packet + end, six);
    }
    if (kind != 'h')
        (void)sendto(server.fd, packet, end, 0, (struct sockaddr *)&from, from_len);
}

static int set_up(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    (void)state;
    files_before = files_open();
    loop = loop_create();
    life_init(&life, loop);
    memset(&server, 0, sizeof(server));
    server.ttl = 60;
    server.last_byte = 9;
    server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(server.fd, (struct sockaddr *)&address, len) < 0 ||
        getsockname(server.fd, (struct sockaddr *)&address, &len) < 0)
        return -1;
    server.watch = watch_create(loop, server.fd, WATCH_READABLE, on_question, NULL);
    (void)snprintf(server.csv, sizeof(server.csv), "127.0.0.1:%d", ntohs(address.sin_port));
    resolve_use_servers(loop, server.csv);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    life_drop(&life);
    resolve_shutdown(loop);
    watch_destroy(server.watch);
    close(server.fd);
    int left = loop_destroy(loop);
    return left ? left : files_open() - files_before;
}

struct told {
    bool done;
    int times, status;
    char all[256];
};

static void on_told(int status, const char *const *addresses, size_t count, void *data)
{
    struct told *told = data;
    told->times++;
    told->status = status;
    told->all[0] = '\0';
    for (size_t i = 0, len = 0; i < count && len < sizeof(told->all); i++)
        len += (size_t)snprintf(
            told->all + len, sizeof(told->all) - len, "%s%s", i ? " " : "", addresses[i]);
    told->done = true;
}

static struct told ask(const char *name, int family)
{
    struct told told = {0};
    resolve_start(&life, name, family, on_told, &told);
    assert_false(told.done); /* never from inside the call */
    assert_true(loop_run_until(loop, &told.done, 5000));
    assert_int_equal(told.times, 1);
    return told;
}

static void an_address_needs_no_server(void **state)
{
    (void)state;
    assert_string_equal(ask("10.1.2.3", 0).all, "10.1.2.3");
    assert_string_equal(ask("::1", 6).all, "::1");
    assert_string_equal(ask("fe80::1%lo", 0).all, "fe80::1%lo");
    assert_int_equal(ask("::1", 4).status, -ENOENT);
    assert_int_equal(ask("10.1.2.3", 6).status, -ENOENT);
    assert_int_equal(server.asked, 0);
}

static void a_local_name_needs_no_server(void **state)
{
    (void)state;
    assert_string_equal(ask("localhost", 4).all, "127.0.0.1");
    assert_string_equal(ask("localhost", 6).all, "::1");
    assert_non_null(strstr(ask("localhost", 0).all, "127.0.0.1"));
    assert_int_equal(server.asked, 0);
}

static void what_lies_below_localhost_is_this_machine(void **state)
{
    (void)state;
    assert_string_equal(ask("a.localhost", 4).all, "127.0.0.1");
    assert_string_equal(ask("b.a.LocalHost.", 6).all, "::1");
    assert_non_null(strstr(ask("a.localhost", 0).all, "127.0.0.1"));
    assert_non_null(strstr(ask("a.localhost", 0).all, "::1"));
    assert_int_equal(server.asked, 0);
    assert_int_equal(ask("notlocalhost", 4).status, -ENOENT);
    assert_int_equal(ask("a.localhost.net", 4).status, -ENOENT);
    assert_int_not_equal(server.asked, 0);
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    char long_name[300];
    memset(long_name, 'a', sizeof(long_name));
    long_name[299] = '\0';
    assert_int_equal(ask("", 0).status, -EINVAL);
    assert_int_equal(ask(NULL, 0).status, -EINVAL);
    assert_int_equal(ask("a b", 0).status, -EINVAL);
    assert_int_equal(ask("good/x", 0).status, -EINVAL);
    assert_int_equal(ask(long_name, 0).status, -EINVAL);
    long_name[100] = '\0'; /* one label of more than 63 bytes */
    assert_int_equal(ask(long_name, 0).status, -EINVAL);
    assert_int_equal(ask("good.test", 5).status, -EINVAL);
    assert_int_equal(server.asked, 0);
}

static void a_server_is_asked_and_its_family_respected(void **state)
{
    (void)state;
    assert_string_equal(ask("good.test", 4).all, "127.0.0.9");
    assert_string_equal(ask("good.test", 6).all, "fd00::9");
    const char *both = ask("both.test", 0).all;
    assert_non_null(strstr(both, "127.0.0.9"));
    assert_non_null(strstr(both, "fd00::9"));
    assert_string_equal(ask("four.test", 0).all, "127.0.0.9");
    assert_int_equal(ask("four.test", 6).status, -ENOENT);
}

static void failures_have_their_statuses_and_words(void **state)
{
    (void)state;
    assert_int_equal(ask("nobody.test.", 0).status, -ENOENT);
    assert_int_equal(ask("servfail.test.", 4).status, -EAGAIN);
    assert_string_equal(resolve_problem(-ENOENT), "there is no such host");
    assert_non_null(strstr(resolve_problem(-EAGAIN), "name server"));
    assert_int_equal(ask("nobody.test.", 0).status, -ENOENT);
    assert_true(server.asked >= 5); /* failures are asked again */
}

static void a_port_where_nobody_listens_fails_soon(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    char csv[32];
    (void)snprintf(csv, sizeof(csv), "127.0.0.1:%d", ntohs(address.sin_port));
    resolve_use_servers(loop, csv);
    assert_int_equal(ask("good.test", 4).status, -EAGAIN);
}

static void a_server_that_hangs_is_ended_by_the_life(void **state)
{
    (void)state;
    struct told told = {0};
    bool never = false;
    resolve_start(&life, "hang.test", 4, on_told, &told);
    (void)loop_run_until(loop, &never, 50);
    assert_int_equal(server.asked, 1);
    assert_false(told.done);
    life_end(&life, -ETIMEDOUT);
    assert_int_equal(told.status, -ETIMEDOUT);
    (void)loop_run_until(loop, &never, 20);
    assert_int_equal(told.times, 1);
}

static void an_ended_life_asks_nobody(void **state)
{
    (void)state;
    life_end(&life, -ECANCELED);
    assert_int_equal(ask("good.test", 4).status, -ECANCELED);
    assert_int_equal(server.asked, 0);
}

static void an_answer_is_kept_for_its_ttl_and_thirty_seconds_at_most(void **state)
{
    (void)state;
    struct told told = {0};
    loop_drive(loop, 1000000, 0);
    server.ttl = 5;
    for (int i = 0; i < 200 && !told.done; i++) { /* time stands still; packets do not */
        if (i == 0)
            resolve_start(&life, "good.test", 4, on_told, &told);
        usleep(1000);
        loop_advance(loop, 0);
    }
    assert_true(told.done);
    server.last_byte = 7;
    loop_advance(loop, 4999);
    told.done = false;
    resolve_start(&life, "GOOD.test", 4, on_told, &told);
    loop_advance(loop, 0);
    assert_true(told.done);
    assert_string_equal(told.all, "127.0.0.9");
    assert_int_equal(server.asked, 1);
    loop_advance(loop, 1);
    server.ttl = 3600;
    told.done = false;
    resolve_start(&life, "good.test", 4, on_told, &told);
    for (int i = 0; i < 200 && !told.done; i++, usleep(1000))
        loop_advance(loop, 0);
    assert_string_equal(told.all, "127.0.0.7");
    assert_int_equal(server.asked, 2);
    loop_advance(loop, 30000);
    told.done = false;
    resolve_start(&life, "good.test", 4, on_told, &told);
    loop_advance(loop, 0);
    assert_false(told.done); /* an hour is too long */
    for (int i = 0; i < 200 && !told.done; i++, usleep(1000))
        loop_advance(loop, 0);
    assert_int_equal(server.asked, 3);
}

static void equal_questions_under_way_are_asked_once(void **state)
{
    (void)state;
    struct told told[50] = {{0}};
    struct op *first = NULL;
    for (int i = 0; i < 50; i++) {
        struct op *op = resolve_start(&life, "good.test", 4, on_told, &told[i]);
        first = first ? first : op;
    }
    op_cancel(first); /* the one who asked may go, the others still hear */
    assert_true(loop_run_until(loop, &told[49].done, 5000));
    assert_int_equal(server.asked, 1);
    assert_int_equal(told[0].times, 0);
    for (int i = 1; i < 50; i++)
        assert_string_equal(told[i].all, "127.0.0.9");
}

static void on_byte(int status, unsigned events, void *data)
{
    *(bool *)data = status == 0 && events == WATCH_READABLE;
}

static void a_socket_that_was_closed_leaves_its_number_to_others(void **state)
{
    (void)state;
    int fds[2];
    bool seen = false;
    assert_int_equal(ask("good.test", 4).status, 0);
    assert_int_equal(pipe(fds), 0); /* gets the lowest number that is free: the question's */
    struct watch *watch = watch_create(loop, fds[0], WATCH_READABLE, on_byte, &seen);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_true(loop_run_until(loop, &seen, 2000));
    watch_destroy(watch);
    close(fds[0]);
    close(fds[1]);
}

static void other_servers_take_over_what_is_under_way(void **state)
{
    (void)state;
    struct told told = {0};
    resolve_use_servers(loop, "127.255.255.254:9"); /* nobody; not to be reached */
    resolve_start(&life, "good.test", 4, on_told, &told);
    resolve_use_servers(loop, server.csv);
    assert_true(loop_run_until(loop, &told.done, 5000));
    assert_string_equal(told.all, "127.0.0.9");
}

static void on_told_ends_it_all(int status, const char *const *addresses, size_t count, void *data)
{
    assert_int_equal(status, 0);
    resolve_use_servers(loop, NULL); /* what is being told must survive this */
    life_end(&life, -ECANCELED);
    resolve_shutdown(loop);
    assert_int_equal(count, 1);
    assert_string_equal(addresses[0], "127.0.0.9");
    *(bool *)data = true;
}

static void a_callback_may_end_everything(void **state)
{
    (void)state;
    bool done = false;
    struct told other = {0};
    resolve_start(&life, "good.test", 4, on_told_ends_it_all, &done);
    resolve_start(&life, "good.test", 4, on_told, &other);
    assert_true(loop_run_until(loop, &done, 5000));
    assert_int_equal(other.status, -ECANCELED);
    assert_int_equal(other.times, 1);
}

static void more_names_than_are_kept_push_out_the_oldest(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 4200; i += 40) {
        struct told told[40] = {{0}};
        for (int j = 0; j < 40; j++) {
            (void)snprintf(name, sizeof(name), "good%d.test", i + j);
            resolve_start(&life, name, 4, on_told, &told[j]);
        }
        for (int j = 0; j < 40; j++) {
            assert_true(loop_run_until(loop, &told[j].done, 5000));
            assert_string_equal(told[j].all, "127.0.0.9");
        }
    }
    int asked = server.asked;
    assert_int_equal(ask("good4199.test", 4).status, 0);
    assert_int_equal(server.asked, asked);
    assert_int_equal(ask("good0.test", 4).status, 0);
    assert_int_equal(server.asked, asked + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_address_needs_no_server),
        TEST(a_local_name_needs_no_server),
        TEST(what_lies_below_localhost_is_this_machine),
        TEST(what_is_no_name_is_refused),
        TEST(a_server_is_asked_and_its_family_respected),
        TEST(failures_have_their_statuses_and_words),
        TEST(a_port_where_nobody_listens_fails_soon),
        TEST(a_server_that_hangs_is_ended_by_the_life),
        TEST(an_ended_life_asks_nobody),
        TEST(an_answer_is_kept_for_its_ttl_and_thirty_seconds_at_most),
        TEST(equal_questions_under_way_are_asked_once),
        TEST(a_socket_that_was_closed_leaves_its_number_to_others),
        TEST(other_servers_take_over_what_is_under_way),
        TEST(a_callback_may_end_everything),
        TEST(more_names_than_are_kept_push_out_the_oldest),
    };
    (void)loop_destroy(loop_create()); /* libuv keeps a pipe from the first one on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
