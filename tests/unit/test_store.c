/* io/store: SQLite on its own thread. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/store.h"

static const char schema[] = "create table if not exists t (n integer)";

struct stage {
    struct loop *loop;
    char folder[64];
    int told, failed;
    bool all;
    int wanted;
};

static void quiet(enum log_level level, const char *text, void *data)
{
    (void)level;
    (void)text;
    (void)data;
}

static int set_up(void **state)
{
    struct stage *stage = mem_new(sizeof(*stage));
    (void)snprintf(stage->folder, sizeof(stage->folder), "/tmp/runbookd-store-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    stage->loop = loop_create();
    log_to(quiet, NULL);
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    int open = loop_destroy(stage->loop);
    char *command = mem_print("rm -rf '%s'", stage->folder);
    int gone = system(command); /* lint: the test's own folder */
    free(command);
    free(stage);
    log_to(NULL, NULL);
    return open || gone;
}

static struct store *open_store(struct stage *stage, bool *ret_damaged)
{
    struct error error = {0};
    struct store *store = store_open(stage->loop, stage->folder, schema, ret_damaged, &error);
    if (!store)
        print_message("%s\n", error.message);
    assert_non_null(store);
    return store;
}

static int insert(sqlite3 *db, void *data)
{
    (void)data;
    return store_status(sqlite3_exec(db, "insert into t select count(*) from t", NULL, NULL, NULL));
}

static int insert_and_fail(sqlite3 *db, void *data)
{
    (void)insert(db, data);
    return -EINVAL;
}

static int on_row(void *data, int columns, char **values, char **names)
{
    (void)columns;
    (void)names;
    *(int *)data = atoi(values[0]); /* lint: the test's own number */
    return 0;
}

static int count_rows(sqlite3 *db, void *data)
{
    return store_status(sqlite3_exec(db, "select count(*) from t", on_row, data, NULL));
}

static void on_done(int status, void *data)
{
    struct stage *stage = data;
    stage->told++;
    stage->failed += status < 0;
    stage->all = stage->told == stage->wanted;
}

static void nobody_else_reads_it_whatever_the_folder_and_the_umask(void **state)
{
    struct stage *stage = *state;
    mode_t before = umask(022);
    struct store *store = open_store(stage, NULL);
    static const char *const names[] = {"state.db", "state.db-wal"};
    (void)umask(before);
    stage->wanted = 1;
    assert_true(store_do(store, insert, on_done, stage));
    assert_true(loop_run_until(stage->loop, &stage->all, 20000));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        MEM_AUTO char *path = mem_print("%s/%s", stage->folder, names[i]);
        struct stat seen;
        assert_int_equal(stat(path, &seen), 0);
        assert_int_equal(seen.st_mode & 0777, 0600);
    }
    store_close(store, 1000);
}

static void work_is_done_in_order_and_told_on_the_loop(void **state)
{
    struct stage *stage = *state;
    struct store *store = open_store(stage, NULL);
    int rows = 0;
    stage->wanted = 1000;
    for (int i = 0; i < 1000; i++)
        assert_true(store_do(store, insert, on_done, stage));
    assert_int_equal(stage->told, 0);
    assert_true(loop_run_until(stage->loop, &stage->all, 20000));
    assert_int_equal(stage->failed, 0);
    assert_int_equal(store_waiting(store), 0);
    store_close(store, 1000);
    store = open_store(stage, NULL); /* it is still there */
    assert_int_equal(store_do_now(store, count_rows, &rows), 0);
    assert_int_equal(rows, 1000);
    store_close(store, 1000);
}

static int start_late(sqlite3 *db, void *data)
{
    (void)db;
    (void)data;
    (void)usleep(50000); /* meanwhile the others are queued, and would go together */
    return 0;
}

/* The number of rows that was read, or why it was not. */
static void on_read(int status, void *data)
{
    if (status < 0)
        *(int *)data = status;
}

/* What a full disk does to all that go together: the commit fails. */
static void who_only_reads_does_not_fail_with_those_who_write(void **state)
{
    struct stage *stage = *state;
    struct store *store = open_store(stage, NULL);
    struct rlimit limit, all;
    int read = 0;
    assert_int_equal(store_do_now(store, insert, stage), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
    limit = all;
    limit.rlim_cur = 1;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    stage->wanted = 3;
    assert_true(store_do(store, start_late, NULL, NULL));
    assert_true(store_do(store, insert, on_done, stage));
    assert_true(store_read(store, count_rows, on_read, &read));
    assert_true(store_do(store, insert, on_done, stage));
    assert_true(store_do(store, insert, on_done, stage));
    (void)loop_run_until(stage->loop, &stage->all, 20000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    assert_true(stage->all);
    assert_int_equal(stage->failed, 3);
    assert_int_equal(read, 1); /* row */
    store_close(store, 1000);
}

static void work_that_fails_undoes_only_itself(void **state)
{
    struct stage *stage = *state;
    struct store *store = open_store(stage, NULL);
    int rows = 0;
    stage->wanted = 3;
    assert_true(store_do(store, insert, on_done, stage));
    assert_true(store_do(store, insert_and_fail, on_done, stage));
    assert_true(store_do(store, insert, on_done, stage));
    assert_true(loop_run_until(stage->loop, &stage->all, 20000));
    assert_int_equal(stage->failed, 1);
    store_close(store, 1000);
    store = open_store(stage, NULL);
    assert_int_equal(store_do_now(store, count_rows, &rows), 0);
    assert_int_equal(rows, 2);
    store_close(store, 1000);
}

static void the_queue_is_bounded(void **state)
{
    struct stage *stage = *state;
    struct store *store = open_store(stage, NULL);
    int taken = 0;
    while (store_do(store, insert, on_done, stage) && taken < 100000)
        taken++;
    assert_int_equal(taken, 10000);
    store_close(store, 20000);
    assert_int_equal(stage->told, 10000);
    assert_int_equal(stage->failed, 0);
}

static atomic_bool disk_answers;

static int hang(sqlite3 *db, void *data)
{
    (void)db;
    (void)data;
    while (!atomic_load(&disk_answers))
        (void)usleep(1000);
    return 0;
}

static void closing_gives_up_what_takes_too_long_and_tells(void **state)
{
    struct stage *stage = *state;
    struct store *store = open_store(stage, NULL);
    uint64_t start = uv_hrtime();
    for (int i = 0; i < 601; i++) /* more than go together: the rest waits for its turn */
        assert_true(store_do(store, i ? insert : hang, on_done, stage));
    store_close(store, 50);
    assert_true(uv_hrtime() - start < 5000000000u);
    assert_int_equal(stage->told, 601 - 256); /* not those of the transaction under way */
    assert_int_equal(stage->failed, 601 - 256);

    /* When the disk answers after all, the thread finishes what it had, and lets go of the folder. */
    struct error error;
    assert_null(store_open(stage->loop, stage->folder, schema, NULL, &error));
    assert_int_equal(error.code, -EBUSY);
    atomic_store(&disk_answers, true);
    while (!(store = store_open(stage->loop, stage->folder, schema, NULL, &error)))
        (void)usleep(1000);
    store_close(store, 1000);
}

static void two_agents_never_share_a_folder(void **state)
{
    struct stage *stage = *state;
    struct error error = {0};
    struct store *store = open_store(stage, NULL);
    assert_null(store_open(stage->loop, stage->folder, schema, NULL, &error));
    assert_int_equal(error.code, -EBUSY);
    assert_non_null(strstr(error.message, stage->folder));
    store_close(store, 1000);
    store_close(open_store(stage, NULL), 1000);
}

static void a_damaged_database_is_set_aside_and_begun_anew(void **state)
{
    struct stage *stage = *state;
    bool damaged = false;
    store_close(open_store(stage, &damaged), 1000);
    assert_false(damaged);
    char *path = mem_print("%s/state.db", stage->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        (void)fputs("no database ", file);
    (void)fclose(file);
    free(path);
    struct store *store = open_store(stage, &damaged);
    int rows = -1;
    assert_true(damaged);
    assert_int_equal(store_do_now(store, count_rows, &rows), 0);
    assert_int_equal(rows, 0);
    store_close(store, 1000);
}

static void a_folder_that_cannot_be_written_is_refused_with_what_to_do(void **state)
{
    struct stage *stage = *state;
    struct error error = {0};
    assert_null(store_open(stage->loop, "/proc/no/such", schema, NULL, &error));
    assert_true(error.code < 0);
    assert_null(store_open(stage->loop, "/proc", schema, NULL, &error));
    assert_non_null(strstr(error.hint, "agent.state"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nobody_else_reads_it_whatever_the_folder_and_the_umask),
        TEST(work_is_done_in_order_and_told_on_the_loop),
        TEST(work_that_fails_undoes_only_itself),
        TEST(who_only_reads_does_not_fail_with_those_who_write),
        TEST(the_queue_is_bounded),
        TEST(closing_gives_up_what_takes_too_long_and_tells),
        TEST(two_agents_never_share_a_folder),
        TEST(a_damaged_database_is_set_aside_and_begun_anew),
        TEST(a_folder_that_cannot_be_written_is_refused_with_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
