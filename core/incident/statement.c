#include "incident/statement.h"

#include <string.h>

#include "base/mem.h"
#include "base/units.h"

/* One line, whatever the value holds: none can look like another. */
static void add(struct text *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    text_print(out, "%s: ", name);
    text_add_plain(out, value, strlen(value));
    text_add_char(out, '\n');
}

void statement_print(const struct statement *statement, struct text *out)
{
    char time[UNITS_TIME_LEN];
    size_t index;
    json_t *item;
    units_print_time(statement->wall_ms, time);
    text_add(out, "runbookd decision 1\n");
    add(out, "realm", statement->realm);
    add(out, "decision", statement->decision);
    add(out, "about", statement->about);
    add(out, "hash", statement->hash);
    json_array_foreach(statement->except, index, item)
        add(out, "except", json_string_value(item));
    if (statement->with && json_object_size(statement->with)) {
        MEM_AUTO char *with = json_dumps(statement->with, JSON_COMPACT | JSON_SORT_KEYS);
        add(out, "with", with);
    }
    add(out, "reason", statement->reason);
    add(out, "time", time);
}
