/*
 * lease_documents - the realm's documents, read and written: part of incident/lease.
 *
 * Layer: incident.
 */
#include <errno.h>

#include "base/mem.h"
#include "incident/lease_parts.h"

/* A document that is read or written. */
struct request {
    struct list link;
    struct lease *lease;
    int64_t token; /* of a write */
    lease_put_fn *put;
    lease_get_fn *get;
    void *data;
    bool forgotten; /* nobody waits for it any more */
};

static void finish(struct request *request)
{
    list_remove(&request->link);
    free(request);
}

void lease_drop_requests(struct lease *lease)
{
    struct request *request;
    list_for_each(request, &lease->requests, struct request, link)
        finish(request);
}

static void on_put(const struct keeper_answer *answer, void *data)
{
    struct request *request = data;
    struct lease *lease = request->lease;
    lease_put_fn *fn = request->forgotten ? NULL : request->put;
    void *fn_data = request->data;
    int status = answer->status ? answer->status : answer->held ? 0 : -ESTALE;
    if (status == -ESTALE && lease->token && request->token == lease->token)
        lease_lose(lease, "the store refused what was written under its token");
    finish(request);
    if (fn)
        fn(status, fn_data);
}

static void on_got(const struct keeper_answer *answer, void *data)
{
    struct request *request = data;
    lease_get_fn *fn = request->forgotten ? NULL : request->get;
    void *fn_data = request->data;
    finish(request);
    if (fn)
        fn(answer->status, answer->status ? NULL : answer->documents, fn_data);
}

static struct request *add_request(struct lease *lease, void *data)
{
    struct request *request = mem_new(sizeof(*request));
    request->lease = lease;
    request->data = data;
    list_init(&request->link);
    list_add(&lease->requests, &request->link);
    return request;
}

void lease_put(struct lease *lease, int64_t token, const char *key, const char *value,
               lease_put_fn *fn, void *data)
{
    struct request *request = add_request(lease, data);
    request->put = fn;
    request->token = token;
    keeper_ask(lease->keeper,
               &(const struct probe_claim){.what = PROBE_LEASE_WRITE,
                                           .realm = lease->realm,
                                           .holder = lease->name,
                                           .token = request->token,
                                           .ttl_ms = lease->ttl_ms,
                                           .key = key,
                                           .value = value},
               on_put,
               request);
}

void lease_post(struct lease *lease, const char *key, const char *value, lease_put_fn *fn,
                void *data)
{
    lease_put(lease, 0, key, value, fn, data);
}

void lease_get(struct lease *lease, const char *prefix, lease_get_fn *fn, void *data)
{
    struct request *request = add_request(lease, data);
    request->get = fn;
    keeper_ask(lease->keeper,
               &(const struct probe_claim){.what = PROBE_LEASE_READ,
                                           .realm = lease->realm,
                                           .holder = lease->name,
                                           .ttl_ms = lease->ttl_ms,
                                           .key = prefix},
               on_got,
               request);
}

void lease_forget(struct lease *lease, const void *data)
{
    struct request *request;
    list_for_each(request, &lease->requests, struct request, link) {
        if (request->data == data)
            request->forgotten = true;
    }
}
