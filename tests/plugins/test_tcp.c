/* plugins/tcp on the fake host: good, wrong, slow, cut off, cancelled, absurdly large. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"
#include "refusal.h"
#include "trouble.h"

const struct probe_plugin *probe_plugin_v1(void);

static int set_up(void **state)
{
    *state = kit_open(probe_plugin_v1());
    kit_set(*state, "url", "tcp://db.example.org:5432");
    return 0;
}

static int tear_down(void **state)
{
    return kit_close(*state);
}

static const struct probe_peer peer = {.address = "10.0.0.7", .port = 5432};

static const struct kit_finding *only(const struct kit_run *run)
{
    assert_true(run->done);
    assert_int_equal(run->finding_count, 1);
    return kit_finding(run, NULL);
}

static void is(const struct kit_finding *finding, enum probe_status status, const char *class)
{
    assert_int_equal(finding->status, status);
    assert_string_equal(kit_text(finding, "error_class"), class);
    assert_int_equal(kit_flag(finding, "expected"), strcmp(class, "ok") == 0);
}

static enum probe_status grade(void **state, const struct kit_finding *finding)
{
    return kit_grade(*state, "connect", finding);
}

static void expects(void **state, const char *send, const char *expect)
{
    if (send)
        kit_set_for(*state, "connect", "send", send);
    kit_set_for(*state, "connect", "expect", expect);
}

/* -------------------------------------------------------------- connect ---- */

static void a_port_that_accepts_is_fine(void **state)
{
    kit_plays(*state, KIT_PEER(&peer), KIT_PAUSE(12));
    const struct kit_finding *finding = only(kit_run(*state, "connect"));
    is(finding, PROBE_GRADED, "ok");
    assert_int_equal(grade(state, finding), PROBE_OK);
    assert_string_equal(finding->summary, "takes connections in 12.0 ms");
    assert_string_equal(kit_text(finding, "ip"), "10.0.0.7");
    assert_true(kit_real(finding, "total_ms") == 12);
    assert_string_equal(kit_dialled(*state, 0)->host, "db.example.org");
    assert_int_equal(kit_dialled(*state, 0)->safety, PROBE_CLEAR);
    assert_false(kit_dialled(*state, 0)->open);
}

static void a_slow_connection_is_a_warning(void **state)
{
    kit_plays(*state, KIT_PAUSE(1030));
    assert_int_equal(grade(state, only(kit_run(*state, "connect"))), PROBE_WARNING);
}

static void tls_is_of_the_scheme(void **state)
{
    static const struct probe_peer safe = {.address = "10.0.0.7", .tls_version = "TLSv1.3"};
    kit_set(*state, "url", "tcp+tls://db.example.org:5433");
    kit_plays(*state, KIT_PEER(&safe));
    const struct kit_finding *finding = only(kit_run(*state, "connect"));
    assert_int_equal(kit_dialled(*state, 0)->safety, PROBE_SAFE);
    assert_string_equal(kit_text(finding, "tls_version"), "TLSv1.3");
}

static void a_unix_socket_is_a_path(void **state)
{
    kit_set(*state, "url", "unix:///run/app.sock");
    kit_plays(*state, KIT_PAUSE(0));
    kit_plays(*state, KIT_REFUSE(-ENOENT, PROBE_CONNECTING, "there is no socket /run/app.sock"));
    is(only(kit_run(*state, "connect")), PROBE_GRADED, "ok");
    assert_string_equal(kit_dialled(*state, 0)->path, "/run/app.sock");
    is(only(kit_run(*state, "connect")), PROBE_CRITICAL, "refused");
}

static void each_failure_has_its_word_and_whose_fault_it_is(void **state)
{
    static const struct {
        int status;
        enum probe_stage stage;
        enum probe_status is;
        const char *class;
    } all[] = {
        {-ECONNREFUSED, PROBE_CONNECTING, PROBE_CRITICAL, "refused"},
        {-EHOSTUNREACH, PROBE_CONNECTING, PROBE_CRITICAL, "unreachable"},
        {-ECONNRESET, PROBE_CONNECTING, PROBE_CRITICAL, "reset"},
        {-ECONNRESET, PROBE_SECURING, PROBE_CRITICAL, "reset"},
        {-ETIMEDOUT, PROBE_CONNECTING, PROBE_CRITICAL, "timeout"},
        {-ETIMEDOUT, PROBE_SECURING, PROBE_CRITICAL, "timeout"},
        {-EAGAIN, PROBE_CONNECTING, PROBE_CRITICAL, "busy"},
        {-ENOENT, PROBE_RESOLVING, PROBE_UNKNOWN, "dns"},
        {-EAGAIN, PROBE_RESOLVING, PROBE_UNKNOWN, "dns"},
        {-ETIMEDOUT, PROBE_RESOLVING, PROBE_UNKNOWN, "dns"},
        {-EACCES, PROBE_SECURING, PROBE_UNKNOWN, "tls"},
        {-EPROTO, PROBE_SECURING, PROBE_UNKNOWN, "tls"},
        {-ENOENT, PROBE_SECURING, PROBE_UNKNOWN, "config"},
        {-EACCES, PROBE_CONNECTING, PROBE_UNKNOWN, "denied"},
        {-ENETUNREACH, PROBE_CONNECTING, PROBE_UNKNOWN, "no_way"},
        {-EMFILE, PROBE_CONNECTING, PROBE_UNKNOWN, "config"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        kit_plays(*state, KIT_REFUSE(all[i].status, all[i].stage, "so it says"));
        const struct kit_finding *finding = only(kit_run(*state, "connect"));
        is(finding, all[i].is, all[i].class);
        assert_non_null(finding->hint);
    }
}

static void what_hangs_is_critical_at_the_deadline(void **state)
{
    kit_plays(*state, KIT_HANG);
    const struct kit_run *run = kit_run(*state, "connect");
    is(only(run), PROBE_CRITICAL, "timeout");
    assert_int_equal(run->ran_us, 3000000);
    assert_false(run->late);
}

static void a_cancelled_run_blames_nobody(void **state)
{
    kit_plays(*state, KIT_HANG);
    struct kit_run *run = kit_start(*state, "connect");
    kit_end(*state, run);
    kit_finish(*state, run);
    assert_true(run->over);
}

/* --------------------------------------------------------------- answers ---- */

static void an_answer_is_waited_for_in_pieces(void **state)
{
    expects(state, "PING\r\n", "^\\+PONG");
    kit_plays(*state, KIT_EXPECT("PING\r\n"), KIT_DRIP("+PONG\r\n"));
    const struct kit_finding *finding = only(kit_run(*state, "connect"));
    is(finding, PROBE_GRADED, "ok");
    assert_string_equal(kit_text(finding, "answer"), "+PONG");
}

static void a_greeting_needs_nothing_to_be_sent(void **state)
{
    expects(state, NULL, "^220 ");
    kit_plays(*state, KIT_PAUSE(5), KIT_PAUSE(20), KIT_SEND("220 ready\r\n"));
    const struct kit_finding *finding = only(kit_run(*state, "connect"));
    is(finding, PROBE_GRADED, "ok");
    assert_string_equal(finding->summary, "answers as expected in 25.0 ms");
    assert_string_equal(kit_text(finding, "answer"), "220 ready\\r\\n");
}

static void another_answer_is_critical_and_shown(void **state)
{
    expects(state, NULL, "^220 ");
    kit_plays(*state, KIT_SEND("421 too many \x01\xff\r\n"), KIT_CLOSE);
    const struct kit_finding *finding = only(kit_run(*state, "connect"));
    is(finding, PROBE_CRITICAL, "unexpected");
    assert_string_equal(kit_text(finding, "answer"), "421 too many \\x01\\xff\\r\\n");
}

static void silence_hanging_up_and_being_cut_off_are_told_apart(void **state)
{
    expects(state, NULL, "^220 ");
    kit_plays(*state, KIT_PAUSE(0), KIT_MUTE);
    kit_plays(*state, KIT_PAUSE(0), KIT_CLOSE);
    kit_plays(*state, KIT_PAUSE(0), KIT_SEND("22"), KIT_BREAK(-ECONNRESET));
    is(only(kit_run(*state, "connect")), PROBE_CRITICAL, "timeout");
    is(only(kit_run(*state, "connect")), PROBE_CRITICAL, "closed");
    is(only(kit_run(*state, "connect")), PROBE_CRITICAL, "reset");
}

/* A service that waits for more has answered, if it said a whole line. */
static void another_answer_is_told_although_the_service_stays(void **state)
{
    expects(state, "PING\r\n", "^\\+PONG");
    kit_plays(*state, KIT_EXPECT("PING\r\n"), KIT_SEND("-NOAUTH\r\n"), KIT_MUTE);
    const struct kit_finding *locked = only(kit_run(*state, "connect"));
    is(locked, PROBE_CRITICAL, "unexpected");
    assert_string_equal(kit_text(locked, "answer"), "-NOAUTH\\r\\n");
    kit_plays(*state, KIT_EXPECT("PING\r\n"), KIT_SEND("+PO"), KIT_MUTE);
    is(only(kit_run(*state, "connect")), PROBE_CRITICAL, "timeout");
}

static void a_flood_ends_where_enough_was_read(void **state)
{
    expects(state, NULL, "^220 ");
    kit_set_for(*state, "connect", "max_answer", "100");
    kit_plays(
        *state, KIT_PAUSE(0), KIT_FLOOD("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    is(only(kit_run(*state, "connect")), PROBE_CRITICAL, "unexpected");
}

static void a_nul_byte_ends_no_search(void **state)
{
    expects(state, NULL, "ready$");
    kit_plays(*state, KIT_SEND_N("\0\0ready", 7));
    is(only(kit_run(*state, "connect")), PROBE_GRADED, "ok");
}

/* -------------------------------------------------------------- addresses ---- */

static void each_address_is_a_subject(void **state)
{
    kit_set_for(*state, "connect", "addresses", "all");
    kit_resolves(*state, "db.example.org", "10.0.0.8", "10.0.0.7", "fd00::7");
    kit_plays(*state, KIT_PAUSE(1));
    kit_plays(*state, KIT_REFUSE(-ECONNREFUSED, PROBE_CONNECTING, "nobody listens"));
    kit_plays(*state, KIT_REFUSE(-ENETUNREACH, PROBE_CONNECTING, "no route"));
    const struct kit_run *run = kit_run(*state, "connect");
    assert_int_equal(run->finding_count, 2); /* no way to IPv6 says nothing of the service */
    is(kit_finding(run, "10.0.0.7"), PROBE_GRADED, "ok");
    is(kit_finding(run, "10.0.0.8"), PROBE_CRITICAL, "refused");
    assert_string_equal(kit_text(kit_finding(run, "10.0.0.8"), "ip"), "10.0.0.8");
}

static void without_any_way_all_of_them_are_told(void **state)
{
    kit_set_for(*state, "connect", "addresses", "all");
    kit_set_for(*state, "connect", "ip", "6");
    kit_resolves(*state, "db.example.org", "10.0.0.8", "fd00::7", "fd00::8");
    kit_plays(*state, KIT_REFUSE(-ENETUNREACH, PROBE_CONNECTING, "no route"));
    kit_plays(*state, KIT_REFUSE(-ENETUNREACH, PROBE_CONNECTING, "no route"));
    const struct kit_run *run = kit_run(*state, "connect");
    assert_int_equal(run->finding_count, 2);
    is(kit_finding(run, "fd00::7"), PROBE_UNKNOWN, "no_way");
}

static void each_family_is_a_subject(void **state)
{
    kit_set_for(*state, "connect", "ip", "both");
    kit_plays(*state, KIT_PAUSE(1));
    kit_plays(*state, KIT_REFUSE(-ENOENT, PROBE_RESOLVING, "there is no such host"));
    const struct kit_run *run = kit_run(*state, "connect");
    is(kit_finding(run, "ipv4"), PROBE_GRADED, "ok");
    is(kit_finding(run, "ipv6"), PROBE_UNKNOWN, "dns");
    assert_int_equal(kit_dialled(*state, 0)->family, 4);
    assert_int_equal(kit_dialled(*state, 1)->family, 6);
}

static void a_name_that_is_none_is_unknown(void **state)
{
    kit_set_for(*state, "connect", "addresses", "all");
    kit_resolve(*state, "db.example.org", -ENOENT, NULL);
    const struct kit_run *run = kit_run(*state, "connect");
    assert_int_equal(run->how, PROBE_FAILED);
    assert_string_equal(run->reason, "dns");
}

/* ---------------------------------------------------------------- options ---- */

static const char *refused(const char *check, const char *option, const char *value)
{
    return refusal_of(probe_plugin_v1(), check ? "tcp://a:1" : NULL, check, option, value);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(refused(NULL, "url", "tcp://db"), "names no port"));
    assert_non_null(strstr(refused(NULL, "url", "ftp://db:21"), "none of tcp://"));
    assert_non_null(strstr(refused(NULL, "url", "unix://run"), "names no socket"));
    assert_non_null(strstr(refused("connect", "send", "PING"), "expect: is missing"));
    assert_non_null(strstr(refused("connect", "expect", "("), "regular expression"));
    assert_non_null(strstr(refused("connect", "expect", "(a*)\\1"), "refers back"));
    assert_string_equal(refused("connect", "expect", "\\\\1"), "");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_port_that_accepts_is_fine),
        TEST(a_slow_connection_is_a_warning),
        TEST(tls_is_of_the_scheme),
        TEST(a_unix_socket_is_a_path),
        TEST(each_failure_has_its_word_and_whose_fault_it_is),
        TEST(what_hangs_is_critical_at_the_deadline),
        TEST(a_cancelled_run_blames_nobody),
        TEST(an_answer_is_waited_for_in_pieces),
        TEST(a_greeting_needs_nothing_to_be_sent),
        TEST(another_answer_is_critical_and_shown),
        TEST(silence_hanging_up_and_being_cut_off_are_told_apart),
        TEST(another_answer_is_told_although_the_service_stays),
        TEST(a_flood_ends_where_enough_was_read),
        TEST(a_nul_byte_ends_no_search),
        TEST(each_address_is_a_subject),
        TEST(without_any_way_all_of_them_are_told),
        TEST(each_family_is_a_subject),
        TEST(a_name_that_is_none_is_unknown),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
