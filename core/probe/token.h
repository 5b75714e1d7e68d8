/*
 * token - the words of a condition's text, one after the other.
 *
 * A small part of Lua's: names, decimal numbers, words in quotes without backslashes, the operators
 * of comparing and counting, `and or not true false nil`.  What other languages write instead is
 * recognised, and refused with what to write here.
 *
 * Layer: probe.  Uses: base.
 */
#ifndef PROBE_TOKEN_H
#define PROBE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_NUMBER,
    TOKEN_WORD, /* in quotes, which `at` and `len` leave out */
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_NIL,
    TOKEN_SAME,     /* == */
    TOKEN_DIFFERS,  /* ~= */
    TOKEN_LESS,     /* < */
    TOKEN_AT_MOST,  /* <= */
    TOKEN_MORE,     /* > */
    TOKEN_AT_LEAST, /* >= */
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_TIMES,
    TOKEN_OVER,  /* / */
    TOKEN_WHOLE, /* // */
    TOKEN_REST,  /* % */
    TOKEN_POWER,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA
};

struct token {
    enum token_kind kind;
    const char *at; /* within the condition's text */
    size_t len;
    const char *next; /* where the next one is read from */
};

/* Reads the token that begins at or after `from`.  Zero, or -EINVAL and what is wrong. */
int token_read(const char *from, struct token *ret_token, struct error *error);

/* Whether the token is exactly this name. */
bool token_is(const struct token *token, const char *name);

#endif
