/* The kit's world: requests, names, files, programs, computing, descriptors - as a plugin sees it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kit.h"

/* What the one check does, and what came of it: a test sets the one and reads the other. */
static struct {
    void (*does)(struct probe_run *run);
    int status;
    unsigned calls;
    char text[256];
    struct probe_op *op;
    int fds[2];
} world;

struct config {
    const struct probe_url *url;
    struct probe_secret *token;
};

static const struct probe_option options[] = {
    {"url", PROBE_URL_AT(struct config, url), .help = "an address"},
    {"token", PROBE_SECRET_AT(struct config, token), .help = "a secret"},
    {0},
};

static void run_check(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    world.does(run);
}

static const struct probe_check checks[] = {
    {.name = "check",
     .title = "something is wrong",
     .every = "15s",
     .timeout = "3s",
     .run = run_check},
    {.name = "stream",
     .title = "something is wrong",
     .mode = PROBE_STREAMING,
     .every = "15s",
     .timeout = "3s",
     .run = run_check},
    {0},
};

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "sample",
    .version = "1.0",
    .summary = "what the kit is tested with",
    .options = options,
    .config_size = sizeof(struct config),
    .checks = checks,
};

static int set_up(void **state)
{
    memset(&world, 0, sizeof(world));
    *state = kit_open(&plugin);
    kit_set(*state, "url", "https://api.example.org/v1/");
    kit_set(*state, "token", "s3cret-token");
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static void see(const char *text, size_t len)
{
    size_t at = strlen(world.text);
    if (at + len < sizeof(world.text))
        memcpy(world.text + at, text, len);
}

static void finish(struct probe_run *run, int status, const char *text)
{
    world.status = status;
    world.calls++;
    see(text, strlen(text));
    probe_report(run, .summary = "seen");
    probe_done(run);
}

/* ------------------------------------------------------------ requests ---- */

static void on_reply(int status, const struct probe_response *response, void *data)
{
    if (status < 0)
        see(response->message, strlen(response->message));
    world.calls += (unsigned)response->code;
    finish(data, status, response->body);
}

static void ask(struct probe_run *run)
{
    const struct config *config = run->target->config;
    static const struct probe_pair params[] = {{"q", "a b&c", NULL}, {0}};
    static const struct probe_pair headers[] = {{"Accept", "text/plain", NULL}, {0}};
    (void)probe_http(&run->life,
                     on_reply,
                     run,
                     .base = config->url,
                     .path = "/items",
                     .params = params,
                     .headers = headers,
                     .bearer = config->token,
                     .max_body = 16);
}

static void a_request_is_recorded_as_it_would_be_sent(void **state)
{
    world.does = ask;
    kit_answers(*state, .code = 404, .body = "no such item", .after_ms = 250);
    assert_int_equal(kit_run(*state, "check")->ran_us, 250000);
    assert_string_equal(world.text, "no such item");
    assert_int_equal(world.calls, 404 + 1);
    const struct kit_request *request = kit_requested(*state, 0);
    assert_string_equal(request->method, "GET");
    assert_string_equal(request->url, "https://api.example.org/v1/items?q=a%20b%26c");
    assert_string_equal(request->bearer, "s3cret-token");
    assert_string_equal(kit_header(request, "accept"), "text/plain");
    assert_null(kit_header(request, "x-none"));
}

static void a_request_fails_as_it_is_told(void **state)
{
    world.does = ask;
    kit_answers(*state, .status = -ECONNREFUSED, .stage = PROBE_CONNECTING, .message = "refused");
    assert_true(kit_run(*state, "check")->done);
    assert_int_equal(world.status, -ECONNREFUSED);
    kit_answers(*state, .body = "seventeen letters");
    assert_true(kit_run(*state, "check")->done);
    assert_int_equal(world.status, -EMSGSIZE);
    kit_answers(*state, .never = true);
    assert_true(kit_run(*state, "check")->done);
    assert_int_equal(world.status, -ETIMEDOUT);
}

static int on_piece(const struct probe_response *head, const char *bytes, size_t len, void *data)
{
    (void)data;
    assert_int_equal(head->code, 200);
    see(bytes, len);
    see("|", 1);
    return strchr(world.text, 'x') ? -ECONNABORTED : 0;
}

static void stream_pieces(struct probe_run *run)
{
    (void)probe_http(&run->life, on_reply, run, .url = "http://x/watch", .on_chunk = on_piece);
}

static void a_body_comes_in_pieces_until_the_plugin_has_enough(void **state)
{
    world.does = stream_pieces;
    kit_answers(*state, .body = "abcde", .piece = 2);
    assert_true(kit_run(*state, "check")->done);
    assert_string_equal(world.text, "ab|cd|e|");
    memset(world.text, 0, sizeof(world.text));
    kit_answers(*state, .body = "abxcde", .piece = 3);
    assert_true(kit_run(*state, "check")->done);
    assert_int_equal(world.status, -ECONNABORTED);
}

/* ------------------------------------------------------- names, machine ---- */

static void on_names(int status, const char *const *addresses, size_t count, void *data)
{
    for (size_t i = 0; i < count; i++) {
        see(addresses[i], strlen(addresses[i]));
        see(" ", 1);
    }
    finish(data, status, "");
}

static void look_up(struct probe_run *run)
{
    (void)probe_resolve(&run->life, "db", on_names, run);
}

static void names_are_what_the_test_says(void **state)
{
    world.does = look_up;
    assert_true(kit_run(*state, "check")->done);
    assert_int_equal(world.status, -ENOENT);
    kit_resolves(*state, "db", "10.0.0.1", "10.0.0.2");
    assert_true(kit_run(*state, "check")->done);
    assert_string_equal(world.text, "10.0.0.1 10.0.0.2 ");
}

static void on_exit_of(int status, const struct probe_exit *end, void *data)
{
    world.calls += (unsigned)end->code;
    finish(data, status, end->output);
}

static void start_program(struct probe_run *run)
{
    static const char *const argv[] = {"/bin/df", "-h", NULL};
    (void)probe_exec(&run->life, on_exit_of, run, .argv = argv, .timeout_ms = 1000);
}

static void programs_end_as_they_are_told(void **state)
{
    world.does = start_program;
    kit_exits(*state, .end = {.code = 3, .output = "full"});
    assert_true(kit_run(*state, "check")->done);
    assert_string_equal(world.text, "full");
    assert_int_equal(world.calls, 3 + 1);
    assert_string_equal(kit_command(*state, 0), "/bin/df -h");
    kit_exits(*state, .never = true);
    assert_int_equal(kit_run(*state, "check")->ran_us, 1000000);
    assert_int_equal(world.status, -ETIMEDOUT);
}

static void on_sight(int status, const struct probe_sight *sight, void *data)
{
    world.calls += sight->truncated;
    finish(data, status, sight->bytes);
}

static void read_file(struct probe_run *run)
{
    (void)probe_look_at(&run->life, PROBE_LOOK_READ, "/etc/motd", 5, on_sight, run);
}

static void files_show_what_the_test_says(void **state)
{
    world.does = read_file;
    assert_true(kit_run(*state, "check")->done);
    assert_int_equal(world.status, -ENOENT);
    kit_show(
        *state, PROBE_LOOK_READ, "/etc/motd", 0, &(const struct probe_sight){.bytes = "welcome"});
    assert_true(kit_run(*state, "check")->done);
    assert_string_equal(world.text, "welco");
    assert_int_equal(world.calls, 2 + 1);
}

static void on_lines(int status, const struct probe_lines *lines, void *data)
{
    struct probe_run *run = data;
    if (status < 0)
        finish(run, status, "end");
    else
        probe_report(run, .subject = "log", .summary = lines->text[0] == 'E' ? "bad" : "good");
}

static void follow(struct probe_run *run)
{
    (void)probe_follow(&run->life, on_lines, run, .path = "/var/log/app/*.log");
}

static void followed_files_grow_as_they_are_told(void **state)
{
    world.does = follow;
    struct kit_run *run = kit_start(*state, "stream");
    kit_append(*state,
               &(const struct probe_lines){.path = "/var/log/app/a.log", .text = "ERROR\n"});
    kit_append(*state, &(const struct probe_lines){.path = "/var/log/app/b.log", .text = "fine\n"});
    assert_int_equal(run->finding_count, 2);
    assert_string_equal(run->findings[0].summary, "bad");
    assert_string_equal(run->findings[1].summary, "good");
    kit_end_follow(*state, "/var/log/app/a.log", -EIO);
    kit_finish(*state, run);
    assert_int_equal(world.status, -EIO);
}

/* ------------------------------------------------- computing, waiting ---- */

static int compute(void *data)
{
    return *(int *)data * 2;
}

static void on_computed(int status, void *data)
{
    (void)data;
    world.status = status;
    world.calls++;
}

static int number = 21;

static void work(struct probe_run *run)
{
    (void)probe_work(&run->life, compute, on_computed, &number);
    probe_report(run, .summary = "it goes on");
    probe_done(run);
}

static void work_outlives_its_run_and_hears_so(void **state)
{
    world.does = work;
    assert_true(kit_run(*state, "check")->done);
    kit_advance(*state, 1);
    assert_int_equal(world.calls, 1);
    assert_int_equal(world.status, -ECANCELED);
}

static void on_readable(int status, unsigned events, void *data)
{
    char byte;
    assert_int_equal(events, status == 0 ? PROBE_READABLE : 0);
    assert_int_equal(read(world.fds[0], &byte, 1), 1);
    finish(data, status, "read");
}

static void watch(struct probe_run *run)
{
    (void)probe_watch(&run->life, world.fds[0], PROBE_READABLE, on_readable, run);
    assert_int_equal(write(world.fds[1], "x", 1), 1);
}

static void a_watch_sees_a_real_descriptor_in_real_time(void **state)
{
    world.does = watch;
    kit_use_real_time(*state);
    assert_int_equal(pipe(world.fds), 0);
    assert_true(kit_run(*state, "check")->done);
    assert_string_equal(world.text, "read");
    close(world.fds[0]);
    close(world.fds[1]);
}

/* ------------------------------------------------------------ the rest ---- */

static void remember(struct probe_run *run)
{
    const char *before = probe_recall(&run->target->life, "seen");
    probe_remember(&run->target->life, "seen", before ? "twice" : "once");
    probe_remember(&run->life, "own", "x");
    probe_count(&run->life, "looks_total", 2);
    probe_log(&run->life, PROBE_LOG_WARN, "saw %d", 7);
    finish(run, 0, probe_reveal(&run->life, ((const struct config *)run->target->config)->token));
}

static void what_is_remembered_outlives_a_restart(void **state)
{
    world.does = remember;
    assert_true(kit_run(*state, "check")->done);
    assert_string_equal(kit_remembered(*state, NULL, "seen"), "once");
    assert_string_equal(kit_remembered(*state, "check", "own"), "x");
    assert_null(kit_remembered(*state, "check", "seen"));
    kit_restart(*state);
    assert_true(kit_run(*state, "check")->done);
    assert_string_equal(kit_remembered(*state, NULL, "seen"), "twice");
    assert_true(kit_metric(*state, "looks_total") == 4);
    assert_true(kit_logged(*state, "saw 7"));
    assert_string_equal(world.text, "s3cret-tokens3cret-token");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_recorded_as_it_would_be_sent),
        TEST(a_request_fails_as_it_is_told),
        TEST(a_body_comes_in_pieces_until_the_plugin_has_enough),
        TEST(names_are_what_the_test_says),
        TEST(programs_end_as_they_are_told),
        TEST(files_show_what_the_test_says),
        TEST(followed_files_grow_as_they_are_told),
        TEST(work_outlives_its_run_and_hears_so),
        TEST(a_watch_sees_a_real_descriptor_in_real_time),
        TEST(what_is_remembered_outlives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
