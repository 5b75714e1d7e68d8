/* desk_findings - what was found, a line each: part of app/desk. */
#include <string.h>

#include "app/desk_parts.h"
#include "io/loop.h"

enum { MOST_ROWS = 2000 };

/* -------------------------------------------------------------- findings ---- */

/* Which entries are wanted, and what was written of them. */
struct listing {
    const struct desk *desk;
    const struct duty *duty;
    struct writer *writer;
    bool cluster;             /* only what is of that scope */
    enum probe_status status; /* written in this round */
    size_t rows, left_out;
};

static void on_listed(const struct ledger_view *view, void *data)
{
    struct listing *listing = data;
    const struct desk_row row = desk_row(listing->desk, listing->duty, view);
    if (view->status != listing->status)
        return;
    if (listing->rows == MOST_ROWS) {
        listing->left_out++;
        return;
    }
    listing->rows++;
    writer_object(listing->writer, NULL);
    desk_write_row(&row, listing->writer);
    writer_end(listing->writer);
}

static void list_duty(const struct duty *duty, void *data)
{
    struct listing *listing = data;
    if (listing->cluster && duty->target->config->where == PROBE_NODE)
        return;
    listing->duty = duty;
    ledger_each(duty->target->schedule->ledger,
                duty->target->config->name,
                duty->config->name,
                desk_clock(listing->desk),
                on_listed,
                listing);
}

static void count_entry(const struct ledger_view *view, void *data)
{
    unsigned *count = data;
    count[view->status]++;
}

static void count_duty(const struct duty *duty, void *data)
{
    if (duty->target->config->where != PROBE_NODE)
        ledger_each(duty->target->schedule->ledger,
                    duty->target->config->name,
                    duty->config->name,
                    (struct ledger_clock){0},
                    count_entry,
                    data);
}

static void tally(const struct listing *listing, unsigned count[PROBE_UNKNOWN + 1])
{
    memset(count, 0, (PROBE_UNKNOWN + 1) * sizeof(*count));
    if (listing->cluster)
        (void)desk_each_duty(listing->desk, NULL, count_duty, count);
    else
        ledger_tally(listing->desk->parts.schedule->ledger, count);
}

void desk_findings(struct desk *desk, struct control_call *call,
                   const struct control_request *request)
{
    const char *what = desk_word(request, "what");
    size_t rounds = DESK_STATUSES - (desk_flag(request, "all") ? 0 : 2);
    unsigned count[PROBE_UNKNOWN + 1];
    struct text TEXT_AUTO text;
    struct writer writer;
    struct listing listing = {
        .desk = desk, .writer = &writer, .cluster = desk_flag(request, "cluster")};

    text_init(&text, 0);
    if (what && desk_each_duty(desk, what, NULL, NULL) == 0) {
        desk_refuse_name(desk, call, what);
        return;
    }
    desk_begin(&text, &writer);
    writer_time(&writer, "time", loop_wall_ms(desk->parts.schedule->loop));
    writer_array(&writer, "findings");
    for (size_t i = 0; i < rounds; i++) {
        listing.status = desk_worst_first[i];
        (void)desk_each_duty(desk, what, list_duty, &listing);
    }
    writer_end(&writer);
    writer_int(&writer, "left_out", (int64_t)listing.left_out);
    tally(&listing, count);
    for (enum probe_status status = PROBE_OK; status <= PROBE_UNKNOWN; status++)
        writer_int(&writer, event_status_name(status), count[status]);
    writer_int(&writer, "pending", count[PROBE_GRADED]);
    desk_end(call, &text, &writer);
}
