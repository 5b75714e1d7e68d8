/* io/http: many requests, streams, and what is left behind when they end. */
#include "http_fixture.h"

static int open_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

static void cancelling_is_silent_at_any_moment(void **state)
{
    struct got got = {0};
    (void)state;
    for (uint64_t ms = 0; ms < 12; ms++) {
        struct op *op = SEND(&got, .url = here("/hang"));
        run_for(ms / 2);
        op_cancel(op);
    }
    run_for(20);
    assert_int_equal(got.calls, 0);
    assert_int_equal(world.server.open, 0);
}

static void a_callback_may_cancel_others_and_drop_its_life(void **state)
{
    struct got first = {0}, second = {0}, third = {0};
    (void)state;
    struct op *hanging = SEND(&second, .url = here("/hang"));
    (void)SEND(&third, .url = here("/hang"));
    first.cancels = &hanging;
    first.drops = &world.life;
    (void)SEND(&first, .url = here("/ok"));
    assert_true(loop_run_until(world.loop, &first.done, 5000));
    run_for(20);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls + third.calls, 0);
}

static void ten_at_once_are_ten_answers(void **state)
{
    struct got got[10] = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(got); i++)
        (void)SEND(&got[i], .url = here(i % 2 ? "/slow" : "/ok"));
    for (size_t i = 0; i < COUNT_OF(got); i++) {
        assert_true(loop_run_until(world.loop, &got[i].done, 5000));
        assert_int_equal(got[i].status, 0);
        assert_string_equal(got[i].body, "hello");
        assert_int_equal(got[i].calls, 1);
    }
}

static void two_hundred_in_a_row_leave_no_descriptor(void **state)
{
    struct got got;
    (void)state;
    int before = open_files();
    for (int i = 0; i < 200; i++) {
        ASK(&got, .url = here(i % 2 ? "/ok" : "/cut"), .fresh = i % 3 == 0);
        assert_int_equal(got.status, i % 2 ? 0 : -ECONNRESET);
    }
    http_shutdown(world.loop);
    run_for(20);
    assert_int_equal(open_files(), before);
    assert_int_equal(world.server.open, 0);
}

struct stream {
    struct got got;
    struct text text;
    int pieces, refuses, code;
    struct op *op;
    bool cancels;
};

static int on_chunk(const struct probe_response *head, const char *bytes, size_t len, void *data)
{
    struct stream *stream = data;
    stream->pieces++;
    stream->code = head->code;
    text_add_n(&stream->text, bytes, len);
    if (stream->cancels)
        op_cancel(stream->op);
    return stream->refuses;
}

static void on_stream(int status, const struct probe_response *response, void *data)
{
    struct stream *stream = data;
    on_answer(status, response, &stream->got);
}

static void stream_start(struct stream *stream, const char *path)
{
    const struct probe_request request = {sizeof(request), .url = here(path), .on_chunk = on_chunk};
    text_init(&stream->text, 1000000);
    stream->op = http_send(&world.life, &request, on_stream, stream);
}

static void a_stream_is_given_piece_by_piece(void **state)
{
    struct stream slow = {0}, large = {0};
    (void)state;
    stream_start(&slow, "/slow");
    assert_true(loop_run_until(world.loop, &slow.got.done, 5000));
    assert_int_equal(slow.code, 200);
    assert_true(slow.pieces > 1);
    assert_string_equal(slow.text.bytes, "hello");
    assert_int_equal(slow.got.body_len, 0);
    stream_start(&large, "/large");
    assert_true(loop_run_until(world.loop, &large.got.done, 5000));
    assert_int_equal(large.text.len, 100000);
    text_finish(&slow.text);
    text_finish(&large.text);
}

static void whoever_takes_a_stream_may_end_it(void **state)
{
    struct stream refused = {.refuses = -ENOSPC}, cancelled = {.cancels = true};
    (void)state;
    stream_start(&refused, "/begin");
    assert_true(loop_run_until(world.loop, &refused.got.done, 5000));
    assert_int_equal(refused.got.status, -ENOSPC);
    assert_int_equal(refused.pieces, 1);
    stream_start(&cancelled, "/begin");
    run_for(100);
    assert_int_equal(cancelled.pieces, 1);
    assert_false(cancelled.got.done);
    text_finish(&refused.text);
    text_finish(&cancelled.text);
}

static void what_is_kept_is_given_up_after_a_minute(void **state)
{
    struct got got = {0};
    (void)state;
    ASK(&got, .url = here("/ok"));
    loop_drive(world.loop, loop_now_us(world.loop) / 1000, 0);
    loop_advance(world.loop, 61000);
    for (int i = 0; i < 100 && world.server.open; i++) {
        (void)usleep(1000);
        loop_advance(world.loop, 1);
    }
    assert_int_equal(world.server.open, 0);
}

static void server_hangs_up(void)
{
    while (!list_empty(&world.server.clients))
        client_close(list_first(&world.server.clients, struct http_client, link));
}

static void on_turn(uv_prepare_t *turn)
{
    ++*(int *)turn->data;
}

static void a_kept_connection_that_is_closed_does_not_keep_the_loop_awake(void **state)
{
    struct got got = {0};
    uv_prepare_t turn;
    int turns = 0;
    (void)state;
    ASK(&got, .url = here("/ok"));
    server_hangs_up();
    run_for(20);
    (void)uv_prepare_init(loop_uv(world.loop), &turn);
    turn.data = &turns;
    (void)uv_prepare_start(&turn, on_turn);
    run_for(50);
    assert_in_range(turns, 1, 10);
    uv_close((uv_handle_t *)&turn, NULL); /* lint: of libuv, to count its turns */
    run_for(1);
}

/* The new one has the descriptor's number of the old one. */
static void after_a_kept_connection_that_is_closed_the_next_is_watched_as_well(void **state)
{
    struct got got = {0};
    (void)state;
    for (int i = 0; i < 6; i++) {
        ASK(&got, .url = here(i % 3 ? "/slow" : "/ok"));
        assert_int_equal(got.status, 0);
        assert_int_equal(world.server.accepted, i + 1);
        server_hangs_up();
        run_for(i % 2 ? 10 : 0);
    }
}

/* What libcurl closes may be anybody's in a moment; it is not ours to watch any more. */
static void a_number_that_was_a_connections_is_free_for_others(void **state)
{
    struct got got = {0};
    int before = open_files();
    (void)state;
    ASK(&got, .url = here("/ok"));
    http_shutdown(world.loop);
    run_for(20);
    assert_int_equal(open_files(), before);
    ASK(&got, .url = here("/ok"));
    ASK(&got, .url = here("/slow"), .fresh = true);
    ASK(&got, .url = here("/slow"));
    assert_int_equal(got.status, 0);
    assert_string_equal(got.body, "hello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(cancelling_is_silent_at_any_moment),
        TEST(a_callback_may_cancel_others_and_drop_its_life),
        TEST(ten_at_once_are_ten_answers),
        TEST(two_hundred_in_a_row_leave_no_descriptor),
        TEST(a_stream_is_given_piece_by_piece),
        TEST(whoever_takes_a_stream_may_end_it),
        TEST(what_is_kept_is_given_up_after_a_minute),
        TEST(a_kept_connection_that_is_closed_does_not_keep_the_loop_awake),
        TEST(after_a_kept_connection_that_is_closed_the_next_is_watched_as_well),
        TEST(a_number_that_was_a_connections_is_free_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
