#include "out/encode.h"

#include <string.h>

static const struct encoding *const all[] = {&encode_ndjson,
                                             &encode_otlp,
                                             &encode_loki,
                                             &encode_elasticsearch,
                                             &encode_splunk,
                                             &encode_clickhouse,
                                             &encode_datadog,
                                             NULL};

const char *const encode_names[] = {
    "ndjson", "otlp", "loki", "elasticsearch", "splunk", "clickhouse", "datadog", NULL};

const struct encoding *encode_find(const char *name)
{
    for (size_t i = 0; all[i]; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}
