/*
 * text - a string that grows, up to a maximum that is set once.
 *
 * What does not fit is cut, on a whole UTF-8 character, and `cut` says so; nothing else is lost.
 * `bytes` always ends with a NUL byte and is never NULL.
 *
 * Layer: base.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
    char *bytes;
    size_t len;
    size_t room; /* allocated; zero: `bytes` is a constant */
    size_t max;  /* of len */
    bool cut;    /* something did not fit */
};

/* Begins empty, allocating nothing; text_finish() frees, and may be called twice. */
void text_init(struct text *text, size_t max);
void text_finish(struct text *text);
#define TEXT_AUTO __attribute__((cleanup(text_finish)))

void text_add(struct text *text, const char *string);
void text_add_n(struct text *text, const void *bytes, size_t len);
void text_add_char(struct text *text, char c);

/* `len` more bytes, to be written by the caller; NULL, and nothing is added, where they do not fit. */
char *text_extend(struct text *text, size_t len);
__attribute__((format(printf, 2, 3))) void text_print(struct text *text, const char *fmt, ...);

/*
 * Adds what is safe on a terminal and in one line: each control character becomes a space, each
 * byte that is not UTF-8 a U+FFFD.
 */
void text_add_plain(struct text *text, const char *bytes, size_t len);

/* Shortens to `len` bytes (nothing where it is shorter), and forgets that anything was cut. */
void text_cut_to(struct text *text, size_t len);

/* Hands the string over, freed by free(); the text is empty again. */
char *text_take(struct text *text);

/* How long the UTF-8 character at `bytes` is, which holds `left` of them; zero: it is none. */
size_t text_character(const char *bytes, size_t left);

/* How many of the first `len` bytes of UTF-8 are whole characters. */
size_t text_whole(const char *bytes, size_t len);

#endif
