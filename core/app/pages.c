/*
 * A mapping that is private and was written to, such as relocated tables that are read-only by now,
 * would be reset to what the file says: only smaps tells it apart ("Anonymous:"), so that maps alone
 * will not do.
 */
#include "app/pages.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct mapping {
    uintptr_t start, end;
    bool of_file, read_only;
};

/* "7f0c1000-7f0c5000 r-xp 00001000 fe:01 1234   /usr/lib/..." */
static bool read_head(const char *line, struct mapping *ret_mapping)
{
    uintptr_t start, end;
    char rights[5];
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, rights) != 3)
        return false;
    *ret_mapping = (struct mapping){
        .start = start,
        .end = end,
        .of_file = strchr(line, '/') != NULL,
        .read_only = rights[1] == '-' && rights[3] == 'p',
    };
    return true;
}

/* The line that says how much of it is no longer the file's. */
static bool says_untouched(const char *line)
{
    long kb = -1;
    return sscanf(line, "Anonymous: %ld kB", &kb) == 1 && kb == 0;
}

static size_t drop(const struct mapping *mapping)
{
    size_t len = mapping->end - mapping->start;
    return madvise((void *)mapping->start, len, MADV_DONTNEED) == 0 ? len : 0;
}

size_t pages_give_back(void)
{
    struct mapping mapping = {0};
    char *line = NULL;
    size_t room = 0, given = 0;
    FILE *file = fopen("/proc/self/smaps", "re");
    (void)malloc_trim(0);
    if (!file)
        return 0;
    while (getline(&line, &room, file) > 0) {
        if (read_head(line, &mapping))
            continue;
        if (mapping.of_file && mapping.read_only && says_untouched(line))
            given += drop(&mapping);
    }
    (void)fclose(file);
    free(line);
    return given;
}
