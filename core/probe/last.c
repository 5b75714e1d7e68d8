#include "probe/last.h"

#include <stdlib.h>

#include "base/mem.h"

enum { SMALL = 1024 };

static size_t kept_bytes; /* of evidence, of all that is kept in this process */

static void last_destroy(void *data)
{
    struct last *last = data;
    kept_bytes -= last->evidence_bytes;
    if (last->packed)
        free(last->finding);
    else
        finding_destroy(last->finding);
    free(last->condition);
    free(last);
}

static size_t evidence_bytes(const struct finding *finding)
{
    size_t bytes = 0;
    for (size_t i = 0; i < finding->evidence_count; i++)
        bytes += finding->evidence[i].json_len +
                 finding->evidence[i].row_count * sizeof(*finding->evidence[i].row_ends);
    return bytes;
}

/*
 * A finding is a dozen pieces of memory, and would be freed, a run later, when none of them is at hand
 * any more: that took longer than all of its judging.
 */
static void pack(struct last *kept)
{
    struct finding *packed = finding_pack(kept->finding, SMALL);
    if (!packed)
        return;
    finding_destroy(kept->finding);
    kept->finding = packed;
    kept->packed = true;
}

void last_keep(struct ledger_entry *entry, const struct last *last)
{
    struct last *kept = mem_new(sizeof(*kept));
    ledger_attach(entry, NULL, NULL); /* its room is free for the new one */
    *kept = *last;
    kept->evidence_bytes = evidence_bytes(kept->finding);
    if (kept_bytes + kept->evidence_bytes > LAST_EVIDENCE_BYTES) {
        finding_drop_evidence(kept->finding);
        kept->bare = true;
        kept->evidence_bytes = 0;
    }
    kept_bytes += kept->evidence_bytes;
    pack(kept);
    ledger_attach(entry, kept, last_destroy);
}
