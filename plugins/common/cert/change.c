#include "common/cert/change.h"

#include <stdio.h>
#include <string.h>

static const char nothing[] = "-";

void change_read(struct change_book *book, const char *text)
{
    memset(book, 0, sizeof(*book));
    while (text && *text && book->count < CHANGE_MOST) {
        struct change *change = &book->all[book->count];
        long long since = 0;
        if (sscanf(text,
                   "%63s %lld %64s %64s",
                   change->subject,
                   &since,
                   change->fingerprint,
                   change->previous) == 4) {
            change->since_ms = since;
            book->count++;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
}

/* A place for a subject that is new: one more, or that of a subject that is gone. */
static struct change *place(struct change_book *book)
{
    if (book->count < CHANGE_MOST)
        return &book->all[book->count++];
    for (size_t i = 0; i < book->count; i++)
        if (!book->all[i].seen)
            return &book->all[i];
    return NULL;
}

const struct change *change_note(struct change_book *book, const char *subject,
                                 const char *fingerprint, int64_t wall_ms)
{
    struct change *change = NULL;
    for (size_t i = 0; i < book->count && !change; i++)
        if (strcmp(book->all[i].subject, subject) == 0)
            change = &book->all[i];
    bool known = change != NULL;
    if (!known)
        change = place(book);
    if (!change)
        return NULL;
    if (!known || strcmp(change->fingerprint, fingerprint) != 0) {
        (void)snprintf(change->previous,
                       sizeof(change->previous),
                       "%s",
                       known ? change->fingerprint : nothing);
        (void)snprintf(change->subject, sizeof(change->subject), "%s", subject);
        (void)snprintf(change->fingerprint, sizeof(change->fingerprint), "%s", fingerprint);
        change->since_ms = wall_ms;
        book->written = true;
    }
    change->seen = true;
    return change;
}

bool change_happened(const struct change *change)
{
    return strcmp(change->previous, nothing) != 0;
}

void change_print(const struct change_book *book, char out[CHANGE_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < book->count && used < CHANGE_BYTES; i++) {
        const struct change *change = &book->all[i];
        used += (size_t)snprintf(out + used,
                                 CHANGE_BYTES - used,
                                 "%s %lld %s %s\n",
                                 change->subject,
                                 (long long)change->since_ms,
                                 change->fingerprint,
                                 change->previous);
    }
}
