/* pages: what was given back is gone from memory, and is the same when it is needed again. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/pages.h"
#include "io/loop.h"

enum { LEN = 4 << 20 };

static void touch(const unsigned char *bytes)
{
    for (size_t i = 0; i < LEN; i += 4096)
        (void)*(const volatile unsigned char *)&bytes[i];
}

/* A private mapping of a file of zeros, read once, so that all of it is resident. */
static unsigned char *map_file(void)
{
    char path[] = "/tmp/runbookd-pages-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ftruncate(fd, LEN), 0);
    unsigned char *bytes = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    assert_int_equal(close(fd), 0);
    touch(bytes);
    return bytes;
}

static size_t resident(unsigned char *bytes)
{
    char line[256];
    long kb = 0;
    bool ours = false;
    FILE *file = fopen("/proc/self/smaps", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        uintptr_t start, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
            ours = start == (uintptr_t)bytes;
        else if (ours && sscanf(line, "Rss: %ld", &kb) == 1)
            break;
    }
    (void)fclose(file);
    return (size_t)kb * 1024;
}

static void clean_pages_of_a_file_are_given_back(void **state)
{
    unsigned char *bytes = map_file();
    (void)state;
    assert_int_equal(mprotect(bytes, LEN, PROT_READ), 0);
    assert_int_equal(resident(bytes), LEN);
    assert_true(pages_give_back() >= LEN);
    assert_int_equal(resident(bytes), 0);
    assert_int_equal(bytes[LEN / 2], 0);
    assert_int_equal(munmap(bytes, LEN), 0);
}

/* As relocated tables are: written once, then read only. */
static void what_was_written_stays(void **state)
{
    unsigned char *bytes = map_file();
    (void)state;
    bytes[LEN / 2] = 42;
    assert_int_equal(mprotect(bytes, LEN, PROT_READ), 0);
    (void)pages_give_back();
    assert_int_equal(bytes[LEN / 2], 42);
    assert_int_equal(munmap(bytes, LEN), 0);
}

/* An agent that has just begun, and a file of which it has read all. */
struct watched {
    struct loop *loop;
    struct pages pages;
    unsigned char *bytes;
};

static void begin(struct watched *watched)
{
    *watched = (struct watched){.loop = loop_create(), .bytes = map_file()};
    assert_int_equal(mprotect(watched->bytes, LEN, PROT_READ), 0);
    loop_drive(watched->loop, 1000, 1);
    pages_watch(&watched->pages, watched->loop);
}

static void end(struct watched *watched)
{
    pages_stop(&watched->pages);
    assert_int_equal(loop_due_us(watched->loop), UINT64_MAX);
    assert_int_equal(loop_destroy(watched->loop), 0);
    assert_int_equal(munmap(watched->bytes, LEN), 0);
}

/* What the start needed is given back; what is needed now and then, when it is there again and nothing was for a minute. */
static void what_comes_now_and_then_goes_again(void **state)
{
    struct watched watched;
    (void)state;
    begin(&watched);
    loop_advance(watched.loop, 2999);
    assert_int_equal(resident(watched.bytes), LEN);
    loop_advance(watched.loop, 1);
    assert_int_equal(resident(watched.bytes), 0);
    loop_advance(watched.loop, 10000); /* what has come by now is what it needs all the time */
    touch(watched.bytes);
    loop_advance(watched.loop, 40000);
    assert_int_equal(resident(watched.bytes), LEN);
    loop_advance(watched.loop, 10000);
    assert_int_equal(resident(watched.bytes), 0);
    touch(watched.bytes); /* and stays: now it is needed */
    loop_advance(watched.loop, 300000);
    assert_int_equal(resident(watched.bytes), LEN);
    end(&watched);
}

/* A little more is not worth milliseconds. */
static void a_little_is_left_alone(void **state)
{
    struct watched watched;
    (void)state;
    begin(&watched);
    loop_advance(watched.loop, 13000);
    (void)*(volatile unsigned char *)&watched.bytes[0]; /* and what the kernel maps around it */
    size_t little = resident(watched.bytes);
    assert_in_range(little, 4096, 256 << 10);
    loop_advance(watched.loop, 300000);
    assert_int_equal(resident(watched.bytes), little);
    end(&watched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_pages_of_a_file_are_given_back),
        cmocka_unit_test(what_was_written_stays),
        cmocka_unit_test(what_comes_now_and_then_goes_again),
        cmocka_unit_test(a_little_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
