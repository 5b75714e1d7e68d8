/* console: every event on a line, and a reader that stalls or leaves. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "io/loop.h"
#include "out/console.h"

enum { QUEUE = 64 * 1024, PIPE = 4096 };

static struct {
    struct loop *loop;
    struct bus *bus;
    int read_fd, write_fd;
    struct text got; /* all that was read */
    bool closed;
    struct error error;
    unsigned closed_count;
    struct console *console; /* to be closed from on_closed() */
} now;

static int set_up(void **state)
{
    int fds[2];
    (void)state;
    memset(&now, 0, sizeof(now));
    now.loop = loop_create();
    now.bus = bus_create(&(const struct event_speaker){.realm = "test"});
    text_init(&now.got, 64 << 20);
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    now.read_fd = fds[0];
    now.write_fd = fds[1];
    (void)fcntl(now.write_fd, F_SETPIPE_SZ, PIPE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bus_destroy(now.bus);
    (void)close(now.read_fd);
    (void)close(now.write_fd);
    text_finish(&now.got);
    return loop_destroy(now.loop); /* a handle left is a failure */
}

static void on_closed(const struct error *error, void *data)
{
    (void)data;
    now.error = *error;
    now.closed_count++;
    now.closed = true;
    if (now.console)
        (void)console_close(now.console, 1000);
}

static struct console *open_console(size_t max_bytes, console_format_fn *format)
{
    struct console *console = console_open(now.loop,
                                           now.bus,
                                           &(const struct console_wish){.fd = now.write_fd,
                                                                        .name = "stdout",
                                                                        .max_bytes = max_bytes,
                                                                        .format = format,
                                                                        .closed = on_closed});
    assert_non_null(console);
    return console;
}

static void say(const char *message)
{
    (void)event_emit_agent(now.bus, LOG_INFO, "said", message, loop_wall_ms(now.loop), NULL, NULL);
}

static void pass(uint64_t ms)
{
    loop_drive(now.loop, loop_now_us(now.loop) / 1000, loop_wall_ms(now.loop));
    loop_advance(now.loop, ms);
}

/* Reads until `lines` lines have come. */
static void read_lines(size_t lines)
{
    char buffer[8192];
    for (size_t count = 0; count < lines;) {
        ssize_t len = read(now.read_fd, buffer, sizeof(buffer));
        assert_true(len > 0);
        text_add_n(&now.got, buffer, (size_t)len);
        for (ssize_t i = 0; i < len; i++)
            count += buffer[i] == '\n';
    }
}

static void every_event_is_a_line_in_order(void **state)
{
    (void)state;
    struct console *console = open_console(QUEUE, NULL);
    say("one\ntwo");
    say("three");
    assert_int_equal(console_close(console, 5000), 0);
    say("after the end");
    read_lines(2);
    char *second = strchr(now.got.bytes, '\n') + 1;
    assert_non_null(strstr(now.got.bytes, "\"message\":\"one two\""));
    assert_non_null(strstr(second, "\"message\":\"three\""));
    assert_ptr_equal(strchr(second, '\n') + 1, now.got.bytes + now.got.len);
}

static void format_event(const struct event *event, struct text *out, void *data)
{
    (void)data;
    if (strcmp(event->message, "hidden") != 0)
        text_print(out, "%" PRIu64 " %s\n", event->seq, event->message);
}

static void app_may_plug_in_a_format(void **state)
{
    (void)state;
    struct console *console = open_console(QUEUE, format_event);
    say("one");
    say("hidden");
    say("two");
    assert_int_equal(console_close(console, 5000), 0);
    read_lines(2);
    assert_string_equal(now.got.bytes, "1 one\n3 two\n");
}

/* What the lines say: how many there are, and how many they say were dropped. */
static void count_lines(uint64_t *ret_lines, uint64_t *ret_dropped)
{
    *ret_lines = *ret_dropped = 0;
    for (const char *line = now.got.bytes; *line; line = strchr(line, '\n') + 1) {
        json_t *event = json_loadb(line, (size_t)(strchr(line, '\n') - line), 0, NULL);
        assert_non_null(event);
        ++*ret_lines;
        *ret_dropped += (uint64_t)json_integer_value(json_object_get(event, "dropped"));
        if (json_object_get(event, "dropped"))
            assert_string_equal(json_string_value(json_object_get(event, "sink")), "stdout");
        json_decref(event);
    }
}

/* Fills pipe and queue until so many events were dropped; returns how many were said. */
static uint64_t overflow(uint64_t more)
{
    static char long_message[1000];
    memset(long_message, 'x', sizeof(long_message) - 1);
    uint64_t enough = (PIPE + QUEUE) / 1000 + more;
    for (uint64_t i = 0; i < enough; i++)
        say(long_message);
    return enough;
}

static void a_reader_that_stalls_costs_lines_and_no_time(void **state)
{
    (void)state;
    struct console *console = open_console(QUEUE, NULL);
    uint64_t said = overflow(50); /* returns: nobody waits for the reader */
    pass(60 * 1000);
    assert_int_equal(bus_count(now.bus), said); /* nothing moves: nothing to say it with */
    uint64_t lost = console_close(console, 0);
    assert_true(lost >= said - PIPE / 1000 && lost <= said);
}

static void what_was_dropped_is_said_once_the_queue_moves_and_adds_up(void **state)
{
    uint64_t lines, dropped;
    (void)state;
    struct console *console = open_console(QUEUE, NULL);
    uint64_t said = overflow(50);
    /* As much as must be there, whatever the thread has taken. */
    read_lines(QUEUE / 1300);
    pass(1500);
    assert_true(bus_count(now.bus) == said + 1); /* the event that says it */
    pass(60 * 1000);
    assert_true(bus_count(now.bus) == said + 1); /* once */
    while (count_lines(&lines, &dropped), dropped == 0)
        read_lines(1);
    assert_int_equal(lines + dropped, said + 1);
    assert_true(dropped >= 10 && lines > 10);
    assert_int_equal(console_close(console, 5000), 0);
}

static void that_may_be_dropped_itself_and_is_not_forgotten(void **state)
{
    (void)state;
    struct console *console = open_console(100, NULL); /* no line fits */
    say("one");
    pass(1500);
    assert_int_equal(bus_count(now.bus), 2);
    assert_int_equal(console_close(console, 5000), 2);
}

static void on_answer(const struct event *event, void *data)
{
    (void)data;
    if (strstr(event->message, "dropped"))
        (void)overflow(0);
}

static void what_others_answer_to_it_is_counted_apart(void **state)
{
    uint64_t lines, dropped;
    (void)state;
    struct console *console = open_console(900, NULL); /* the long ones do not fit, others do */
    bus_subscribe(now.bus, on_answer, NULL);
    (void)overflow(0);
    uint64_t said = bus_count(now.bus);
    pass(1500);
    assert_int_equal(bus_count(now.bus), 2 * said + 1);
    assert_int_equal(console_close(console, 5000), said); /* the answers */
    read_lines(1);
    count_lines(&lines, &dropped);
    assert_int_equal(dropped, said);
}

static void a_pipe_that_is_closed_is_told_once_in_words(void **state)
{
    (void)state;
    struct console *console = open_console(QUEUE, NULL);
    (void)close(now.read_fd);
    say("nobody hears this");
    assert_true(loop_run_until(now.loop, &now.closed, 5000));
    assert_int_equal(now.error.code, -EPIPE);
    assert_string_equal(now.error.message, "stdout was closed: nobody reads it any more");
    for (int i = 0; i < 1000; i++)
        say("nor this");
    pass(10000);
    assert_int_equal(now.closed_count, 1);
    assert_int_equal(bus_count(now.bus), 1001); /* no word about drops that nobody would read */
    (void)console_close(console, 0);
    now.read_fd = dup(now.write_fd);
}

static void it_may_be_closed_when_it_hears_of_that(void **state)
{
    (void)state;
    now.console = open_console(QUEUE, NULL);
    (void)close(now.read_fd);
    say("nobody hears this");
    assert_true(loop_run_until(now.loop, &now.closed, 5000));
    say("nor this");
    now.read_fd = dup(now.write_fd);
}

static void a_descriptor_that_is_full_says_so(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct console *console =
        console_open(now.loop,
                     now.bus,
                     &(const struct console_wish){.fd = full, .name = "file", .closed = on_closed});
    say("one");
    assert_true(loop_run_until(now.loop, &now.closed, 5000));
    assert_string_equal(now.error.message, "file takes no more: No space left on device");
    (void)console_close(console, 0);
    (void)close(full);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_event_is_a_line_in_order),
        TEST(app_may_plug_in_a_format),
        TEST(a_reader_that_stalls_costs_lines_and_no_time),
        TEST(what_was_dropped_is_said_once_the_queue_moves_and_adds_up),
        TEST(that_may_be_dropped_itself_and_is_not_forgotten),
        TEST(what_others_answer_to_it_is_counted_apart),
        TEST(a_pipe_that_is_closed_is_told_once_in_words),
        TEST(it_may_be_closed_when_it_hears_of_that),
        TEST(a_descriptor_that_is_full_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
