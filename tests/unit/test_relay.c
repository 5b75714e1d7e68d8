/* app/relay: letters to the holder of the lease, left and heeded, on a store that does as it is told. */
#include "lease_fixture.h"

#include "app/relay.h"

static struct relay *relay;
static char said[4096]; /* what was asked of us, and what we were answered */

static void on_request(struct control_call *call, const struct control_request *request, void *data)
{
    struct text TEXT_AUTO text;
    char *args = json_dumps(request->args, JSON_COMPACT);
    (void)data;
    (void)snprintf(said + strlen(said),
                   sizeof(said) - strlen(said),
                   "%s %s uid %u at %s; ",
                   request->word,
                   args,
                   (unsigned)request->uid,
                   request->from);
    free(args);
    text_init(&text, 1000);
    text_add(&text, "{\"fine\":true}");
    if (strcmp(request->word, "status") == 0)
        control_answer(call, &text);
    else
        control_refuse(call, "try another", "no %s here", request->word);
}

static void on_answered(const json_t *result, const struct error *error, void *data)
{
    char *json = result ? json_dumps(result, JSON_COMPACT) : NULL;
    (void)data;
    (void)snprintf(said + strlen(said),
                   sizeof(said) - strlen(said),
                   "%s%s%s; ",
                   json ? json : error->message,
                   json || !*error->hint ? "" : ", ",
                   json ? "" : error->hint);
    free(json);
}

static void ask_holder(const char *word)
{
    json_t *args = json_pack("{s:s}", "what", "db");
    const struct control_request request = {.word = word, .args = args, .uid = 7};
    relay_ask(relay, &request, on_answered, NULL);
    json_decref(args);
}

/* The one letter in the store whose key begins so, or NULL. */
static const char *letter(const char *prefix)
{
    for (size_t i = 0; i < store.document_count; i++)
        if (strncmp(store.documents[i][0], prefix, strlen(prefix)) == 0)
            return store.documents[i][0];
    return NULL;
}

static void open_relay(bool holds_it)
{
    said[0] = '\0';
    if (!holds_it)
        let_other_have_it(1000000);
    pass(600);
    relay = relay_open(stage.loop, ours, on_request, NULL);
    assert_int_equal(relay_leads_on(relay), !holds_it);
}

static void a_standby_leaves_a_letter_and_is_answered(void **state)
{
    (void)state;
    open_relay(false);
    assert_string_equal(relay_holder(relay), "other");
    ask_holder("findings");
    pass(10);
    const char *key = letter("post/ask/");
    assert_non_null(key);
    json_t *sent = json_loads(document(key), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(sent, "do")), "findings");
    assert_int_equal(json_integer_value(json_object_get(sent, "uid")), 7);
    assert_string_equal(json_string_value(json_object_get(sent, "from")), lease_name(ours));
    json_decref(sent);
    MEM_AUTO char *answer = mem_print("post/answer/%s", key + strlen("post/ask/"));
    drop(key);
    put(answer, "{\"v\":1,\"result\":{\"rows\":[]}}");
    pass(600);
    assert_string_equal(said, "{\"rows\":[]}; ");
    assert_null(letter("post/"));
    relay_close(relay);
}

static void what_the_holder_refuses_is_told_in_its_words(void **state)
{
    (void)state;
    open_relay(false);
    ask_holder("plan");
    pass(10);
    MEM_AUTO char *answer = mem_print("post/answer/%s", letter("post/ask/") + strlen("post/ask/"));
    put(answer, "{\"v\":1,\"error\":\"no plan\",\"hint\":\"newest: 7k3q\"}");
    pass(600);
    assert_string_equal(said, "no plan, newest: 7k3q; ");
    relay_close(relay);
}

static void a_holder_that_is_silent_is_named_and_not_asked_any_more(void **state)
{
    (void)state;
    open_relay(false);
    ask_holder("findings");
    pass(7900);
    assert_string_equal(said, "");
    pass(200);
    assert_string_equal(
        said, "other: it has not answered within 8 s, ask that agent itself, where it runs; ");
    assert_null(letter("post/"));
    relay_close(relay);
}

static void who_takes_the_lease_meanwhile_says_so(void **state)
{
    (void)state;
    said[0] = '\0';
    let_other_have_it(2000); /* and does not renew it */
    pass(600);
    relay = relay_open(stage.loop, ours, on_request, NULL);
    assert_true(relay_leads_on(relay));
    ask_holder("findings");
    pass(7000);
    assert_true(lease_held(ours, NULL));
    assert_string_equal(said, "this agent has taken the lease over meanwhile, ask it again; ");
    relay_close(relay);
}

static void the_end_of_the_agent_is_an_answer(void **state)
{
    (void)state;
    open_relay(false);
    ask_holder("findings");
    pass(10);
    relay_close(relay);
    assert_string_equal(said,
                        "other: this agent ends, and has not been answered yet, ask that agent "
                        "itself, where it runs; ");
}

static void leave_letter(const char *id, const char *word, int64_t age_ms)
{
    MEM_AUTO char *key = mem_print("post/ask/%s", id);
    MEM_AUTO char *json =
        mem_print("{\"v\":1,\"do\":\"%s\",\"args\":{},\"uid\":9,\"from\":\"n2/ab\","
                  "\"at_ms\":%lld}",
                  word,
                  (long long)(loop_wall_ms(stage.loop) - age_ms));
    put(key, json);
}

static void the_holder_heeds_a_letter_once_and_answers_under_its_token(void **state)
{
    (void)state;
    open_relay(true);
    leave_letter("0123456789abcdef", "status", 0);
    leave_letter("fedcba9876543210", "dance", 0);
    pass(1100);
    assert_string_equal(said, "status {} uid 9 at n2/ab; dance {} uid 9 at n2/ab; ");
    assert_string_equal(document("post/answer/0123456789abcdef"),
                        "{\"v\":1,\"result\":{\"fine\":true}}");
    assert_string_equal(document("post/answer/fedcba9876543210"),
                        "{\"v\":1,\"error\":\"no dance here\",\"hint\":\"try another\"}");
    assert_null(letter("post/ask/"));
    said[0] = '\0';
    leave_letter("0123456789abcdef", "status", 0); /* seen already */
    pass(2100);
    assert_string_equal(said, "");
    pass(62000); /* nobody fetches what was answered */
    assert_null(letter("post/"));
    relay_close(relay);
}

static void letters_that_are_old_or_are_none_are_removed_and_not_heeded(void **state)
{
    (void)state;
    open_relay(true);
    leave_letter("0123456789abcdef", "status", 61000);
    leave_letter("0123456789abcdee", "status", -61000);
    leave_letter("short", "status", 0);
    put("post/ask/0123456789abcded", "no letter");
    put("post/ask/0123456789abcdec", "{\"do\":\"status\",\"args\":[]}");
    MEM_AUTO char *nobodys = mem_print(/* whom none has sent would be taken for who sits here */
                                       "{\"do\":\"status\",\"args\":{},\"uid\":0,\"at_ms\":%lld}",
                                       (long long)loop_wall_ms(stage.loop));
    put("post/ask/0123456789abcdeb", nobodys);
    pass(1100);
    assert_string_equal(said, "");
    assert_null(letter("post/"));
    relay_close(relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_standby_leaves_a_letter_and_is_answered),
        TEST(what_the_holder_refuses_is_told_in_its_words),
        TEST(a_holder_that_is_silent_is_named_and_not_asked_any_more),
        TEST(who_takes_the_lease_meanwhile_says_so),
        TEST(the_end_of_the_agent_is_an_answer),
        TEST(the_holder_heeds_a_letter_once_and_answers_under_its_token),
        TEST(letters_that_are_old_or_are_none_are_removed_and_not_heeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
