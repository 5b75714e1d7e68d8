/* io/notify: what a service manager hears, by a socket of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/notify.h"

static int manager;
static char heard[2048];

/* Listens at an abstract address, which NOTIFY_SOCKET names. */
static int set_up(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    (void)state;
    int len = snprintf(name, sizeof(name), "@runbookd-test-notify-%d", (int)getpid());
    memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(manager,
             (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)) < 0)
        return -1;
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
    return setenv("NOTIFY_SOCKET", name, 1);
}

static int tear_down(void **state)
{
    (void)state;
    return close(manager);
}

static const char *hear(void)
{
    ssize_t len = recv(manager, heard, sizeof(heard) - 1, MSG_DONTWAIT);
    heard[len > 0 ? len : 0] = '\0';
    return heard;
}

static void words_arrive_as_datagrams(void **state)
{
    (void)state;
    struct notify *notify = notify_open();
    assert_non_null(notify);
    notify_say(notify, "READY=1\nSTATUS=%d checks", 3);
    assert_string_equal(hear(), "READY=1\nSTATUS=3 checks");
    notify_reloading(notify, 42);
    assert_string_equal(hear(), "RELOADING=1\nMONOTONIC_USEC=42");
    assert_null(getenv("NOTIFY_SOCKET")); /* no program that we start is the service */
    notify_close(notify);
    assert_null(notify_open());
}

static void the_watchdog_is_ours_only_by_our_pid(void **state)
{
    char pid[16];
    (void)state;
    MEM_AUTO char *path = mem_copy(getenv("NOTIFY_SOCKET"));
    for (int ours = 0; ours < 2; ours++) {
        (void)setenv("NOTIFY_SOCKET", path, 1);
        (void)setenv("WATCHDOG_USEC", "3000000", 1);
        (void)snprintf(pid, sizeof(pid), "%d", (int)getpid() + !ours);
        (void)setenv("WATCHDOG_PID", pid, 1);
        struct notify *notify = notify_open();
        assert_int_equal(notify_watchdog_us(notify), ours ? 3000000 : 0);
        notify_close(notify);
    }
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
    (void)state;
    struct notify *notify = notify_open();
    for (int i = 0; i < 5000; i++)
        notify_say(notify, "STATUS=%d", i);
    assert_string_equal(hear(), "STATUS=0");
    notify_close(notify);
}

static void without_a_manager_nothing_is_said(void **state)
{
    static const char *const wrong[] = {"/nobody/is/here", "relative", "@", "", "@nobody-is-here"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        (void)setenv("NOTIFY_SOCKET", wrong[i], 1);
        assert_null(notify_open());
    }
    notify_say(NULL, "READY=%d", 1);
    notify_reloading(NULL, 1);
    assert_int_equal(notify_watchdog_us(NULL), 0);
    notify_close(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(words_arrive_as_datagrams),
        TEST(the_watchdog_is_ours_only_by_our_pid),
        TEST(a_manager_that_does_not_read_is_not_waited_for),
        TEST(without_a_manager_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
