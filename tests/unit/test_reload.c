/* probe/reload: a new configuration takes over while the old one is at work; on a driven clock. */
#include "schedule_fixture.h"

#include <errno.h>

#include "base/mem.h"
#include "probe/reload.h"

/* --------------------------------------------------- a plugin that is told ---- */

static struct {
    bool hangs;      /* "slow" */
    bool down;       /* "connect" */
    int64_t count;   /* what every check counts */
    int made, gone;  /* targets */
    int live;        /* runs */
    bool refuses;    /* create() */
    bool refuses_it; /* prepare() */
} told;

struct options {
    const struct probe_url *url;
    int64_t limit;
};

static int create(struct probe_target *self, struct probe_error *error)
{
    const struct options *options = self->config;
    if (told.refuses && options->limit == 13)
        return probe_refuse(error, NULL, "overridden") == 0
                   ? 0
                   : probe_refuse(error, "limit", "13 brings bad luck");
    told.made++;
    return 0;
}

static void destroy(struct probe_target *self)
{
    assert_int_equal(*(int *)self->data, 0); /* no run is left */
    note(stage.journal, "%s:gone ", self->name);
    told.gone++;
}

static void on_timer(int status, void *data)
{
    struct probe_run *run = data;
    note(stage.journal, "%s:%d ", run->target->name, status);
    if (status == -ECANCELED) /* both are allowed: to end it, and to leave that to the agent */
        probe_fail(run, status, "canceled");
}

static void run(struct probe_target *self, struct probe_run *run)
{
    const struct options *options = self->config;
    bool connect = strcmp(run->check->name, "connect") == 0;
    note(stage.journal, "%s/%s#%d ", self->name, run->name, (int)options->limit);
    told.live++;
    ++*(int *)self->data;
    if (connect && told.down) {
        probe_end(run, .how = PROBE_DOWN, .status = -ECONNREFUSED, .summary = "nobody there");
        return;
    }
    if (told.hangs && !connect) {
        probe_timer(&run->life, 3600000, on_timer, run);
        return;
    }
    probe_report(run, .summary = "fine", .fields = PROBE_FIELDS(probe_int("count", told.count)));
    probe_done(run);
}

static void ended(struct probe_target *self, struct probe_run *run)
{
    (void)run;
    note(stage.journal, "/%s ", self->name);
    told.live--;
    --*(int *)self->data;
}

static int prepare(const void *config, void *memory, struct probe_error *error)
{
    (void)config;
    (void)memory;
    return told.refuses_it ? probe_refuse(error, NULL, "this does not fit") : 0;
}

static void forget(void *memory)
{
    *(int *)memory = 0;
    note(stage.journal, "forgotten ");
}

static const struct probe_option options[] = {
    {"url", PROBE_URL_AT(struct options, url)},
    {"limit", PROBE_INT_AT(struct options, limit), .fallback = "1", .min = 0, .max = 100},
    {0}};
static const struct probe_measure measures[] = {{"count", "how many"}, {0}};

#define CHECK(name_, ...)                                                                          \
    {                                                                                              \
        .name = (name_), .title = "t", .measures = measures, .every = "10s", .timeout = "3s",      \
        .optional = true, .critical = "count > 100", .run = run, .ended = ended, __VA_ARGS__       \
    }
static const struct probe_check checks[] = {
    CHECK("connect"),
    CHECK("slow"),
    CHECK("other"),
    CHECK("prepared", .memory_size = sizeof(int), .prepare = prepare, .forget = forget),
    {0}};
static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "told",
    .version = "1",
    .summary = "does as it is told",
    .scheme = "told",
    .where = PROBE_NODE,
    .parallel = 1,
    .options = options,
    .config_size = sizeof(struct options),
    .data_size = sizeof(int), /* how many runs are alive */
    .checks = checks,
    .create = create,
    .destroy = destroy,
};

static int set_stage(void **state)
{
    (void)state;
    memset(&told, 0, sizeof(told));
    open_stage(&plugin);
    return 0;
}

/* As the agent does it: what is taken over replaces what was in force. */
static int reload(const char *yaml, struct reload_changes *ret_changes)
{
    struct config *config = parse(yaml);
    assert_non_null(config);
    int status = reload_take(stage.schedule, config, &stage.problems, ret_changes);
    if (status == 0) {
        config_destroy(stage.config);
        stage.config = config;
    } else {
        config_destroy(config);
    }
    return status;
}

#define DB(more) "  db: {url: \"told://a\", " more "}\n"
#define WEB(more) "  web: {url: \"told://a\", " more "}\n"

static const char two[] = "targets:\n" DB("checks: {slow: {}}") WEB("checks: {slow: {}}");

static void assert_changes(const struct reload_changes *changes, size_t kept, size_t changed,
                           size_t added, size_t removed)
{
    assert_int_equal(changes->kept, kept);
    assert_int_equal(changes->changed, changed);
    assert_int_equal(changes->added, added);
    assert_int_equal(changes->removed, removed);
}

static void what_is_kept_changed_added_and_removed_is_counted(void **state)
{
    struct reload_changes changes;
    (void)state;
    begin("targets:\n" DB("checks: {slow: {}}")
              WEB("checks: {slow: {}}") "  third: {url: \"told://a\", checks: {slow: {}}}\n");
    pass_ms(5000);
    assert_int_equal(
        reload("targets:\n" DB("checks: {slow: {}}")
                   WEB("limit: 2, checks: {slow: {}, other: {}}") "  new: {url: \"told://a\", "
                                                                  "checks: {slow: {}}}\n",
               &changes),
        0);
    assert_changes(&changes, 1, 1, 1, 1);
    assert_int_equal(stage.schedule->duty_count, 4);
    assert_int_equal(told.made, 5);
    assert_int_equal(told.gone, 2);
    pass_ms(12000);
    assert_null(strstr(stage.journal, "third"));
    assert_non_null(strstr(stage.journal, "db/slow#1"));
    assert_non_null(strstr(stage.journal, "web/slow#2"));
    assert_non_null(strstr(stage.journal, "web/other#2"));
    assert_non_null(strstr(stage.journal, "new/slow#1"));
}

static void the_same_configuration_keeps_every_target_with_its_runs(void **state)
{
    struct reload_changes changes;
    (void)state;
    told.hangs = true;
    begin(two);
    pass_ms(1500);
    assert_int_equal(told.live, 2);
    pass_ms(0);
    assert_int_equal(reload(two, &changes), 0);
    assert_changes(&changes, 2, 0, 0, 0);
    assert_int_equal(told.live, 2);
    assert_string_equal(stage.journal, "");
    pass_ms(60000); /* the first configuration's memory is theirs still */
    assert_int_equal(told.gone, 0);
    assert_int_equal(reload("targets: {}\n", &changes), 0);
    assert_changes(&changes, 0, 0, 0, 2);
}

static void a_run_that_a_reload_ends_is_silent_and_streaks_go_on(void **state)
{
    struct reload_changes changes;
    char canceled[32];
    (void)state;
    told.count = 101;
    begin("targets:\n" DB("checks: {slow: {for: 15s}}"));
    pass_ms(5000);
    assert_string_equal(stage.said, "");
    told.hangs = true;
    pass_ms(7000);
    assert_int_equal(told.live, 1);
    told.hangs = false;
    stage.journal[0] = '\0';
    assert_int_equal(reload("targets:\n" DB("limit: 2, checks: {slow: {for: 15s}}"), &changes), 0);
    (void)snprintf(canceled, sizeof(canceled), "db:%d /db db:gone ", -ECANCELED);
    assert_string_equal(stage.journal, canceled);
    assert_string_equal(stage.said, "");
    pass_ms(12000); /* 15 s after the first sample, not after the reload */
    assert_string_equal(stage.said, "db/slow[]=critical(start) ");
}

static void what_was_said_of_a_check_that_left_is_closed(void **state)
{
    struct reload_changes changes;
    (void)state;
    told.count = 101;
    begin("targets:\n" DB("checks: {slow: {}, other: {}}") WEB("checks: {slow: {}}"));
    pass_ms(5000);
    stage.said[0] = '\0';
    assert_int_equal(reload("targets:\n" DB("checks: {slow: {}}"), &changes), 0);
    assert_changes(&changes, 0, 1, 0, 1);
    assert_int_equal(count_of(stage.said, "(removed)"), 2);
    assert_non_null(strstr(stage.said, "db/other[]=ok(removed)"));
    assert_non_null(strstr(stage.said, "web/slow[]=ok(removed)"));
    pass_ms(30000);
    assert_null(strstr(stage.said, "slow")); /* critical it was, critical it is: nothing new */
}

static void a_refusal_changes_nothing(void **state)
{
    struct reload_changes changes = {0};
    (void)state;
    begin(two);
    pass_ms(5000);
    stage.journal[0] = '\0';
    told.refuses = true;
    assert_int_equal(
        reload("agent: {most_at_once: 1}\n"
               "targets:\n" WEB("limit: 13, checks: {slow: {}}") "  new: {url: \"told://a\", "
                                                                 "checks: {prepared: {}}}\n",
               &changes),
        -EINVAL);
    assert_int_equal(stage.problems.errors, 1);
    assert_string_equal(stage.journal, "new:gone forgotten "); /* of those that came to nothing */
    assert_int_equal(stage.schedule->duty_count, 2);
    assert_int_equal(stage.schedule->most, 256);
    pass_ms(10000);
    assert_non_null(strstr(stage.journal, "db/slow#1"));
    assert_non_null(strstr(stage.journal, "web/slow#1"));
    assert_null(strstr(stage.journal, "new"));
    assert_null(strstr(stage.said, "removed"));
}

static void what_a_check_refuses_is_said_and_never_forgotten(void **state)
{
    struct reload_changes changes;
    (void)state;
    begin(two);
    told.refuses_it = true;
    stage.journal[0] = '\0';
    assert_int_equal(reload("targets:\n" DB("checks: {prepared: {}}"), &changes), -EINVAL);
    assert_null(strstr(stage.journal, "forgotten"));
    told.refuses_it = false;
    assert_int_equal(reload("targets:\n" DB("checks: {prepared: {}}"), &changes), 0);
    assert_int_equal(reload("targets: {}\n", &changes), 0);
    assert_int_equal(count_of(stage.journal, "forgotten"), 1);
}

static void a_target_that_waits_for_room_may_be_removed(void **state)
{
    struct reload_changes changes;
    (void)state;
    told.hangs = true;
    begin("agent: {most_at_once: 1}\n"
          "targets:\n" DB("checks: {slow: {}, other: {}}") WEB("checks: {slow: {}, other: {}}"));
    pass_ms(2000); /* one runs, and three wait: behind it, and in the other target */
    assert_int_equal(stage.schedule->running, 1);
    told.hangs = false;
    assert_int_equal(
        reload("agent: {most_at_once: 1}\ntargets:\n" WEB("checks: {slow: {}, other: {}}"),
               &changes),
        0);
    pass_ms(30000);
    assert_null(strstr(stage.journal, "db"));
    assert_in_range(count_of(stage.journal, "web/slow"), 2, 4);
    assert_in_range(count_of(stage.journal, "web/other"), 2, 4);
    assert_int_equal(reload("targets: {}\n", &changes), 0);
    assert_int_equal(stage.schedule->running, 0);
    assert_true(list_empty(&stage.schedule->blocked));
}

static void a_target_that_is_down_may_be_changed(void **state)
{
    struct reload_changes changes;
    (void)state;
    told.down = true;
    begin("targets:\n" DB("checks: {connect: {}, slow: {}}"));
    pass_ms(20000); /* a first run of the other may have come before connect's */
    assert_non_null(strstr(stage.said, "db/connect[]=critical(target_down) "));
    assert_true(list_first(&stage.schedule->targets, struct target, link)->down);
    told.down = false;
    assert_int_equal(reload("targets:\n" DB("limit: 2, checks: {connect: {}, slow: {}}"), &changes),
                     0);
    pass_ms(15000);
    assert_non_null(strstr(stage.said, "db/connect[]=ok(change)"));
    assert_non_null(strstr(stage.journal, "db/slow")); /* and the other one runs again */
}

static void who_depends_on_whom_is_found_again(void **state)
{
    static const char web[] = WEB("checks: {slow: {depends_on: db/slow}}");
    struct reload_changes changes;
    char text[512];
    (void)state;
    told.count = 101;
    (void)snprintf(text, sizeof(text), "targets:\n%s%s", DB("checks: {slow: {}}"), web);
    begin(text);
    pass_ms(20000);
    (void)snprintf(text, sizeof(text), "targets:\n%s%s", DB("limit: 2, checks: {slow: {}}"), web);
    assert_int_equal(reload(text, &changes), 0);
    assert_changes(&changes, 1, 1, 0, 0);
    pass_ms(30000); /* what was critical is critical */
    assert_null(strstr(stage.journal, "web/slow"));
    told.count = 1;
    pass_ms(30000);
    assert_non_null(strstr(stage.journal, "web/slow"));
}

static void how_many_run_at_once_is_taken_over(void **state)
{
    struct reload_changes changes;
    (void)state;
    begin(two);
    assert_int_equal(reload("agent: {most_at_once: 1}\ntargets: {}\n", &changes), 0);
    assert_int_equal(stage.schedule->most, 1);
}

/* A run that has ended, and is not buried yet, goes with its target too. */
static void a_reload_between_the_end_of_a_run_and_its_burial(void **state)
{
    struct reload_changes changes;
    (void)state;
    begin("targets:\n" DB("checks: {slow: {}}"));
    target_ask(&list_first(&stage.schedule->targets, struct target, link)->duties[0]);
    assert_int_equal(told.live, 1);
    assert_int_equal(reload("targets: {}\n", &changes), 0);
    assert_int_equal(told.live, 0);
    assert_string_equal(stage.said, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_stage, close_stage)
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_changed_added_and_removed_is_counted),
        TEST(the_same_configuration_keeps_every_target_with_its_runs),
        TEST(a_run_that_a_reload_ends_is_silent_and_streaks_go_on),
        TEST(what_was_said_of_a_check_that_left_is_closed),
        TEST(a_refusal_changes_nothing),
        TEST(what_a_check_refuses_is_said_and_never_forgotten),
        TEST(a_target_that_waits_for_room_may_be_removed),
        TEST(a_target_that_is_down_may_be_changed),
        TEST(who_depends_on_whom_is_found_again),
        TEST(how_many_run_at_once_is_taken_over),
        TEST(a_reload_between_the_end_of_a_run_and_its_burial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
