/* audit: a chain on disk before anybody is told, whole after any end, and showing what is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/redact.h"
#include "incident/audit.h"
#include "io/loop.h"

static struct {
    struct loop *loop;
    struct bus *bus;
    struct store *store;
    struct audit *audit;
    char folder[64];
    char said[8192];
    unsigned told;
    int status;
    uint64_t entry;
    bool done;
} world;

static void on_event(const struct event *event, void *data)
{
    (void)data;
    assert_int_equal(event->kind, EVENT_AUDIT);
    size_t len = strlen(world.said);
    (void)snprintf(world.said + len, sizeof(world.said) - len, "%s\n", event->json);
}

static void on_done(int status, uint64_t entry, void *data)
{
    (void)data;
    world.told++;
    world.status = status;
    world.entry = entry;
    world.done = true;
}

static void open_audit(void)
{
    struct error error = {0};
    world.store = store_open(world.loop, world.folder, "", NULL, &error);
    assert_non_null(world.store);
    world.audit = audit_open(world.loop, world.bus, world.store, &error);
    assert_non_null(world.audit);
}

static void close_audit(void)
{
    audit_close(world.audit);
    store_close(world.store, 5000);
    world.audit = NULL;
    world.store = NULL;
}

static void remove_folder(void)
{
    static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm", "lock"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        MEM_AUTO char *path = mem_print("%s/%s", world.folder, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(world.folder), 0);
}

static int set_up(void **state)
{
    static const struct event_speaker speaker = {
        .realm = "test", .role = "node", .node = "n", .boot = "b", .version = "0", .config = "c"};
    (void)state;
    memset(&world, 0, sizeof(world));
    (void)snprintf(world.folder, sizeof(world.folder), "/tmp/runbookd-audit-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    world.loop = loop_create();
    world.bus = bus_create(&speaker);
    bus_subscribe(world.bus, on_event, NULL);
    open_audit();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (world.audit)
        close_audit();
    bus_destroy(world.bus);
    redact_forget_all();
    remove_folder();
    return loop_destroy(world.loop);
}

static void write_who(struct writer *writer, void *data)
{
    writer_string(writer, "who", data);
}

static void add(const char *step, const char *who)
{
    const struct audit_line line = {step, "somebody did something", write_who, (void *)who};
    world.done = false;
    audit_add(world.audit, &line, on_done, &world);
}

static void add_and_wait(const char *step, const char *who)
{
    add(step, who);
    assert_true(loop_run_until(world.loop, &world.done, 5000));
    assert_int_equal(world.status, 0);
}

static struct audit_sight look(uint64_t entry, const char *head)
{
    struct audit_sight sight;
    struct error error = {0};
    assert_int_equal(audit_verify(world.folder, entry, head, &sight, &error), 0);
    return sight;
}

static void change(const char *sql)
{
    MEM_AUTO char *path = mem_print("%s/state.db", world.folder);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

/* ------------------------------------------------------------------- tests ---- */

static void a_line_is_on_disk_before_anybody_is_told(void **state)
{
    (void)state;
    add("approved", "alice");
    assert_int_equal(world.told, 0);
    assert_true(loop_run_until(world.loop, &world.done, 5000));
    assert_int_equal(world.entry, 1);
    struct audit_sight sight = look(0, NULL);
    assert_int_equal(sight.last, 1);
    assert_non_null(strstr(world.said, "\"step\":\"approved\""));
    assert_non_null(strstr(world.said, "\"who\":\"alice\""));
    assert_non_null(strstr(world.said, sight.head));
}

static void lines_are_a_chain_across_restarts(void **state)
{
    (void)state;
    add_and_wait("intent", "a");
    add_and_wait("applied", "b");
    close_audit();
    open_audit();
    add_and_wait("approved", "c");
    assert_int_equal(world.entry, 3);
    struct audit_sight sight = look(0, NULL);
    assert_int_equal(sight.wrong, 0);
    assert_int_equal(sight.first, 1);
    assert_int_equal(sight.last, 3);
}

static void what_waits_at_the_end_is_written(void **state)
{
    (void)state;
    add_and_wait("intent", "a");
    add("applied", "b"); /* not queued yet */
    close_audit();
    assert_int_equal(world.told, 1);
    assert_int_equal(look(0, NULL).last, 2);
    assert_int_equal(look(0, NULL).wrong, 0);
}

static void many_lines_at_once_keep_their_order(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++)
        add(i == 499 ? "last" : "more", "x");
    while (world.told < 500)
        assert_true(loop_run_until(world.loop, &world.done, 5000)), world.done = false;
    assert_int_equal(world.entry, 500);
    assert_int_equal(look(0, NULL).last, 500);
    assert_int_equal(look(0, NULL).wrong, 0);
}

static void a_changed_line_shows(void **state)
{
    (void)state;
    add_and_wait("intent", "a");
    add_and_wait("approved", "alice");
    add_and_wait("applied", "b");
    change("update audit set line = replace(line, 'alice', 'bobby') where entry = 2");
    assert_int_equal(look(0, NULL).wrong, 2);
    assert_non_null(strstr(look(0, NULL).why, "was changed"));
}

static void a_missing_line_shows(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        add_and_wait("intent", "a");
    change("delete from audit where entry = 2");
    assert_int_equal(look(0, NULL).wrong, 2);
    assert_string_equal(look(0, NULL).why, "it is missing");
}

static void a_line_that_was_put_in_with_its_hash_shows(void **state)
{
    (void)state;
    add_and_wait("intent", "a");
    add_and_wait("intent", "a");
    add_and_wait("intent", "a");
    change("update audit set line = (select line from audit where entry = 1), hash = (select hash "
           "from audit where entry = 1) where entry = 2");
    assert_int_equal(look(0, NULL).wrong, 2);
}

static void a_tail_that_was_cut_shows_by_its_witness(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        add_and_wait("intent", "a");
    char head[AUDIT_HASH_LEN + 1];
    memcpy(head, look(0, NULL).head, sizeof(head));
    assert_true(look(3, head).witnessed);
    head[8] = '\0'; /* some first digits are enough */
    assert_true(look(3, head).witnessed);
    assert_int_equal(look(2, head).wrong, 2);
    change("delete from audit where entry = 3");
    assert_int_equal(look(0, NULL).wrong, 0); /* alone it does not show */
    assert_int_equal(look(3, head).wrong, 3);
    assert_non_null(strstr(look(3, head).why, "cut off"));
}

/* ------------------------------------------------------------------ exports ---- */

static const char *export_path(void)
{
    static char path[100];
    (void)snprintf(path, sizeof(path), "%s.export", world.folder);
    return path;
}

static struct audit_sight export_all(const struct audit_range *range)
{
    struct audit_sight sight;
    struct error error = {0};
    FILE *file = fopen(export_path(), "we");
    assert_non_null(file);
    assert_int_equal(audit_export(world.folder, range, file, &sight, &error), 0);
    assert_int_equal(fclose(file), 0);
    return sight;
}

static struct audit_sight look_at_file(uint64_t entry, const char *head)
{
    struct audit_sight sight;
    struct error error = {0};
    assert_int_equal(audit_verify_file(export_path(), entry, head, &sight, &error), 0);
    return sight;
}

/* Changes the file by a program that has nothing of ours. */
static void edit(const char *how)
{
    MEM_AUTO char *command = mem_print("sed -i '%s' %s", how, export_path());
    assert_int_equal(system(command), 0); /* lint: the test's own file */
}

static void a_copy_is_verified_by_itself(void **state)
{
    const struct audit_range all = {.now_ms = 1};
    (void)state;
    for (int i = 0; i < 4; i++)
        add_and_wait("intent", "alice");
    struct audit_sight sight = export_all(&all), copy = look_at_file(0, NULL);
    assert_int_equal(copy.wrong, 0);
    assert_int_equal(copy.first, 1);
    assert_int_equal(copy.last, 4);
    assert_string_equal(copy.head, sight.head);
    assert_string_equal(copy.head, look(0, NULL).head);
    assert_true(look_at_file(4, sight.head).witnessed);
    assert_int_equal(look_at_file(5, sight.head).wrong, 5);
    assert_int_equal(look_at_file(3, sight.head).wrong, 3);
    (void)unlink(export_path());
}

static void what_was_done_to_a_copy_shows(void **state)
{
    static const struct {
        const char *how;
        unsigned wrong;
    } each[] = {
        {"2s/alice/bobby/", 3}, /* the one behind it does not follow it any more */
        {"4s/alice/bobby/", 4}, /* ... nor does the end */
        {"2d", 2},              /* left out */
        {"1d", 2},              /* the beginning: the end tells of it */
        {"4d", 4},              /* the last */
        {"5d", 5},              /* the end */
        {"4,5d", 4},            /* cut off */
        {"5p", 5},              /* something follows */
        {"2p", 3},              /* twice */
        {"s/.*/{}/", 0},        /* no export: the first line is wrong */
    };
    const struct audit_range all = {.now_ms = 1};
    (void)state;
    for (int i = 0; i < 4; i++)
        add_and_wait("intent", "alice");
    for (size_t i = 0; i < sizeof(each) / sizeof(*each); i++) {
        (void)export_all(&all);
        edit(each[i].how);
        struct audit_sight copy = look_at_file(0, NULL);
        if (!*copy.why || (each[i].wrong && copy.wrong != each[i].wrong))
            fail_msg("%s: %u %s", each[i].how, (unsigned)copy.wrong, copy.why);
    }
    (void)unlink(export_path());
}

static void a_copy_of_a_time_leaves_none_of_it_out(void **state)
{
    (void)state;
    int64_t begun_ms = loop_wall_ms(world.loop);
    add_and_wait("intent", "alice");
    struct audit_sight none =
        export_all(&(const struct audit_range){.until_ms = begun_ms - 60000, .now_ms = 1});
    assert_int_equal(none.last, 0);
    none = export_all(&(const struct audit_range){.since_ms = begun_ms + 60000, .now_ms = 1});
    assert_int_equal(none.last, 0);
    add_and_wait("intent", "alice");
    change("update audit set hash = '0' where entry = 2"); /* it is told, and ends the copy */
    struct audit_sight sight = export_all(&(const struct audit_range){
        .since_ms = begun_ms - 60000, .until_ms = begun_ms + 600000, .now_ms = 1});
    assert_int_equal(sight.wrong, 2);
    assert_int_equal(sight.last, 1);
    assert_int_equal(look_at_file(0, NULL).wrong, 0);
    (void)unlink(export_path());
}

static void what_cannot_be_written_is_not_done(void **state)
{
    (void)state;
    add_and_wait("intent", "a");
    change("alter table audit rename to elsewhere");
    audit_add(world.audit, &(const struct audit_line){"applied", "it was", NULL, NULL}, NULL, NULL);
    add("intent", "a");
    assert_true(loop_run_until(world.loop, &world.done, 5000));
    assert_true(world.status < 0);
    assert_non_null(audit_trouble(world.audit));
    change("alter table elsewhere rename to audit");
    add_and_wait("intent", "b"); /* after what was to be told, which is not lost */
    assert_int_equal(world.entry, 3);
    assert_null(audit_trouble(world.audit));
    assert_int_equal(look(0, NULL).wrong, 0);
    assert_non_null(strstr(world.said, "\"step\":\"applied\""));
}

/* Whoever waits for it hears of the failure, once; it is written all the same when it can be. */
static void what_has_happened_is_written_when_it_can_be(void **state)
{
    const struct audit_line line = {"result", "it was", NULL, NULL, .happened = true};
    (void)state;
    add_and_wait("intent", "a");
    change("alter table audit rename to elsewhere");
    world.done = false;
    world.told = 0;
    audit_add(world.audit, &line, on_done, &world);
    assert_true(loop_run_until(world.loop, &world.done, 5000));
    assert_true(world.status < 0);
    assert_null(strstr(world.said, "\"step\":\"result\""));
    change("alter table elsewhere rename to audit");
    add_and_wait("intent", "b");
    assert_int_equal(world.entry, 3);
    assert_int_equal(world.told, 2);
    assert_non_null(strstr(world.said, "\"step\":\"result\""));
    assert_int_equal(look(0, NULL).wrong, 0);
}

static void who_has_gone_is_not_told(void **state)
{
    (void)state;
    add("intent", "a");
    audit_forget(world.audit, &world);
    audit_add(world.audit, &(const struct audit_line){"intent", "m", NULL, NULL}, on_done, NULL);
    assert_true(loop_run_until(world.loop, &world.done, 5000));
    assert_int_equal(world.told, 1);
    assert_int_equal(world.entry, 2);
}

static void no_secret_is_kept(void **state)
{
    (void)state;
    redact_learn("s3cret-word");
    add_and_wait("approved", "s3cret-word");
    MEM_AUTO char *path = mem_print("%s/state.db", world.folder);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_prepare_v2(db, "select line from audit", -1, &statement, NULL);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const char *line = (const char *)sqlite3_column_text(statement, 0);
    assert_null(strstr(line, "s3cret-word"));
    assert_non_null(strstr(line, "\"who\":\"[redacted]\""));
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    assert_null(strstr(world.said, "s3cret-word"));
}

static void without_a_store_lines_are_events_and_nothing_is_to_be_done(void **state)
{
    struct error error = {0};
    (void)state;
    close_audit();
    world.audit = audit_open(world.loop, world.bus, NULL, &error);
    add_and_wait("planned", "a");
    assert_non_null(strstr(world.said, "\"step\":\"planned\""));
    assert_string_equal(audit_trouble(world.audit),
                        "nothing is kept, since agent.state is not set");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_line_is_on_disk_before_anybody_is_told),
        CASE(lines_are_a_chain_across_restarts),
        CASE(what_waits_at_the_end_is_written),
        CASE(many_lines_at_once_keep_their_order),
        CASE(a_changed_line_shows),
        CASE(a_missing_line_shows),
        CASE(a_line_that_was_put_in_with_its_hash_shows),
        CASE(a_tail_that_was_cut_shows_by_its_witness),
        CASE(a_copy_is_verified_by_itself),
        CASE(what_was_done_to_a_copy_shows),
        CASE(a_copy_of_a_time_leaves_none_of_it_out),
        CASE(what_cannot_be_written_is_not_done),
        CASE(what_has_happened_is_written_when_it_can_be),
        CASE(who_has_gone_is_not_told),
        CASE(no_secret_is_kept),
        CASE(without_a_store_lines_are_events_and_nothing_is_to_be_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
