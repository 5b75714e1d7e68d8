#include "list.h"

#include <string.h>

#include "common/json_path.h"

/* No number of Stripe's is larger; seconds and sums of such ones fit in 64 bits as milliseconds. */
#define LIST_INT INT64_C(1000000000000000)

const char *list_text(const json_t *object, const char *path)
{
    const char *text = json_string_value(json_path_find(object, path));
    return text ? text : "";
}

int64_t list_int(const json_t *object, const char *path)
{
    json_int_t value = json_integer_value(json_path_find(object, path));
    return value > LIST_INT ? LIST_INT : value < -LIST_INT ? -LIST_INT : (int64_t)value;
}

/* Whether this id came before; by a hash, of which two are alike once in 2^64. */
static bool seen_before(struct list *list, const char *id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = id; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    hash = hash ? hash : 1;
    for (size_t i = 0; i < LIST_SEEN; i++) {
        uint64_t *place = &list->seen[(hash + i) % LIST_SEEN];
        if (*place == hash)
            return true;
        if (*place == 0) {
            *place = hash;
            return false;
        }
    }
    return true;
}

static void ask_page(struct probe_run *run, struct list *list);

static void refuse(struct probe_run *run, const char *what)
{
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -EPROTO,
              .reason = "not_stripe",
              .summary = what,
              .hint = "compare `url` and `api_version`");
}

/* Where the next page begins; false: there is no next one. */
static bool advance(struct list *list, const json_t *root, const json_t *data)
{
    const char *next = list->search
                           ? list_text(root, "next_page")
                           : list_text(json_array_get(data, json_array_size(data) - 1), "id");
    if (json_array_size(data) == 0 || !json_is_true(json_object_get(root, "has_more")) || !*next ||
        strlen(next) >= sizeof(list->cursor) || strcmp(next, list->cursor) == 0)
        return false;
    (void)snprintf(list->cursor, sizeof(list->cursor), "%s", next);
    return true;
}

static void on_page(struct probe_run *run, const struct ask_answer *answer, void *list_)
{
    struct list *list = list_;
    answer_join(&list->trail, answer->trail);
    const json_t *data = json_object_get(answer->root, "data");
    size_t place;
    json_t *object;
    if (!json_is_array(data)) {
        refuse(run, "the reply holds no list");
        return;
    }
    json_array_foreach(data, place, object) {
        const char *id = list_text(object, "id");
        if (!*id) {
            refuse(run, "the reply lists something without an id");
            return;
        }
        if (seen_before(list, id))
            continue;
        list->count++;
        list->each(run, object);
    }
    list->pages++;
    bool more = advance(list, answer->root, data);
    if (more && list->pages < list->most_pages)
        ask_page(run, list);
    else
        list->end(run, more);
}

static void ask_page(struct probe_run *run, struct list *list)
{
    struct probe_pair params[LIST_PARAMS + 3];
    size_t count = list->param_count;
    memcpy(params, list->params, count * sizeof(*params));
    params[count++] = (struct probe_pair){.name = "limit", .value = "100"};
    if (*list->cursor)
        params[count++] = (struct probe_pair){.name = list->search ? "page" : "starting_after",
                                              .value = list->cursor};
    params[count] = (struct probe_pair){0};
    ask_start(run,
              &(const struct ask){.path = list->path,
                                  .params = params,
                                  .needs = list->needs,
                                  .then = on_page,
                                  .data = list});
}

void list_start(struct probe_run *run, struct list *list, const struct list_wish *wish)
{
    struct answer_trail trail = list->trail;
    memset(list, 0, sizeof(*list));
    list->trail = trail;
    list->path = wish->path;
    list->needs = wish->needs;
    list->search = wish->search;
    list->most_pages = wish->most_pages;
    list->each = wish->each;
    list->end = wish->end;
    for (; wish->params && wish->params[list->param_count].name; list->param_count++)
        list->params[list->param_count] = wish->params[list->param_count];
    ask_page(run, list);
}
