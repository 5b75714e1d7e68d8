#include "incident/spent.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

static const char kind[] = "signature"; /* of memos */

struct spent {
    struct memo *memo;
    struct {
        char digest[SPENT_DIGEST_LEN + 1]; /* empty: free */
        int64_t until_ms;
    } all[SPENT_MOST];
    size_t count;
};

static void on_kept(const char *id, const json_t *body, void *data)
{
    struct spent *spent = data;
    if (strlen(id) != SPENT_DIGEST_LEN || spent->count == SPENT_MOST)
        return;
    memcpy(spent->all[spent->count].digest, id, SPENT_DIGEST_LEN);
    spent->all[spent->count++].until_ms = json_integer_value(json_object_get(body, "until_ms"));
}

struct spent *spent_create(struct memo *memo)
{
    struct spent *spent = mem_new(sizeof(*spent));
    spent->memo = memo;
    (void)memo_each(memo, kind, on_kept, spent);
    return spent;
}

void spent_destroy(struct spent *spent)
{
    free(spent);
}

int spent_use(struct spent *spent, const char digest[SPENT_DIGEST_LEN + 1], int64_t now_ms,
              int64_t until_ms, memo_done_fn *fn, void *data)
{
    size_t place = SPENT_MOST;
    for (size_t i = 0; i < SPENT_MOST; i++) {
        bool fresh = spent->all[i].until_ms > now_ms;
        if (fresh && strcmp(spent->all[i].digest, digest) == 0)
            return -EALREADY;
        if (!fresh && place == SPENT_MOST)
            place = i;
    }
    if (place == SPENT_MOST)
        return -ENOSPC;
    if (*spent->all[place].digest && strcmp(spent->all[place].digest, digest) != 0)
        memo_put(spent->memo, kind, spent->all[place].digest, NULL, NULL, NULL);
    memcpy(spent->all[place].digest, digest, SPENT_DIGEST_LEN + 1);
    spent->all[place].until_ms = until_ms;
    json_t *body = json_pack("{s:I}", "until_ms", (json_int_t)until_ms);
    memo_put(spent->memo, kind, digest, body, fn, data);
    json_decref(body);
    return 0;
}
