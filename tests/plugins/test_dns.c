/* plugins/dns on the fake host: over TCP by transcripts, over UDP by a server in a thread. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dns_fixture.h"
#include "kit.h"
#include "refusal.h"

const struct probe_plugin *probe_plugin_v1(void);

static int set_up(void **state)
{
    *state = kit_open(probe_plugin_v1());
    kit_set(*state, "name", "a.example");
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static void is(const struct kit_finding *finding, enum probe_status status, const char *class)
{
    assert_int_equal(finding->status, status);
    assert_string_equal(kit_text(finding, "error_class"), class);
}

/* ------------------------------------------------------------------- TCP ---- */

static void over_tcp(void **state)
{
    kit_set(*state, "servers", "[10.0.0.2]");
    kit_set_for(*state, "resolve", "transport", "tcp");
}

static const struct kit_finding *asked(void **state)
{
    const struct kit_run *run = kit_run(*state, "resolve");
    assert_true(run->done);
    return kit_finding(run, "10.0.0.2");
}

static void it_connects_to_the_server_by_its_address(void **state)
{
    over_tcp(state);
    kit_plays(*state, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "nobody listens"));
    is(asked(state), PROBE_CRITICAL, "refused");
    assert_string_equal(kit_dialled(*state, 0)->address, "10.0.0.2");
    assert_int_equal(kit_dialled(*state, 0)->port, 53);
}

static void streams_fail_in_many_ways(void **state)
{
    over_tcp(state);
    kit_plays(*state, KIT_HANG);
    kit_plays(*state, KIT_UNTIL("example"), KIT_MUTE);
    kit_plays(*state, KIT_UNTIL("example"), KIT_CLOSE);
    kit_plays(*state, KIT_UNTIL("example"), KIT_SEND_N("\0", 1), KIT_BREAK(-ECONNRESET));
    kit_plays(*state, KIT_UNTIL("example"), KIT_FLOOD("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    kit_plays(*state, KIT_REFUSE(-ENETUNREACH, PROBE_CONNECTING, "no route"));
    kit_plays(*state, KIT_REFUSE(-EHOSTUNREACH, PROBE_CONNECTING, "no way"));
    is(asked(state), PROBE_CRITICAL, "timeout");
    is(asked(state), PROBE_CRITICAL, "timeout");
    is(asked(state), PROBE_CRITICAL, "closed");
    is(asked(state), PROBE_CRITICAL, "closed");
    is(asked(state), PROBE_CRITICAL, "garbage");
    is(asked(state), PROBE_UNKNOWN, "no_way");
    is(asked(state), PROBE_CRITICAL, "unreachable");
}

static void a_cancelled_run_blames_nobody(void **state)
{
    over_tcp(state);
    kit_plays(*state, KIT_HANG);
    struct kit_run *run = kit_start(*state, "resolve");
    kit_end(*state, run);
    kit_finish(*state, run);
    assert_true(run->over);
}

/* ------------------------------------------------------------------- UDP ---- */

/* Answers each datagram but the first `deaf` ones, with `before` in front of it. */
struct voice {
    pthread_t thread;
    int fd, deaf;
    const char *before;
    char address[32];
    struct wire wire;
};

static void *speak(void *data)
{
    struct voice *voice = data;
    unsigned char heard[MESSAGE_QUESTION];
    struct sockaddr_in who;
    for (;;) {
        socklen_t len = sizeof(who);
        ssize_t got = recvfrom(voice->fd, heard, sizeof(heard), 0, (struct sockaddr *)&who, &len);
        if (got <= 2)
            return NULL; /* it is told to end */
        if (voice->deaf-- > 0)
            continue;
        memcpy(voice->wire.reply, heard, 2);
        if (voice->before)
            (void)sendto(
                voice->fd, voice->before, strlen(voice->before), 0, (struct sockaddr *)&who, len);
        (void)sendto(
            voice->fd, voice->wire.reply, voice->wire.len, 0, (struct sockaddr *)&who, len);
    }
}

static void voice_open(struct voice *voice, void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    char list[48];
    voice->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(voice->fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(voice->fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(voice->address, sizeof(voice->address), "127.0.0.1:%d", ntohs(at.sin_port));
    (void)snprintf(list, sizeof(list), "[\"%s\"]", voice->address);
    kit_set(*state, "servers", list);
    kit_use_real_time(*state);
    assert_int_equal(pthread_create(&voice->thread, NULL, speak, voice), 0);
}

static void voice_close(struct voice *voice)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    (void)getsockname(voice->fd, (struct sockaddr *)&at, &len);
    (void)sendto(voice->fd, "x", 1, 0, (struct sockaddr *)&at, len);
    (void)pthread_join(voice->thread, NULL);
    (void)close(voice->fd);
}

static const struct kit_finding *heard(struct voice *voice, void **state)
{
    voice_open(voice, state);
    const struct kit_run *run = kit_run(*state, "resolve");
    const struct kit_finding *finding = kit_finding(run, voice->address);
    voice_close(voice);
    return finding;
}

static void an_answer_is_shown_with_its_records(void **state)
{
    struct voice voice = {.deaf = 0};
    wire_reply(&voice.wire, "a.example", "A", 0);
    wire_add(&voice.wire, 1, 60, "\xc0\x00\x02\x07", 4);
    wire_add(&voice.wire, 1, 30, "\xc0\x00\x02\x08", 4);
    const struct kit_finding *finding = heard(&voice, state);
    is(finding, PROBE_GRADED, "ok");
    assert_int_equal(kit_grade(*state, "resolve", finding), PROBE_OK);
    assert_non_null(strstr(finding->summary, "192.0.2.7, 192.0.2.8 in "));
    assert_int_equal(kit_int(finding, "ttl_seconds"), 30);
    assert_int_equal(kit_int(finding, "count"), 2);
    assert_int_equal(kit_int(finding, "tries"), 1);
    assert_string_equal(kit_text(finding, "transport"), "udp");
    assert_int_equal(kit_rows(finding, "records")->row_count, 2);
}

static void a_datagram_that_is_lost_is_sent_again(void **state)
{
    struct voice voice = {.deaf = 1};
    kit_set_for(*state, "resolve", "tries", "5"); /* the pauses are shorter */
    wire_reply(&voice.wire, "a.example", "A", 3);
    const struct kit_finding *finding = heard(&voice, state);
    is(finding, PROBE_GRADED, "nxdomain");
    assert_int_equal(kit_int(finding, "tries"), 2);
    assert_int_equal(kit_grade(*state, "resolve", finding), PROBE_CRITICAL);
}

static void what_somebody_else_sends_is_not_heard(void **state)
{
    struct voice voice = {.before = "no answer at all"};
    wire_reply(&voice.wire, "a.example", "A", 0);
    wire_add(&voice.wire, 1, 60, "\xc0\x00\x02\x07", 4);
    is(heard(&voice, state), PROBE_GRADED, "ok");
}

static void an_answer_that_does_not_fit_comes_over_tcp(void **state)
{
    struct voice voice = {.deaf = 0};
    wire_reply(&voice.wire, "a.example", "A", 0);
    voice.wire.reply[2] |= 0x02;
    kit_plays(*state, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "nobody listens"));
    const struct kit_finding *finding = heard(&voice, state);
    is(finding, PROBE_CRITICAL, "refused");
    assert_true(kit_flag(finding, "truncated"));
    assert_non_null(strstr(finding->summary, "does not fit into UDP, and over TCP: nobody"));
}

/* ---------------------------------------------------------------- servers ---- */

static void servers_come_from_resolv_conf_where_none_is_written(void **state)
{
    static const char text[] = "nameserver 10.0.0.2\n";
    static const struct probe_sight sight = {.bytes = text, .len = sizeof(text) - 1};
    kit_set_for(*state, "resolve", "transport", "tcp");
    kit_show(*state, PROBE_LOOK_READ, "/etc/resolv.conf", 0, &sight);
    kit_plays(*state, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "nobody listens"));
    assert_string_equal(kit_text(asked(state), "servers_from"), "/etc/resolv.conf");
}

static void without_any_server_nothing_is_known(void **state)
{
    static const struct probe_sight sight = {.bytes = "search x\n", .len = 9};
    kit_show(*state, PROBE_LOOK_READ, "/etc/resolv.conf", 0, &sight);
    const struct kit_run *run = kit_run(*state, "resolve");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "config");
    kit_show(*state, PROBE_LOOK_READ, "/etc/resolv.conf", -EACCES, NULL);
    assert_int_equal(kit_run(*state, "resolve")->status, -EACCES);
}

static void a_server_s_name_is_looked_up(void **state)
{
    kit_set(*state, "servers", "[ns1.example.org, ns2.example.org]");
    kit_set_for(*state, "resolve", "transport", "tcp");
    kit_resolves(*state, "ns1.example.org", "10.0.0.3", "10.0.0.4");
    kit_resolve(*state, "ns2.example.org", -ENOENT, NULL);
    kit_plays(*state, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "nobody listens"));
    kit_plays(*state, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "nobody listens"));
    const struct kit_run *run = kit_run(*state, "resolve");
    is(kit_finding(run, "ns1.example.org/10.0.0.3"), PROBE_CRITICAL, "refused");
    is(kit_finding(run, "ns1.example.org/10.0.0.4"), PROBE_CRITICAL, "refused");
    is(kit_finding(run, "ns2.example.org"), PROBE_UNKNOWN, "dns");
}

/* ---------------------------------------------------------------- options ---- */

static const char *refused(const char *check, const char *option, const char *value)
{
    return refusal_of(probe_plugin_v1(), NULL, check, option, value);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(refused(NULL, "name", "a..b"), "is no name"));
    assert_non_null(strstr(refused(NULL, "servers", "[\"10.0.0.2:x\"]"), "is no server"));
    assert_non_null(strstr(refused(NULL, "url", "http://10.0.0.2/a"), "is not dns://"));
    assert_non_null(strstr(refused("resolve", "name", "a..b"), "is no name"));
    assert_non_null(strstr(refused("resolve", "servers", "[a b]"), "is no server"));
    assert_string_equal(refused(NULL, "url", "dns://[fd00::2]:5353/a.example"), "");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_connects_to_the_server_by_its_address),
        TEST(streams_fail_in_many_ways),
        TEST(a_cancelled_run_blames_nobody),
        TEST(an_answer_is_shown_with_its_records),
        TEST(a_datagram_that_is_lost_is_sent_again),
        TEST(what_somebody_else_sends_is_not_heard),
        TEST(an_answer_that_does_not_fit_comes_over_tcp),
        TEST(servers_come_from_resolv_conf_where_none_is_written),
        TEST(without_any_server_nothing_is_known),
        TEST(a_server_s_name_is_looked_up),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
