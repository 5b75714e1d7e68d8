/* io: lines, against real pipes and devices. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/lines.h"
#include "io/loop.h"
#include "io/wait.h"

enum { MIB = 1024 * 1024 };

static int set_up(void **state)
{
    *state = loop_create();
    return 0;
}

static int tear_down(void **state)
{
    return loop_destroy(*state);
}

struct breakage {
    int status;
    unsigned times;
    bool seen;
};

static void on_broken(int status, void *data)
{
    struct breakage *breakage = data;
    breakage->status = status;
    breakage->times++;
    breakage->seen = true;
}

static bool write_number(struct lines *lines, unsigned number)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "line %u of some length, as events have", number);
    return lines_write(lines, text, (size_t)len);
}

/* A reader that begins when it is told to, and checks that what comes is whole and in order. */
struct reader {
    int fd;
    unsigned lines, wrong, last;
    bool ended_whole;
    pthread_t thread;
};

static void *read_all(void *data)
{
    struct reader *reader = data;
    FILE *file = fdopen(reader->fd, "r");
    char text[256];
    reader->ended_whole = true;
    while (fgets(text, sizeof(text), file)) {
        unsigned number = 0;
        int used = 0;
        (void)sscanf(text, "line %u of some length, as events have\n%n", &number, &used);
        reader->ended_whole = text[strlen(text) - 1] == '\n';
        reader->wrong += used == 0 || number <= reader->last;
        reader->last = number;
        reader->lines++;
    }
    (void)fclose(file);
    return NULL;
}

static void start_reader(struct reader *reader, int fd)
{
    *reader = (struct reader){.fd = fd};
    assert_int_equal(pthread_create(&reader->thread, NULL, read_all, reader), 0);
}

static void a_hundred_thousand_lines_arrive_in_order(void **state)
{
    int fds[2];
    struct reader reader;
    assert_int_equal(pipe(fds), 0);
    struct lines *lines = lines_open(*state, fds[1], 16 * MIB, NULL, NULL);
    close(fds[1]);
    start_reader(&reader, fds[0]);
    for (unsigned i = 1; i <= 100000; i++)
        assert_true(write_number(lines, i));
    assert_int_equal(lines_close(lines, 30000), 0);
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.lines, 100000);
    assert_int_equal(reader.wrong, 0);
}

static void on_tick(void *data)
{
    ++*(unsigned *)data;
}

static void a_stalled_reader_does_not_stall_the_loop(void **state)
{
    int fds[2];
    struct reader reader;
    unsigned kept = 0, dropped = 0, ticks = 0;
    assert_int_equal(pipe(fds), 0);
    struct lines *lines = lines_open(*state, fds[1], 256 * 1024, NULL, NULL);
    close(fds[1]);
    for (unsigned i = 1; i <= 20000; i++)
        *(write_number(lines, i) ? &kept : &dropped) += 1;
    struct timer tick = {0};
    bool never = false;
    timer_start(&tick, *state, 1, on_tick, &ticks);
    (void)loop_run_until(*state, &never, 10);
    assert_int_equal(ticks, 1);
    assert_true(dropped > 10000 && kept > 256 * 1024 / 50);
    assert_int_equal(lines_take_dropped(lines), dropped);
    assert_int_equal(lines_take_dropped(lines), 0);
    assert_true(lines_waiting(lines) > 0);
    start_reader(&reader, fds[0]);
    assert_int_equal(lines_close(lines, 10000), 0);
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.lines, kept);
    assert_int_equal(reader.wrong, 0);
    assert_true(reader.ended_whole);
}

static void room_comes_back_when_the_reader_does(void **state)
{
    int fds[2];
    struct reader reader;
    assert_int_equal(pipe(fds), 0);
    struct lines *lines = lines_open(*state, fds[1], 4096, NULL, NULL);
    close(fds[1]);
    unsigned number = 0;
    while (write_number(lines, ++number) || lines_waiting(lines) < 40) /* the pipe is full too */
        ;
    start_reader(&reader, fds[0]);
    while (!write_number(lines, ++number))
        (void)poll(NULL, 0, 1);
    (void)lines_close(lines, 10000);
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.last, number);
    assert_int_equal(reader.wrong, 0);
}

static void a_closed_pipe_is_told_once_and_kills_nobody(void **state)
{
    int fds[2];
    struct breakage breakage = {0};
    bool never = false;
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    struct lines *lines = lines_open(*state, fds[1], MIB, on_broken, &breakage);
    assert_true(lines_write(lines, "one", 3));
    assert_true(loop_run_until(*state, &breakage.seen, 5000));
    assert_int_equal(breakage.status, -EPIPE);
    assert_false(lines_write(lines, "two", 3));
    (void)loop_run_until(*state, &never, 10);
    assert_int_equal(breakage.times, 1);
    assert_int_equal(lines_waiting(lines), 0);
    assert_int_equal(lines_take_dropped(lines), 2);
    assert_int_equal(lines_close(lines, 1000), 0);
    close(fds[1]);
}

static void a_full_disk_is_told(void **state)
{
    struct breakage breakage = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct lines *lines = lines_open(*state, fd, MIB, on_broken, &breakage);
    assert_true(lines_write(lines, "one", 3));
    assert_true(loop_run_until(*state, &breakage.seen, 5000));
    assert_int_equal(breakage.status, -ENOSPC);
    assert_int_equal(lines_close(lines, 1000), 1);
    close(fd);
}

static void a_bad_descriptor_is_told(void **state)
{
    struct breakage breakage = {0};
    struct lines *lines = lines_open(*state, -1, MIB, on_broken, &breakage);
    assert_true(loop_run_until(*state, &breakage.seen, 5000));
    assert_int_equal(breakage.status, -EBADF);
    assert_int_equal(lines_close(lines, 1000), 0);
}

static void closing_waits_no_longer_than_it_was_told_to(void **state)
{
    int fds[2];
    struct reader reader;
    unsigned kept = 0;
    assert_int_equal(pipe(fds), 0);
    struct lines *lines = lines_open(*state, fds[1], MIB, NULL, NULL);
    close(fds[1]);
    for (unsigned i = 1; i <= 10000; i++)
        kept += write_number(lines, i);
    assert_int_equal(kept, 10000);
    uint64_t before = loop_now_us(*state);
    size_t lost = lines_close(lines, 50);
    uint64_t took_us = loop_now_us(*state) - before;
    assert_in_range(took_us, 50000, 1000000);
    assert_in_range(lost, 1, 9999);
    start_reader(&reader, fds[0]); /* the thread ends its piece, writes no other, and is gone */
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.wrong, 0);
    assert_true(reader.ended_whole);
    assert_in_range(reader.lines, 10000 - lost, 10000 - lost + 100);
}

static void a_line_longer_than_a_pipe_holds_comes_whole(void **state)
{
    int fds[2];
    enum { LONG = 300000 };
    char *text = malloc(LONG), *seen = malloc(LONG + 8);
    memset(text, 'x', LONG);
    assert_int_equal(pipe(fds), 0);
    (void)fcntl(fds[1], F_SETFL, O_NONBLOCK); /* as a neighbour may have made it */
    struct lines *lines = lines_open(*state, fds[1], MIB, NULL, NULL);
    assert_true(lines_write(lines, "a", 1));
    assert_true(lines_write(lines, text, LONG));
    assert_true(lines_write(lines, "b", 1));
    size_t len = 0;
    while (len < LONG + 5) {
        ssize_t count = read(fds[0], seen + len, LONG + 8 - len);
        assert_true(count > 0);
        len += (size_t)count;
    }
    assert_int_equal(lines_close(lines, 5000), 0);
    assert_memory_equal(seen, "a\nx", 3);
    assert_memory_equal(seen + LONG + 1, "x\nb\n", 4);
    close(fds[0]);
    close(fds[1]);
    free(text);
    free(seen);
}

static void two_writers_to_one_pipe_do_not_mix_their_lines(void **state)
{
    int fds[2];
    struct lines *lines[2];
    assert_int_equal(pipe(fds), 0);
    for (int i = 0; i < 2; i++)
        lines[i] = lines_open(*state, fds[1], 4 * MIB, NULL, NULL);
    close(fds[1]);
    for (int i = 0; i < 20000; i++) {
        assert_true(lines_write(lines[0], "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 47));
        assert_true(lines_write(lines[1], "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 47));
    }
    FILE *file = fdopen(fds[0], "r");
    char text[256];
    for (int i = 0; i < 40000; i++) {
        assert_non_null(fgets(text, sizeof(text), file));
        assert_int_equal(strspn(text, text[0] == 'a' ? "a" : "b"), 47);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(lines_close(lines[i], 5000), 0);
    (void)fclose(file);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_hundred_thousand_lines_arrive_in_order),
        TEST(a_stalled_reader_does_not_stall_the_loop),
        TEST(room_comes_back_when_the_reader_does),
        TEST(a_closed_pipe_is_told_once_and_kills_nobody),
        TEST(a_full_disk_is_told),
        TEST(a_bad_descriptor_is_told),
        TEST(closing_waits_no_longer_than_it_was_told_to),
        TEST(a_line_longer_than_a_pipe_holds_comes_whole),
        TEST(two_writers_to_one_pipe_do_not_mix_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
