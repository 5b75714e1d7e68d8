#include "app/trial.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/caller.h"
#include "app/planned.h"
#include "app/session.h"
#include "app/trial_lease.h"
#include "base/mem.h"
#include "incident/remediation.h"
#include "io/child.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/tls.h"
#include "probe/metric.h"

#define ENTRY "script-run"

enum { LOOK_MS = 50, FIRST_LOOK_MS = 10000, CLOSE_MS = 2000, LONGEST = 4 << 20, MOST_ITEMS = 1000 };

struct trial {
    const struct options *options;
    struct session session;
    char *folder, *name; /* of the script */
    char state[64];      /* the temporary folder */
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct schedule *schedule;
    struct store *store;
    struct audit *audit;
    struct remediations *remediations;
    struct trial_lease *lease; /* NULL: none is needed */
    struct timer turn;
    uint64_t begun_us;
    bool looked, started; /* the script's check has run once; it has begun */
    bool planned, applied, failed;
    char asked[PLAN_ID_LEN + 1]; /* the plan that a person was asked about */
};

/* ------------------------------------------------------- what is to be run ---- */

/* "redis/quarantine_queue" and its folder, of a name or of a file. */
static bool find_script(struct trial *trial, const char *word)
{
    size_t len = strlen(word);
    if (len < 4 || strcmp(word + len - 4, ".lua") != 0) {
        trial->folder = session_script_folder(trial->options);
        trial->name = mem_copy(word);
        return true;
    }
    MEM_AUTO char *path = realpath(word, NULL);
    if (!path) {
        (void)fprintf(stderr, "runbookd: %s: %s\n", word, strerror(errno));
        return false;
    }
    MEM_AUTO char *folder = shelf_of_file(path); /* "scripts/redis/.." where lib is beside redis */
    trial->folder = realpath(folder, NULL);
    if (!trial->folder) {
        (void)fprintf(stderr, "runbookd: %s: %s\n", folder, strerror(errno));
        return false;
    }
    size_t inside = strlen(trial->folder) + 1;
    trial->name = mem_copy_n(path + inside, strlen(path) - inside - 4);
    return true;
}

/* What the script needs, all of which is granted; NULL: there is no such script. */
static json_t *needs_of(const struct trial *trial)
{
    struct problems problems = {0};
    struct shelf *shelf = shelf_open(trial->folder, &problems);
    const struct script *script = shelf ? shelf_find(shelf, trial->name) : NULL;
    json_t *allow = script ? json_array() : NULL;
    for (size_t i = 0; script && i < script->need_count; i++)
        (void)json_array_append_new(allow, json_string(script->needs[i].verb));
    if (script)
        problems_finish(&problems); /* of others; its own are told again */
    else
        (void)session_print(&problems);
    if (!script)
        (void)fprintf(
            stderr, "runbookd: there is no script \"%s\" in %s\n", trial->name, trial->folder);
    shelf_close(shelf);
    return allow;
}

/* The remediations that are configured are none of ours: they are taken out. */
static json_t *without_others(const struct trial *trial)
{
    const struct options *options = trial->options;
    const struct config_needs needs = {.version = RUNBOOKD_VERSION};
    struct problems problems = {0};
    json_t *entries = json_object();
    struct config *config = config_load(
        options->paths, options->path_count, &trial->session.plugins, &needs, &problems);
    const struct node *map = config ? node_find(config->root, "remediations") : NULL;
    for (const struct node *node = map && map->kind == NODE_MAP ? map->first : NULL; node;
         node = node->next)
        (void)json_object_set_new(entries, node->key, json_null());
    config_destroy(config);
    problems_finish(&problems); /* are told when all is read */
    return entries;
}

/* Laid over what is configured: one remediation, by hand, and a state of its own. */
static bool write_overlay(const struct trial *trial, const char *path)
{
    const char *mode = trial->options->apply ? "approve" : "dry-run";
    json_t *allow = needs_of(trial);
    if (!allow)
        return false;
    json_t *entries = without_others(trial);
    json_t *entry = json_pack("{s:s, s:s, s:o, s:s, s:i}",
                              "trigger",
                              "manual",
                              "script",
                              trial->name,
                              "allow",
                              allow,
                              "mode",
                              mode,
                              "approvals",
                              1);
    (void)json_object_set_new(entry, "targets", options_pairs(trial->options, OPTION_TARGET));
    (void)json_object_set_new(entry, "with", options_values(trial->options, OPTION_WITH));
    (void)json_object_set_new(entries, ENTRY, entry);
    json_t *root = json_pack("{s:{s:s}, s:{s:s}, s:o}",
                             "agent",
                             "state",
                             trial->state,
                             "guard",
                             "mode",
                             mode,
                             "remediations",
                             entries);
    bool written = json_dump_file(root, path, 0) == 0;
    json_decref(root);
    return written;
}

static bool configure(struct trial *trial)
{
    struct options options = *trial->options;
    const char *paths[33] = {NULL};
    MEM_AUTO char *overlay = mem_print("%s/overlay.json", trial->state);
    if (!write_overlay(trial, overlay))
        return false;
    for (size_t i = 0; i < options.path_count; i++)
        paths[i] = options.paths[i];
    paths[options.path_count++] = overlay;
    options.paths = paths;
    options.script_folder = trial->folder;
    bool fine = session_configure(&trial->session, &options) && trial->session.entries;
    (void)unlink(overlay);
    return fine;
}

static bool is_frozen(const struct trial *trial)
{
    return trial->options->apply && trial_is_frozen(trial->options, trial->session.entries);
}

/* -------------------------------------------------------------- at work ---- */

static json_t *plan_json(const struct trial *trial, const struct plan *plan)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, LONGEST);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    writer_time(&writer, "time", loop_wall_ms(trial->loop));
    plan_write(plan, &writer, MOST_ITEMS);
    writer_string(&writer, "remediation", plan->entry);
    writer_string(&writer, "state", plan_state_name(plan->state));
    writer_time(&writer, "made", plan->made_ms);
    writer_time(&writer, "expires", plan->expires_ms);
    writer_int(&writer, "needed", plan->needed);
    writer_end(&writer);
    return json_loads(text.bytes, 0, NULL);
}

static void print_plan(const struct trial *trial, const struct plan *plan)
{
    struct text TEXT_AUTO out;
    json_t *json = plan_json(trial, plan);
    text_init(&out, LONGEST);
    if (!caller_print_json(trial->options, json)) {
        planned_print(json, &out);
        caller_print(&out);
    }
    json_decref(json);
}

static bool agreed(const struct trial *trial, const struct plan *plan)
{
    char line[64] = "";
    if (trial->options->yes)
        return true;
    (void)fprintf(stderr, "Apply this?  Type %.4s: ", plan->hash);
    (void)fflush(stderr);
    if (!fgets(line, sizeof(line), stdin))
        (void)fprintf(stderr, "\n");
    size_t len = strcspn(line, " \t\r\n");
    return len >= PLAN_HASH_TYPED && strncmp(line, plan->hash, len) == 0;
}

static void decide(struct trial *trial, const struct plan *plan)
{
    struct error error;
    char who[32];
    (void)snprintf(who, sizeof(who), "uid %u", (unsigned)getuid());
    const struct remediation_decision decision = {
        .plan = plan->id, .who = who, .proof = "terminal", .from = "terminal"};
    (void)snprintf(trial->asked, sizeof(trial->asked), "%s", plan->id);
    print_plan(trial, plan);
    bool yes = agreed(trial, plan);
    if (!yes)
        (void)fprintf(stderr, "runbookd: nothing is applied\n");
    int status = yes ? remediations_approve(trial->remediations, &decision, &error)
                     : remediations_reject(trial->remediations, &decision, &error);
    if (status < 0)
        (void)fprintf(stderr, "runbookd: %s\n", error.message);
}

/* What waits, or, in a dry run, was made. */
static void take_plan(const struct plan *plan, void *data)
{
    const struct plan **found = data;
    if (!*found && (plan->state == PLAN_WAITING || plan->state == PLAN_MADE))
        *found = plan;
}

static unsigned at_work(const struct trial *trial)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, 1024);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    remediations_write(trial->remediations, &writer);
    writer_end(&writer);
    json_t *root = json_loads(text.bytes, 0, NULL);
    const json_t *counts = json_object_get(root, "remediations");
    int64_t count = caller_number(counts, "running") + caller_number(counts, "waiting");
    json_decref(root);
    return (unsigned)count;
}

static bool begin(struct trial *trial)
{
    char run[PLAN_RUN_LEN + 1];
    struct error error;
    const struct remediation_wish wish = {
        .entry = ENTRY, .who = "script run", .proof = "terminal", .from = "terminal"};
    trial->started = true;
    if (remediations_start(trial->remediations, &wish, run, &error) == 0)
        return true;
    (void)fprintf(stderr, "runbookd: %s\n", error.message);
    trial->failed = true;
    return false;
}

/* Once what it is about was looked at, and the lease is held where one is needed; false: it will not begin. */
static bool try_begin(struct trial *trial)
{
    bool patient = loop_now_us(trial->loop) - trial->begun_us < FIRST_LOOK_MS * UINT64_C(1000);
    enum trial_lease_word word = trial_lease_look(trial->lease);
    trial->failed |= word == TRIAL_LEASE_REFUSED;
    if (word != TRIAL_LEASE_FINE || (!trial->looked && patient))
        return word != TRIAL_LEASE_REFUSED;
    return begin(trial);
}

/* A look at how it goes; what is asked of a person is asked here, where nothing else is under way. */
static void on_turn(void *data)
{
    struct trial *trial = data;
    const struct plan *plan = NULL;
    if (!trial->started && !try_begin(trial)) {
        loop_stop(trial->loop);
        return;
    }
    if (trial->started) {
        remediations_each_plan(trial->remediations, take_plan, &plan);
        if (plan && strcmp(plan->id, trial->asked) != 0 && plan->state == PLAN_WAITING)
            decide(trial, plan);
        if (at_work(trial) == 0) {
            loop_stop(trial->loop);
            return;
        }
    }
    timer_start(&trial->turn, trial->loop, LOOK_MS, on_turn, trial);
}

static void say(struct trial *trial, const struct event *event)
{
    struct text TEXT_AUTO out;
    json_t *json = json_loads(event->json, 0, NULL);
    const char *step = caller_word(json, "step");
    text_init(&out, LONGEST);
    trial->planned |= strcmp(step, "planned") == 0;
    trial->applied |= strcmp(step, "applied") == 0;
    trial->failed |= strcmp(step, "failed") == 0 || strcmp(step, "refused") == 0 ||
                     strcmp(step, "handed_over") == 0;
    if (trial->options->json) {
        text_add(&out, event->json);
    } else {
        screen_pad(&out, step, 12);
        (void)screen_add(&out, event->message, 0);
    }
    text_add_char(&out, '\n');
    caller_print(&out);
    json_decref(json);
}

/* Whether that is what the script is about: then it can be told. */
static bool is_expected(const struct trial *trial, const struct event *event)
{
    const struct script *script = entries_find(trial->session.entries, ENTRY)->script;
    const char *check = event->kind == EVENT_FINDING ? event->finding->check : NULL;
    size_t len = script->plugin ? strlen(script->plugin) : 0;
    if (!check)
        return false;
    if (!script->plugin || !script->check)
        return true;
    return strncmp(check, script->plugin, len) == 0 && check[len] == '.' &&
           strcmp(check + len + 1, script->check) == 0;
}

static void on_event(const struct event *event, void *data)
{
    struct trial *trial = data;
    trial->looked |= is_expected(trial, event);
    if (event->kind == EVENT_REMEDIATION)
        say(trial, event);
}

/* Only the script's own targets are looked at. */
static bool wants(const struct config_target *target, const struct config_check *check, void *data)
{
    const struct entry *entry = data;
    (void)check;
    for (size_t i = 0; i < entry->binding_count; i++)
        if (entry->bindings[i].target == target)
            return true;
    return false;
}

/* ------------------------------------------------------------- its world ---- */

static bool open_world(struct trial *trial)
{
    static const struct event_speaker speaker = {.realm = "script run",
                                                 .role = "node",
                                                 .node = "script run",
                                                 .boot = "00000000",
                                                 .version = RUNBOOKD_VERSION,
                                                 .config = "000000"};
    struct problems problems = {0};
    struct error error;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)child_start();
    child_allow(trial->session.config->exec.permits);
    trial->loop = loop_create();
    trial->bus = bus_create(&speaker);
    trial->ledger = ledger_create();
    trial->schedule = schedule_create(trial->loop, trial->bus, trial->ledger);
    trial->schedule->wants = wants;
    trial->schedule->wants_data = (void *)entries_find(trial->session.entries, ENTRY);
    bool filled = schedule_fill(trial->schedule, trial->session.config, &problems) == 0;
    if (!session_print(&problems) || !filled)
        return false;
    trial->store = store_open(trial->loop, trial->state, "select 1", NULL, &error);
    trial->audit = trial->store ? audit_open(trial->loop, trial->bus, trial->store, &error) : NULL;
    if (!trial->audit) {
        (void)fprintf(stderr, "runbookd: %s\n", error.message);
        return false;
    }
    if (trial->options->apply && trial_lease_open(trial->schedule,
                                                  trial->session.config,
                                                  entries_find(trial->session.entries, ENTRY),
                                                  trial->store,
                                                  &trial->lease) < 0)
        return false;
    const struct remediation_needs needs = {.schedule = trial->schedule,
                                            .audit = trial->audit,
                                            .store = trial->store,
                                            .sources = trial_lease_sources(trial->lease),
                                            .mirror = trial_lease_mirror(trial->lease)};
    trial->remediations = remediations_create(&needs);
    trial_lease_begin(trial->lease, trial->remediations);
    remediations_use(trial->remediations, trial->session.entries);
    return true;
}

static void close_world(struct trial *trial)
{
    timer_stop(&trial->turn);
    remediations_destroy(trial->remediations);
    audit_close(trial->audit);
    trial_lease_close(trial->lease);
    schedule_destroy(trial->schedule);
    if (trial->store)
        store_close(trial->store, CLOSE_MS);
    bus_destroy(trial->bus);
    ledger_destroy(trial->ledger);
    http_shutdown(trial->loop);
    resolve_shutdown(trial->loop);
    child_stop();
    tls_shutdown();
    metric_forget_all();
    (void)loop_destroy(trial->loop);
}

static void forget_state(const struct trial *trial)
{
    static const char *const files[] = {
        "state.db", "state.db-wal", "state.db-shm", "lock", "overlay.json"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        MEM_AUTO char *path = mem_print("%s/%s", trial->state, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(trial->state);
}

static int work(struct trial *trial)
{
    const struct plan *plan = NULL;
    bool open = open_world(trial);
    if (open) {
        bus_subscribe(trial->bus, on_event, trial);
        trial->begun_us = loop_now_us(trial->loop);
        schedule_start(trial->schedule);
        timer_start(&trial->turn, trial->loop, LOOK_MS, on_turn, trial);
        loop_run(trial->loop);
        remediations_each_plan(trial->remediations, take_plan, &plan);
        if (!trial->options->apply && plan)
            print_plan(trial, plan);
    }
    close_world(trial);
    bool done = trial->options->apply ? trial->applied && !trial->failed : !trial->failed;
    return open && done ? EXIT_FINE : EXIT_REFUSED;
}

int trial_run(const struct options *options)
{
    struct trial trial = {.options = options, .state = "/tmp/runbookd-script-XXXXXX"};
    int code = EXIT_REFUSED;
    if (!options->path_count) {
        (void)fprintf(stderr, "runbookd: script run needs a configuration: -c PATH\n");
        return EXIT_REFUSED;
    }
    if (!find_script(&trial, options->words[1]) || !session_open(&trial.session, options)) {
        free(trial.folder);
        free(trial.name);
        return EXIT_REFUSED;
    }
    if (!mkdtemp(trial.state)) {
        (void)fprintf(stderr, "runbookd: cannot make a folder in /tmp: %s\n", strerror(errno));
    } else {
        if (configure(&trial) && !is_frozen(&trial))
            code = work(&trial);
        forget_state(&trial);
    }
    session_close(&trial.session);
    free(trial.folder);
    free(trial.name);
    return code;
}
