/*
 * list - Stripe's lists and searches, page by page, as far as a check has use for them.
 *
 * What is listed comes newest first.  A page begins behind the last object of the page before, so
 * objects that come meanwhile move nothing; an object that comes twice all the same is left out.
 */
#ifndef STRIPE_LIST_H
#define STRIPE_LIST_H

#include "ask.h"

enum { LIST_PAGE = 100, LIST_MOST_PAGES = 20, LIST_SEEN = 4096 /* twice the most objects */ };

/* An object of a page. */
typedef void list_each_fn(struct probe_run *run, const json_t *object);

/* All of them; `truncated`: there are more than were asked for. */
typedef void list_end_fn(struct probe_run *run, bool truncated);

enum { LIST_PARAMS = 20 };

/* Of a run: in its data, zeroed at first.  list.c's own, but for `count` and `trail`. */
struct list {
    int64_t count;             /* how many objects came */
    struct answer_trail trail; /* of all pages, also of a list before this one */
    const char *path, *needs;
    struct probe_pair params[LIST_PARAMS + 1];
    size_t param_count;
    bool search; /* pages are named by `page`, not by an object */
    int pages, most_pages;
    char cursor[160];
    list_each_fn *each;
    list_end_fn *end;
    uint64_t seen[LIST_SEEN];
};

struct list_wish {
    const char *path, *needs;        /* borrowed until the end, as what the parameters hold is */
    const struct probe_pair *params; /* ended by { 0 } */
    bool search;
    int most_pages;
    list_each_fn *each;
    list_end_fn *end;
};

/* Where something is refused the run has ended, and `end` is not called. */
void list_start(struct probe_run *run, struct list *list, const struct list_wish *wish);

/* ---- members of objects ---- */

const char *list_text(const json_t *object, const char *path); /* "" where there is none */
int64_t list_int(const json_t *object, const char *path);      /* zero likewise; within 1e15 */

#endif
