#include "stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"

/* [name, value, name, value, ...] */
static const redisReply *value_of(const redisReply *group, const char *name)
{
    for (size_t i = 0; i + 1 < group->elements; i += 2)
        if (group->element[i]->type == REDIS_REPLY_STRING &&
            strcmp(group->element[i]->str, name) == 0)
            return group->element[i + 1];
    return NULL;
}

static int64_t number_of(const redisReply *group, const char *name, int64_t otherwise)
{
    const redisReply *value = value_of(group, name);
    return value && value->type == REDIS_REPLY_INTEGER ? value->integer : otherwise;
}

static const char *text_of(const redisReply *group, const char *name)
{
    const redisReply *value = value_of(group, name);
    return value && value->type == REDIS_REPLY_STRING ? value->str : "";
}

/* "9-1" comes before "10-0". */
static bool comes_before(const char *a, const char *b)
{
    int64_t left = stream_id_ms(a), right = stream_id_ms(b);
    const char *minor_left = strchr(a, '-'), *minor_right = strchr(b, '-');
    if (left != right || !minor_left || !minor_right)
        return left < right;
    return strtoull(minor_left + 1, NULL, 10) < strtoull(minor_right + 1, NULL, 10);
}

static const struct probe_column group_columns[] = {{"group", PROBE_FIELD_TEXT},
                                                    {"lag", PROBE_FIELD_INT},
                                                    {"pending", PROBE_FIELD_INT},
                                                    {"consumers", PROBE_FIELD_INT}};

static void add_row(struct rows *rows, const redisReply *group, int64_t lag)
{
    if (!rows_begin(rows))
        return;
    rows_cell(rows, "%.150s", text_of(group, "name"));
    if (lag >= 0)
        rows_cell(rows, "%" PRId64, lag);
    else
        rows_null(rows);
    rows_cell(rows, "%" PRId64, number_of(group, "pending", 0));
    rows_cell(rows, "%" PRId64, number_of(group, "consumers", 0));
}

static void add_group(struct stream_groups *groups, const redisReply *group)
{
    int64_t lag = number_of(group, "lag", -1);
    const char *name = text_of(group, "name"), *id = text_of(group, "last-delivered-id");
    bool first = groups->count++ == 0;
    if (first || comes_before(id, groups->slowest))
        (void)snprintf(groups->slowest, sizeof(groups->slowest), "%s", id);
    if (lag < 0)
        groups->unknown = true;
    if (lag > groups->lag)
        groups->lag = lag;
    groups->pending += number_of(group, "pending", 0);
    groups->consumers += number_of(group, "consumers", 0);
    groups->mark = payload_mark(groups->mark, name, strlen(name));
    groups->mark = payload_mark(groups->mark, id, strlen(id));
    add_row(&groups->rows, group, lag);
}

struct stream_groups stream_read_groups(const redisReply *reply)
{
    struct stream_groups groups = {.lag = -1};
    ROWS_INIT(&groups.rows, group_columns);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        if (reply->element[i]->type == REDIS_REPLY_ARRAY)
            add_group(&groups, reply->element[i]);
    if (groups.unknown)
        groups.lag = -1;
    return groups;
}

int64_t stream_id_ms(const char *id)
{
    char *end;
    int64_t ms = strtoll(id, &end, 10);
    return end != id && *end == '-' && ms > 0 ? ms : -1;
}
