/* io: child's followers, on real files. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/text.h"
#include "child_fixture.h"

/* All that a follower said: each text behind its file's name, with "~" where it was rotated. */
struct heard {
    struct life *life;
    struct text text;
    char mark[4096];
    uint64_t lost;
    unsigned times;
    int status;
    bool done; /* an end, or the text that is waited for */
    const char *wanted;
    struct op *op, *cancel;
};

static void on_lines(int status, const struct probe_lines *lines, void *data)
{
    struct heard *heard = data;
    heard->times++;
    if (status < 0) {
        heard->status = status;
        heard->done = true;
        return;
    }
    assert_int_equal(lines->text[lines->len - 1], '\n');
    const char *name = strrchr(lines->path, '/') + 1;
    text_print(&heard->text, "%s%s: %s", lines->rotated ? "~" : "", name, lines->text);
    (void)snprintf(heard->mark, sizeof(heard->mark), "%s", lines->mark);
    heard->lost += lines->lost;
    heard->done = heard->wanted && strstr(heard->text.bytes, heard->wanted);
    op_cancel(heard->cancel);
    heard->cancel = NULL;
}

static void follow(struct heard *heard, struct life *life, struct probe_tail tail)
{
    *heard = (struct heard){.life = life};
    text_init(&heard->text, 16u << 20);
    heard->op = child_follow(life, &tail, on_lines, heard);
}

#define FOLLOW(...) ((struct probe_tail){.size = sizeof(struct probe_tail), __VA_ARGS__})

/* Waits until all that was heard holds `text`. */
static void wait_for(struct heard *heard, const char *text)
{
    heard->wanted = text;
    heard->done = strstr(heard->text.bytes, text);
    if (!loop_run_until(heard->life->loop, &heard->done, 5000))
        fail_msg("waited for \"%s\", heard \"%s\"", text, heard->text.bytes);
}

static void stop(struct heard *heard)
{
    op_cancel(heard->op);
    text_finish(&heard->text);
}

static void append(const char *name, const char *bytes)
{
    FILE *file = fopen(in_folder(name), "a");
    assert_non_null(file);
    (void)fputs(bytes, file);
    (void)fclose(file);
}

static void rename_file(const char *from, const char *to)
{
    assert_int_equal(rename(in_folder(from), in_folder(to)), 0);
}

static int clean(void **state)
{
    (void)remove_folder(NULL); /* each test has its own files */
    return mkdir(folder, 0755) == 0 ? set_up(state) : -1;
}

static void lines_come_whole_and_in_order(void **state)
{
    struct heard heard;
    append("app.log", "one\ntw");
    follow(&heard, *state, FOLLOW(.path = in_folder("*.log"), .from = ""));
    assert_int_equal(heard.times, 0);
    wait_for(&heard, "one\n");
    assert_string_equal(heard.text.bytes, "app.log: one\n");
    append("app.log", "o\nthree\n");
    wait_for(&heard, "three\n");
    assert_string_equal(heard.text.bytes, "app.log: one\napp.log: two\nthree\n");
    stop(&heard);
}

/* A first line that is surely read from its end only once the follower has begun. */
static void wait_until_begun(struct heard *heard)
{
    for (int i = 0; heard->times == 0; i++) {
        char line[32];
        bool never = false;
        (void)snprintf(line, sizeof(line), "begun %d\n", i);
        append("begun.log", line);
        (void)loop_run_until(heard->life->loop, &never, 20);
        assert_true(i < 250);
    }
}

static void from_the_end_only_what_is_new_comes(void **state)
{
    struct heard heard;
    append("app.log", "old\nhalf a ");
    append("begun.log", "");
    follow(&heard, *state, FOLLOW(.path = in_folder("*.log")));
    wait_until_begun(&heard);
    append("app.log", "line\n");
    append("late.log", "a new file counts from its beginning\n");
    wait_for(&heard, "beginning\n");
    wait_for(&heard, "app.log: half a line\n");
    assert_null(strstr(heard.text.bytes, "old"));
    stop(&heard);
}

static void a_renamed_file_is_read_to_its_end_before_the_next(void **state)
{
    struct heard heard;
    append("app.log", "1\n");
    follow(&heard, *state, FOLLOW(.path = in_folder("app.log"), .from = ""));
    wait_for(&heard, "1\n");
    append("next", "3\n");
    rename_file("app.log", "app.log.1");
    append("app.log.1", "2\n4, late\n"); /* whenever the follower looks: the next one comes later */
    rename_file("next", "app.log");
    wait_for(&heard, "3\n");
    assert_non_null(strstr(heard.text.bytes, "app.log: 1\napp.log: 2\n4, late\n~app.log: 3\n"));
    append("app.log.1", "5, later\n");
    wait_for(&heard, "5, later\n");
    stop(&heard);
}

static void a_file_that_moves_within_the_pattern_is_not_read_again(void **state)
{
    struct heard heard;
    append("app.log", "1\n");
    follow(&heard, *state, FOLLOW(.path = in_folder("app.log*"), .from = ""));
    wait_for(&heard, "1\n");
    rename_file("app.log", "app.log.1");
    append("app.log.1", "2\n");
    append("app.log", "3\n");
    wait_for(&heard, "3\n");
    assert_non_null(strstr(heard.text.bytes, "app.log: 1\napp.log"));
    assert_non_null(strstr(heard.text.bytes, ": 2\n~app.log: 3\n")); /* of either name */
    assert_int_equal(heard.times, 3);
    stop(&heard);
}

static void a_file_that_is_cut_is_read_from_its_beginning(void **state)
{
    struct heard heard;
    append("app.log", "a long first line\nhalf");
    follow(&heard, *state, FOLLOW(.path = in_folder("app.log"), .from = ""));
    wait_for(&heard, "first line\n");
    write_file(in_folder("app.log"), "short\n");
    wait_for(&heard, "short\n");
    /* Also where it is longer than before by the time of the next look. */
    write_file(in_folder("app.log"), "now this is longer than what stood here before\n");
    wait_for(&heard, "before\n");
    assert_string_equal(heard.text.bytes,
                        "app.log: a long first line\napp.log: half\n~app.log: short\n"
                        "~app.log: now this is longer than what stood here before\n");
    stop(&heard);
}

static void a_mark_goes_on_where_it_was_given(void **state)
{
    struct heard heard;
    char mark[4096];
    append("a.log", "a1\n");
    append("b.log", "b1\n");
    follow(&heard, *state, FOLLOW(.path = in_folder("*.log"), .from = ""));
    wait_for(&heard, "b1\n");
    (void)snprintf(mark, sizeof(mark), "%s", heard.mark);
    stop(&heard);
    append("b.log", "b2\n");
    rename_file("a.log", "a.log.1"); /* and out of the pattern, while nobody looks */
    append("a.log.1", "a2\n");
    append("a.log", "a3\n");
    follow(&heard, *state, FOLLOW(.path = in_folder("*.log"), .from = mark));
    wait_for(&heard, "b2\n");
    wait_for(&heard, "a3\n");
    assert_non_null(strstr(heard.text.bytes, "a.log.1: a2\n"));
    assert_non_null(strstr(heard.text.bytes, "a.log: a3\n"));
    assert_non_null(strstr(heard.text.bytes, "b.log: b2\n"));
    assert_int_equal(heard.times, 3);
    stop(&heard);
}

static void a_mark_does_not_take_another_file_for_its_own(void **state)
{
    struct heard heard;
    char mark[4096];
    append("app.log", "one\n");
    follow(&heard, *state, FOLLOW(.path = in_folder("*.log"), .from = ""));
    wait_for(&heard, "one\n");
    (void)snprintf(mark, sizeof(mark), "%s", heard.mark);
    stop(&heard);
    write_file(in_folder("app.log"), "another\n"); /* of the same number */
    follow(&heard, *state, FOLLOW(.path = in_folder("*.log"), .from = mark));
    wait_for(&heard, "another\n");
    assert_string_equal(heard.text.bytes, "~app.log: another\n");
    stop(&heard);
    follow(&heard, *state, FOLLOW(.path = in_folder("*.log"), .from = "what is this?"));
    wait_for(&heard, "another\n"); /* rather read again than missed */
    stop(&heard);
}

static void a_long_line_is_cut_and_the_next_is_whole(void **state)
{
    struct heard heard;
    append("app.log", "0123456789abcdef\nnext\n");
    follow(&heard, *state, FOLLOW(.path = in_folder("app.log"), .from = "", .max_line = 10));
    wait_for(&heard, "next\n");
    assert_string_equal(heard.text.bytes, "app.log: 0123456789\nnext\n");
    stop(&heard);
}

static void what_is_too_far_behind_is_skipped_and_counted(void **state)
{
    struct heard heard;
    for (int i = 0; i < 10; i++)
        append("app.log", "a line of 20 bytes.\n");
    append("app.log", "the last but one\nlast\n"); /* 17 and 5 bytes */
    follow(&heard, *state, FOLLOW(.path = in_folder("app.log"), .from = "", .max_backlog = 30));
    wait_for(&heard, "last\n");
    assert_string_equal(heard.text.bytes, "app.log: the last but one\nlast\n");
    assert_int_equal(heard.lost, 200);
    stop(&heard);
    follow(&heard, *state, FOLLOW(.path = in_folder("app.log"), .from = "", .max_backlog = 22));
    wait_for(&heard, "last\n"); /* a boundary that is a line's beginning loses nothing more */
    assert_int_equal(heard.lost, 200);
    stop(&heard);
}

static void a_large_backlog_comes_whole(void **state)
{
    struct heard heard;
    FILE *file = fopen(in_folder("app.log"), "w");
    for (int i = 0; i < 50000; i++)
        (void)fprintf(file, "line %d\n", i);
    (void)fputs("the end\n", file);
    (void)fclose(file);
    follow(&heard, *state, FOLLOW(.path = in_folder("app.log"), .from = ""));
    wait_for(&heard, "the end\n");
    const char *at = heard.text.bytes;
    for (int i = 0; i < 50000; i++) {
        int number = -1, used = 0;
        if (strncmp(at, "app.log: ", 9) == 0)
            at += 9;
        (void)sscanf(at, "line %d\n%n", &number, &used);
        if (number != i)
            fail_msg("line %d came as %d", i, number);
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(heard.lost, 0);
    stop(&heard);
}

static void a_follower_may_be_cancelled_by_its_own_callback(void **state)
{
    struct heard heard;
    struct life *life = *state;
    pid_t spawner = spawner_pid();
    append("a.log", "1\n");
    append("b.log", "1\n");
    follow(&heard, life, FOLLOW(.path = in_folder("*.log"), .from = ""));
    heard.cancel = heard.op;
    wait_for(&heard, "1\n");
    assert_true(workers_gone(life->loop, spawner, 5000));
    assert_int_equal(heard.times, 1);
    text_finish(&heard.text);
}

static void a_follower_ends_with_its_worker_or_its_life(void **state)
{
    struct heard heard;
    struct life *life = *state;
    pid_t worker = 0;
    append("app.log", "1\n");
    follow(&heard, life, FOLLOW(.path = in_folder("*.log"), .from = ""));
    wait_for(&heard, "1\n");
    assert_int_equal(children_of(spawner_pid(), &worker), 1);
    assert_int_equal(kill(worker, SIGKILL), 0);
    heard.done = false;
    assert_true(loop_run_until(life->loop, &heard.done, 5000));
    assert_int_equal(heard.status, -EIO);
    text_finish(&heard.text);
    follow(&heard, life, FOLLOW(.path = in_folder("*.log"), .from = ""));
    wait_for(&heard, "1\n");
    life_end(life, -ECANCELED);
    assert_int_equal(heard.status, -ECANCELED);
    assert_true(workers_gone(life->loop, spawner_pid(), 5000));
    text_finish(&heard.text);
}

static void too_many_files_are_refused(void **state)
{
    struct heard heard;
    for (int i = 0; i < 1001; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%d.log", i);
        append(name, "");
    }
    follow(&heard, *state, FOLLOW(.path = in_folder("*.log")));
    assert_true(loop_run_until(heard.life->loop, &heard.done, 5000));
    assert_int_equal(heard.status, -EMFILE);
    text_finish(&heard.text);
    follow(&heard, *state, FOLLOW(.path = NULL));
    assert_true(loop_run_until(heard.life->loop, &heard.done, 5000));
    assert_int_equal(heard.status, -EINVAL);
    text_finish(&heard.text);
}

#define CLEAN(f) cmocka_unit_test_setup_teardown(f, clean, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(lines_come_whole_and_in_order),
        CLEAN(from_the_end_only_what_is_new_comes),
        CLEAN(a_renamed_file_is_read_to_its_end_before_the_next),
        CLEAN(a_file_that_moves_within_the_pattern_is_not_read_again),
        CLEAN(a_file_that_is_cut_is_read_from_its_beginning),
        CLEAN(a_mark_goes_on_where_it_was_given),
        CLEAN(a_mark_does_not_take_another_file_for_its_own),
        CLEAN(a_long_line_is_cut_and_the_next_is_whole),
        CLEAN(what_is_too_far_behind_is_skipped_and_counted),
        CLEAN(a_large_backlog_comes_whole),
        CLEAN(a_follower_may_be_cancelled_by_its_own_callback),
        CLEAN(a_follower_ends_with_its_worker_or_its_life),
        CLEAN(too_many_files_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
