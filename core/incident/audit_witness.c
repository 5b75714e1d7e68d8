/*
 * audit_witness - a sink that must acknowledge lines before they count.
 *
 * Layer: incident.  Part of incident/audit.
 */
#include "base/mem.h"
#include "incident/audit_parts.h"

static void on_witnessed(const char *why, void *data)
{
    struct pending *pending = data;
    struct audit *audit = pending->audit;
    audit_done_fn *fn = pending->fn;
    void *fn_data = pending->data;
    uint64_t entry = pending->entry;
    if (why) {
        free(audit->unwitnessed_why);
        audit->unwitnessed_why = mem_copy(why);
    }
    audit_line_destroy(pending);
    fn(why ? AUDIT_UNWITNESSED : 0, entry, fn_data);
}

bool audit_ask_witness(struct audit *audit, struct pending *pending)
{
    if (!pending->fn || !pending->witnessed || !audit->sink || !audit->witness)
        return false;
    list_remove(&pending->link);
    list_add(&audit->unwitnessed, &pending->link);
    audit->witness->ask(audit->sink,
                        pending->seq,
                        audit->sink_wait_ms,
                        on_witnessed,
                        pending,
                        audit->witness->data);
    return true;
}

void audit_require(struct audit *audit, const char *sink, int64_t wait_ms)
{
    free(audit->sink);
    audit->sink = mem_copy(sink);
    audit->sink_wait_ms = wait_ms;
}

bool audit_requires(const struct audit *audit)
{
    return audit->sink != NULL;
}

void audit_set_witness(struct audit *audit, const struct audit_witness *witness)
{
    audit->witness = witness;
}

const char *audit_why(const struct audit *audit, int status)
{
    if (status == AUDIT_UNWITNESSED && audit->unwitnessed_why)
        return audit->unwitnessed_why;
    return "the audit cannot be written";
}

void audit_forget_unwitnessed(struct audit *audit, const void *data)
{
    struct pending *pending;
    list_for_each(pending, &audit->unwitnessed, struct pending, link) {
        if (data && pending->data != data)
            continue;
        audit->witness->forget(pending, audit->witness->data);
        audit_line_destroy(pending);
    }
}
