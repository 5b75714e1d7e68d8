/*
 * Bytes as a server's replies to the redis plugin, on the fake host: the first byte says which check
 * asks and in how many pieces the rest arrives.  Whatever comes, the run ends once and in time, breaks
 * none of the kit's rules, and leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

enum { MOST_MOVES = 256, MOST_DIALS = 24 };

const struct probe_plugin *probe_plugin_v1(void);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/*
 * Each piece answers whatever was asked until then; the last may be a silence or an end, as the
 * first byte says.  A piece ends behind a newline or, for some inputs, after so many bytes.
 */
static void lay_out(struct kit *kit, uint8_t how, const char *bytes, size_t len)
{
    struct kit_move moves[MOST_MOVES + 2];
    size_t count = 0, step = how & 0x20 ? 1 + (how & 7u) : 0;

    while (len > 0 && count + 2 < MOST_MOVES) {
        const char *newline = memchr(bytes, '\n', len);
        size_t piece = step ? step : newline ? (size_t)(newline - bytes) + 1 : len;
        if (piece > len)
            piece = len;
        if (!step || count == 0)
            moves[count++] = KIT_UNTIL("\r\n");
        moves[count++] = KIT_SEND_N(bytes, piece);
        bytes += piece;
        len -= piece;
    }
    moves[count++] = how & 0x40 ? KIT_CLOSE : KIT_MUTE;
    moves[count] = (struct kit_move){0};
    kit_play(kit, moves);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const checks[] = {"connect",
                                         "memory",
                                         "clients",
                                         "queue_depth",
                                         "latency",
                                         "persistence",
                                         "replication",
                                         "keyspace",
                                         "slowlog",
                                         "cache_hit_ratio",
                                         "queue_failed",
                                         "queue_stalled",
                                         "bigkeys",
                                         "config_drift",
                                         "acl",
                                         "queue_depth"};
    static const char *const queues[] = {"queue_depth", "queue_failed", "queue_stalled"};
    if (len < 2)
        return 0;
    uint8_t how = bytes[0];
    const char *check = checks[(how & 3u) | (how >> 1 & 12u)];
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "url", "redis://cache:6379");
    for (size_t i = 0; i < sizeof(queues) / sizeof(*queues); i++) {
        kit_set_for(kit, queues[i], "keys", "[a, b]");
        kit_set_for(kit, queues[i], "bull", "[c]");
    }
    lay_out(kit, how, (const char *)bytes + 1, len - 1);
    for (int i = 0; i < MOST_DIALS;
         i++) /* one that dies is dialled once more; others are moved to */
        kit_plays(kit, KIT_MUTE);
    const struct kit_run *run = kit_try(kit, check);
    if (!run->over)
        abort();
    const char *broken = kit_broken(kit);
    if (*broken && !strstr(broken, "laid out")) {
        (void)fprintf(stderr, "%s: %s\n", check, broken);
        abort();
    }
    (void)kit_close(kit);
    return 0;
}
