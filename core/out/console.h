/*
 * console - every event to a descriptor such as stdout, without ever making the agent wait.
 *
 * One JSON object a line, or on a terminal whatever app plugs in as a format.  A reader that
 * stalls costs lines, never time: what does not fit the queue is dropped, and how many were is
 * said by an agent event, "dropped", once the queue moves again.
 *
 * Layer: out.  Uses: base, io/lines, io/wait, probe/event, metric.
 */
#ifndef OUT_CONSOLE_H
#define OUT_CONSOLE_H

#include <stddef.h>

#include "base/error.h"
#include "probe/event.h"

struct loop;
struct console;

/* Adds an event as people read it; a newline at its end is not needed.  Nothing: it is not shown. */
typedef void console_format_fn(const struct event *event, struct text *out, void *data);

/* Whether it is to have an event. */
typedef bool console_wants_fn(const struct event *event, void *data);

/* Called once, on the loop, when nobody reads any more.  console_close() may be called from here. */
typedef void console_closed_fn(const struct error *error, void *data);

struct console_wish {
    int fd;                    /* stays the caller's */
    const char *name;          /* for people: "stdout" */
    size_t max_bytes;          /* of what waits; zero: 8 MiB */
    console_wants_fn *wants;   /* NULL: every event */
    console_format_fn *format; /* NULL: the event's JSON */
    console_closed_fn *closed; /* NULL: further events are dropped silently */
    void *data;                /* of all three */
};

/* Subscribes; NULL where no thread can be started. */
struct console *console_open(struct loop *loop, struct bus *bus, const struct console_wish *wish);

/* Waits up to `ms` for the reader.  Returns how many lines were lost and not said.  NULL is fine. */
size_t console_close(struct console *console, unsigned ms);

#endif
