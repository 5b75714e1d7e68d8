/* app/vouch: whose word counts without a signature, and which signatures are not even looked at. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/vouch.h"
#include "base/mem.h"
#include "io/loop.h"

#define ELSEWHERE "n2/ab12cd34"

static const char *const decisions[] = {"approve", "undo", "remediate", "unlock", "reject"};

static struct loop *loop;
static struct vouch vouch;
static char said[1024]; /* who it is; or why it is nobody */
static int code;

static int set_up(void **state)
{
    (void)state;
    loop = loop_create();
    vouch_open(&vouch, loop, NULL); /* nothing comes as far as to be spent */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vouch_close(&vouch);
    return loop_destroy(loop);
}

static void on_vouched(const char *who, const char *proof, const struct error *error, void *data)
{
    (void)data;
    code = who ? 0 : error->code;
    (void)snprintf(said,
                   sizeof(said),
                   "%s%s%s",
                   who ? who : error->message,
                   who ? " by " : "",
                   who ? proof : "");
}

/* Asks for uid 1000; `from` as in struct control_request; `args` are given up. */
static int ask(const struct entry_approval *approval, const char *decision, const char *from,
               json_t *args)
{
    const struct statement statement = {.realm = "tests", .decision = decision, .about = "7k3q"};
    const struct control_request request = {
        .word = "decide", .args = args, .uid = 1000, .from = from};
    code = 1;
    vouch_ask(&vouch, approval, &statement, &request, on_vouched, NULL);
    json_decref(args);
    return code;
}

static void at_its_own_socket_a_uid_decides_all_where_there_are_no_approvers(void **state)
{
    const struct entry_approval approval = {.approvers = NULL};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(decisions); i++) {
        assert_int_equal(ask(&approval, decisions[i], NULL, json_object()), 0);
        assert_string_equal(said, "uid 1000 by peercred");
        assert_int_equal(ask(NULL, decisions[i], NULL, json_object()), 0);
    }
}

static void where_there_are_approvers_a_uid_counts_only_if_that_is_said(void **state)
{
    const struct entry_approval signed_only = {.approvers = "/etc/approvers"},
                                local = {.approvers = "/etc/approvers", .local = true};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(decisions); i++) {
        assert_int_equal(ask(&signed_only, decisions[i], NULL, json_object()), -EACCES);
        assert_non_null(strstr(said, "this socket knows you as uid 1000, which is nobody"));
        assert_int_equal(ask(&local, decisions[i], NULL, json_object()), 0);
    }
}

static void a_uid_that_another_agent_passes_on_may_reject_and_nothing_else(void **state)
{
    const struct entry_approval free = {.approvers = NULL},
                                local = {.approvers = "/etc/approvers", .local = true};
    const struct entry_approval *const all[] = {NULL, &free, &local};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        for (size_t j = 0; j < COUNT_OF(decisions); j++) {
            bool rejects = strcmp(decisions[j], "reject") == 0;
            print_message("%s\n", decisions[j]);
            assert_int_equal(ask(all[i], decisions[j], ELSEWHERE, json_object()),
                             rejects ? 0 : -EACCES);
            assert_non_null(strstr(said, "uid 1000 at " ELSEWHERE));
        }
    }
}

static json_t *signed_at(int64_t wall_ms)
{
    return json_pack("{s:s, s:I}", "signature", "S", "time_ms", (json_int_t)wall_ms);
}

static void a_signature_without_approvers_or_of_another_time_is_refused(void **state)
{
    const struct entry_approval none = {.approvers = NULL}, some = {.approvers = "/etc/approvers"};
    int64_t now_ms = loop_wall_ms(loop);
    (void)state;
    assert_int_equal(ask(&none, "approve", NULL, signed_at(now_ms)), -ENOKEY);
    assert_int_equal(ask(NULL, "approve", NULL, signed_at(now_ms)), -ENOKEY);
    for (int sign = -1; sign <= 1; sign += 2) {
        int64_t late_ms = now_ms + sign * (STATEMENT_FRESH_MS + 60000);
        assert_int_equal(ask(&some, "approve", NULL, signed_at(late_ms)), -ESTALE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_its_own_socket_a_uid_decides_all_where_there_are_no_approvers),
        cmocka_unit_test(where_there_are_approvers_a_uid_counts_only_if_that_is_said),
        cmocka_unit_test(a_uid_that_another_agent_passes_on_may_reject_and_nothing_else),
        cmocka_unit_test(a_signature_without_approvers_or_of_another_time_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
