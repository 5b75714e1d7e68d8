#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { BLOCK_SIZE = 16 << 10 };

struct block {
    struct block *before;
    size_t used, room;
    alignas(max_align_t) char bytes[];
};

struct owned {
    struct owned *before;
    void *thing;
    arena_destroy_fn *destroy;
};

struct arena {
    struct block *last;
    struct owned *owned; /* latest first */
    size_t size;
};

struct arena *arena_create(void)
{
    return mem_new(sizeof(struct arena));
}

void arena_destroy(struct arena *arena)
{
    if (!arena)
        return;
    for (struct owned *owned = arena->owned; owned; owned = owned->before)
        owned->destroy(owned->thing);
    for (struct block *block = arena->last; block;) {
        struct block *before = block->before;
        free(block);
        block = before;
    }
    free(arena);
}

/* A block with room for `size`; a large piece gets one of its own, beneath the one in use. */
static struct block *block_for(struct arena *arena, size_t size)
{
    bool large = size > BLOCK_SIZE / 4;
    size_t room = large ? size : BLOCK_SIZE;
    struct block *block = mem_new(sizeof(*block) + room);
    block->room = room;
    if (large && arena->last) {
        block->before = arena->last->before;
        arena->last->before = block;
    } else {
        block->before = arena->last;
        arena->last = block;
    }
    return block;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    struct block *block = arena->last;
    size_t start = block ? (block->used + align - 1) & ~(align - 1) : 0;
    if (!block || start > block->room || block->room - start < size) {
        block = block_for(arena, size);
        start = block->used;
    }
    block->used = start + size;
    arena->size += size;
    return block->bytes + start;
}

void *arena_new(struct arena *arena, size_t size)
{
    return take(arena, size ? size : 1, alignof(max_align_t));
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 2 / size)
        return mem_array(count, size); /* ends the process, in the usual words */
    return arena_new(arena, count * size);
}

char *arena_copy_n(struct arena *arena, const void *bytes, size_t len)
{
    char *copy = take(arena, len + 1, 1);
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

char *arena_copy(struct arena *arena, const char *string)
{
    return string ? arena_copy_n(arena, string, strlen(string)) : NULL;
}

char *arena_print(struct arena *arena, const char *fmt, ...)
{
    MEM_AUTO char *text = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = mem_copy("");
    va_end(args);
    return arena_copy(arena, text);
}

void arena_own(struct arena *arena, void *thing, arena_destroy_fn *destroy)
{
    struct owned *owned = arena_new(arena, sizeof(*owned));
    *owned = (struct owned){arena->owned, thing, destroy};
    arena->owned = owned;
}

size_t arena_size(const struct arena *arena)
{
    return arena->size;
}
