/*
 * note - the few words that a plugin remembers of a target or of a configured check.
 *
 * At most 64 keys of 4 KiB each.  Owned by whoever owns the `struct notes`.
 *
 * Layer: probe.  Uses: base.
 */
#ifndef PROBE_NOTE_H
#define PROBE_NOTE_H

#include <stdbool.h>
#include <stddef.h>

struct note {
    char *key, *value;
};

/* Zeroed at first. */
struct notes {
    struct note *all;
    size_t count;
    bool changed; /* since whoever keeps them took them */
};

/* The value, valid until the key is set again; NULL: there is none. */
const char *note_recall(const struct notes *notes, const char *key);

/* Zero; -E2BIG for too long a key or value, -ENOSPC for too many keys.  NULL forgets. */
int note_remember(struct notes *notes, const char *key, const char *value);

/* Takes all of `from` as well. */
void notes_copy(struct notes *notes, const struct notes *from);

void notes_finish(struct notes *notes);

#endif
