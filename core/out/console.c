#include "out/console.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "io/lines.h"
#include "io/loop.h"
#include "io/wait.h"
#include "probe/metric.h"

enum { MAX_BYTES = 8 * 1024 * 1024, LONGEST_LINE = 1024 * 1024, LOOK_AGAIN_MS = 1000 };

struct console {
    struct loop *loop;
    struct bus *bus;
    struct lines *lines;
    struct console_wish wish;
    char *name;
    struct text text; /* what a format makes */
    bool broken;
    struct timer look;      /* at the queue, after something was dropped */
    size_t waiting_at_drop; /* lines, when the first one since was dropped */
    uint64_t dropped;       /* not said yet */
    bool saying, said;      /* of the event that says it: it is under way, it fitted */
};

/* --------------------------------------------------------------- dropped ---- */

static void write_dropped(struct writer *writer, void *data)
{
    const struct console *console = data;
    writer_string(writer, "sink", console->name);
    writer_int(writer, "dropped", (int64_t)console->dropped);
}

/* Says how many were dropped; false: that was dropped, too. */
static bool say_dropped(struct console *console)
{
    char message[160];
    console->dropped += lines_take_dropped(console->lines);
    (void)snprintf(message,
                   sizeof(message),
                   "%" PRIu64 " %s dropped: whoever reads %s was too slow",
                   console->dropped,
                   console->dropped == 1 ? "event was" : "events were",
                   console->name);
    console->saying = true;
    console->said = false;
    (void)event_emit_agent(console->bus,
                           LOG_WARN,
                           "dropped",
                           message,
                           loop_wall_ms(console->loop),
                           write_dropped,
                           console);
    console->saying = false;
    if (console->said)
        console->dropped = 0;
    return console->said;
}

static void on_look(void *data)
{
    struct console *console = data;
    bool moves = lines_waiting(console->lines) <= console->waiting_at_drop / 2;
    if (!moves || !say_dropped(console))
        timer_start(&console->look, console->loop, LOOK_AGAIN_MS, on_look, console);
}

/* ---------------------------------------------------------------- events ---- */

static bool write_formatted(struct console *console, const struct event *event)
{
    struct text *text = &console->text;
    text_cut_to(text, 0);
    console->wish.format(event, text, console->wish.data);
    while (text->len && text->bytes[text->len - 1] == '\n')
        text_cut_to(text, text->len - 1);
    return text->len == 0 || lines_write(console->lines, text->bytes, text->len);
}

static void on_event(const struct event *event, void *data)
{
    struct console *console = data;
    bool wanted = !console->wish.wants || console->wish.wants(event, console->wish.data);
    if (console->broken || (!wanted && !console->saying))
        return;
    bool fits = console->wish.format ? write_formatted(console, event)
                                     : lines_write(console->lines, event->json, event->len);
    if (!fits)
        metric_count(console->name, "sink_dropped_total", 1);
    if (console->saying) {
        console->saying = false; /* what comes after it is something else again */
        console->said = fits;
    } else if (!fits && !timer_pending(&console->look)) {
        console->waiting_at_drop = lines_waiting(console->lines);
        timer_start(&console->look, console->loop, LOOK_AGAIN_MS, on_look, console);
    }
}

static void on_broken(int status, void *data)
{
    struct console *console = data;
    struct error error;
    console->broken = true;
    timer_stop(&console->look);
    (void)error_set(&error, status, "%s takes no more: %s", console->name, strerror(-status));
    if (status == -EPIPE)
        (void)error_set(&error, status, "%s was closed: nobody reads it any more", console->name);
    if (console->wish.closed)
        console->wish.closed(&error, console->wish.data);
}

/* ------------------------------------------------------------ open, close ---- */

struct console *console_open(struct loop *loop, struct bus *bus, const struct console_wish *wish)
{
    struct console *console = mem_new(sizeof(*console));
    console->loop = loop;
    console->bus = bus;
    console->wish = *wish;
    console->lines = lines_open(
        loop, wish->fd, wish->max_bytes ? wish->max_bytes : MAX_BYTES, on_broken, console);
    if (!console->lines) {
        free(console);
        return NULL;
    }
    console->name = mem_copy(wish->name);
    text_init(&console->text, LONGEST_LINE);
    metric_count(console->name, "sink_dropped_total", 0); /* so that it is there to be asked for */
    bus_subscribe(bus, on_event, console);
    return console;
}

size_t console_close(struct console *console, unsigned ms)
{
    if (!console)
        return 0;
    bus_unsubscribe(console->bus, on_event, console);
    timer_stop(&console->look);
    size_t lost = (size_t)console->dropped + lines_close(console->lines, ms);
    text_finish(&console->text);
    free(console->name);
    free(console);
    return lost;
}
