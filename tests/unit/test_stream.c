/* stream in clear: bytes, ends and failures, each with its stage and words. */
#include "stream_bench.h"

/* ---------------------------------------------------------------- clear ---- */

static void bytes_go_there_and_back(void **state)
{
    (void)state;
    serve(ECHOES, NULL);
    seen = (struct seen){.say_when_opened = "ping", .wait_for = "ping"};
    dial_and_wait((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    assert_string_equal(seen.kinds, "OA");
    assert_string_equal(seen.address, "127.0.0.1");
    assert_int_equal(seen.port, server.port);
    assert_int_equal(seen.us.resolve, 0);
    assert_true(seen.us.connect > 0 && seen.us.first_byte >= seen.us.connect);
    assert_true(seen.us.total >= seen.us.first_byte);
    assert_int_equal(seen.us.tls, 0);
}

static void a_name_is_looked_up(void **state)
{
    (void)state;
    serve(ECHOES, NULL);
    seen = (struct seen){.say_when_opened = "ping", .wait_for = "ping"};
    dial_and_wait((struct probe_endpoint){.host = "localhost", .port = server.port, .family = 4});
    assert_string_equal(seen.address, "127.0.0.1");
    assert_true(seen.us.resolve > 0 && seen.us.connect >= seen.us.resolve);
}

static void an_address_is_taken_instead_of_the_name(void **state)
{
    (void)state;
    serve(ECHOES, NULL);
    seen = (struct seen){.say_when_opened = "ping", .wait_for = "ping"};
    dial_and_wait((struct probe_endpoint){
        .host = "nobody.invalid", .address = "127.0.0.1", .port = server.port});
    assert_string_equal(seen.kinds, "OA");
}

static void a_unix_socket_works_as_well(void **state)
{
    (void)state;
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/sock", folder);
    serve_path(path);
    seen = (struct seen){.say_when_opened = "ping", .wait_for = "ping"};
    dial_and_wait((struct probe_endpoint){.path = path});
    assert_string_equal(seen.address, path);
    assert_int_equal(seen.port, 0);
    op_cancel(seen.stream);
    assert_int_equal(unlink(path), 0);
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){.path = path});
    expect_failure(-ENOENT, PROBE_CONNECTING, "there is no socket /tmp/test_stream.");
}

static void what_is_written_before_it_is_open_goes_out_then(void **state)
{
    (void)state;
    serve(ECHOES, NULL);
    seen = (struct seen){.wait_for = "early bird"};
    dial((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    stream_write(seen.stream, "early", 5);
    stream_write(seen.stream, "", 0);
    stream_write(seen.stream, " bird", 5);
    assert_true(loop_run_until(loop, &seen.done, 5000));
}

static void megabytes_arrive_in_order(void **state)
{
    (void)state;
    enum { LEN = 3 << 20 };
    const int small = 4096; /* so that sending takes many steps */
    serve(SILENT, NULL);
    (void)setsockopt(server.listening, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    seen = (struct seen){0};
    dial((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    unsigned char *bytes = mem_new(LEN), chunk[65536];
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    assert_true(loop_run_until(loop, &seen.opened, 5000));
    run_for(5);
    stream_write(seen.stream, bytes, LEN / 2);
    stream_write(seen.stream, bytes + LEN / 2, LEN - LEN / 2);
    for (size_t got = 0; got < LEN;) {
        run_for(1);
        ssize_t n = recv(server.fd, chunk, sizeof(chunk), 0);
        if (n > 0)
            assert_memory_equal(chunk, bytes + got, (size_t)n);
        got += n > 0 ? (size_t)n : 0;
    }
    free(bytes);
}

static void who_reads_no_more_and_says_nothing_is_a_failure(void **state)
{
    (void)state;
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/sock", folder);
    serve_path(path);
    seen = (struct seen){0};
    dial((struct probe_endpoint){.path = path});
    while (server.fd < 0 || !seen.opened)
        run_for(1);
    assert_int_equal(shutdown(server.fd, SHUT_RD), 0);
    server.manner = SILENT;
    stream_write(seen.stream, "ping", 4);
    assert_true(loop_run_until(loop, &seen.done, 5000));
    expect_failure(-EPIPE, PROBE_SENDING, "sock cut the connection off");
    assert_int_equal(unlink(path), 0);
}

static void who_takes_nothing_is_not_fed_for_ever(void **state)
{
    (void)state;
    serve(SILENT, NULL);
    seen = (struct seen){0};
    dial((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    char *bytes = mem_new(1 << 20);
    assert_true(loop_run_until(loop, &seen.opened, 5000));
    for (int i = 0; i < 16; i++)
        stream_write(seen.stream, bytes, 1 << 20);
    free(bytes);
    assert_int_equal(seen.status, 0); /* told later, not from inside */
    assert_true(loop_run_until(loop, &seen.done, 5000));
    expect_failure(-ENOBUFS, PROBE_SENDING, "4 MiB");
}

static void who_says_too_much_is_cut_off(void **state)
{
    (void)state;
    serve(FLOODS, NULL);
    seen = (struct seen){.say_when_opened = "x"};
    dial_and_wait(
        (struct probe_endpoint){.address = "127.0.0.1", .port = server.port, .max_reply = 40000});
    expect_failure(-EMSGSIZE, PROBE_RECEIVING, "more than the 40000 bytes");
    assert_true(seen.len <= 40000);
}

static void the_limit_counts_from_the_last_write(void **state)
{
    (void)state;
    serve(ECHOES, NULL);
    seen = (struct seen){.wait_for = "12341234"};
    dial((struct probe_endpoint){.address = "127.0.0.1", .port = server.port, .max_reply = 5});
    stream_write(seen.stream, "1234", 4);
    while (seen.len < 4)
        run_for(1);
    stream_write(seen.stream, "1234", 4);
    assert_true(loop_run_until(loop, &seen.done, 5000));
    assert_int_equal(seen.status, 0);
}

static void an_orderly_close_is_told_after_the_bytes(void **state)
{
    (void)state;
    serve(GREETS_AND_CLOSES, NULL);
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    assert_string_equal(seen.kinds, "OAC");
    assert_string_equal(seen.bytes, "-ERR full\r\n");
    run_for(10);
    assert_int_equal(seen.calls, 3);
}

static void the_last_words_of_who_hung_up_are_heard(void **state)
{
    (void)state;
    serve(GREETS_AND_CLOSES, NULL);
    seen = (struct seen){0};
    dial((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    while (server.accepted == 0)
        run_for(1);
    /* Two writes into a closed connection: the second one fails. */
    if (!seen.done)
        stream_write(seen.stream, "AUTH x\r\n", 8);
    if (!seen.done)
        stream_write(seen.stream, "PING\r\n", 6);
    assert_true(loop_run_until(loop, &seen.done, 5000));
    assert_string_equal(seen.bytes, "-ERR full\r\n");
}

static void a_reset_is_a_failure(void **state)
{
    (void)state;
    serve(RESETS, NULL);
    seen = (struct seen){.say_when_opened = "x"};
    dial_and_wait((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    expect_failure(-ECONNRESET, PROBE_WAITING, "cut the connection off");
}

/* --------------------------------------------------------------- failing ---- */

static void a_refusal_names_who_refused(void **state)
{
    (void)state;
    char words[64];
    uint16_t port = 0;
    close(listen_on("127.0.0.1", &port, 1));
    (void)snprintf(words, sizeof(words), "connection refused by 127.0.0.1:%u", port);
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){.address = "127.0.0.1", .port = port});
    expect_failure(-ECONNREFUSED, PROBE_CONNECTING, words);
    assert_false(seen.had_peer);
    (void)snprintf(words, sizeof(words), "refused by [::1]:%u", port);
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){.host = "::1", .port = port});
    if (seen.status == -ECONNREFUSED) /* where there is no IPv6, there is no route */
        expect_failure(-ECONNREFUSED, PROBE_CONNECTING, words);
    else
        expect_failure(-EADDRNOTAVAIL, PROBE_CONNECTING, "[::1]");
}

static void a_name_that_cannot_be_looked_up_fails_while_resolving(void **state)
{
    (void)state;
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){.host = "not a name", .port = 1});
    expect_failure(-EINVAL, PROBE_RESOLVING, "not a name: this is not the name of a host");
}

static void a_name_server_that_hangs_is_told_as_such(void **state)
{
    (void)state;
    struct sockaddr_in to = {.sin_family = AF_INET};
    socklen_t len = sizeof(to);
    char csv[32];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&to, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
    (void)snprintf(csv, sizeof(csv), "127.0.0.1:%u", ntohs(to.sin_port));
    resolve_use_servers(loop, csv);
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){.host = "db.test", .port = 1, .timeout_ms = 50});
    expect_failure(-ETIMEDOUT, PROBE_RESOLVING, "no answer from the name server, for db.test,");
    close(fd);
}

static void a_port_that_does_not_answer_times_out_while_connecting(void **state)
{
    (void)state;
    struct hole hole;
    char words[64];
    dig(&hole);
    (void)snprintf(words, sizeof(words), "no answer from 127.0.0.1:%u within ", hole.port);
    seen = (struct seen){0};
    dial_and_wait(
        (struct probe_endpoint){.address = "127.0.0.1", .port = hole.port, .timeout_ms = 50});
    expect_failure(-ETIMEDOUT, PROBE_CONNECTING, words);
    fill(&hole);
}

static void a_life_that_ends_says_how_far_it_came(void **state)
{
    (void)state;
    serve(SILENT, NULL);
    seen = (struct seen){.say_when_opened = "ping"};
    dial((struct probe_endpoint){.host = "localhost", .port = server.port, .family = 4});
    while (server.fd < 0)
        run_for(1);
    run_for(5);
    life_end(&life, -ETIMEDOUT);
    expect_failure(-ETIMEDOUT, PROBE_WAITING, "no answer from localhost (127.0.0.1:");
    assert_true(seen.had_peer);
}

static void a_reply_that_stops_halfway_is_receiving(void **state)
{
    (void)state;
    serve(ECHOES, NULL);
    seen = (struct seen){.say_when_opened = "hello", .wait_for = "hello"};
    dial_and_wait((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    life_end(&life, -ETIMEDOUT);
    expect_failure(-ETIMEDOUT, PROBE_RECEIVING, "sent 5 bytes and then no more");
}

static void what_cannot_be_asked_for_is_refused_later(void **state)
{
    (void)state;
    const struct probe_endpoint wrong[] = {
        {.port = 1},
        {.host = "localhost"},
        {.address = "localhost", .port = 1},
        {.address = "127.0.0.1", .port = 1, .family = 6},
        {.address = "127.0.0.1", .port = 1, .safety = (enum probe_safety)17},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        seen = (struct seen){0};
        dial_and_wait(wrong[i]);
        assert_int_equal(seen.status, -EINVAL);
        assert_int_equal(seen.calls, 1);
    }
}

static void an_ended_life_opens_nothing(void **state)
{
    (void)state;
    serve(ECHOES, NULL);
    life_end(&life, -ETIMEDOUT);
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){.address = "127.0.0.1", .port = server.port});
    assert_int_equal(seen.status, -ECANCELED);
    run_for(10);
    assert_int_equal(server.accepted, 0);
}

/* A name server that gives 127.0.0.1 and 127.0.0.2 for every name. */
static int two_addresses_fd;

static void on_question(int status, unsigned events, void *data)
{
    unsigned char packet[600], record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1};
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    (void)status, (void)events, (void)data;
    ssize_t len = recvfrom(two_addresses_fd, packet, 512, 0, (struct sockaddr *)&from, &from_len);
    assert_true(len > 12);
    size_t end = 12 + strlen((char *)packet + 12) + 5;
    packet[2] |= 0x80;
    packet[7] = 2;
    packet[9] = packet[11] = 0;
    for (unsigned char last = 1; last <= 2; last++, end += sizeof(record)) {
        record[15] = last;
        memcpy(packet + end, record, sizeof(record));
    }
    (void)sendto(two_addresses_fd, packet, end, 0, (struct sockaddr *)&from, from_len);
}

static struct watch *serve_two_addresses(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    socklen_t len = sizeof(to);
    char csv[32];
    two_addresses_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(two_addresses_fd, (struct sockaddr *)&to, len), 0);
    assert_int_equal(getsockname(two_addresses_fd, (struct sockaddr *)&to, &len), 0);
    (void)snprintf(csv, sizeof(csv), "127.0.0.1:%u", ntohs(to.sin_port));
    resolve_use_servers(loop, csv);
    return watch_create(loop, two_addresses_fd, WATCH_READABLE, on_question, NULL);
}

static void a_second_address_is_tried_beside_one_that_hangs(void **state)
{
    (void)state;
    struct hole hole;
    struct watch *names = serve_two_addresses();
    dig(&hole); /* 127.0.0.1, which comes first */
    serve_at("127.0.0.2", hole.port, ECHOES, NULL);
    seen = (struct seen){0};
    dial((struct probe_endpoint){.host = "both.test", .port = hole.port, .family = 4});
    assert_true(loop_run_until(loop, &seen.opened, 5000));
    assert_string_equal(seen.address, "127.0.0.2");
    assert_true(seen.us.connect - seen.us.resolve >= 240000);
    assert_true(seen.us.connect - seen.us.resolve < 2000000);
    fill(&hole);
    watch_destroy(names);
    close(two_addresses_fd);
}

static void a_second_address_is_tried_at_once_after_a_refusal(void **state)
{
    (void)state;
    struct watch *names = serve_two_addresses();
    serve_at("127.0.0.2", 0, ECHOES, NULL);
    seen = (struct seen){0};
    dial((struct probe_endpoint){.host = "both.test", .port = server.port, .family = 4});
    assert_true(loop_run_until(loop, &seen.opened, 5000));
    assert_string_equal(seen.address, "127.0.0.2");
    assert_true(seen.us.connect - seen.us.resolve < 240000);
    watch_destroy(server.door);
    server.door = NULL;
    close(server.listening);
    server.listening = -1;
    seen = (struct seen){0};
    dial_and_wait((struct probe_endpoint){.host = "both.test", .port = server.port, .family = 4});
    expect_failure(-ECONNREFUSED, PROBE_CONNECTING, " and 1 other");
    watch_destroy(names);
    close(two_addresses_fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_there_and_back),
        TEST(a_name_is_looked_up),
        TEST(an_address_is_taken_instead_of_the_name),
        TEST(a_unix_socket_works_as_well),
        TEST(what_is_written_before_it_is_open_goes_out_then),
        TEST(megabytes_arrive_in_order),
        TEST(who_reads_no_more_and_says_nothing_is_a_failure),
        TEST(who_takes_nothing_is_not_fed_for_ever),
        TEST(who_says_too_much_is_cut_off),
        TEST(the_limit_counts_from_the_last_write),
        TEST(an_orderly_close_is_told_after_the_bytes),
        TEST(the_last_words_of_who_hung_up_are_heard),
        TEST(a_reset_is_a_failure),
        TEST(a_refusal_names_who_refused),
        TEST(a_name_that_cannot_be_looked_up_fails_while_resolving),
        TEST(a_name_server_that_hangs_is_told_as_such),
        TEST(a_port_that_does_not_answer_times_out_while_connecting),
        TEST(a_life_that_ends_says_how_far_it_came),
        TEST(a_reply_that_stops_halfway_is_receiving),
        TEST(what_cannot_be_asked_for_is_refused_later),
        TEST(an_ended_life_opens_nothing),
        TEST(a_second_address_is_tried_beside_one_that_hangs),
        TEST(a_second_address_is_tried_at_once_after_a_refusal),
    };
    (void)loop_destroy(loop_create()); /* libuv keeps a pipe from the first one on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
