/*
 * arena - memory that is taken in small pieces and given back all at once.
 *
 * For what lives and dies together, such as a configuration.  Pieces are zeroed and aligned for
 * any type; nothing is freed before arena_destroy().
 *
 * Layer: base.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(void);

/* Frees everything, in the reverse order what arena_own() was given; NULL is fine. */
void arena_destroy(struct arena *arena);

/* Zeroed memory.  Never NULL; a size of zero yields one byte. */
void *arena_new(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Copies; NULL gives NULL.  arena_copy_n() ends the copy with a NUL byte. */
char *arena_copy(struct arena *arena, const char *string);
char *arena_copy_n(struct arena *arena, const void *bytes, size_t len);
__attribute__((format(printf, 2, 3))) char *arena_print(struct arena *arena, const char *fmt, ...);

/* Has `destroy` called with `thing` when the arena ends. */
typedef void arena_destroy_fn(void *thing);
void arena_own(struct arena *arena, void *thing, arena_destroy_fn *destroy);

/* Bytes taken so far, for tests and figures. */
size_t arena_size(const struct arena *arena);

#endif
