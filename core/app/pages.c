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
#include <unistd.h>

#include "io/loop.h"

enum {
    FIRST_MS = 3000, /* by then the first checks have touched what they need */
    LOOK_MS = 10000,
    QUIET = 6, /* looks between two times */
    GROWN = 512 << 10,
};

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

/* Bytes of files that are resident: the third number of statm (proc(5)), in pages. */
static size_t of_files(void)
{
    size_t shared = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %*u %zu", &shared) != 1)
        shared = 0;
    (void)fclose(file);
    return shared * (size_t)sysconf(_SC_PAGESIZE);
}

static void give_back(struct pages *pages)
{
    (void)malloc_trim(0);
    (void)pages_give_back();
    pages->settled = pages->quiet = 0;
}

static void on_look(void *data)
{
    struct pages *pages = data;
    size_t now = of_files();
    if (!pages->settled)
        pages->settled = now;
    if (++pages->quiet >= QUIET && now > pages->settled + GROWN)
        give_back(pages);
    timer_start(&pages->timer, pages->loop, LOOK_MS, on_look, pages);
}

static void on_started(void *data)
{
    struct pages *pages = data;
    give_back(pages);
    timer_start(&pages->timer, pages->loop, LOOK_MS, on_look, pages);
}

void pages_watch(struct pages *pages, struct loop *loop)
{
    *pages = (struct pages){.loop = loop};
    timer_start(&pages->timer, loop, FIRST_MS, on_started, pages);
}

void pages_stop(struct pages *pages)
{
    timer_stop(&pages->timer);
}
