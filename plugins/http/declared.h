/*
 * declared - the requests that an operator declares on a target: all that a script can have it
 * asked.
 *
 * What is declared is compiled when the target is made, and refused there with the request's name
 * where it cannot be true.
 */
#ifndef HTTP_DECLARED_H
#define HTTP_DECLARED_H

#include <runbookd/probe.h>

#include "expect.h"
#include "judge.h"

/* One GET before anything is changed: what is there, whether it fits, and how much it is. */
struct declared_before {
    const char *method, *path, *count, *total;
    const char *const *expect;
    const struct probe_pair *expect_json; /* NULL: nothing */
};

/* What takes it back; members that are NULL are the request's own. */
struct declared_undo {
    const char *method, *path, *json, *body;
    const void *before; /* struct declared_before */
};

struct declared_request {
    const char *name; /* first: the key */
    const char *method, *path, *json, *body, *effect;
    const struct probe_pair *form, *headers, *allow, *expect_json, *answer; /* NULL: none */
    struct probe_secret *bearer;
    const char *const *expect;
    const void *before, *undo; /* struct declared_before, struct declared_undo; NULL: none */
    int64_t timeout_ms;
};

/* A request as it is compiled. */
struct declared {
    const struct declared_request *request;
    const struct declared_before *before; /* wherever it was written; NULL: none */
    const struct declared_undo *undo;
    enum probe_effect effect;
    struct expect expect, before_expect;
    struct judge *judge, *before_judge;
};

extern const struct probe_option declared_options[];

/* For create(): zero and an array of `requests.count`, to be freed, or what probe_refuse() says. */
int declared_create(const struct probe_items *requests, struct declared **ret_all,
                    struct probe_error *error);
void declared_destroy(struct declared *all, size_t count);

/* GET, HEAD and OPTIONS, or what the operator wrote. */
const char *declared_method(const struct declared_request *request);

/* Whether `text` asks for ${KIND.NAME} anywhere in the request or in what takes it back. */
bool declared_leaves_open(const struct declared *declared, const char *kind, const char *name);

/* Calls `each` with every reference that stands anywhere in it, as blanks_each() does. */
bool declared_each(const struct declared *declared, bool (*each)(const char *inside, void *data),
                   void *data);

/* Whether a value may be put in place of ${with.NAME}; `allow` says so as a whole. */
bool declared_allows(const struct declared *declared, const char *name, const char *value);

#endif
