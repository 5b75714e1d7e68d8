#include "base/mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void die(void)
{
    static const char words[] = "runbookd: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, words, sizeof(words) - 1);
    (void)ignored;
    _exit(1);
}

/* The most that glibc keeps at hand for each size; its calloc() never looks there (2.36). */
enum { AT_HAND = 1032 };

void *mem_array(size_t count, size_t size)
{
    size_t whole;
    bool small = !__builtin_mul_overflow(count, size, &whole) && whole <= AT_HAND;
    void *memory = small ? malloc(whole ? whole : 1) : calloc(count, size);
    if (!memory)
        die();
    return small ? memset(memory, 0, whole) : memory;
}

void *mem_new(size_t size)
{
    return mem_array(1, size);
}

void *mem_resize(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);
    if (!memory)
        die();
    return memory;
}

char *mem_copy_n(const void *bytes, size_t len)
{
    char *copy = mem_resize(NULL, len + 1);
    if (len)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *mem_copy(const char *string)
{
    return string ? mem_copy_n(string, strlen(string)) : NULL;
}

char *mem_print_args(const char *fmt, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, args) < 0)
        die();
    return text;
}

char *mem_print(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = mem_print_args(fmt, args);
    va_end(args);
    return text;
}
