/* Sinks whose events wait on disk: restarts, bounds, a full disk, a damaged one.  On the real clock. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "delivery_fixture.h"
#include "io/store.h"
#include "out/spool.h"

static struct fake *a;

static void begin(const char *more)
{
    MEM_AUTO char *text = mem_print("agent: {state: %s}\nsinks: {a: {type: queued, deliver: 0s, "
                                    "batch: {age: 0s}, retry: {first: 10ms, most: 10ms}, %s}}",
                                    now.folder,
                                    more);
    open_sinks(text);
    a = fake_of("a");
}

/* Runs until `condition`, or for a minute: the disk is shared. */
#define run_until(condition)                                                                       \
    do {                                                                                           \
        const bool never = false;                                                                  \
        for (int i_ = 0; i_ < 12000 && !(condition); i_++)                                         \
            (void)loop_run_until(now.loop, &never, 5);                                             \
        assert_true(condition);                                                                    \
    } while (0)

static bool is_taken(unsigned count)
{
    return counts_of("a").taken == count && counts_of("a").waiting == 0;
}

/* Emits `steps` times `count` events, no faster than the disk takes them. */
static void emit_to_disk(unsigned steps, unsigned count)
{
    for (unsigned i = 0; i < steps; i++) {
        emit(count);
        run_until(counts_of("a").in_memory == 0);
    }
}

static void what_waits_outlives_the_agent_in_order(void **state)
{
    (void)state;
    begin("");
    emit(500);
    run_until(a->count == 500);
    close_sinks(); /* nobody has answered */
    emit(7);       /* between the two nobody listens */
    a->answers = true;
    begin("");
    emit(500);
    run_until(is_taken(1000));
    MEM_AUTO char *first = mem_copy(words(1, 500));
    assert_memory_equal(a->words, first, strlen(first));
    assert_string_equal(a->words + strlen(first), words(508, 1007));
    close_sinks();
    begin(""); /* nothing is left, and nothing comes twice */
    emit(1);
    run_until(is_taken(1));
}

static void ten_thousand_are_more_than_memory_and_wait_on_disk(void **state)
{
    (void)state;
    begin("spool: {memory: 256KiB}");
    emit(1);
    run_until(a->count == 1);
    emit_to_disk(200, 50);
    assert_int_equal(counts_of("a").dropped, 0);
    assert_int_equal(counts_of("a").waiting, 10001);
    assert_true(counts_of("a").waiting_bytes > 1 << 20);
    a->answers = true;
    answer(a, SINK_TAKEN, 0);
    run_until(is_taken(10001));
    assert_string_equal(a->words, words(1, 10001));
}

static void the_disk_holds_so_much_and_the_oldest_go(void **state)
{
    (void)state;
    begin("spool: {bytes: 100KB, memory: 64KiB}");
    emit(1);
    run_until(a->count == 1);
    emit_to_disk(200, 10);
    run_until(counts_of("a").waiting_bytes <= 120000);
    a->answers = true;
    answer(a, SINK_TAKEN, 0);
    run_until(strstr(a->words, "dropped") && counts_of("a").waiting == 0);
    unsigned dropped = (unsigned)counts_of("a").dropped;
    assert_true(dropped > 500);
    MEM_AUTO char *rest = mem_copy(words(dropped + 2, 2001));
    assert_memory_equal(a->words, "w1 ", 3);
    assert_memory_equal(a->words + 3, rest, strlen(rest));
}

static void a_batch_that_was_taken_in_part_is_remembered_in_part(void **state)
{
    (void)state;
    begin("");
    emit(1);
    run_until(a->count == 1);
    answer(a, SINK_TAKEN, 0);
    emit(64); /* the first goes to the disk, the others together after it; or, if it is busy, all */
    run_until(a->count == 64);
    answer(a, SINK_REFUSED, 0);
    run_until(a->count > 0);
    unsigned first = (unsigned)a->count;
    assert_true(first == 1 || first == 32);
    answer(a, SINK_TAKEN, 0);
    run_until(a->count == 64 - first);
    answer(a, SINK_REFUSED, 0);
    run_until(a->count > 0);
    unsigned second = (unsigned)a->count;
    assert_int_equal(second, (64 - first) / 2);
    answer(a, SINK_TAKEN, 0);
    run_until(a->count > 0);
    assert_string_equal(a->words, words(1, 1 + first + second));
    close_sinks();
    a->answers = true;
    begin("");
    run_until(is_taken(64 - first - second));
    assert_string_equal(a->words, words(1, 65));
}

static void a_second_agent_goes_on_in_memory(void **state)
{
    (void)state;
    begin("");
    struct sinks *first = now.sinks;
    struct config *config = now.config;
    MEM_AUTO char *text =
        mem_print("agent: {state: %s}\nsinks: {b: {type: queued, deliver: 0s, batch: {age: 0s}}}",
                  now.folder);
    open_sinks(text);
    assert_string_equal(now.said, "spool_failed ");
    fake_of("b")->answers = true;
    emit(1);
    run_until(counts_of("b").taken == 1);
    close_sinks();
    now.sinks = first;
    now.config = config;
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_costs_what_memory_cannot_hold_and_ends(void **state)
{
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    begin("spool: {memory: 64KiB}");
    emit(10);
    run_until(a->count == 10);
    limit_files(1); /* nothing may grow */
    emit(1000);
    run_until(strstr(now.said, "spool_failed "));
    assert_true(counts_of("a").waiting_bytes < 128 << 10);
    unsigned dropped = (unsigned)counts_of("a").dropped;
    assert_true(dropped > 100);
    limit_files(RLIM_INFINITY);
    run_until(strstr(now.said, "spool_kept "));
    emit(5);
    a->answers = true;
    answer(a, SINK_TAKEN, 0);
    run_until(counts_of("a").waiting == 0);
    assert_non_null(strstr(a->words, "events were dropped"));
    assert_int_equal(counts_of("a").taken + counts_of("a").dropped, now.words + 3);
}

static void events_are_delivered_while_the_disk_is_full(void **state)
{
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    begin("");
    emit(1);
    run_until(a->count == 1);
    limit_files(1);
    a->answers = true;
    answer(a, SINK_TAKEN, 0);
    for (unsigned i = 0; i < 50; i++) {
        emit(1);
        (void)loop_run_until(now.loop, &(const bool){false}, 2);
    }
    run_until(counts_of("a").taken >= 51);
    limit_files(RLIM_INFINITY);
    assert_non_null(strstr(a->words, words(40, 51)));
}

static void a_full_disk_gives_back_what_it_holds(void **state)
{
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    begin("spool: {memory: 64KiB}");
    emit(1);
    run_until(a->count == 1);
    emit_to_disk(100, 10);
    limit_files(1);
    a->answers = true;
    answer(a, SINK_TAKEN, 0);
    run_until(counts_of("a").taken >= 1001); /* although the disk cannot forget it now ... */
    MEM_AUTO char *all = mem_copy(words(1, 1001));
    assert_memory_equal(a->words, all, strlen(all));
    run_until(strstr(now.said, "spool_failed ")); /* ... which is said ... */
    limit_files(RLIM_INFINITY);
    emit(1);
    run_until(strstr(now.said, "spool_kept ") && counts_of("a").waiting == 0);
    close_sinks();
    begin("");
    emit(1);
    run_until(is_taken(1)); /* ... and caught up on: nothing comes twice */
}

/* Overwrites all of the spool's pages. */
static void damage(const char *name)
{
    MEM_AUTO char *path = mem_print("%s/%s", now.folder, name);
    char noise[4096];
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t len = lseek(fd, 0, SEEK_END);
    memset(noise, 0x5a, sizeof(noise));
    for (off_t at = 0; at < len; at += (off_t)sizeof(noise))
        assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
    (void)close(fd);
}

static void a_damaged_spool_is_set_aside_and_the_agent_goes_on(void **state)
{
    (void)state;
    begin("");
    emit(100);
    run_until(a->count == 100);
    close_sinks();
    damage("spool.db");
    begin("");
    assert_string_equal(now.said, "spool_damaged ");
    a->answers = true;
    emit(10);
    run_until(a->parcels > 0 && counts_of("a").waiting == 0);
    assert_non_null(strstr(a->words, words(101, 110)));
}

static void what_a_receiver_refuses_lies_in_the_spool(void **state)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    (void)state;
    begin("");
    a->answers = true;
    a->bad = "\"w5\"";
    emit(9);
    run_until(counts_of("a").aside == 1 && counts_of("a").waiting == 0);
    close_sinks();
    MEM_AUTO char *path = mem_print("%s/spool.db", now.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "select sink, why, lines from aside", -1, &query, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(query), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(query, 0), "a");
    assert_string_equal(sqlite3_column_text(query, 1), "so");
    assert_non_null(strstr((const char *)sqlite3_column_text(query, 2), "\"w5\""));
    assert_int_equal(sqlite3_step(query), SQLITE_DONE);
    (void)sqlite3_finalize(query);
    (void)sqlite3_close(db);
}

/* What the spool last said of what lies aside. */
static struct {
    bool told;
    uint64_t found, last, first, dropped;
    char sinks[64], line[400];
} lying;

static void on_listed(int status, const struct spool_aside_list *list, void *data)
{
    (void)data;
    assert_int_equal(status, 0);
    memset(&lying, 0, sizeof(lying));
    lying.told = true;
    lying.found = list->found;
    lying.last = list->last;
    for (size_t i = 0; i < list->count; i++)
        (void)strncat(
            lying.sinks, list->all[i].sink, sizeof(lying.sinks) - 1 - strlen(lying.sinks));
    if (!list->count)
        return;
    lying.first = list->all[0].id;
    (void)snprintf(lying.line, sizeof(lying.line), "%s", list->all[0].line);
}

static void on_dropped(int status, uint64_t dropped, void *data)
{
    (void)data;
    assert_int_equal(status, 0);
    lying.dropped = dropped;
    lying.told = true;
}

static void look_aside(struct spool_aside_choice choice)
{
    lying.told = false;
    choice.most = choice.most ? choice.most : 100;
    choice.bytes = 1 << 20;
    assert_true(spool_list_aside(sinks_spool(now.sinks), &choice, on_listed, NULL));
    run_until(lying.told);
}

static uint64_t drop_aside(struct spool_aside_choice choice, const uint64_t *ids, size_t count)
{
    lying.told = false;
    assert_true(spool_drop_aside(sinks_spool(now.sinks), &choice, ids, count, on_dropped, NULL));
    run_until(lying.told);
    return lying.dropped;
}

static void what_was_refused_is_listed_sent_again_and_dropped(void **state)
{
    (void)state;
    begin("");
    a->answers = true;
    spool_set_aside(sinks_spool(now.sinks), "b", 1000, "another's", "{}\n", 3);
    a->bad = "\"w5\"";
    emit(9);
    run_until(counts_of("a").kept_aside == 1 && counts_of("a").waiting == 0);
    assert_int_equal(spool_count_aside(sinks_spool(now.sinks), NULL), 2);
    look_aside((struct spool_aside_choice){.most = 1});
    assert_int_equal(lying.found, 2);
    assert_string_equal(lying.sinks, "b"); /* the oldest */
    assert_string_equal(lying.line, "{}");
    look_aside((struct spool_aside_choice){.sink = "a"});
    assert_string_equal(lying.sinks, "a");
    uint64_t id = lying.first;
    look_aside((struct spool_aside_choice){.up_to = id - 1});
    assert_string_equal(lying.sinks, "b");
    look_aside((struct spool_aside_choice){.after = id - 1});
    assert_int_equal(lying.found, 1);
    assert_string_equal(lying.sinks, "a");

    look_aside((struct spool_aside_choice){.id = id});
    assert_false(sinks_resend(now.sinks, "nobody", lying.line, strlen(lying.line)));
    assert_true(sinks_is_safe(now.sinks, "nobody"));
    a->bad = NULL;
    assert_null(strstr(a->words, "w5 "));
    assert_true(sinks_resend(now.sinks, "a", lying.line, strlen(lying.line)));
    run_until(counts_of("a").waiting == 0 && strstr(a->words, "w5 "));
    assert_string_equal(strstr(a->words, "w5 "), "w5 "); /* the last one */
    assert_int_equal(drop_aside((struct spool_aside_choice){0}, &id, 1), 1);
    assert_int_equal(counts_of("a").kept_aside, 0);
    close_sinks();

    begin(""); /* another agent finds what is left */
    assert_int_equal(spool_count_aside(sinks_spool(now.sinks), "b"), 1);
    assert_int_equal(drop_aside((struct spool_aside_choice){.sink = "a"}, NULL, 0), 0);
    assert_int_equal(drop_aside((struct spool_aside_choice){0}, NULL, 0), 1);
    look_aside((struct spool_aside_choice){0});
    assert_int_equal(lying.found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_waits_outlives_the_agent_in_order),
        TEST(ten_thousand_are_more_than_memory_and_wait_on_disk),
        TEST(the_disk_holds_so_much_and_the_oldest_go),
        TEST(a_batch_that_was_taken_in_part_is_remembered_in_part),
        TEST(a_second_agent_goes_on_in_memory),
        TEST(a_full_disk_costs_what_memory_cannot_hold_and_ends),
        TEST(events_are_delivered_while_the_disk_is_full),
        TEST(a_full_disk_gives_back_what_it_holds),
        TEST(a_damaged_spool_is_set_aside_and_the_agent_goes_on),
        TEST(what_a_receiver_refuses_lies_in_the_spool),
        TEST(what_was_refused_is_listed_sent_again_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
