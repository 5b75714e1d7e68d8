/* Any bytes as a plan, and any text as a filter in one: read or not, and that ends; every name fits its room. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/postgres/explained.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = strndup((const char *)bytes, len);
    struct explained_scan scan = {0};
    struct explained found;

    (void)explained_read(&found, text);
    read_filter(&scan, "o", text);
    for (size_t i = 0; i < scan.column_count; i++)
        if (!*scan.columns[i].name || strlen(scan.columns[i].name) >= EXPLAINED_NAME)
            abort();
    free(text);
    return 0;
}
