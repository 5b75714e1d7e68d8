/* base/arena: pieces of any size, all given back at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    struct arena *arena = arena_create();
    char *pieces[200];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        size_t size = 1 + i * 97; /* some larger than a block's share, some larger than a block */
        (void)arena_copy_n(arena, "x", 1);
        pieces[i] = arena_new(arena, size);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t at = 0; at < size; at++)
            assert_int_equal(pieces[i][at], 0);
        memset(pieces[i], (int)i, size);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        assert_int_equal((unsigned char)pieces[i][i * 97], i);
    arena_destroy(arena);
}

static void strings_are_copied(void **state)
{
    struct arena *arena = arena_create();
    (void)state;
    assert_null(arena_copy(arena, NULL));
    assert_string_equal(arena_copy_n(arena, "abcdef", 3), "abc");
    assert_string_equal(arena_print(arena, "%s.%d", "a", 5), "a.5");
    assert_int_equal(arena_size(arena), 4 + 4);
    arena_destroy(arena);
    arena_destroy(NULL);
}

static char order[4];

static void note(void *thing)
{
    order[strlen(order)] = *(const char *)thing;
}

static void what_it_owns_is_destroyed_latest_first(void **state)
{
    struct arena *arena = arena_create();
    char letters[] = "abc";
    (void)state;
    for (size_t i = 0; i < 3; i++)
        arena_own(arena, &letters[i], note);
    arena_destroy(arena);
    assert_string_equal(order, "cba");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(what_it_owns_is_destroyed_latest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
