/*
 * bytes - a size for people: "512 B", "943.4 KiB", "3.2 GiB".
 */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stdint.h>
#include <stdio.h>

struct bytes_text {
    char text[24];
};

static inline struct bytes_text bytes_text(int64_t bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
    struct bytes_text out;
    double value = (double)bytes / 1024;
    size_t step = 0;
    if (bytes < 1024) {
        (void)snprintf(out.text, sizeof(out.text), "%d B", bytes < 0 ? 0 : (int)bytes);
        return out;
    }
    for (; value >= 1024 && step + 1 < sizeof(names) / sizeof(*names); step++)
        value /= 1024;
    (void)snprintf(out.text, sizeof(out.text), "%.1f %s", value, names[step]);
    return out;
}

#endif
