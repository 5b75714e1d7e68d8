#include "probe/hours_read.h"

#include <errno.h>
#include <string.h>

static void close_zone(void *zone)
{
    zone_close(zone);
}

/* Of a list each item, of anything else itself. */
static void read_days(struct schema *schema, const struct node *node, const char *path,
                      struct hours *hours)
{
    bool list = node->kind == NODE_LIST;
    for (const struct node *item = list ? node->first : node; item;
         item = list ? item->next : NULL) {
        const char *text = schema_text(schema, item, path, "days such as MON-FRI");
        if (text && hours_add_days(text, hours) < 0)
            problem_hint(
                problem_add(
                    schema->problems, item->place, path, "\"%s\" is no days of the week", text),
                "write them like MON-FRI or [MON-WED, SUN]");
    }
}

static void read_zone(struct schema *schema, const struct node *node, const char *path,
                      struct hours *hours)
{
    const char *name = schema_text(schema, node, path, "the name of a time zone");
    if (!name)
        return;
    int status = zone_open(name, &hours->zone);
    if (status == 0)
        arena_own(schema->memory, hours->zone, close_zone);
    else if (status == -ENOENT)
        problem_hint(
            problem_add(schema->problems, node->place, path, "there is no time zone \"%s\"", name),
            "write an IANA name such as Europe/London; they come with the package tzdata");
    else
        (void)problem_add(schema->problems,
                          node->place,
                          path,
                          "the time zone \"%s\" cannot be read: %s",
                          name,
                          strerror(-status));
}

void hours_read(struct schema *schema, const struct node *map, const char *path,
                struct hours *hours)
{
    const struct node *span = node_find(map, "hours"), *days = node_find(map, "days");
    const struct node *tz = node_find(map, "tz");
    if (!node_is_absent(span)) {
        const char *own = node_path(schema->memory, path, "hours");
        const char *text = schema_text(schema, span, own, "hours such as 07:00-23:00");
        if (text && hours_parse(text, hours) < 0)
            problem_hint(
                problem_add(schema->problems, span->place, own, "\"%s\" is no span of hours", text),
                "write it like \"07:00-23:00\", or \"22:00-06:00\" for a night");
    }
    if (!node_is_absent(days))
        read_days(schema, days, node_path(schema->memory, path, "days"), hours);
    if (!node_is_absent(tz))
        read_zone(schema, tz, node_path(schema->memory, path, "tz"), hours);
}
