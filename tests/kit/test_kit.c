/* The kit itself: a plugin that keeps the contract passes, one that breaks it is told how. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop.h"
#include "io/wait.h"
#include "kit.h"
#include "server.h"

/* What the plugin under test does is chosen by the option "does". */
struct config {
    const char *does;
    const char *const *words;
    int64_t limit_ms;
    struct probe_secret *secret;
    const struct probe_url *url;
    struct probe_items items;
};

struct item {
    const char *name;
    int64_t size;
};

static const struct probe_option item_options[] = {
    {"name", PROBE_STRING_AT(struct item, name), .help = "its name"},
    {"size", PROBE_BYTES_AT(struct item, size), .fallback = "1KiB", .help = "its size"},
    {0},
};

static const struct probe_option options[] = {
    {"does", PROBE_STRING_AT(struct config, does), .fallback = "nothing", .help = "what to do"},
    {"words", PROBE_LIST_AT(struct config, words), .fallback = "[]", .help = "words"},
    {"limit", PROBE_DURATION_AT(struct config, limit_ms), .fallback = "5s", .help = "a time"},
    {"secret", PROBE_SECRET_AT(struct config, secret), .fallback = "", .help = "a secret"},
    {"url", PROBE_URL_AT(struct config, url), .fallback = "", .help = "an address"},
    {"items",
     PROBE_ITEMS_AT(struct config, items),
     .fallback = "[]",
     .help = "things",
     .nested = item_options,
     .item_size = sizeof(struct item)},
    {0},
};

static const char *const colours[] = {"red", "green", NULL};

static const struct probe_measure measures[] = {
    {"count", "how many", .kind = PROBE_GAUGE},
    {"colour", "which", .kind = PROBE_WORD, .words = colours},
    {0},
};

struct state {
    struct probe_op *op;
    struct probe_run *kept;
    unsigned pieces;
};

static void report(struct probe_run *run, const char *subject)
{
    probe_report(run,
                 .subject = subject,
                 .summary = "all is well",
                 .fields = PROBE_FIELDS(probe_int("count", 3), probe_text("colour", "red")));
}

static void on_stream(int status, const struct probe_arrival *arrival, void *data)
{
    struct probe_run *run = data;
    struct state *state = run->target->data;
    if (status < 0) {
        state->op = NULL;
        probe_end(run,
                  .how = PROBE_DOWN,
                  .status = status,
                  .reason = arrival->stage == PROBE_CONNECTING ? "refused" : "lost",
                  .summary = arrival->message);
    } else if (arrival->what == PROBE_OPENED) {
        probe_write(&run->life, state->op, "PING\r\n", 6);
    } else if (arrival->what == PROBE_ARRIVED) {
        state->pieces++;
        if (arrival->bytes[arrival->len - 1] != '\n')
            return;
        report(run, NULL);
        probe_done(run);
    }
}

static void on_timer(int status, void *data)
{
    struct probe_run *run = data;
    if (status == 0)
        probe_done(run);
}

static void dial(struct probe_run *run)
{
    struct state *state = run->target->data;
    state->op = probe_dial(&run->life, on_stream, run, .host = "cache", .port = 6379);
}

static void run_check(struct probe_target *self, struct probe_run *run)
{
    const struct config *config = run->config;
    struct state *state = self->data;
    const char *does = config->does;
    if (strcmp(does, "ends twice") == 0) {
        probe_done(run);
        probe_done(run);
    } else if (strcmp(does, "reports late") == 0) {
        probe_done(run);
        report(run, NULL);
    } else if (strcmp(does, "starts late") == 0) {
        probe_done(run);
        dial(run);
    } else if (strcmp(does, "cancels twice") == 0) {
        struct probe_op *op = probe_timer(&run->life, 10, on_timer, run);
        probe_cancel(&run->life, op);
        probe_cancel(&run->life, op);
        probe_done(run);
    } else if (strcmp(does, "forgets a measure") == 0) {
        probe_report(run, .summary = "x", .fields = PROBE_FIELDS(probe_int("count", 1)));
        probe_done(run);
    } else if (strcmp(does, "lies about colours") == 0) {
        probe_report(run,
                     .summary = "x",
                     .fields = PROBE_FIELDS(probe_int("count", 1), probe_text("colour", "blue")));
        probe_done(run);
    } else if (strcmp(does, "repeats itself") == 0) {
        report(run, "a");
        report(run, "a");
        probe_done(run);
    } else if (strcmp(does, "denies mutely") == 0) {
        probe_end(run, .how = PROBE_DENIED, .status = -EACCES, .summary = "not allowed.");
    } else if (strcmp(does, "waits") == 0) {
        (void)probe_timer(&run->life, (uint64_t)config->limit_ms, on_timer, run);
    } else if (strcmp(does, "waits for ever") == 0) {
        state->kept = run;
    } else if (strcmp(does, "dials") == 0) {
        dial(run);
    } else {
        report(run, NULL);
        probe_done(run);
    }
}

static const struct probe_check checks[] = {
    {.name = "check",
     .title = "something is wrong",
     .options = options,
     .config_size = sizeof(struct config),
     .measures = measures,
     .every = "15s",
     .timeout = "3s",
     .late = PROBE_DOWN,
     .run = run_check},
    {0},
};

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "sample",
    .version = "1.0",
    .summary = "what the kit is tested with",
    .parallel = 1,
    .data_size = sizeof(struct state),
    .checks = checks,
};

static int set_up(void **state)
{
    *state = kit_open(&plugin);
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

/* Starts the check, and says which rules it broke. */
static const char *broken_by(struct kit *kit, const char *does)
{
    kit_set_for(kit, "check", "does", does);
    (void)kit_try(kit, "check");
    return kit_broken(kit);
}

static void a_good_run_is_recorded(void **state)
{
    const struct kit_run *run = kit_run(*state, "check");
    assert_true(run->done);
    assert_int_equal(kit_int(kit_finding(run, NULL), "count"), 3);
    assert_string_equal(kit_text(kit_finding(run, NULL), "colour"), "red");
    assert_false(kit_has(kit_finding(run, NULL), "size"));
}

static void each_broken_rule_is_named(void **state)
{
    (void)state;
    static const char *const rules[][2] = {
        {"ends twice", "check ends again after it has ended"},
        {"reports late", "check reports after it has ended"},
        {"starts late", "check starts a stream after it has ended"},
        {"cancels twice", "the plugin cancels a timer that is gone"},
        {"forgets a measure", "check reports no \"colour\", which is not optional"},
        {"lies about colours", "\"colour\" says a word that is not declared"},
        {"repeats itself", "check reports \"a\" twice in one run"},
        {"denies mutely", "ends its summary with a full stop"},
        {"denies mutely", "check is denied, and does not say what grants it"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        struct kit *kit = kit_open(&plugin);
        const char *broken = broken_by(kit, rules[i][0]);
        if (!strstr(broken, rules[i][1]))
            fail_msg("\"%s\" was found to have broken: %s", rules[i][0], broken);
        assert_int_equal(kit_close(kit), 0);
    }
}

static void time_is_virtual(void **state)
{
    kit_set_for(*state, "check", "does", "waits");
    kit_set_for(*state, "check", "limit", "2500ms");
    const struct kit_run *run = kit_run(*state, "check");
    assert_true(run->done);
    assert_int_equal(run->ran_us, 2500000);
}

static void the_deadline_ends_what_nobody_ends(void **state)
{
    kit_set_for(*state, "check", "does", "waits for ever");
    const struct kit_run *run = kit_run(*state, "check");
    assert_true(run->late);
    assert_int_equal(run->how, PROBE_DOWN);
    assert_int_equal(run->status, -ETIMEDOUT);
    assert_int_equal(run->ran_us, 3000000);
}

static void a_transcript_is_played(void **state)
{
    kit_set_for(*state, "check", "does", "dials");
    kit_plays(*state, KIT_EXPECT("PING\r\n"), KIT_DRIP("+PONG\r\n"));
    assert_true(kit_run(*state, "check")->done);
    assert_string_equal(kit_dialled(*state, 0)->host, "cache");
    assert_int_equal(kit_dialled(*state, 0)->port, 6379);
    assert_false(kit_dialled(*state, 0)->open); /* the run's life has ended */
}

static void what_goes_wrong_with_a_stream_is_told(void **state)
{
    const struct {
        struct kit_move move;
        int status;
        const char *reason;
    } faults[] = {
        {KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "connection refused"),
         -ECONNREFUSED,
         "refused"},
        {KIT_BREAK(-ECONNRESET), -ECONNRESET, "lost"},
        {KIT_FLOOD("x"), -EMSGSIZE, "lost"},
        {KIT_HANG, -ETIMEDOUT, "refused"},
    };
    kit_set_for(*state, "check", "does", "dials");
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        kit_plays(*state, faults[i].move);
        const struct kit_run *run = kit_run(*state, "check");
        assert_int_equal(run->status, faults[i].status);
        assert_string_equal(run->reason, faults[i].reason);
        (void)kit_broken(*state); /* of a flood: PING was not expected */
    }
}

static void a_client_off_its_transcript_is_caught(void **state)
{
    kit_set_for(*state, "check", "does", "dials");
    kit_plays(*state, KIT_EXPECT("PONG\r\n"));
    (void)kit_try(*state, "check");
    assert_non_null(
        strstr(kit_broken(*state), "wrote \"PING\\r\\n\" where \"PONG\\r\\n\" was due"));
}

static void what_was_never_dialled_is_told(void **state)
{
    (void)state;
    struct kit *kit = kit_open(&plugin);
    kit_plays(kit, KIT_SEND("hello"));
    assert_int_equal(kit_close(kit), 1);
}

static void options_are_filled_as_an_operator_writes_them(void **state)
{
    kit_set_for(*state, "check", "words", "[a, b c, d]");
    kit_set_for(*state, "check", "url", "redis://me:s3cret@[::1]:7000/2");
    kit_set_for(*state, "check", "items", "[{name: x}, {name: y, size: 2MiB}]");
    const struct config *config = kit_config(*state, "check");
    assert_string_equal(config->words[1], "b c");
    assert_string_equal(config->words[2], "d");
    assert_null(config->words[3]);
    assert_int_equal(config->limit_ms, 5000);
    assert_null(config->secret);
    assert_string_equal(config->url->host, "::1");
    assert_int_equal(config->url->port, 7000);
    assert_string_equal(config->url->user, "me");
    assert_string_equal(config->url->path, "/2");
    assert_string_equal(config->url->shown, "redis://[::1]:7000/2");
    assert_non_null(config->url->password);
    const struct item *items = config->items.first;
    assert_int_equal(config->items.count, 2);
    assert_string_equal(items[1].name, "y");
    assert_int_equal(items[0].size, 1024);
    assert_int_equal(items[1].size, 2097152);
}

/* ------------------------------------------------------------- servers ---- */

struct client {
    int fd;
    struct watch *watch;
    char got[64];
    size_t len;
    bool over;
};

static void on_readable(int status, unsigned events, void *data)
{
    struct client *client = data;
    (void)status, (void)events;
    ssize_t got = recv(client->fd, client->got + client->len, 60 - client->len, MSG_DONTWAIT);
    if (got > 0)
        client->len += (size_t)got;
    client->over = got == 0 || (got < 0 && errno != EAGAIN);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static void a_server_plays_over_real_sockets(void **state)
{
    (void)state;
    struct loop *loop = loop_create();
    struct kit_server *server =
        kit_serve(loop, KIT_SEND("hello\r\n"), KIT_UNTIL("\r\n"), KIT_DRIP("bye\r\n"), KIT_CLOSE);
    struct client client = {.fd = connect_to(kit_server_port(server))};
    assert_true(client.fd >= 0);
    client.watch = watch_create(loop, client.fd, WATCH_READABLE, on_readable, &client);
    assert_int_equal(send(client.fd, "PING 1\r\n", 8, 0), 8);
    assert_true(loop_run_until(loop, &client.over, 5000));
    assert_string_equal(client.got, "hello\r\nbye\r\n");
    assert_string_equal(kit_server_heard(server), "PING 1\r\n");
    assert_int_equal(kit_server_count(server), 1);
    assert_int_equal(kit_server_open_count(server), 0);
    watch_destroy(client.watch);
    close(client.fd);
    assert_null(kit_server_close(server));
    assert_int_equal(loop_destroy(loop), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_good_run_is_recorded),
        TEST(each_broken_rule_is_named),
        TEST(time_is_virtual),
        TEST(the_deadline_ends_what_nobody_ends),
        TEST(a_transcript_is_played),
        TEST(what_goes_wrong_with_a_stream_is_told),
        TEST(a_client_off_its_transcript_is_caught),
        TEST(what_was_never_dialled_is_told),
        TEST(options_are_filled_as_an_operator_writes_them),
        TEST(a_server_plays_over_real_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
