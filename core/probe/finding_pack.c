/* finding_pack - a finding in one piece of memory: part of probe/finding. */
#include <string.h>

#include "base/mem.h"
#include "probe/finding.h"

/* Where the pieces go, one behind the other; without a room they are only counted. */
struct packing {
    char *room;
    size_t used;
};

/* Copies `size` bytes, aligned as what malloc() gives; NULL gives NULL, as counting does. */
static void *put(struct packing *packing, const void *bytes, size_t size)
{
    size_t at = (packing->used + 15) & ~(size_t)15;
    if (!bytes)
        return NULL;
    packing->used = at + size;
    return packing->room ? memcpy(packing->room + at, bytes, size) : NULL;
}

/* The same for a string, close behind what is there. */
static char *put_text(struct packing *packing, const char *text)
{
    size_t at = packing->used, size = text ? strlen(text) + 1 : 0;
    packing->used += size;
    return text && packing->room ? memcpy(packing->room + at, text, size) : NULL;
}

static struct value *put_values(struct packing *packing, const struct finding *from)
{
    size_t count = from->measures ? from->measures->count : 0;
    struct value *values = put(packing, from->values, count * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        if (from->values[i].kind != VALUE_WORD)
            continue;
        char *word = put_text(packing, from->values[i].is.word);
        if (values)
            values[i].is.word = word;
    }
    return values;
}

static struct evidence *put_evidence(struct packing *packing, const struct finding *from)
{
    struct evidence *pieces =
        put(packing, from->evidence, from->evidence_count * sizeof(*from->evidence));
    for (size_t i = 0; i < from->evidence_count; i++) {
        const struct evidence *piece = &from->evidence[i];
        size_t *ends = put(packing, piece->row_ends, piece->row_count * sizeof(*piece->row_ends));
        char *key = put_text(packing, piece->key), *json = put_text(packing, piece->json);
        if (pieces) {
            pieces[i].row_ends = ends;
            pieces[i].key = key;
            pieces[i].json = json;
        }
    }
    return pieces;
}

static char **put_labels(struct packing *packing, char *const *from)
{
    size_t count = 0;
    while (from && from[count])
        count++;
    char **labels = put(packing, from, (count + 1) * sizeof(*labels));
    for (size_t i = 0; i < count; i++) {
        char *label = put_text(packing, from[i]);
        if (labels)
            labels[i] = label;
    }
    return labels;
}

static struct finding *put_all(struct packing *packing, const struct finding *from)
{
    struct finding copy = *from;
    struct finding *packed = put(packing, from, sizeof(*from));
    copy.values = put_values(packing, from);
    copy.evidence = put_evidence(packing, from);
    copy.labels = put_labels(packing, from->labels);
    copy.subject = put_text(packing, from->subject);
    copy.summary = put_text(packing, from->summary);
    copy.hint = put_text(packing, from->hint);
    copy.error_class = put_text(packing, from->error_class);
    copy.note = put_text(packing, from->note);
    if (!packed)
        return NULL;
    *packed = copy;
    list_init(&packed->link);
    return packed;
}

struct finding *finding_pack(const struct finding *finding, size_t most)
{
    struct packing counting = {0};
    (void)put_all(&counting, finding);
    if (counting.used > most)
        return NULL;
    struct packing packing = {.room = mem_resize(NULL, counting.used)};
    return put_all(&packing, finding);
}
