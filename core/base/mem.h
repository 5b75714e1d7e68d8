/*
 * mem - allocation that does not fail.
 *
 * Out of memory ends the process with a message: an agent that limps on without memory would
 * report what is not true.  (Lua states have a cap and an allocator of their own; see vm.)
 *
 * Layer: base.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

/* Never NULL. */
#define MEM_SURE __attribute__((returns_nonnull))

/* Zeroed memory, freed by free().  Never NULL; a size of zero yields one byte. */
MEM_SURE void *mem_new(size_t size);
MEM_SURE void *mem_array(size_t count, size_t size);

/* Grows or shrinks `old` (which may be NULL); what is added is not zeroed. */
MEM_SURE void *mem_resize(void *old, size_t size);

/* Copies, freed by free(); NULL gives NULL.  mem_copy_n() ends the copy with a NUL byte. */
char *mem_copy(const char *string);
MEM_SURE char *mem_copy_n(const void *bytes, size_t len);

/* A formatted string, freed by free(). */
MEM_SURE __attribute__((format(printf, 1, 2))) char *mem_print(const char *fmt, ...);
MEM_SURE __attribute__((format(printf, 1, 0))) char *mem_print_args(const char *fmt, va_list args);

/* MEM_AUTO char *name = mem_copy(x): freed when the block is left. */
static inline void mem_free_at(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}
#define MEM_AUTO __attribute__((cleanup(mem_free_at)))

/* The struct that holds `member` at `pointer`. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

#endif
