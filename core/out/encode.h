/*
 * encode - events as a receiver wants them: one encoding a file, each a pure function.
 *
 * An encoding gets a parcel of lines and gives the body of a request.  It runs on the pool, touches
 * nothing but its arguments, and copies members of events as they are: the lines have been redacted
 * and are JSON already.
 *
 * Layer: out.  Uses: base, out/view.
 */
#ifndef OUT_ENCODE_H
#define OUT_ENCODE_H

#include "base/text.h"
#include "out/sink.h"
#include "out/view.h"
#include "runbookd/probe.h"

/* What an operator may say of it; each is the option of that name. */
struct encode_wish {
    const char *const *labels; /* ended by NULL, or NULL */
    const char *index, *table;
};

struct encoding {
    const char *name;
    const char *media; /* the Content-Type */
    const char *path;  /* added where the operator's URL has none; NULL: nothing is */
    const char
        *labels; /* those used where `wish->labels` is empty: words with commas; NULL: none */

    /* Adds the body; false: something of the parcel is no event. */
    bool (*encode)(const struct encode_wish *wish, const struct sink_parcel *parcel,
                   struct text *body);

    /* Parameters of the URL, ended by {0}, into `pairs` (room for ENCODE_PARAMS), texts into `text`; or NULL. */
    void (*params)(const struct encode_wish *wish, struct probe_pair *pairs, struct text *text);

    /* What a 2xx says beyond that, of view_dense(): changes an answer that is SINK_TAKEN; or NULL. */
    void (*judge)(struct view reply, struct sink_answer *answer, struct text *message);
};

enum { ENCODE_PARAMS = 6, ENCODE_LONGEST_LABELS = 64 << 10 };

extern const struct encoding encode_ndjson, encode_otlp, encode_loki, encode_elasticsearch,
    encode_splunk, encode_clickhouse, encode_datadog;

/* The encoding of that name, or NULL; and the names of all, ended by NULL, for an option's choices. */
const struct encoding *encode_find(const char *name);
extern const char *const encode_names[];

#endif
