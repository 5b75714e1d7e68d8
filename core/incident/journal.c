/*
 * journal - what outlives the process: attempts, courses that wait, have begun or can be taken back, evidence.
 *
 * Everything is queued to the store in the order in which it happens, so that what an audit's line follows is
 * on disk when the line is.  A course is kept as one JSON document, whose members are only ever added.
 *
 * Layer: incident.  Part of incident/remediation.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "incident/remediation_parts.h"
#include "io/loop.h"

static const char schema[] =
    "create table if not exists attempt (entry text not null, target text not null,"
    " at_ms integer not null);"
    "create table if not exists course (run text primary key, doc text not null);"
    "create table if not exists evidence (run text not null, target text not null,"
    " at_ms integer not null, doc text not null);";

enum { EVIDENCE_MOST = 200, ATTEMPTS_DAYS = 31, TRY_AGAIN_MS = 5000 };

/* ------------------------------------------------------------------ writing ---- */

/* One statement with up to three texts and a number, as its SQL says. */
struct change {
    struct list link;
    struct remediations *all; /* NULL: they are gone */
    const char *sql;
    char *texts[3];
    int64_t number;
};

static int change_do(sqlite3 *db, void *data)
{
    const struct change *change = data;
    sqlite3_stmt *statement = NULL;
    int status = store_status(sqlite3_prepare_v2(db, change->sql, -1, &statement, NULL));
    for (size_t i = 0; status == 0 && i < COUNT_OF(change->texts); i++)
        if (change->texts[i])
            (void)sqlite3_bind_text(statement, (int)i + 1, change->texts[i], -1, SQLITE_STATIC);
    if (status == 0)
        (void)sqlite3_bind_int64(statement, 4, change->number);
    if (status == 0)
        status = store_status(sqlite3_step(statement));
    (void)sqlite3_finalize(statement);
    return status;
}

static void change_free(struct change *change)
{
    list_remove(&change->link);
    for (size_t i = 0; i < COUNT_OF(change->texts); i++)
        free(change->texts[i]);
    free(change);
}

static void on_retry(void *data);

static void set_trouble(struct remediations *all, int status)
{
    free(all->unkept);
    all->unkept =
        status < 0 ? mem_print("the guard's state cannot be written: %s", strerror(-status)) : NULL;
    if (status == 0)
        return;
    log_error("%s", all->unkept);
    timer_start(&all->retry, all->loop, TRY_AGAIN_MS, on_retry, all);
}

/* Whether anything can be written again; what could not be was not begun either. */
static const char again[] = "delete from attempt where at_ms < 0";

/* What follows what was not written, and is, does not make it good. */
static void on_changed(int status, void *data)
{
    struct change *change = data;
    if (change->all && (status < 0 || change->sql == again))
        set_trouble(change->all, status);
    change_free(change);
}

/* The texts are taken over. */
static void queue(struct remediations *all, const char *sql, char *first, char *second, char *third,
                  int64_t number)
{
    struct change *change = mem_new(sizeof(*change));
    *change =
        (struct change){.all = all, .sql = sql, .texts = {first, second, third}, .number = number};
    list_init(&change->link);
    list_add(&all->changes, &change->link);
    if (!all->needs.store) {
        change_free(change);
    } else if (!store_do(all->needs.store, change_do, on_changed, change)) {
        change_free(change);
        set_trouble(all, -EAGAIN);
    }
}

static void on_retry(void *data)
{
    queue(data, again, NULL, NULL, NULL, 0);
}

void journal_begun(struct remediations *all, const char *entry, const char *target, int64_t at_ms)
{
    queue(all,
          "insert into attempt (entry, target, at_ms) values (?1, ?2, ?4)",
          mem_copy(entry),
          mem_copy(target),
          NULL,
          at_ms);
}

static void on_sighting(const struct sighting *sighting, void *data)
{
    struct text *text = data;
    if (!sighting->json)
        return;
    if (text->len > 1)
        text_add_char(text, ',');
    text_add(text, sighting->json);
}

/* What the agent saw of the target before anything was changed there. */
void journal_evidence(struct course *course, const char *target)
{
    struct text TEXT_AUTO text;
    struct remediations *all = course->all;
    text_init(&text, 1 << 20);
    text_add_char(&text, '[');
    sight_each(all->sights, target, NULL, on_sighting, &text);
    text_add_char(&text, ']');
    if (text.cut)
        return;
    queue(all,
          "insert into evidence (run, target, doc, at_ms) values (?1, ?2, ?3, ?4)",
          mem_copy(course->run),
          mem_copy(target),
          text_take(&text),
          loop_wall_ms(all->loop));
    queue(all,
          "delete from evidence where rowid <= (select max(rowid) - ?4 from evidence)",
          NULL,
          NULL,
          NULL,
          EVIDENCE_MOST);
}

/* --------------------------------------------------------------------- courses ---- */

static void set_text(json_t *json, const char *key, const char *text)
{
    if (text)
        (void)json_object_set_new(json, key, json_string(text));
}

static json_t *pack_undos(const struct course *course)
{
    json_t *undos = json_array();
    for (const struct list *link = course->undos.next; link != &course->undos; link = link->next) {
        const struct undo *undo = container_of(link, struct undo, link);
        json_t *json = json_object();
        set_text(json, "target", undo->target);
        set_text(json, "action", undo->action);
        set_text(json, "verb", undo->verb);
        set_text(json, "args", undo->args);
        set_text(json, "key", undo->step.key);
        set_text(json, "what", undo->step.what);
        set_text(json, "json", undo->step.json);
        (void)json_object_set_new(json, "count", json_integer(undo->step.count));
        (void)json_array_append_new(undos, json);
    }
    return undos;
}

json_t *journal_pack(const struct course *course)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"state", course->state},
        {"changed", course->changed},
        {"done", course->done},
        {"skipped", course->skipped},
        {"survived", course->survived},
        {"failed", course->failed},
        {"begun_ms", course->begun_ms},
        {"verify_begun_ms", course->verify.begun_ms},
        {"verify_since_ms", course->verify.since_ms},
        {"undo_due_ms", course->undo_due_ms},
    };
    json_t *json = json_object();
    set_text(json, "run", course->run);
    set_text(json, "entry", course->entry->name);
    set_text(json, "who", course->who);
    set_text(json, "proof", course->proof);
    set_text(json, "from", course->from);
    set_text(json, "reason", course->reason);
    set_text(json, "finding_id", course->finding_id);
    set_text(json, "subject", course->subject);
    set_text(json, "trigger_target", course->trigger_target);
    set_text(json, "trigger_name", course->trigger_name);
    set_text(json, "begun_key", course->begun_key);
    set_text(json, "kept_plan", course->kept_plan);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        (void)json_object_set_new(json, numbers[i].name, json_integer(numbers[i].value));
    if (!isnan(course->baseline))
        (void)json_object_set_new(json, "baseline", json_real(course->baseline));
    if (course->finding)
        (void)json_object_set(json, "finding", course->finding);
    if (course->with)
        (void)json_object_set(json, "with", course->with);
    const struct plan *plan = course->errand
                                  ? course->errand->plan
                                  : remediation_find_plan(course->all, course->kept_plan);
    if (plan) {
        (void)json_object_set_new(json, "plan", plan_pack(plan));
        (void)json_object_set_new(json, "plan_hash", json_string(plan->hash));
    }
    (void)json_object_set_new(json, "undos", pack_undos(course));
    return json;
}

void journal_keep(struct course *course)
{
    json_t *json = journal_pack(course);
    char *doc = json_dumps(json, JSON_COMPACT);
    struct text clean;
    inherit_keep(course, json);
    json_decref(json);
    text_init(&clean, (size_t)16 << 20);
    redact_add_json(&clean, doc ? doc : "{}", doc ? strlen(doc) : 2, 1);
    free(doc);
    queue(course->all,
          "insert into course (run, doc) values (?1, ?2) on conflict (run) do update set doc = ?2",
          mem_copy(course->run),
          text_take(&clean),
          NULL,
          0);
}

void journal_forget(struct course *course)
{
    inherit_forget(course);
    journal_forget_here(course);
}

void journal_forget_here(struct course *course)
{
    queue(course->all, "delete from course where run = ?1", mem_copy(course->run), NULL, NULL, 0);
}

/* --------------------------------------------------------------------- reading ---- */

static int64_t number_of(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

static char *text_of(const json_t *json, const char *name)
{
    return mem_copy(json_string_value(json_object_get(json, name)));
}

static void unpack_undos(struct course *course, const json_t *undos)
{
    size_t i;
    const json_t *json;
    json_array_foreach(undos, i, json) {
        struct undo *undo = mem_new(sizeof(*undo));
        const struct probe_step step = {
            .key = json_string_value(json_object_get(json, "key")),
            .what = json_string_value(json_object_get(json, "what")),
            .json = json_string_value(json_object_get(json, "json")),
            .count = number_of(json, "count"),
        };
        undo->target = text_of(json, "target");
        undo->action = text_of(json, "action");
        undo->verb = text_of(json, "verb");
        undo->args = text_of(json, "args");
        undo->step = act_step_copy(&step);
        list_init(&undo->link);
        list_add(&course->undos, &undo->link);
    }
}

/*
 * A course as it was kept, before entries are in force: its `entry` is one of its own, which has but a name, until
 * remediations_use() has found the real one.
 */
struct course *journal_unpack(struct remediations *all, const json_t *json)
{
    const char *run = json_string_value(json_object_get(json, "run"));
    const char *name = json_string_value(json_object_get(json, "entry"));
    if (!run || strlen(run) > PLAN_RUN_LEN || !name)
        return NULL;
    struct course *course = course_create(all, NULL, NULL);
    (void)snprintf(course->run, sizeof(course->run), "%s", run);
    course->kept_name = mem_copy(name);
    course->state = (enum course_state)number_of(json, "state");
    course->who = text_of(json, "who");
    course->proof = text_of(json, "proof");
    course->from = text_of(json, "from");
    course->reason = text_of(json, "reason");
    course->finding_id = text_of(json, "finding_id");
    course->subject = text_of(json, "subject");
    course->trigger_target = text_of(json, "trigger_target");
    course->trigger_name = text_of(json, "trigger_name");
    course->begun_key = text_of(json, "begun_key");
    course->kept_plan = text_of(json, "kept_plan");
    course->changed = number_of(json, "changed") != 0;
    course->done = (unsigned)number_of(json, "done");
    course->skipped = (unsigned)number_of(json, "skipped");
    course->survived = (unsigned)number_of(json, "survived");
    course->failed = (unsigned)number_of(json, "failed");
    course->begun_ms = number_of(json, "begun_ms");
    course->verify.begun_ms = number_of(json, "verify_begun_ms");
    course->verify.since_ms = number_of(json, "verify_since_ms");
    course->undo_due_ms = number_of(json, "undo_due_ms");
    if (json_object_get(json, "baseline"))
        course->baseline = json_real_value(json_object_get(json, "baseline"));
    course->finding = json_incref(json_object_get(json, "finding"));
    course->with = json_incref(json_object_get(json, "with"));
    unpack_undos(course, json_object_get(json, "undos"));
    struct plan *plan = plan_unpack(json_object_get(json, "plan"));
    if (plan) {
        free(course->kept_plan);
        course->kept_plan = mem_copy(plan->id);
        (void)remediation_add_plan(all, plan);
    }
    return course;
}

static int read_attempts(sqlite3 *db, struct remediations *all)
{
    sqlite3_stmt *statement = NULL;
    int status = store_status(sqlite3_prepare_v2(
        db, "select entry, target, at_ms from attempt order by at_ms", -1, &statement, NULL));
    while (status == 0 && sqlite3_step(statement) == SQLITE_ROW)
        facts_begun(all,
                    (const char *)sqlite3_column_text(statement, 0),
                    (const char *)sqlite3_column_text(statement, 1),
                    sqlite3_column_int64(statement, 2));
    (void)sqlite3_finalize(statement);
    return status;
}

static int read_courses(sqlite3 *db, struct remediations *all)
{
    sqlite3_stmt *statement = NULL;
    int status = store_status(
        sqlite3_prepare_v2(db, "select doc from course order by rowid", -1, &statement, NULL));
    while (status == 0 && sqlite3_step(statement) == SQLITE_ROW) {
        json_t *json = json_loads((const char *)sqlite3_column_text(statement, 0), 0, NULL);
        if (!json || !journal_unpack(all, json))
            log_error("a remediation that was kept cannot be read: it is left out");
        json_decref(json);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static int read_all(sqlite3 *db, void *data)
{
    struct remediations *all = data;
    char prune[96];
    int64_t old_ms = loop_wall_ms(all->loop) - (int64_t)ATTEMPTS_DAYS * DAY_MS;
    int status = store_status(sqlite3_exec(db, schema, NULL, NULL, NULL));
    (void)snprintf(
        prune, sizeof(prune), "delete from attempt where at_ms < %lld", (long long)old_ms);
    if (status == 0)
        status = store_status(sqlite3_exec(db, prune, NULL, NULL, NULL));
    if (status == 0)
        status = read_attempts(db, all);
    return status < 0 ? status : read_courses(db, all);
}

int journal_open(struct remediations *all)
{
    return all->needs.store ? store_do_now(all->needs.store, read_all, all) : 0;
}

/* What is queued is written all the same. */
void journal_close(struct remediations *all)
{
    struct change *change;
    timer_stop(&all->retry);
    list_for_each(change, &all->changes, struct change, link) {
        list_remove(&change->link);
        change->all = NULL;
    }
}
