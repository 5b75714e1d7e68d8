#include "incident/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "incident/audit_parts.h"
#include "io/digest.h"
#include "io/loop.h"

enum { TRY_AGAIN_MS = 5000 };

static const char schema[] =
    "create table if not exists audit (entry integer primary key, wall_ms integer not null,"
    " line text not null, hash text not null);";

/* Lines that are written together; the store's thread reads it. */
struct batch {
    struct audit *audit; /* NULL: it is gone */
    struct list lines;
};

void audit_line_destroy(struct pending *pending)
{
    list_remove(&pending->link);
    text_finish(&pending->members);
    text_finish(&pending->line);
    free(pending->step);
    free(pending->message);
    free(pending);
}

static void batch_destroy(struct batch *batch)
{
    while (!list_empty(&batch->lines))
        audit_line_destroy(list_first(&batch->lines, struct pending, link));
    free(batch);
}

/* ---------------------------------------------------------------- the chain ---- */

/* The line as it is kept and hashed. */
static void write_line(struct pending *pending)
{
    struct text TEXT_AUTO plain;
    struct writer writer;
    text_init(&plain, AUDIT_LONGEST + 2048);
    writer_init(&writer, &plain);
    writer_object(&writer, NULL);
    writer_int(&writer, "entry", (int64_t)pending->entry);
    writer_time(&writer, "time", pending->wall_ms);
    writer_string(&writer, "step", pending->step);
    writer_string(&writer, "message", pending->message);
    if (pending->members.len) {
        text_add_char(&plain, ',');
        text_add_n(&plain, pending->members.bytes, pending->members.len);
    }
    writer_string(&writer, "previous_hash", pending->previous);
    writer_end(&writer);
    text_cut_to(&pending->line, 0);
    redact_add_json(&pending->line, plain.bytes, plain.len, 1);
    digest_text(&pending->line, AUDIT_HASH_LEN, pending->hash);
}

static void chain(struct audit *audit, struct batch *batch)
{
    const char *head = audit->head;
    uint64_t entry = audit->entries;
    struct pending *pending;
    list_for_each(pending, &batch->lines, struct pending, link) {
        pending->entry = ++entry;
        (void)snprintf(pending->previous, sizeof(pending->previous), "%s", head);
        write_line(pending);
        head = pending->hash;
    }
}

static int write_batch(sqlite3 *db, void *data)
{
    static const char insert[] =
        "insert into audit (entry, wall_ms, line, hash) values (?1, ?2, ?3, ?4)";
    const struct batch *batch = data;
    sqlite3_stmt *statement = NULL;
    char prune[96];
    uint64_t last = 0;
    int status = store_status(sqlite3_prepare_v2(db, insert, -1, &statement, NULL));
    for (const struct list *link = batch->lines.next; status == 0 && link != &batch->lines;
         link = link->next) {
        const struct pending *pending = container_of(link, struct pending, link);
        last = pending->entry;
        (void)sqlite3_reset(statement);
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)pending->entry);
        (void)sqlite3_bind_int64(statement, 2, pending->wall_ms);
        (void)sqlite3_bind_text(
            statement, 3, pending->line.bytes, (int)pending->line.len, SQLITE_STATIC);
        (void)sqlite3_bind_text(statement, 4, pending->hash, -1, SQLITE_STATIC);
        status = store_status(sqlite3_step(statement));
    }
    (void)sqlite3_finalize(statement);
    if (status < 0 || last <= AUDIT_MOST)
        return status;
    (void)snprintf(
        prune, sizeof(prune), "delete from audit where entry <= %" PRIu64, last - AUDIT_MOST);
    return store_status(sqlite3_exec(db, prune, NULL, NULL, NULL));
}

/* ------------------------------------------------------------------ telling ---- */

static void write_hashes(struct writer *writer, void *data)
{
    const struct pending *pending = data;
    writer_int(writer, "entry", (int64_t)pending->entry);
    writer_string(writer, "previous_hash", pending->previous);
    writer_string(writer, "hash", pending->hash);
}

static void write_members(struct writer *writer, void *data)
{
    const struct pending *pending = data;
    if (pending->members.len == 0)
        return;
    text_add_char(writer->text, ',');
    text_add_n(writer->text, pending->members.bytes, pending->members.len);
}

static void emit(const struct audit *audit, struct pending *pending)
{
    char id[32];
    (void)snprintf(id, sizeof(id), "a-%" PRIu64, pending->entry);
    pending->seq = event_emit_step(audit->bus,
                                   &(const struct event_step){
                                       .kind = EVENT_AUDIT,
                                       .level = LOG_INFO,
                                       .id = id,
                                       .step = pending->step,
                                       .message = pending->message,
                                       .must = write_hashes,
                                       .more = write_members,
                                       .data = pending,
                                   },
                                   pending->wall_ms);
}

static void turn(void *data);

static void turn_in(struct audit *audit, uint64_t ms)
{
    if (!timer_pending(&audit->turn))
        timer_start(&audit->turn, audit->loop, ms, turn, audit);
}

/* ------------------------------------------------------------------- written ---- */

/* They are written: head and events first, so that who is told may close us. */
static void take(struct audit *audit, struct batch *batch)
{
    struct pending *pending;
    free(audit->trouble);
    audit->trouble = NULL;
    list_for_each(pending, &batch->lines, struct pending, link) {
        audit->entries = pending->entry;
        memcpy(audit->head, pending->hash, sizeof(audit->head));
        emit(audit, pending);
    }
    batch->audit = audit;
    audit->flying = batch; /* while they are told: audit_forget() finds them */
    while (batch->audit && !list_empty(&batch->lines)) {
        pending = list_first(&batch->lines, struct pending, link);
        if (audit_ask_witness(audit, pending))
            continue;
        audit_done_fn *fn = pending->fn;
        void *fn_data = pending->data;
        uint64_t entry = pending->entry;
        audit_line_destroy(pending);
        if (fn)
            fn(0, entry, fn_data);
    }
    if (batch->audit) {
        audit->flying = NULL;
        if (!list_empty(&audit->waiting))
            turn_in(audit, 0);
    }
    batch_destroy(batch);
}

/* A line that is tried again, and of which somebody is to hear first; or NULL. */
static struct pending *find_happened(const struct audit *audit)
{
    struct pending *pending;
    list_for_each(pending, &audit->waiting, struct pending, link) {
        if (pending->happened && pending->fn)
            return pending;
    }
    return NULL;
}

/*
 * They could not be written.  Who waits for a line does without what it was to begin; what only tells what has
 * happened is kept, and tried again.
 */
static void fail(struct audit *audit, struct batch *batch, int status)
{
    struct list failed, *first = audit->waiting.next;
    struct pending *pending;
    list_init(&failed);
    free(audit->trouble);
    audit->trouble = mem_print("the audit cannot be written: %s", strerror(-status));
    list_for_each(pending, &batch->lines, struct pending, link) {
        list_remove(&pending->link);
        if (pending->fn && !pending->happened) {
            list_add(&failed, &pending->link);
            continue;
        }
        list_add(first, &pending->link);
        audit->waiting_count++;
    }
    batch_destroy(batch);
    audit->flying = NULL;
    list_for_each(pending, &audit->waiting, struct pending, link) {
        if (!pending->fn || pending->happened)
            continue;
        list_remove(&pending->link);
        list_add(&failed, &pending->link);
        audit->waiting_count--;
    }
    timer_stop(&audit->turn);
    turn_in(audit, TRY_AGAIN_MS);
    while (!list_empty(&failed)) {
        pending = list_first(&failed, struct pending, link);
        audit_done_fn *fn = pending->fn;
        void *data = pending->data;
        audit_line_destroy(pending);
        if (fn)
            fn(status, 0, data);
    }
    while ((pending = find_happened(audit))) {
        audit_done_fn *fn = pending->fn;
        pending->fn = NULL;
        fn(status, 0, pending->data);
    }
}

static void on_written(int status, void *data)
{
    struct batch *batch = data;
    struct audit *audit = batch->audit;
    if (!audit)
        batch_destroy(batch);
    else if (status == 0)
        take(audit, batch);
    else
        fail(audit, batch, status);
}

static void turn(void *data)
{
    struct audit *audit = data;
    if (audit->flying)
        return;
    if (list_empty(&audit->waiting) && audit->trouble)
        audit_add(
            audit,
            &(const struct audit_line){"resumed", "the audit can be written again", NULL, NULL},
            NULL,
            NULL);
    if (list_empty(&audit->waiting))
        return;
    struct batch *batch = mem_new(sizeof(*batch));
    struct pending *pending;
    list_init(&batch->lines);
    list_for_each(pending, &audit->waiting, struct pending, link) {
        list_remove(&pending->link);
        list_add(&batch->lines, &pending->link);
    }
    audit->waiting_count = 0;
    chain(audit, batch);
    batch->audit = audit;
    audit->flying = batch;
    if (!audit->store)
        take(audit, batch);
    else if (!store_do(audit->store, write_batch, on_written, batch))
        fail(audit, batch, -EAGAIN);
}

void audit_add(struct audit *audit, const struct audit_line *line, audit_done_fn *fn, void *data)
{
    struct pending *pending = mem_new(sizeof(*pending));
    struct writer writer;
    struct text TEXT_AUTO object;
    text_init(&object, AUDIT_LONGEST);
    pending->step = mem_copy(line->step);
    pending->message = redact_copy(line->message, 500);
    pending->wall_ms = loop_wall_ms(audit->loop);
    pending->audit = audit;
    pending->witnessed = line->witnessed;
    pending->happened = line->happened;
    pending->fn = fn;
    pending->data = data;
    text_init(&pending->members, AUDIT_LONGEST);
    text_init(&pending->line, 3 * AUDIT_LONGEST);
    writer_init(&writer, &object);
    writer_object(&writer, NULL);
    if (line->write)
        line->write(&writer, line->data);
    writer_end(&writer);
    if (!object.cut && object.len > 2)
        text_add_n(&pending->members, object.bytes + 1, object.len - 2);
    list_init(&pending->link);
    list_add(&audit->waiting, &pending->link);
    audit->waiting_count++;
    if (audit->waiting_count > AUDIT_MOST_WAITING) { /* of a disk that has been full for long */
        struct pending *oldest = list_first(&audit->waiting, struct pending, link);
        if (!oldest->fn) {
            log_error("audit: more than %d lines wait: \"%s\" is dropped",
                      (int)AUDIT_MOST_WAITING,
                      oldest->message);
            audit_line_destroy(oldest);
            audit->waiting_count--;
        }
    }
    if (fn && audit->trouble) /* somebody waits: try now */
        timer_stop(&audit->turn);
    turn_in(audit, 0);
}

static void forget(struct list *lines, const void *data)
{
    struct pending *pending;
    list_for_each(pending, lines, struct pending, link) {
        if (pending->data == data)
            pending->fn = NULL;
    }
}

void audit_forget(struct audit *audit, void *data)
{
    forget(&audit->waiting, data);
    if (audit->flying)
        forget(&audit->flying->lines, data);
    audit_forget_unwitnessed(audit, data);
}

const char *audit_trouble(const struct audit *audit)
{
    if (!audit->store)
        return "nothing is kept, since agent.state is not set";
    if (audit->sink && !audit->witness)
        return "no sinks are at work here, and guard.audit.require_sink wants one to acknowledge "
               "it";
    return audit->trouble;
}

void audit_write_head(const struct audit *audit, struct writer *writer)
{
    writer_object(writer, "audit");
    writer_int(writer, "entries", (int64_t)audit->entries);
    writer_string(writer, "head", *audit->head ? audit->head : NULL);
    writer_end(writer);
}

/* -------------------------------------------------------------- open and close ---- */

static int read_end(sqlite3 *db, void *data)
{
    struct audit *audit = data;
    sqlite3_stmt *statement = NULL;
    int status = store_status(sqlite3_exec(db, schema, NULL, NULL, NULL));
    if (status == 0)
        status = store_status(sqlite3_prepare_v2(
            db, "select entry, hash from audit order by entry desc limit 1", -1, &statement, NULL));
    if (status == 0 && sqlite3_step(statement) == SQLITE_ROW) {
        audit->entries = (uint64_t)sqlite3_column_int64(statement, 0);
        (void)snprintf(audit->head,
                       sizeof(audit->head),
                       "%s",
                       (const char *)sqlite3_column_text(statement, 1));
    }
    (void)sqlite3_finalize(statement);
    return status;
}

struct audit *audit_open(struct loop *loop, struct bus *bus, struct store *store,
                         struct error *error)
{
    struct audit *audit = mem_new(sizeof(*audit));
    audit->loop = loop;
    audit->bus = bus;
    audit->store = store;
    list_init(&audit->waiting);
    list_init(&audit->unwitnessed);
    int status = store ? store_do_now(store, read_end, audit) : 0;
    if (status == 0)
        return audit;
    (void)error_set(error, status, "cannot read the audit: %s", strerror(-status));
    free(audit);
    return NULL;
}

/* What waits is queued, so that it is written before the store closes. */
void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    timer_stop(&audit->turn);
    audit_forget_unwitnessed(audit, NULL);
    struct batch *flying = audit->flying;
    if (flying) { /* what follows it chains to what it has not told yet */
        flying->audit = NULL;
        if (!list_empty(&flying->lines)) {
            struct pending *last = container_of(flying->lines.prev, struct pending, link);
            audit->entries = last->entry;
            memcpy(audit->head, last->hash, sizeof(audit->head));
        }
    }
    struct batch *batch = mem_new(sizeof(*batch));
    struct pending *pending;
    list_init(&batch->lines);
    list_for_each(pending, &audit->waiting, struct pending, link) {
        list_remove(&pending->link);
        list_add(&batch->lines, &pending->link);
    }
    chain(audit, batch);
    if (list_empty(&batch->lines) || !audit->store ||
        !store_do(audit->store, write_batch, on_written, batch))
        batch_destroy(batch);
    free(audit->trouble);
    free(audit->sink);
    free(audit->unwitnessed_why);
    free(audit);
}
