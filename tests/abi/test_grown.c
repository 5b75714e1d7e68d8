/*
 * A plugin of 1.0 in an agent of the next minor version: the agent's layers, compiled with a
 * contract in which all that may grow has grown (grow.py), load it, configure it, run it over real
 * sockets and say what it found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "probe/act.h"
#include "probe/config.h"
#include "probe/schedule.h"
#include "server.h"

static struct plugins plugins;

static int load(void **state)
{
    struct error error = {0};
    (void)state;
    assert_int_equal(PROBE_ABI_MINOR, 2); /* we are that agent */
    if (plugin_load(&plugins, ABI_PLUGINS "/frozen.so", &error) < 0)
        fail_msg("it does not load: %s", error.message);
    assert_int_equal(plugins.all[0]->face.abi_minor, 0);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    plugins_finish(&plugins);
    condition_shutdown();
    return 0;
}

static void its_tables_are_read_with_its_own_sizes(void **state)
{
    const struct plugin *plugin = plugin_find(&plugins, "frozen");
    (void)state;
    assert_int_equal(plugin->check_count, 2);
    assert_string_equal(plugin->checks[1].face.needs, "GRANT all");
    assert_null(plugin->checks[1].face.applies); /* of 1.1 */
    assert_string_equal(plugin->checks[0].face.options[1].name, "wait");
    assert_null(plugin->checks[0].face.options[2].name);
    assert_int_equal(plugin->checks[0].measures.count, 4);
    assert_string_equal(plugin->checks[0].measures.slots[3].name, "absent");
    assert_int_equal(plugin->action_count, 2);
    assert_string_equal(plugin->actions[1].timeout, "6s");
    assert_string_equal(plugin->actions[0].options[0].name, "most");
    assert_string_equal(plugin->face.options[6].nested[1].name, "size");
    assert_int_equal(plugin->face.options[0].grown[0], 0);
    assert_null(plugin->face.lease); /* came with 1.1 */
}

/* What the agent does with a configuration, from its text to its events. */
struct agent {
    struct loop *loop;
    struct kit_server *server;
    struct bus *bus;
    struct ledger *ledger;
    struct config *config;
    struct schedule *schedule;
    struct text said; /* all events, a line each */
    bool over;
};

static void on_event(const struct event *event, void *data)
{
    struct agent *agent = data;
    text_add_n(&agent->said, event->json, event->len);
    text_add_char(&agent->said, '\n');
}

static void on_all_asked(void *data)
{
    struct agent *agent = data;
    agent->over = true;
}

static struct config *configure(uint16_t port, const char *checks, struct problems *problems)
{
    char path[] = "/tmp/test_grown.XXXXXX";
    const char *paths[] = {path};
    const struct config_needs needs = {0};
    FILE *file = fdopen(mkstemp(path), "w");
    (void)fprintf(file,
                  "version: 1\n"
                  "targets:\n"
                  "  old:\n"
                  "    type: frozen\n"
                  "    port: %u\n"
                  "    secret: s3cret-word\n"
                  "    url: https://example.org/\n"
                  "    words: [one, two]\n"
                  "    pairs: {a: alpha, b: beta}\n"
                  "    items: [{name: x}, {name: y, size: 2KiB}]\n"
                  "    act_as: {}\n"
                  "    checks: %s\n",
                  port,
                  checks);
    (void)fclose(file);
    struct config *config = config_load(paths, 1, &plugins, &needs, problems);
    (void)unlink(path);
    return config;
}

static void begin(struct agent *agent)
{
    static const struct event_speaker speaker = {
        .realm = "test", .role = "node", .node = "n", .boot = "b", .version = "0", .config = "c"};
    struct problems problems = {0};
    memset(agent, 0, sizeof(*agent));
    agent->loop = loop_create();
    text_init(&agent->said, 1 << 20);
    agent->server = kit_serve(agent->loop, KIT_EXPECT("hello\n"), KIT_SEND("hi\n"));
    agent->config =
        configure(kit_server_port(agent->server), "{talk: {most: 20}, denied: {}}", &problems);
    if (!agent->config)
        fail_msg("it cannot be configured: %s", problems.all[0].message);
    agent->bus = bus_create(&speaker);
    bus_subscribe(agent->bus, on_event, agent);
    agent->ledger = ledger_create();
    agent->schedule = schedule_create(agent->loop, agent->bus, agent->ledger);
    assert_int_equal(schedule_fill(agent->schedule, agent->config, &problems), 0);
    problems_finish(&problems);
}

static void end(struct agent *agent)
{
    schedule_destroy(agent->schedule);
    config_destroy(agent->config);
    ledger_destroy(agent->ledger);
    bus_destroy(agent->bus);
    assert_null(kit_server_close(agent->server));
    resolve_shutdown(agent->loop);
    text_finish(&agent->said);
    assert_int_equal(loop_destroy(agent->loop), 0);
}

static void it_runs_as_if_it_were_of_today(void **state)
{
    static const char *const expected[] = {
        "\"message\":\"hi from 127.0.0.1\"",
        "\"subject\":\"two\"",
        "\"status\":\"warning\"",
        "\"measures\":{\"count\":21,\"served\":1}",
        "\"words\":{\"colour\":\"green\"}",
        "\"items\":[{\"name\":\"x\",\"size\":1024},{\"name\":\"y\",\"size\":2048}]",
        "\"secret\":\"[redacted]\"",
        "\"hint\":\"example.org\"",
        "\"first\":\"alpha\"",
        "\"second\":\"beta\"",
        "\"check\":\"frozen.denied\"",
        "\"hint\":\"GRANT all\"",
    };
    struct agent agent;
    (void)state;
    begin(&agent);
    schedule_start_once(agent.schedule, on_all_asked, &agent);
    assert_true(loop_run_until(agent.loop, &agent.over, 20000));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        if (!strstr(agent.said.bytes, expected[i]))
            fail_msg("%s is not in: %s", expected[i], agent.said.bytes);
    end(&agent);
}

static void on_planned(const struct act_failure *failure, struct act_plan *plan, void *data)
{
    struct agent *agent = data;
    assert_null(failure);
    assert_int_equal(plan->step_count, 2);
    text_print(
        &agent->said, "%s, %s of %d", plan->steps[0].key, plan->steps[1].what, (int)plan->total);
    agent->over = true;
    act_plan_destroy(plan);
}

static void on_applied(const struct act_failure *failure, const struct act_result *result,
                       void *data)
{
    struct agent *agent = data;
    assert_null(failure);
    text_print(&agent->said, "applied %s", result->summary);
    agent->over = true;
}

static void its_actions_are_asked_with_its_own_sizes(void **state)
{
    struct agent agent;
    (void)state;
    begin(&agent);
    struct target *target = list_first(&agent.schedule->targets, struct target, link);
    const struct probe_action *action = act_find(target->config->plugin, "act");
    struct arena *arena = arena_create();
    struct problems problems = {0};
    const struct node *none = node_create(arena, NODE_MAP, (struct place){0}, NULL);
    const void *config = act_configure(arena, action, none, "with", &problems);
    act_plan(target, action, config, on_planned, &agent);
    assert_true(loop_run_until(agent.loop, &agent.over, 20000));
    assert_string_equal(agent.said.bytes, "a, do b of 9");
    agent.over = false;
    text_cut_to(&agent.said, 0);
    act_apply(
        target, action, config, &(struct probe_step){.key = "b", .what = "x"}, on_applied, &agent);
    assert_true(loop_run_until(agent.loop, &agent.over, 20000));
    assert_string_equal(agent.said.bytes, "applied b");
    arena_destroy(arena);
    end(&agent);
}

static void what_it_refuses_is_told_at_its_place(void **state)
{
    struct problems problems = {0};
    struct text TEXT_AUTO text;
    struct loop *loop = loop_create();
    (void)state;
    text_init(&text, 4096);
    struct config *config = configure(1, "{talk: {most: 2000}}", &problems);
    struct ledger *ledger = ledger_create();
    struct schedule *schedule = schedule_create(loop, NULL, ledger);
    if (config)
        assert_true(schedule_fill(schedule, config, &problems) < 0);
    problems_print(&problems, &text);
    if (!strstr(text.bytes, "2000 is too many"))
        fail_msg("it says: %s", text.bytes);
    schedule_destroy(schedule);
    config_destroy(config);
    ledger_destroy(ledger);
    problems_finish(&problems);
    assert_int_equal(loop_destroy(loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_tables_are_read_with_its_own_sizes),
        cmocka_unit_test(it_runs_as_if_it_were_of_today),
        cmocka_unit_test(its_actions_are_asked_with_its_own_sizes),
        cmocka_unit_test(what_it_refuses_is_told_at_its_place),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
