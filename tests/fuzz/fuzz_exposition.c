/*
 * Bytes as a page of Prometheus' text format, read whole and in two pieces: both see the same, within
 * the bounds, and quantiles and growth of what was read are numbers or say that there are none.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prometheus/exposition.c" /* lint: the plugin's own file, which links to nothing */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct exposition_wish wish = {.metric = "x", .by = (const char *const[]){"a", NULL}};

static struct exposition read_in_two(const char *bytes, size_t first, size_t len)
{
    struct exposition into = {0};
    struct exposition_reader *reader = calloc(1, sizeof(*reader));
    exposition_begin(reader, &wish, &into, 0);
    exposition_feed(reader, bytes, first);
    exposition_feed(reader, bytes + first, len - first);
    exposition_end(reader);
    free(reader);
    return into;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;
    struct exposition one = read_in_two(text, 0, len), two = read_in_two(text, len / 2, len);
    if (one.count != two.count || one.count > EXPOSITION_GROUPS)
        abort();
    for (size_t i = 0; i < one.count; i++) {
        const struct exposition_group *group = &one.groups[i];
        if (strcmp(group->subject, two.groups[i].subject) != 0 ||
            group->bucket_count > EXPOSITION_BUCKETS)
            abort();
        for (size_t j = 1; j < group->bucket_count; j++)
            if (!(group->buckets[j - 1].le < group->buckets[j].le))
                abort();
        (void)exposition_quantile(&two, &one, group->subject, 0.95);
        if (exposition_growth(&two, &one, group->subject) < 0)
            abort();
    }
    exposition_finish(&one);
    exposition_finish(&two);
    return 0;
}
