#include "window.h"

#include <string.h>

static void drop(struct window *window, size_t at)
{
    window->count--;
    memmove(&window->readings[at],
            &window->readings[at + 1],
            (window->count - at) * sizeof(*window->readings));
}

static bool was_reset(const struct window *window, const struct window_reading *reading)
{
    for (size_t i = 0; window->count && i < WINDOW_VALUES; i++)
        if (reading->values[i] < window->readings[window->count - 1].values[i])
            return true;
    return false;
}

void window_add(struct window *window, int64_t span_ms, const struct window_reading *reading)
{
    /* Readings that come more often than this one are not worth a place. */
    int64_t step_ms = span_ms / (WINDOW_READINGS - 3);

    if (was_reset(window, reading))
        window->count = 0;
    while (window->count > 1 && reading->at_ms - window->readings[1].at_ms >= span_ms)
        drop(window, 0);
    if (window->count > 2 &&
        window->readings[window->count - 1].at_ms - window->readings[window->count - 2].at_ms <
            step_ms)
        window->count--;
    if (window->count == WINDOW_READINGS)
        drop(window, 1);
    window->readings[window->count++] = *reading;
}

bool window_known(const struct window *window)
{
    return window->count > 1;
}

int64_t window_grown(const struct window *window, size_t value)
{
    return window->count ? window->readings[window->count - 1].values[value] -
                               window->readings[0].values[value]
                         : 0;
}

int64_t window_ms(const struct window *window)
{
    return window->count ? window->readings[window->count - 1].at_ms - window->readings[0].at_ms
                         : 0;
}
