#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"

enum { REMEMBERED = 32, QUIET_S = 60, LONGEST = 2048 };

static struct {
    log_fn *fn;
    void *data;
    enum log_level lowest;
    struct {
        uint64_t hash;
        time_t said;
        unsigned again;
    } recent[REMEMBERED];
} out = {.lowest = LOG_INFO};

static const char *const names[] = {"debug", "info", "warn", "error"};

const char *log_level_name(enum log_level level)
{
    return names[level];
}

void log_to(log_fn *fn, void *data)
{
    out.fn = fn;
    out.data = data;
}

void log_set_level(enum log_level lowest)
{
    out.lowest = lowest;
}

bool log_is_taken(void)
{
    return out.fn != NULL;
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

/* Whether to say it now; `ret_again` is how often it was kept back before. */
static int damp(const char *text, unsigned *ret_again)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t hash = hash_of(text);
    size_t oldest = 0;
    for (size_t i = 0; i < REMEMBERED; i++) {
        if (out.recent[i].hash == hash) {
            if (now.tv_sec - out.recent[i].said < QUIET_S) {
                out.recent[i].again++;
                return 0;
            }
            oldest = i;
            break;
        }
        if (out.recent[i].said < out.recent[oldest].said)
            oldest = i;
    }
    *ret_again = out.recent[oldest].hash == hash ? out.recent[oldest].again : 0;
    out.recent[oldest].hash = hash;
    out.recent[oldest].said = now.tv_sec;
    out.recent[oldest].again = 0;
    return 1;
}

__attribute__((format(printf, 2, 0))) static void say(enum log_level level, const char *fmt,
                                                      va_list args)
{
    if (level < out.lowest)
        return;
    char raw[LONGEST];
    (void)vsnprintf(raw, sizeof(raw), fmt, args);
    unsigned again = 0;
    if (!damp(raw, &again))
        return;
    struct text TEXT_AUTO text;
    text_init(&text, 2 * (size_t)LONGEST);
    redact_add(&text, raw, strlen(raw));
    if (again)
        text_print(&text, " (said %u times more)", again);
    if (out.fn)
        out.fn(level, text.bytes, out.data);
    else
        (void)fprintf(stderr, "runbookd: %s: %s\n", names[level], text.bytes);
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *fmt, ...)                                                                \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, fmt);                                                                       \
        say(level, fmt, args);                                                                     \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_debug, LOG_DEBUG)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_error, LOG_ERROR)
