/* probe/isolation: an agent that is cut off, on a driven clock and real sockets. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "judgement_fixture.h"

/* A socket of that kind on a free port of this host. */
static int open_socket(int type, uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    at.sin_port = htons(*ret_port);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* A target far away, one on this host, and a reference address. */
static void begin_with_reference(const char *reference, const char *when)
{
    MEM_AUTO char *yaml = mem_print("agent: {connectivity: {references: [\"%s\"]%s%s}}\n"
                                    "targets:\n"
                                    "  far: {url: \"told://db.example.org\"}\n"
                                    "  near: {url: \"told://localhost\"}\n",
                                    reference,
                                    when ? ", isolated_when: " : "",
                                    when ? when : "");
    begin(yaml);
}

static void begin_with_port(uint16_t port)
{
    MEM_AUTO char *reference = mem_print("tcp://127.0.0.1:%u", port);
    begin_with_reference(reference, NULL);
}

#define CUT_OFF                                                                                    \
    "the agent is cut off: 0 of 1 reference addresses answer; the findings of 1 target on the "    \
    "network are held; "
#define CONNECTED "the agent is connected again: 1 of 1 reference addresses answer; "

static void an_isolated_agent_says_so_once_and_nothing_of_the_network(void **state)
{
    unsigned count[PROBE_UNKNOWN + 1];
    uint16_t port = 0;
    (void)state;
    (void)close(open_socket(SOCK_STREAM, &port)); /* nobody listens there any more */
    tell("far/connect", DOWN);
    begin_with_port(port);
    pass(100);
    assert_said(CUT_OFF);
    assert_null(strstr(strstr(said, CUT_OFF) + strlen(CUT_OFF), "cut off"));
    assert_not_said("far/");
    assert_said("near/first=ok(start) "); /* this host needs no network */
    ledger_tally(stage.ledger, count);
    assert_int_equal(count[PROBE_UNKNOWN], 1); /* of far's connect, which nobody was told */
}

static void when_it_is_connected_again_it_says_that_and_what_it_finds(void **state)
{
    uint16_t port = 0;
    (void)state;
    (void)close(open_socket(SOCK_STREAM, &port));
    tell("far/connect", DOWN);
    begin_with_port(port);
    pass(100);
    int fd = open_socket(SOCK_STREAM, &port);
    tell("far/connect", ANSWER);
    pass(25);
    assert_said(CONNECTED);
    assert_said("far/connect=ok(");
    assert_said("far/first=ok(start) ");
    (void)close(fd);
}

static void what_fails_waits_until_it_is_known_whether_the_agent_is_cut_off(void **state)
{
    uint16_t port = 0;
    (void)state;
    int fd = open_socket(SOCK_STREAM, &port);
    begin_with_port(port);
    for (int seconds = 0; seconds < 15; seconds++)
        pass(1);
    (void)close(fd); /* and the next look of its own would come later */
    tell("far/connect", DOWN);
    tell("far/first", DOWN);
    journal[0] = said[0] = '\0';
    while (!strstr(journal, "far/"))
        loop_advance(stage.loop, 1);
    loop_advance(stage.loop, 10);
    assert_string_equal(said, CUT_OFF);
    pass(60);
    assert_not_said("far/");
}

static void what_fails_while_references_answer_is_said_at_once(void **state)
{
    uint16_t port = 0;
    (void)state;
    int fd = open_socket(SOCK_STREAM, &port);
    begin_with_port(port);
    pass(15);
    tell("far/connect", DOWN);
    tell("far/first", DOWN);
    journal[0] = said[0] = '\0';
    while (!strstr(journal, "far/"))
        loop_advance(stage.loop, 1);
    loop_advance(stage.loop, 10);
    assert_said("far/connect=critical(target_down)[first] ");
    (void)close(fd);
}

/* A name server that says nothing, and a name that is asked there. */
static int begin_with_silence(const char *when)
{
    uint16_t port = 0;
    int fd = open_socket(SOCK_DGRAM, &port);
    MEM_AUTO char *server = mem_print("127.0.0.1:%u", port);
    resolve_use_servers(stage.loop, server);
    begin_with_reference("dns://reference.example.org", when);
    return fd;
}

static void it_waits_half_a_second_at_most(void **state)
{
    (void)state;
    int fd = begin_with_silence("reached < 0"); /* never */
    pass(15);
    tell("far/connect", DOWN);
    tell("far/first", DOWN);
    journal[0] = said[0] = '\0';
    while (!strstr(journal, "far/"))
        loop_advance(stage.loop, 1);
    loop_advance(stage.loop, 490);
    assert_not_said("far/");
    loop_advance(stage.loop, 20);
    assert_said("far/connect=critical(target_down)");
    (void)close(fd);
}

static void a_reference_without_an_answer_in_a_second_is_not_reached(void **state)
{
    (void)state;
    int fd = begin_with_silence(NULL);
    loop_advance(stage.loop, 990);
    assert_not_said("cut off");
    loop_advance(stage.loop, 20);
    assert_said(CUT_OFF);
    (void)close(fd);
}

static void a_run_that_hangs_raises_the_doubt_before_its_time_is_up(void **state)
{
    (void)state;
    int fd = begin_with_silence("reached < 0");
    pass(15);
    tell("far/first", HANG);
    struct target *far = list_first(&stage.schedule->targets, struct target, link);
    for (int round = 0; round < 10;
         round++) { /* at all distances from the looks every ten seconds */
        journal[0] = '\0';
        while (!ran("far/first"))
            loop_advance(stage.loop, 1);
        loop_advance(stage.loop, 3010); /* its time limit: nothing more is waited for */
        assert_int_equal(far->duties[1].state, DUTY_IDLE);
    }
    (void)close(fd);
}

static void once_does_not_ask_the_references(void **state)
{
    bool done = false;
    uint16_t port = 0;
    (void)state;
    (void)close(open_socket(SOCK_STREAM, &port));
    MEM_AUTO char *yaml =
        mem_print("agent: {connectivity: {references: [\"tcp://127.0.0.1:%u\"]}}\n"
                  "targets: {far: {url: \"told://db.example.org\"}}\n",
                  port);
    tell("far/connect", DOWN);
    stage.config = parse(yaml);
    assert_int_equal(schedule_fill(stage.schedule, stage.config, &stage.problems), 0);
    schedule_start_once(stage.schedule, on_all_asked, &done);
    loop_advance(stage.loop, 100);
    assert_true(done);
    assert_said("far/connect=critical(target_down)");
}

#define NONE                                                                                       \
    "is no reference address; write it like dns://NAME, tcp://HOST:PORT or https://HOST/PATH\n"
static void wrong_references_are_told_at_their_place(void **state)
{
    (void)state;
    check_names("agent:\n"
                "  connectivity:\n"
                "    references: [dns://10.0.0.1, \"tcp://x\", ftp://x, dns://x/y, word]\n"
                "    isolated_when: reachd < 2\n",
                "a.yaml:3:18: agent.connectivity.references: is an address already, and asks no "
                "name server; name a host\n"
                "a.yaml:3:34: agent.connectivity.references: " NONE
                "a.yaml:3:45: agent.connectivity.references: " NONE
                "a.yaml:3:54: agent.connectivity.references: " NONE
                "a.yaml:3:65: agent.connectivity.references: does not begin with SCHEME://\n"
                "a.yaml:4:20: agent.connectivity.isolated_when: unknown measure reachd; did you "
                "mean reached?\n");
    check_names(
        "agent: {connectivity: {references: []}}\n",
        "a.yaml:1:36: agent.connectivity.references: is no list of 1 to 16 addresses; write "
        "it like [\"dns://example.org\", \"tcp://10.0.0.1:53\"]\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_stage, clear_stage)
    const struct CMUnitTest tests[] = {
        TEST(an_isolated_agent_says_so_once_and_nothing_of_the_network),
        TEST(when_it_is_connected_again_it_says_that_and_what_it_finds),
        TEST(what_fails_waits_until_it_is_known_whether_the_agent_is_cut_off),
        TEST(what_fails_while_references_answer_is_said_at_once),
        TEST(it_waits_half_a_second_at_most),
        TEST(a_reference_without_an_answer_in_a_second_is_not_reached),
        TEST(a_run_that_hangs_raises_the_doubt_before_its_time_is_up),
        TEST(once_does_not_ask_the_references),
        TEST(wrong_references_are_told_at_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
