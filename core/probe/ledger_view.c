/* ledger_view - what stands in the ledger, for who asks: part of probe/ledger. */
#include "probe/ledger_parts.h"

void ledger_attach(struct ledger_entry *entry, void *what, ledger_destroy_fn *destroy)
{
    if (entry->attached)
        entry->destroy(entry->attached);
    entry->attached = what;
    entry->destroy = destroy;
}

/* The standing keeps how long each change came after the one before. */
static void add_changes(struct ledger_view *view, const struct standing *standing,
                        struct ledger_clock clock)
{
    int64_t wall_ms = clock.wall_ms - ((int64_t)clock.now_ms - standing->change_ms);
    for (uint8_t i = 0; i < standing->changes; i++) {
        view->changes[i].wall_ms = wall_ms;
        view->changes[i].from = standing->from[i];
        wall_ms -= standing->gap_ms[i];
    }
    view->change_count = standing->changes;
}

void ledger_each(const struct ledger *ledger, const char *target, const char *name,
                 struct ledger_clock clock, ledger_view_fn *fn, void *data)
{
    struct book *book = ledger_book(ledger, target, name);
    struct ledger_entry *entry;
    if (!book)
        return;
    list_for_each(entry, &book->entries, struct ledger_entry, link) {
        const struct standing *standing = &entry->standing;
        struct ledger_view view = {
            .subject = entry->whole ? NULL : entry->subject,
            .status = standing->status,
            .previous = standing->previous,
            .since_wall_ms = standing->since_wall_ms,
            .changed_wall_ms = standing->changed_wall_ms,
            .streak = standing_streak(standing),
            .flapping = standing->flapping,
            .attached = entry->attached,
        };
        add_changes(&view, standing, clock);
        fn(&view, data);
    }
}
