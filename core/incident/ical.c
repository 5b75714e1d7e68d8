#include "incident/ical.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "incident/ical_parts.h"

enum { MOST_SECONDS = 20 };

int ical_wrong(struct ical_book *book, unsigned line, const char *fmt, ...)
{
    char what[200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return error_set(book->error, -EINVAL, "%s:%u: %s", book->wish->path, line, what);
}

static int by_beginning(const void *left, const void *right)
{
    const struct window_span *one = left, *other = right;
    return (one->from_ms > other->from_ms) - (one->from_ms < other->from_ms);
}

/* Of spans that touch one another the whole counts. */
static void join(struct ical_spans *spans)
{
    size_t kept = 0;
    if (spans->count)
        qsort(spans->all, spans->count, sizeof(*spans->all), by_beginning);
    for (size_t i = 0; i < spans->count; i++) {
        struct window_span *last = kept ? &spans->all[kept - 1] : NULL;
        if (!last || spans->all[i].from_ms > last->until_ms)
            spans->all[kept++] = spans->all[i];
        else if (spans->all[i].until_ms > last->until_ms)
            last->until_ms = spans->all[i].until_ms;
    }
    spans->count = kept;
}

static void forget(struct ical_book *book)
{
    for (size_t i = 0; i < book->event_count; i++) {
        free(book->events[i].uid);
        free(book->events[i].rule);
        free(book->events[i].more);
        free(book->events[i].except);
    }
    free(book->events);
    for (size_t i = 0; i < book->zone_count; i++) {
        free(book->zones[i].name);
        zone_close(book->zones[i].zone);
    }
    free(book->zones);
}

/* Seconds of the processor that this thread has had. */
static int64_t seconds_had(void)
{
    struct timespec had = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &had);
    return had.tv_sec;
}

/* Rules that never come true cost a second each: so many of them are not waited for. */
static int expand_all(struct ical_book *book)
{
    int64_t begun = seconds_had();
    int status = 0;
    for (size_t i = 0; status == 0 && i < book->event_count; i++)
        status = seconds_had() - begun > MOST_SECONDS
                     ? ical_wrong(book, book->events[i].line, "the calendar takes too long to read")
                     : ical_expand(book, &book->events[i]);
    return status;
}

int ical_read(const struct ical_wish *wish, struct ical_spans *ret, struct error *error)
{
    struct ical_book book = {.wish = wish, .error = error};
    int status = ical_read_events(&book);
    if (status == 0)
        status = expand_all(&book);
    if (status == 0)
        join(&book.spans);
    else
        ical_free(&book.spans);
    *ret = book.spans;
    forget(&book);
    return status;
}

void ical_free(struct ical_spans *spans)
{
    free(spans->all);
    *spans = (struct ical_spans){0};
}
