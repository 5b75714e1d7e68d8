/*
 * Any bytes as a calendar: understood or refused, and that ends; what is understood is in order, apart, and
 * within what was asked for.
 */
#include <stdint.h>
#include <stdlib.h>

#include "incident/ical.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct ical_wish wish = {.path = "f",
                                   .bytes = (const char *)bytes,
                                   .len = len,
                                   .from_ms = INT64_C(1767225600000),
                                   .until_ms = INT64_C(1798761600000)};
    struct ical_spans spans;
    struct error error = {0};
    int status = ical_read(&wish, &spans, &error);
    if (status < 0 && spans.count)
        abort();
    for (size_t i = 0; i < spans.count; i++)
        if (spans.all[i].until_ms <= spans.all[i].from_ms ||
            spans.all[i].until_ms <= wish.from_ms ||
            (i && spans.all[i].from_ms <= spans.all[i - 1].until_ms))
            abort();
    ical_free(&spans);
    return 0;
}
