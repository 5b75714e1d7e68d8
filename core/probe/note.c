#include "probe/note.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

enum { MOST_KEYS = 64, LONGEST = 4096 };

static struct note *find(const struct notes *notes, const char *key)
{
    for (size_t i = 0; i < notes->count; i++)
        if (strcmp(notes->all[i].key, key) == 0)
            return &notes->all[i];
    return NULL;
}

const char *note_recall(const struct notes *notes, const char *key)
{
    const struct note *note = find(notes, key);
    return note ? note->value : NULL;
}

static void forget(struct notes *notes, struct note *note)
{
    free(note->key);
    free(note->value);
    *note = notes->all[--notes->count];
}

int note_remember(struct notes *notes, const char *key, const char *value)
{
    struct note *note = find(notes, key);
    if (!value) {
        notes->changed = notes->changed || note;
        if (note)
            forget(notes, note);
        return 0;
    }
    if (strlen(key) > LONGEST || strlen(value) > LONGEST)
        return -E2BIG;
    if (note && strcmp(note->value, value) == 0)
        return 0;
    if (note) {
        notes->changed = true;
        char *copy = mem_copy(value); /* `value` may be the one that is kept */
        free(note->value);
        note->value = copy;
        return 0;
    }
    if (notes->count == MOST_KEYS)
        return -ENOSPC;
    notes->all = mem_resize(notes->all, (notes->count + 1) * sizeof(*notes->all));
    notes->all[notes->count++] = (struct note){mem_copy(key), mem_copy(value)};
    notes->changed = true;
    return 0;
}

void notes_copy(struct notes *notes, const struct notes *from)
{
    for (size_t i = 0; i < from->count; i++)
        (void)note_remember(notes, from->all[i].key, from->all[i].value);
}

void notes_finish(struct notes *notes)
{
    while (notes->count)
        forget(notes, &notes->all[notes->count - 1]);
    free(notes->all);
    *notes = (struct notes){0};
}
