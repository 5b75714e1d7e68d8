#include "incident/windows.h"

#include <fnmatch.h>
#include <string.h>

bool windows_is_unknown(const struct named_window *window)
{
    return window->when.kind == WINDOW_SPANS && !window->when.spans->known;
}

/* ------------------------------------------------------------------ freezes ---- */

const struct named_window *windows_freeze(const struct windows *windows, int64_t now_ms,
                                          int64_t *ret_until_ms)
{
    const struct named_window *last = NULL;
    for (size_t i = 0; windows && i < windows->count; i++) {
        const struct named_window *window = &windows->all[i];
        int64_t until_ms = 0;
        if (!windows_is_unknown(window) && !window_holds(&window->when, now_ms, &until_ms))
            continue;
        if (last && (*ret_until_ms == 0 || (until_ms && until_ms <= *ret_until_ms)))
            continue;
        last = window;
        *ret_until_ms = until_ms;
    }
    return last;
}

const struct named_window *windows_next(const struct windows *windows, int64_t now_ms,
                                        int64_t *ret_begins_ms)
{
    const struct named_window *next = NULL;
    *ret_begins_ms = 0;
    for (size_t i = 0; windows && i < windows->count; i++) {
        const struct named_window *window = &windows->all[i];
        if (windows_is_unknown(window) || window_holds(&window->when, now_ms, NULL))
            continue;
        int64_t begins_ms = window_begins(&window->when, now_ms);
        if (begins_ms && (!next || begins_ms < *ret_begins_ms)) {
            next = window;
            *ret_begins_ms = begins_ms;
        }
    }
    return next;
}

/* ----------------------------------------------------------------- silences ---- */

static bool fits(const char *const *patterns, const char *word)
{
    if (!patterns || !*patterns)
        return true;
    for (; word && *patterns; patterns++)
        if (fnmatch(*patterns, word, FNM_NOESCAPE) == 0)
            return true;
    return false;
}

static bool is_of(const struct window_match *match, const struct silence_matter *matter)
{
    return fits(match->targets, matter->target) && fits(match->names, matter->name) &&
           fits(match->subjects, matter->subject) && fits(match->checks, matter->check) &&
           silence_has_labels(match->labels, matter);
}

const struct named_window *windows_silence(const struct windows *windows,
                                           const struct silence_matter *matter, bool acting,
                                           int64_t now_ms)
{
    for (size_t i = 0; windows && i < windows->count; i++) {
        const struct named_window *window = &windows->all[i];
        if (windows_is_unknown(window) || (acting && window->remediate) ||
            !is_of(&window->match, matter) ||
            (window->except.written && is_of(&window->except, matter)))
            continue;
        if (window_holds(&window->when, now_ms, NULL))
            return window;
    }
    return NULL;
}

void windows_write(const struct windows *windows, int64_t now_ms, struct writer *writer)
{
    for (size_t i = 0; windows && i < windows->count; i++) {
        const struct named_window *window = &windows->all[i];
        int64_t until_ms = 0;
        if (windows_is_unknown(window) || !window_holds(&window->when, now_ms, &until_ms))
            continue;
        writer_object(writer, NULL);
        writer_string(writer, "window", window->name);
        if (until_ms)
            writer_time(writer, "until", until_ms);
        if (window->reason)
            writer_string(writer, "reason", window->reason);
        writer_end(writer);
    }
}
