/*
 * encode_clickhouse - rows for ClickHouse by its HTTP interface, as JSONEachRow.
 *
 * The table is that of packaging/clickhouse.sql: what one asks by is a column, measures, words and
 * labels are maps, and `event` is the whole line.  That table is a ReplacingMergeTree with boot and
 * seq in its key: what came twice becomes one.
 *
 * Layer: out.  Part of out/encode.
 */
#include "base/writer.h"
#include "out/encode.h"
#include "out/view.h"

#define USUAL_TABLE "runbookd.events"

static void add(struct text *out, const char *column, struct view value)
{
    if (!value.at || view_equals(value, "null"))
        return;
    text_print(out, ",\"%s\":", column);
    text_add_n(out, value.at, value.len);
}

static void add_row(struct text *out, struct view line)
{
    static const char *const own[] = {"time",
                                      "kind",
                                      "level",
                                      "message",
                                      "id",
                                      "seq",
                                      "target",
                                      "name",
                                      "check",
                                      "subject",
                                      "status",
                                      "reason",
                                      "step",
                                      "measures",
                                      "words",
                                      "labels",
                                      NULL};
    static const char *const agents[] = {"realm", "node", "pod", "boot", "version", "config", NULL};
    struct view agent = view_member(line, "agent");
    struct writer writer;
    text_add(out, "{\"event\":");
    writer_init(&writer, out);
    writer_string_n(&writer, NULL, line.at, line.len);
    for (const char *const *name = own; *name; name++)
        add(out, *name, view_member(line, *name));
    for (const char *const *name = agents; *name; name++)
        add(out, *name, view_member(agent, *name));
    text_add(out, "}\n");
}

static bool encode(const struct encode_wish *wish, const struct sink_parcel *parcel,
                   struct text *body)
{
    struct view rest = {parcel->lines, parcel->len}, line;
    (void)wish;
    while (view_line(&rest, &line)) {
        if (!view_is_object(line))
            return false;
        add_row(body, line);
    }
    return true;
}

static void params(const struct encode_wish *wish, struct probe_pair *pairs, struct text *text)
{
    text_print(text,
               "INSERT INTO %s FORMAT JSONEachRow",
               wish->table && *wish->table ? wish->table : USUAL_TABLE);
    pairs[0] = (struct probe_pair){.name = "query", .value = text->bytes};
    pairs[1] = (struct probe_pair){.name = "date_time_input_format", .value = "best_effort"};
    pairs[2] = (struct probe_pair){.name = "wait_end_of_query", .value = "1"};
}

const struct encoding encode_clickhouse = {
    .name = "clickhouse",
    .media = "application/x-ndjson",
    .encode = encode,
    .params = params,
};
