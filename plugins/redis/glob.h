/*
 * glob - Redis' patterns: * ? [abc] [^a-z] and \ before a character that is meant.  Pure functions.
 */
#ifndef REDIS_GLOB_H
#define REDIS_GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool glob_fits(const char *pattern, const char *text);

/* How many characters a pattern begins with that mean themselves. */
size_t glob_literal(const char *pattern);

/* Adds `text` so that it means itself; false where `room` does not suffice. */
bool glob_quote(char *out, size_t room, const char *text);

#endif
