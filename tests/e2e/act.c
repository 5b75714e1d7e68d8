/*
 * act - plans and applies one action on a real target, as the agent would, but without a guard.
 *
 *     act -c CONFIG TARGET ACTION [--with JSON] [--apply] [--except KEY]... [--step JSON] [--undo]
 *
 * For tests of actions; not installed.  Prints one JSON object a line: {"planned": ...}, then, with
 * --apply, one {"applied": ...} a step, or {"failed": ...}.  --step applies a step that an earlier
 * line has shown, without planning; --undo takes back what was applied, last first.  An action that
 * binds bounds is planned again before it is applied, as the contract says.  Exit code: 0, 1 for
 * usage and configuration, 2 where something failed.
 *
 * Part of tests/e2e.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/session.h"
#include "base/mem.h"
#include "base/writer.h"
#include "io/child.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/tls.h"
#include "probe/act.h"
#include "probe/metric.h"
#include "probe/schedule.h"

enum { MOST_EXCEPTED = 100, FAILED = 2 };

static struct {
    const char *paths[2], *target, *action, *with, *step;
    const char *excepted[MOST_EXCEPTED];
    size_t excepted_count;
    bool apply, undo;
} wish;

static struct {
    struct session session;
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct schedule *schedule;
    struct arena *arena;
    struct target *target;
    const struct probe_action *action;
    const void *config;
    struct act_plan *plan;
    bool planned_again;
    size_t at;                /* the step of the plan that is at work */
    struct probe_step *undos; /* in the order in which they were given */
    size_t undo_count;
    bool undoing;
    int code;
} work;

/* -------------------------------------------------------------- printing ---- */

static void write_step(struct writer *writer, const char *key, const struct probe_step *step)
{
    writer_object(writer, key);
    writer_string(writer, "key", step->key);
    writer_string(writer, "what", step->what);
    if (step->json)
        writer_raw(writer, "json", step->json);
    writer_int(writer, "count", step->count);
    writer_end(writer);
}

static void begin_line(struct text *text, struct writer *writer, const char *what)
{
    text_init(text, 1 << 26);
    writer_init(writer, text);
    writer_object(writer, NULL);
    writer_object(writer, what);
}

static void end_line(struct text *text, struct writer *writer)
{
    writer_end(writer);
    writer_end(writer);
    (void)puts(text->bytes);
    (void)fflush(stdout);
    text_finish(text);
}

static void print_failure(const struct act_failure *failure, const char *during, const char *key)
{
    struct text text;
    struct writer writer;
    begin_line(&text, &writer, "failed");
    writer_string(&writer, "during", during);
    writer_string(&writer, "key", key);
    writer_int(&writer, "status", failure->status);
    writer_bool(&writer, "begun", failure->begun);
    writer_bool(&writer, "denied", failure->how == PROBE_DENIED);
    writer_bool(&writer, "down", failure->how == PROBE_DOWN);
    writer_string(&writer, "reason", failure->reason);
    writer_string(&writer, "summary", failure->summary);
    writer_string(&writer, "hint", failure->hint);
    end_line(&text, &writer);
    work.code = FAILED;
}

static void print_plan(const struct act_plan *plan)
{
    static const char *const effects[] = {[PROBE_READS] = "reads",
                                          [PROBE_REVERSIBLE] = "reversible",
                                          [PROBE_DISRUPTIVE] = "disruptive",
                                          [PROBE_DESTRUCTIVE] = "destructive"};
    struct text text;
    struct writer writer;
    begin_line(&text, &writer, "planned");
    writer_array(&writer, "steps");
    for (size_t i = 0; i < plan->step_count; i++)
        write_step(&writer, NULL, &plan->steps[i]);
    writer_end(&writer);
    writer_int(&writer, "count", plan->count);
    writer_int(&writer, "total", plan->total);
    writer_string(&writer, "note", plan->note);
    writer_string(&writer, "effect", effects[plan->effect]);
    writer_bool(&writer, "again", work.planned_again);
    end_line(&text, &writer);
}

static void print_result(const struct act_result *result, const char *key)
{
    static const char *const outcomes[] = {
        [PROBE_APPLIED] = "applied", [PROBE_SKIPPED] = "skipped", [PROBE_SURVIVED] = "survived"};
    struct text text;
    struct writer writer;
    begin_line(&text, &writer, "applied");
    writer_string(&writer, "key", key);
    writer_string(&writer, "outcome", outcomes[result->outcome]);
    writer_string(&writer, "summary", result->summary);
    if (result->json)
        writer_raw(&writer, "json", result->json);
    if (result->undo)
        write_step(&writer, "undo", result->undo);
    writer_bool(&writer, "undoing", work.undoing);
    end_line(&text, &writer);
}

/* --------------------------------------------------------------- working ---- */

static void apply_next(void);

static bool is_excepted(const struct probe_step *step)
{
    for (size_t i = 0; i < wish.excepted_count; i++)
        if (strcmp(wish.excepted[i], step->key) == 0)
            return true;
    return false;
}

static void keep_undo(const struct probe_step *undo)
{
    work.undos = mem_resize(work.undos, (work.undo_count + 1) * sizeof(*work.undos));
    work.undos[work.undo_count++] = act_step_copy(undo);
}

static void on_undone(const struct act_failure *failure, const struct act_result *result,
                      void *data)
{
    struct probe_step *undo = data;
    if (failure)
        print_failure(failure, "undo", undo->key);
    else
        print_result(result, undo->key);
    act_step_finish(undo);
    apply_next();
}

static void undo_last(void)
{
    if (!wish.undo || work.undo_count == 0) {
        loop_stop(work.loop);
        return;
    }
    struct probe_step *undo = &work.undos[--work.undo_count];
    work.undoing = true;
    (void)act_apply(work.target, work.action, work.config, undo, on_undone, undo);
}

static const struct probe_step *current(void)
{
    return work.plan && work.at < work.plan->step_count ? &work.plan->steps[work.at] : NULL;
}

static void on_applied(const struct act_failure *failure, const struct act_result *result,
                       void *data)
{
    const struct probe_step *step = current();
    (void)data;
    if (failure)
        print_failure(failure, "apply", step ? step->key : NULL);
    else
        print_result(result, step ? step->key : NULL);
    if (result && result->undo)
        keep_undo(result->undo);
    work.at++;
    apply_next();
}

static void apply_next(void)
{
    while (!work.undoing && current() && is_excepted(current()))
        work.at++;
    if (current() && !work.undoing)
        (void)act_apply(work.target, work.action, work.config, current(), on_applied, NULL);
    else
        undo_last();
}

static void on_planned(const struct act_failure *failure, struct act_plan *plan, void *data)
{
    (void)data;
    if (failure) {
        print_failure(failure, "plan", NULL);
        loop_stop(work.loop);
        return;
    }
    act_plan_destroy(work.plan);
    work.plan = plan;
    print_plan(plan);
    if (!wish.apply) {
        loop_stop(work.loop);
    } else if (work.action->binds == PROBE_BINDS_BOUNDS && !work.planned_again) {
        work.planned_again = true;
        (void)act_plan(work.target, work.action, work.config, on_planned, NULL);
    } else {
        apply_next();
    }
}

/* The one step of --step, as if it had just been planned. */
static bool take_step(void)
{
    json_t *step = json_loads(wish.step, 0, NULL), *json = json_object_get(step, "json");
    const char *key = json_string_value(json_object_get(step, "key"));
    const char *what = json_string_value(json_object_get(step, "what"));
    MEM_AUTO char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (key) {
        work.plan = mem_new(sizeof(*work.plan));
        work.plan->steps = mem_new(sizeof(*work.plan->steps));
        work.plan->step_count = 1;
        work.plan->steps[0] = act_step_copy(&(struct probe_step){key, what ? what : key, text, 1});
    } else {
        (void)fprintf(stderr, "act: --step is no object with a key\n");
    }
    json_decref(step);
    return key != NULL;
}

static void start(void)
{
    if (wish.step)
        apply_next();
    else if (work.action->plan)
        (void)act_plan(work.target, work.action, work.config, on_planned, NULL);
    else
        (void)act_apply(work.target, work.action, work.config, NULL, on_applied, NULL);
}

/* ---------------------------------------------------------- the beginning ---- */

static bool no_check(const struct config_target *target, const struct config_check *check,
                     void *data)
{
    (void)target;
    (void)check;
    (void)data;
    return false;
}

static bool find_target(void)
{
    struct target *target;
    list_for_each(target, &work.schedule->targets, struct target, link)
        if (strcmp(target->config->name, wish.target) == 0)
            work.target = target;
    if (!work.target) {
        (void)fprintf(stderr, "act: there is no target \"%s\"\n", wish.target);
        return false;
    }
    work.action = act_find(work.target->config->plugin, wish.action);
    if (!work.action)
        (void)fprintf(stderr, "act: its plugin has no action \"%s\"\n", wish.action);
    return work.action != NULL;
}

static bool configure(struct problems *problems)
{
    json_error_t wrong;
    json_t *with = json_loads(wish.with ? wish.with : "{}", 0, &wrong);
    if (!with) {
        (void)fprintf(stderr, "act: --with is no JSON: %s\n", wrong.text);
        return false;
    }
    const struct node *map = node_from_json(work.arena, with, "--with");
    json_decref(with);
    work.config = act_configure(work.arena, work.action, map, "with", problems);
    return work.config != NULL;
}

static int open_world(void)
{
    static const struct event_speaker speaker = {.realm = "act",
                                                 .role = "node",
                                                 .node = "act",
                                                 .boot = "00000000",
                                                 .version = "0",
                                                 .config = "000000"};
    struct options options = {.paths = wish.paths, .path_count = 1};
    (void)signal(SIGPIPE, SIG_IGN);
    if (!session_open(&work.session, &options))
        return -1;
    if (!session_configure(&work.session, &options) || child_start() < 0) {
        session_close(&work.session);
        return -1;
    }
    work.loop = loop_create();
    work.bus = bus_create(&speaker);
    work.ledger = ledger_create();
    work.arena = arena_create();
    work.schedule = schedule_create(work.loop, work.bus, work.ledger);
    work.schedule->wants = no_check;
    return 0;
}

static void close_world(void)
{
    act_plan_destroy(work.plan);
    for (size_t i = 0; i < work.undo_count; i++)
        act_step_finish(&work.undos[i]);
    free(work.undos);
    schedule_destroy(work.schedule);
    bus_destroy(work.bus);
    ledger_destroy(work.ledger);
    arena_destroy(work.arena);
    http_shutdown(work.loop);
    resolve_shutdown(work.loop);
    child_stop();
    tls_shutdown();
    metric_forget_all();
    if (loop_destroy(work.loop))
        work.code = EXIT_REFUSED;
    session_close(&work.session);
}

static bool read_wish(int argc, char **argv)
{
    enum { WITH = 256, APPLY, EXCEPT, STEP, UNDO };
    static const struct option known[] = {{"with", required_argument, NULL, WITH},
                                          {"apply", no_argument, NULL, APPLY},
                                          {"except", required_argument, NULL, EXCEPT},
                                          {"step", required_argument, NULL, STEP},
                                          {"undo", no_argument, NULL, UNDO},
                                          {0}};
    for (int option; (option = getopt_long(argc, argv, "c:", known, NULL)) != -1;) {
        if (option == 'c')
            wish.paths[0] = optarg;
        else if (option == WITH)
            wish.with = optarg;
        else if (option == STEP)
            wish.step = optarg;
        else if (option == APPLY)
            wish.apply = true;
        else if (option == UNDO)
            wish.undo = true;
        else if (option == EXCEPT && wish.excepted_count < MOST_EXCEPTED)
            wish.excepted[wish.excepted_count++] = optarg;
        else
            return false;
    }
    if (!wish.paths[0] || argc - optind != 2)
        return false;
    wish.target = argv[optind];
    wish.action = argv[optind + 1];
    return true;
}

int main(int argc, char **argv)
{
    struct problems problems = {0};
    if (!read_wish(argc, argv)) {
        (void)fprintf(
            stderr,
            "usage: act -c CONFIG TARGET ACTION [--with JSON] [--apply] [--except KEY]... "
            "[--step JSON] [--undo]\n");
        return EXIT_REFUSED;
    }
    if (open_world() < 0)
        return EXIT_REFUSED;
    work.code = EXIT_REFUSED;
    if (schedule_fill(work.schedule, work.session.config, &problems) == 0 && find_target() &&
        configure(&problems) && (!wish.step || take_step())) {
        work.code = EXIT_FINE;
        start();
        loop_run(work.loop);
    }
    (void)session_print(&problems);
    close_world();
    return work.code;
}
