#include "out/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "out/view.h"

static struct progress_event identity_of(struct view line)
{
    struct progress_event event = {.seq = view_int(view_member(line, "seq"), 0)};
    struct view boot = view_member(view_member(line, "agent"), "boot");
    if (boot.at)
        (void)snprintf(event.boot, sizeof(event.boot), "%.*s", (int)boot.len, boot.at);
    return event;
}

static bool is_same(const struct progress_event *a, const struct progress_event *b)
{
    return a->seq == b->seq && strcmp(a->boot, b->boot) == 0;
}

/* Where it is from `at` on, or `count`: then the rest of them has left the queue another way. */
static size_t find(const struct progress *progress, size_t at, const struct progress_event *event)
{
    while (at < progress->count && !is_same(&progress->events[at], event))
        at++;
    return at;
}

void progress_begin(struct progress *progress, const struct sink_parcel *parcel)
{
    struct view rest = {parcel->lines, parcel->len}, line;
    size_t room = parcel->count + progress->count, at = 0;
    struct progress now = {.events = mem_array(room, sizeof(*now.events))};
    while (now.count < parcel->count && view_line(&rest, &line)) {
        struct progress_event event = identity_of(line);
        size_t found = find(progress, at, &event);
        event.done = found < progress->count && progress->events[found].done;
        at = found < progress->count ? found + 1 : found;
        now.events[now.count++] = event;
    }
    now.parcel = now.count;
    while (at < progress->count)
        now.events[now.count++] = progress->events[at++];
    free(progress->events);
    *progress = now;
}

void progress_taken(struct progress *progress)
{
    progress->count -= progress->parcel;
    memmove(progress->events,
            progress->events + progress->parcel,
            progress->count * sizeof(*progress->events));
    progress->parcel = 0;
}

void progress_finish(struct progress *progress)
{
    free(progress->events);
    *progress = (struct progress){0};
}
