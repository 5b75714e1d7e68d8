/*
 * encode_ndjson - the lines as they are: for Vector, Fluent Bit, Logstash, and whatever reads JSON.
 *
 * Layer: out.  Part of out/encode.
 */
#include "out/encode.h"

static bool encode(const struct encode_wish *wish, const struct sink_parcel *parcel,
                   struct text *body)
{
    (void)wish;
    text_add_n(body, parcel->lines, parcel->len);
    return true;
}

const struct encoding encode_ndjson = {
    .name = "ndjson", .media = "application/x-ndjson", .encode = encode};
