/* ledger_streak - streaks that go on from what is kept: part of probe/ledger. */
#include "probe/ledger_parts.h"
#include "probe/tape.h"

enum { LONGEST = 5 * 10 /* bytes of a streak */ };

void ledger_note(struct ledger_entry *entry, bool goes_on)
{
    struct ledger *ledger = entry->book->ledger;
    entry->stands = entry->stands && goes_on && !entry->counters;
    entry->samples += entry->stands;
    list_remove(&entry->changed);
    list_add(entry->stands ? &ledger->going : &ledger->changed, &entry->changed);
}

void ledger_note_kept(struct ledger_entry *entry, int64_t now_ms)
{
    entry->stands = true;
    entry->samples = 0;
    entry->kept_ms = now_ms;
}

/* The format: both ways, in this order. */
static void go_through(struct tape *tape, struct ledger_streak *streak)
{
    streak->id = (uint64_t)tape_number(tape, (int64_t)streak->id);
    streak->edition = (uint32_t)tape_number(tape, streak->edition);
    streak->samples = (uint32_t)tape_number(tape, streak->samples);
    streak->after_ms = tape_number(tape, streak->after_ms);
    streak->age_ms = tape_number(tape, streak->age_ms);
}

static void pack(struct tape *tape, const struct ledger_entry *entry, int64_t now_ms)
{
    struct ledger_streak streak = {
        .id = entry->id,
        .edition = entry->standing.edition,
        .samples = entry->samples,
        .after_ms = now_ms - entry->kept_ms,
        .age_ms = now_ms - entry->taken_ms,
    };
    if (tape->out->len + LONGEST < tape->out->max)
        go_through(tape, &streak);
}

bool ledger_take_streaks(struct ledger *ledger, struct ledger_clock clock, bool all,
                         struct text *out)
{
    int64_t now_ms = (int64_t)clock.now_ms;
    struct tape tape = {.out = out};
    size_t before = out->len;
    while (!list_empty(&ledger->going)) {
        struct ledger_entry *entry = list_first(&ledger->going, struct ledger_entry, changed);
        list_remove(&entry->changed);
        entry->taken_ms = now_ms;
        if (!all)
            pack(&tape, entry, now_ms);
    }
    for (size_t i = 0; all && i < ledger->entries.room; i++) {
        for (struct node *node = ledger->entries.chains[i]; node; node = node->next) {
            const struct ledger_entry *entry = container_of(node, struct ledger_entry, node);
            if (entry->stands && entry->samples)
                pack(&tape, entry, now_ms);
        }
    }
    return out->len > before;
}

/* A century: what is read may be anything, and must not overflow. */
static int64_t bounded(int64_t ms)
{
    static const int64_t longest_ms = INT64_C(100) * 366 * 86400 * 1000;
    return ms < 0 ? 0 : ms > longest_ms ? longest_ms : ms;
}

bool ledger_next_streak(const char **at, const char *end, struct ledger_streak *ret)
{
    struct tape tape = {.at = *at, .end = end};
    if (*at == end)
        return false;
    *ret = (struct ledger_streak){0};
    go_through(&tape, ret);
    ret->after_ms = bounded(ret->after_ms);
    ret->age_ms = bounded(ret->age_ms);
    *at = tape.at;
    return true;
}

bool ledger_streak_fits(const struct text *standing, const struct ledger_streak *streak)
{
    struct standing there;
    return streak->samples && standing_unpack(&there, 0, standing) &&
           there.edition == streak->edition;
}
