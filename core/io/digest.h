/*
 * digest - what a text is, in a few letters: the beginning of its SHA-256.
 *
 * Layer: io.  Uses: base, OpenSSL.
 */
#ifndef IO_DIGEST_H
#define IO_DIGEST_H

#include <stddef.h>

#include "base/text.h"

/* `digits` hex digits, 64 at most, and a NUL. */
void digest_text(const struct text *text, size_t digits, char *out);

#endif
