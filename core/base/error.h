/*
 * error - what went wrong, for programs (a negative errno value) and for people (two sentences).
 *
 * A function that may fail in more than one way takes `struct error *` last, returns zero or the
 * error's code, and leaves `*error` alone on success.  The caller owns it; nothing is allocated.
 *
 * Layer: base.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

struct error {
    int code;          /* a negative errno value */
    char message[512]; /* what is wrong, no full stop */
    char hint[256];    /* what to do about it; empty: nothing is known */
};

/* Fills `error`, clears its hint and returns `code`, ready to be returned. */
__attribute__((format(printf, 3, 4))) int error_set(struct error *error, int code, const char *fmt,
                                                    ...);

/* Adds what to do about it, and returns error->code. */
__attribute__((format(printf, 2, 3))) int error_hint(struct error *error, const char *fmt, ...);

#endif
