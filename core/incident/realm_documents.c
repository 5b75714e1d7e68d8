/*
 * realm_documents - what is written for whoever takes the lease over: part of incident/realm.
 *
 * Layer: incident.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "incident/realm_parts.h"

enum { RETRY_MS = 1000, PATIENCE_MS = 3000 /* of who waits: a person, at a terminal */ };

/* One on its way; the lease's store takes them one after the other. */
struct document {
    struct list link;
    struct realm *realm;
    char *key, *value; /* value NULL: to be removed */
    int64_t token; /* it is written under this one alone: later another agent may have written */
    bool failed;   /* it is not on its way now */
    lease_put_fn *fn;
    void *data;
    struct timer patience;
};

static void finish(struct document *document)
{
    timer_stop(&document->patience);
    list_remove(&document->link);
    free(document->key);
    free(document->value);
    free(document);
}

static void answer(struct document *document, int status)
{
    lease_put_fn *fn = document->fn;
    document->fn = NULL;
    if (fn)
        fn(status, document->data);
}

static void on_impatient(void *data)
{
    answer(data, -ETIMEDOUT);
}

/* One that was written later counts. */
static bool is_outdated(const struct document *document)
{
    const struct list *end = &document->realm->documents;
    for (const struct list *link = document->link.next; link != end; link = link->next)
        if (strcmp(container_of(link, const struct document, link)->key, document->key) == 0)
            return true;
    return false;
}

static void on_retry(void *data);

static void on_put(int status, void *data)
{
    struct document *document = data;
    struct realm *realm = document->realm;
    answer(document, status);
    if (status == 0 || status == -ESTALE || status == -E2BIG || is_outdated(document)) {
        finish(document);
        return;
    }
    log_warn("the realm's document %s cannot be written yet: %s", document->key, strerror(-status));
    document->failed = true;
    if (!timer_pending(&realm->retry))
        timer_start(&realm->retry, realm->loop, RETRY_MS, on_retry, realm);
}

static void send(struct document *document)
{
    int64_t token = 0;
    struct realm *realm = document->realm;
    document->failed = false;
    if (lease_held(realm->lease, &token) && token == document->token)
        lease_put(realm->lease, token, document->key, document->value, on_put, document);
    else
        on_put(-ESTALE, document);
}

static void on_retry(void *data)
{
    struct realm *realm = data;
    struct document *document;
    list_for_each(document, &realm->documents, struct document, link) {
        if (document->failed)
            send(document);
    }
}

void realm_put(struct realm *realm, const char *key, const char *value, lease_put_fn *fn,
               void *data)
{
    struct document *other;
    list_for_each(other, &realm->documents, struct document, link) {
        if (other->failed && strcmp(other->key, key) == 0)
            finish(other);
    }
    struct document *document = mem_new(sizeof(*document));
    *document = (struct document){.realm = realm, .fn = fn, .data = data};
    document->key = mem_copy(key);
    document->value = mem_copy(value);
    (void)lease_held(realm->lease, &document->token);
    list_init(&document->link);
    list_add(&realm->documents, &document->link);
    if (fn)
        timer_start(&document->patience, realm->loop, PATIENCE_MS, on_impatient, document);
    send(document);
}

bool realm_lacks(const struct realm *realm)
{
    for (const struct list *link = realm->documents.next; link != &realm->documents;
         link = link->next)
        if (container_of(link, const struct document, link)->failed)
            return true;
    return false;
}

void realm_drop(struct realm *realm)
{
    timer_stop(&realm->retry);
    while (!list_empty(&realm->documents)) {
        struct document *document = list_first(&realm->documents, struct document, link);
        lease_forget(realm->lease, document);
        answer(document, -ECANCELED);
        finish(document);
    }
}
