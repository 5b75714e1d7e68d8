#include "io/agenda.h"

#include <stdbool.h>

#include "base/mem.h"
#include "io/wait.h"

/* ---------------------------------------------------------------- heap ---- */

enum { CHILDREN = 4 };

static bool sooner(const struct slot *a, const struct slot *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void put(struct agenda *agenda, size_t at, struct slot slot)
{
    agenda->heap[at] = slot;
    slot.timer->slot = at;
}

static void rise(struct agenda *agenda, size_t at)
{
    const struct slot slot = agenda->heap[at];
    for (; at > 0 && sooner(&slot, &agenda->heap[(at - 1) / CHILDREN]); at = (at - 1) / CHILDREN)
        put(agenda, at, agenda->heap[(at - 1) / CHILDREN]);
    put(agenda, at, slot);
}

static size_t soonest_child(const struct agenda *agenda, size_t at)
{
    size_t first = CHILDREN * at + 1, end = first + CHILDREN;
    if (end > agenda->count)
        end = agenda->count;
    size_t best = first;
    for (size_t child = first + 1; child < end; child++)
        if (sooner(&agenda->heap[child], &agenda->heap[best]))
            best = child;
    return best;
}

static void sink(struct agenda *agenda, size_t at)
{
    const struct slot slot = agenda->heap[at];
    while (CHILDREN * at + 1 < agenda->count) {
        size_t child = soonest_child(agenda, at);
        if (!sooner(&agenda->heap[child], &slot))
            break;
        put(agenda, at, agenda->heap[child]);
        at = child;
    }
    put(agenda, at, slot);
}

static void heap_add(struct agenda *agenda, struct timer *timer)
{
    if (agenda->count == agenda->room) {
        agenda->room = agenda->room ? 2 * agenda->room : 64;
        agenda->heap = mem_resize(agenda->heap, agenda->room * sizeof(*agenda->heap));
    }
    put(agenda, agenda->count++, (struct slot){timer->due_us, timer->order, timer});
    rise(agenda, timer->slot);
}

static void heap_remove(struct agenda *agenda, const struct timer *timer)
{
    const struct slot last = agenda->heap[--agenda->count];
    if (last.timer == timer)
        return;
    put(agenda, timer->slot, last);
    rise(agenda, last.timer->slot);
    sink(agenda, last.timer->slot);
}

/* --------------------------------------------------------------- queue ---- */

static struct timer **place(const struct agenda *agenda, size_t at)
{
    return &agenda->queue[at & (agenda->queue_room - 1)];
}

static void queue_grow(struct agenda *agenda)
{
    size_t room = agenda->queue_room ? 2 * agenda->queue_room : 64, count = 0;
    struct timer **queue = mem_array(room, sizeof(struct timer *));
    for (; agenda->head != agenda->tail; agenda->head++) {
        struct timer *timer = *place(agenda, agenda->head);
        if (!timer)
            continue;
        timer->slot = count;
        queue[count++] = timer;
    }
    free(agenda->queue);
    agenda->queue = queue;
    agenda->queue_room = room;
    agenda->head = 0;
    agenda->tail = count;
}

static void queue_add(struct agenda *agenda, struct timer *timer)
{
    if (agenda->tail - agenda->head == agenda->queue_room)
        queue_grow(agenda);
    timer->slot = agenda->tail;
    *place(agenda, agenda->tail++) = timer;
}

/* Afterwards the head is a timer, or there is none. */
static void queue_remove(struct agenda *agenda, const struct timer *timer)
{
    *place(agenda, timer->slot) = NULL;
    while (agenda->head != agenda->tail && !*place(agenda, agenda->head))
        agenda->head++;
}

/* -------------------------------------------------------------- agenda ---- */

void agenda_add(struct agenda *agenda, struct timer *timer)
{
    if (timer->at_once)
        queue_add(agenda, timer);
    else
        heap_add(agenda, timer);
}

void agenda_remove(struct agenda *agenda, const struct timer *timer)
{
    if (timer->at_once)
        queue_remove(agenda, timer);
    else
        heap_remove(agenda, timer);
}

struct timer *agenda_first(const struct agenda *agenda)
{
    struct timer *waits = agenda->head != agenda->tail ? *place(agenda, agenda->head) : NULL;
    if (!agenda->count)
        return waits;
    if (!waits)
        return agenda->heap[0].timer;
    const struct slot slot = {waits->due_us, waits->order, waits};
    return sooner(&agenda->heap[0], &slot) ? agenda->heap[0].timer : waits;
}

int agenda_finish(struct agenda *agenda)
{
    int pending = (int)agenda->count;
    for (; agenda->head != agenda->tail; agenda->head++)
        pending += *place(agenda, agenda->head) != NULL;
    free(agenda->queue);
    free(agenda->heap);
    *agenda = (struct agenda){0};
    return pending;
}
