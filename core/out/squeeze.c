#include "out/squeeze.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

const char *const squeeze_names[] = {"none", "gzip", "zstd", NULL};

enum squeeze squeeze_find(const char *name)
{
    return strcmp(name, "gzip") == 0   ? SQUEEZE_GZIP
           : strcmp(name, "zstd") == 0 ? SQUEEZE_ZSTD
                                       : SQUEEZE_NONE;
}

static bool gzip(const struct text *in, struct text *out)
{
    enum { GZIP_WINDOW = 15 + 16, MEMORY = 8 };
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return false;
    size_t room = deflateBound(&stream, in->len);
    MEM_AUTO char *packed = mem_new(room);
    stream.next_in = (Bytef *)in->bytes;
    stream.avail_in = (uInt)in->len;
    stream.next_out = (Bytef *)packed;
    stream.avail_out = (uInt)room;
    bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    if (done)
        text_add_n(out, packed, stream.total_out);
    (void)deflateEnd(&stream);
    return done;
}

static bool zstd(const struct text *in, struct text *out)
{
    size_t room = ZSTD_compressBound(in->len);
    MEM_AUTO char *packed = mem_new(room);
    size_t len = ZSTD_compress(packed, room, in->bytes, in->len, 1);
    if (ZSTD_isError(len))
        return false;
    text_add_n(out, packed, len);
    return true;
}

bool squeeze(enum squeeze how, const struct text *in, struct text *out)
{
    return how == SQUEEZE_GZIP ? gzip(in, out) : how == SQUEEZE_ZSTD && zstd(in, out);
}
