#include "app/voice.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/lines.h"
#include "io/loop.h"
#include "out/console.h"
#include "out/only.h"
#include "out/table.h"

enum { LOG_WAITING_BYTES = 1 << 20, LONGEST_LOG_LINE = 8192 };

struct voice {
    struct loop *loop;
    struct bus *bus;
    const struct config_stdout *sink;
    struct console *console; /* NULL: stdout is off */
    struct lines *log;       /* NULL: straight to stderr */
    struct table_look look;
    bool for_people; /* the log, since stderr is a terminal */
    voice_lost_fn *fn;
    void *data;
};

static void format(const struct event *event, struct text *out, void *data)
{
    const struct voice *voice = data;
    table_print_event(&voice->look, event, loop_wall_ms(voice->loop), out);
}

static bool wants(const struct event *event, void *data)
{
    const struct voice *voice = data;
    return only_fits(&voice->sink->only, event);
}

static void on_closed(const struct error *error, void *data)
{
    struct voice *voice = data;
    voice->fn(error->message, voice->data);
}

static void on_log_broken(int status, void *data)
{
    (void)status; /* nobody is left to be told */
    (void)data;
}

static void on_log(enum log_level level, const char *text, void *data)
{
    struct voice *voice = data;
    struct text TEXT_AUTO line;
    text_init(&line, LONGEST_LOG_LINE);
    if (voice->for_people)
        text_print(&line, "runbookd: %s: %s", log_level_name(level), text);
    else
        event_encode_log(voice->bus, level, text, loop_wall_ms(voice->loop), &line);
    (void)lines_write(voice->log, line.bytes, line.len);
}

static void on_early_log(enum log_level level, const char *text, void *data)
{
    struct text TEXT_AUTO line;
    struct writer writer;
    struct timespec now;
    (void)data;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    text_init(&line, LONGEST_LOG_LINE);
    writer_init(&writer, &line);
    writer_object(&writer, NULL);
    writer_int(&writer, "schema", 1);
    writer_time(&writer, "time", (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    writer_string(&writer, "kind", "log");
    writer_string(&writer, "level", log_level_name(level));
    writer_string(&writer, "message", text);
    writer_end(&writer);
    (void)fprintf(stderr, "%s\n", line.bytes);
}

void voice_begin(void)
{
    log_to(isatty(STDERR_FILENO) ? NULL : on_early_log, NULL);
}

static bool open_console(struct voice *voice)
{
    const struct console_wish wish = {
        .fd = STDOUT_FILENO,
        .name = "stdout",
        .wants = wants,
        .format = isatty(STDOUT_FILENO) ? format : NULL,
        .closed = on_closed,
        .data = voice,
    };
    voice->console = console_open(voice->loop, voice->bus, &wish);
    if (!voice->console)
        log_error("cannot start the thread that writes to stdout");
    return voice->console != NULL;
}

static void close_console(struct voice *voice, unsigned ms)
{
    size_t lost = console_close(voice->console, ms);
    voice->console = NULL;
    if (lost)
        log_warn("%zu events were lost, since nobody read stdout", lost);
}

void voice_take_over(struct voice *voice, const struct config_stdout *sink)
{
    enum { LET_GO_MS = 100 };
    voice->sink = sink;
    if (sink->off)
        close_console(voice, LET_GO_MS);
    else if (!voice->console)
        (void)open_console(voice);
}

struct voice *voice_open(struct loop *loop, struct bus *bus, const struct config_stdout *sink,
                         voice_lost_fn *fn, void *data)
{
    struct voice *voice = mem_new(sizeof(*voice));
    *voice = (struct voice){.loop = loop, .bus = bus, .sink = sink, .fn = fn, .data = data};
    voice->look = (struct table_look){.screen = screen_of(STDOUT_FILENO)};
    if (!sink->off && !open_console(voice)) {
        free(voice);
        return NULL;
    }
    voice->for_people = isatty(STDERR_FILENO);
    voice->log = lines_open(loop, STDERR_FILENO, LOG_WAITING_BYTES, on_log_broken, voice);
    if (voice->log)
        log_to(on_log, voice);
    return voice;
}

void voice_close(struct voice *voice, unsigned ms)
{
    if (!voice)
        return;
    close_console(voice, ms);
    voice_begin();
    if (voice->log)
        (void)lines_close(voice->log, ms);
    free(voice);
}
