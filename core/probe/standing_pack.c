/* standing_pack - a standing as bytes, and back: part of probe/standing. */
#include "base/mem.h"
#include "probe/standing.h"
#include "probe/tape.h"

/* What no clock says: a century, so that nothing that is read can overflow. */
static const int64_t longest_ms = INT64_C(100) * 366 * 86400 * 1000;

static int64_t within(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* A time as what has passed since. */
static void age(struct tape *tape, int64_t *at_ms, int64_t now_ms)
{
    *at_ms = now_ms - within(tape_number(tape, now_ms - *at_ms), -longest_ms, longest_ms);
}

static void wall(struct tape *tape, int64_t *wall_ms)
{
    *wall_ms = within(tape_number(tape, *wall_ms), 0, longest_ms);
}

static void small(struct tape *tape, uint8_t *number)
{
    *number = (uint8_t)within(tape_number(tape, *number), 0, UINT8_MAX);
}

static void counted(struct tape *tape, uint32_t *number)
{
    *number = (uint32_t)within(tape_number(tape, *number), 0, UINT32_MAX);
}

/* The changes that are remembered; another version may remember more of them, or fewer. */
static void changes(struct tape *tape, struct standing *standing)
{
    int64_t there = tape_number(tape, LEDGER_MOST_CHANGES);
    for (int64_t i = 0; i < within(there, 0, UINT8_MAX); i++) {
        uint32_t beyond_gap = 0;
        uint8_t beyond_from = 0;
        bool known = i < LEDGER_MOST_CHANGES;
        counted(tape, known ? &standing->gap_ms[i] : &beyond_gap);
        small(tape, known ? &standing->from[i] : &beyond_from);
    }
}

/* The format: both ways, in this order.  New members come last. */
static void go_through(struct tape *tape, struct standing *standing, int64_t now_ms)
{
    uint8_t flapping = standing->flapping;
    small(tape, &standing->status);
    small(tape, &standing->previous);
    small(tape, &standing->settled);
    small(tape, &standing->known);
    small(tape, &flapping);
    wall(tape, &standing->since_wall_ms);
    wall(tape, &standing->changed_wall_ms);
    wall(tape, &standing->known_since_wall_ms);
    age(tape, &standing->said_ms, now_ms);
    age(tape, &standing->shown_ms, now_ms);
    age(tape, &standing->change_ms, now_ms);
    int64_t runs = tape_number(tape, STANDING_RUNS);
    for (int64_t run = 0; run < STANDING_RUNS && run < runs; run++) {
        age(tape, &standing->run_since_ms[run], now_ms);
        counted(tape, &standing->run_length[run]);
    }
    small(tape, &standing->changes);
    changes(tape, standing);
    counted(tape, &standing->edition);
    standing->flapping = flapping != 0;
}

void standing_pack(const struct standing *standing, int64_t now_ms, struct text *out)
{
    struct standing copy = *standing;
    struct tape tape = {.out = out};
    go_through(&tape, &copy, now_ms);
}

static bool is_status(uint8_t number)
{
    return number <= PROBE_UNKNOWN;
}

bool standing_unpack(struct standing *standing, int64_t now_ms, const struct text *packed)
{
    struct tape tape = {.at = packed->bytes, .end = packed->bytes + packed->len};
    *standing = (struct standing){.status = PROBE_GRADED};
    go_through(&tape, standing, now_ms);
    bool sound = packed->len > 0 && is_status(standing->status) && is_status(standing->previous) &&
                 is_status(standing->settled) && is_status(standing->known) &&
                 standing->known != PROBE_UNKNOWN && standing->changes <= LEDGER_MOST_CHANGES;
    for (size_t i = 0; i < COUNT_OF(standing->from); i++)
        sound = sound && is_status(standing->from[i]);
    return sound;
}
