/* io: child's looks, at real files. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "child_fixture.h"

struct seen {
    bool done;
    int status;
    struct probe_sight sight;
    char bytes[4096];
    struct probe_file first, last;
    char first_path[256], last_path[256], target[256];
};

static void on_sight(int status, const struct probe_sight *sight, void *data)
{
    struct seen *seen = data;
    seen->done = true;
    seen->status = status;
    seen->sight = *sight;
    (void)snprintf(seen->bytes, sizeof(seen->bytes), "%s", sight->bytes);
    if (sight->file_count == 0)
        return;
    seen->first = sight->files[0];
    seen->last = sight->files[sight->file_count - 1];
    (void)snprintf(seen->first_path, sizeof(seen->first_path), "%s", seen->first.path);
    (void)snprintf(seen->last_path, sizeof(seen->last_path), "%s", seen->last.path);
    (void)snprintf(
        seen->target, sizeof(seen->target), "%s", seen->first.target ? seen->first.target : "");
}

static void look(struct life *life, struct seen *seen, enum probe_look what, const char *path,
                 int64_t max)
{
    *seen = (struct seen){0};
    (void)child_look(life, what, path, max, on_sight, seen);
    assert_false(seen->done);
    assert_true(loop_run_until(life->loop, &seen->done, 20000));
}

static void a_file_is_read_up_to_a_maximum(void **state)
{
    struct seen seen;
    write_file(in_folder("words"), "one\ntwo\n");
    look(*state, &seen, PROBE_LOOK_READ, in_folder("words"), 0);
    assert_int_equal(seen.status, 0);
    assert_string_equal(seen.bytes, "one\ntwo\n");
    assert_int_equal(seen.sight.len, 8);
    assert_false(seen.sight.truncated);
    look(*state, &seen, PROBE_LOOK_READ, in_folder("words"), 8);
    assert_false(seen.sight.truncated);
    look(*state, &seen, PROBE_LOOK_READ, in_folder("words"), 5);
    assert_string_equal(seen.bytes, "one\nt");
    assert_true(seen.sight.truncated);
    look(*state, &seen, PROBE_LOOK_READ, "/proc/self/status", 0);
    assert_non_null(strstr(seen.bytes, "Name:"));
    look(*state, &seen, PROBE_LOOK_READ, "/dev/zero", 3000000);
    assert_int_equal(seen.sight.len, 3000000);
    assert_true(seen.sight.truncated);
    look(*state, &seen, PROBE_LOOK_READ, in_folder("absent"), 0);
    assert_int_equal(seen.status, -ENOENT);
    look(*state, &seen, PROBE_LOOK_READ, folder, 0);
    assert_int_equal(seen.status, -EISDIR);
    look(*state, &seen, PROBE_LOOK_READ, NULL, 0);
    assert_int_equal(seen.status, -EINVAL);
}

static void a_file_and_what_a_link_leads_to_are_seen(void **state)
{
    struct seen seen;
    struct stat truth;
    write_file(in_folder("words"), "one\ntwo\n");
    assert_int_equal(symlink("words", in_folder("link")), 0);
    assert_int_equal(symlink("nothing", in_folder("dangling")), 0);
    assert_int_equal(stat(in_folder("words"), &truth), 0);
    look(*state, &seen, PROBE_LOOK_STAT, in_folder("words"), 0);
    assert_int_equal(seen.sight.file_count, 1);
    assert_int_equal(seen.first.inode, truth.st_ino);
    assert_int_equal(seen.first.device, truth.st_dev);
    assert_int_equal(seen.first.mode, truth.st_mode);
    assert_int_equal(seen.first.size_bytes, 8);
    assert_int_equal(seen.first.disk_bytes, truth.st_blocks * 512);
    assert_int_equal(seen.first.modified_ms / 1000, truth.st_mtim.tv_sec);
    assert_null(seen.first.target);
    look(*state, &seen, PROBE_LOOK_STAT, in_folder("link"), 0);
    assert_string_equal(seen.target, "words");
    assert_int_equal(seen.first.size_bytes, 8);
    look(*state, &seen, PROBE_LOOK_STAT, in_folder("dangling"), 0);
    assert_true(S_ISLNK(seen.first.mode));
    look(*state, &seen, PROBE_LOOK_STAT, in_folder("absent"), 0);
    assert_int_equal(seen.status, -ENOENT);
}

static void a_file_system_says_what_is_free(void **state)
{
    struct seen seen;
    look(*state, &seen, PROBE_LOOK_STATFS, "/tmp", 0);
    assert_int_equal(seen.status, 0);
    assert_true(seen.sight.total_bytes > 0);
    assert_in_range(seen.sight.available_bytes, 1, seen.sight.total_bytes);
    assert_true(seen.sight.inodes >= seen.sight.inodes_free);
}

static void a_pattern_is_listed_in_order(void **state)
{
    struct seen seen;
    write_file(in_folder("c.log"), "");
    write_file(in_folder("a.log"), "123");
    write_file(in_folder("b.log"), "");
    look(*state, &seen, PROBE_LOOK_LIST, in_folder("*.log"), 0);
    assert_int_equal(seen.status, 0);
    assert_int_equal(seen.sight.file_count, 3);
    assert_string_equal(seen.first_path, in_folder("a.log"));
    assert_int_equal(seen.first.size_bytes, 3);
    assert_string_equal(seen.last_path, in_folder("c.log"));
    assert_false(seen.sight.truncated);
    look(*state, &seen, PROBE_LOOK_LIST, in_folder("*.none"), 0);
    assert_int_equal(seen.status, 0);
    assert_int_equal(seen.sight.file_count, 0);
}

static void a_huge_folder_is_listed_in_part(void **state)
{
    struct seen seen;
    assert_int_equal(mkdir(in_folder("many"), 0755), 0);
    int many = open(in_folder("many"), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 10050; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%05d", i);
        (void)close(openat(many, name, O_CREAT | O_WRONLY, 0644));
    }
    (void)close(many);
    look(*state, &seen, PROBE_LOOK_LIST, in_folder("many/*"), 0);
    assert_int_equal(seen.sight.file_count, 10000);
    assert_true(seen.sight.truncated);
    assert_string_equal(seen.last_path, in_folder("many/09999"));
}

static void a_look_that_hangs_ends_with_its_life(void **state)
{
    struct life *life = *state;
    struct seen seen = {0};
    pid_t spawner = spawner_pid();
    bool never = false;
    assert_int_equal(mkfifo(in_folder("pipe"), 0644), 0); /* nobody writes: open() hangs */
    (void)child_look(life, PROBE_LOOK_READ, in_folder("pipe"), 0, on_sight, &seen);
    (void)loop_run_until(life->loop, &never, 50);
    assert_false(seen.done);
    life_end(life, -ETIMEDOUT);
    assert_int_equal(seen.status, -ETIMEDOUT);
    assert_true(workers_gone(life->loop, spawner, 5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_up_to_a_maximum),
        TEST(a_file_and_what_a_link_leads_to_are_seen),
        TEST(a_file_system_says_what_is_free),
        TEST(a_pattern_is_listed_in_order),
        TEST(a_huge_folder_is_listed_in_part),
        TEST(a_look_that_hangs_ends_with_its_life),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
