/*
 * change - which certificate each subject had, and since when, across restarts.
 *
 * A book of a few lines, as it is remembered: "SUBJECT SINCE FINGERPRINT PREVIOUS".  Pure functions.
 */
#ifndef COMMON_CERT_CHANGE_H
#define COMMON_CERT_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHANGE_MOST = 16, CHANGE_BYTES = 4000, CHANGE_SUBJECT = 64, CHANGE_FINGERPRINT = 65 };

struct change {
    char subject[CHANGE_SUBJECT];
    char fingerprint[CHANGE_FINGERPRINT], previous[CHANGE_FINGERPRINT]; /* "-": none before */
    int64_t since_ms; /* since 1970: when the present one was first seen */
    bool seen;        /* in this run */
};

struct change_book {
    struct change all[CHANGE_MOST];
    size_t count;
    bool written; /* it differs from what is remembered */
};

/* `text` may be NULL; what cannot be read is left out. */
void change_read(struct change_book *book, const char *text);

/* Notes what a subject has now; NULL: the book is full of others that were seen in this run. */
const struct change *change_note(struct change_book *book, const char *subject,
                                 const char *fingerprint, int64_t wall_ms);

/* Whether there was another one before. */
bool change_happened(const struct change *change);

void change_print(const struct change_book *book, char out[CHANGE_BYTES]);

#endif
