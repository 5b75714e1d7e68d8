/*
 * age - how long something lasts, for sentences: "12 s", "3 min", "5.2 h", "9 d".
 *
 * Layer: plugins/common; includes the C library and probe.h only.
 */
#ifndef COMMON_AGE_H
#define COMMON_AGE_H

#include <stdio.h>

struct age_text {
    char text[24];
};

static inline struct age_text age_text(double seconds)
{
    struct age_text out;
    if (seconds < 120)
        (void)snprintf(out.text, sizeof(out.text), "%.0f s", seconds);
    else if (seconds < 7200)
        (void)snprintf(out.text, sizeof(out.text), "%.0f min", seconds / 60);
    else if (seconds < 172800)
        (void)snprintf(out.text, sizeof(out.text), "%.1f h", seconds / 3600);
    else
        (void)snprintf(out.text, sizeof(out.text), "%.0f d", seconds / 86400);
    return out;
}

#endif
