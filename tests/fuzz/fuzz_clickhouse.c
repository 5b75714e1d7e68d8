/*
 * Bytes as a server's replies to the clickhouse plugin, on the fake host: the first byte says which
 * check asks, the second how it is answered.  Whatever comes, the run ends once and breaks none of the
 * kit's rules.  And as a table: what is read has all its cells, and is of the bytes' own size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../plugins/clickhouse/tsv.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *const checks[] = {"connect",
                                     "disk",
                                     "partitions",
                                     "parts",
                                     "detached_parts",
                                     "freshness",
                                     "mutations",
                                     "merges",
                                     "long_queries",
                                     "memory",
                                     "errors",
                                     "replication",
                                     "distribution_queue",
                                     "dictionaries",
                                     NULL,
                                     NULL};

static void read_table(const char *body, size_t len)
{
    struct tsv tsv;
    size_t sum = 0;
    if (tsv_read(&tsv, body, len) == TSV_TABLE)
        for (size_t i = 0; i < tsv.rows.columns * (tsv.rows.count + 1); i++)
            sum += tsv.rows.names[i] ? strlen(tsv.rows.names[i]) : 0;
    if (sum > len || (tsv.exception && tsv_exception_code(tsv.exception) == 0))
        abort();
    tsv_free(&tsv);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct probe_pair type[] = {
        {.name = "Content-Type", .value = "text/tab-separated-values"}, {0}};
    static const struct kit_answer known = {.headers = type, .body = "feature\nany.tables\n"};
    static const struct kit_answer held = {.headers = type, .body = "result\n1\n"};
    if (len < 2)
        return 0;
    const char *check = checks[bytes[0] & 15u], *body = (const char *)bytes + 2;
    read_table(body, len - 2);
    if (!check)
        return 0;
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set(kit, "url", "http://db");
    kit_set_for(kit, "freshness", "table", "a.b");
    kit_set_for(kit, "freshness", "column", "c");
    char *copy = malloc(len - 1); /* exactly as long as it is, for ASan */
    memcpy(copy, body, len - 2);
    copy[len - 2] = '\0';
    const struct kit_answer last = {.code = bytes[1] & 1 ? 500 : 200,
                                    .headers = bytes[1] & 2 ? NULL : type,
                                    .body = copy,
                                    .body_len = len - 2};
    if (strcmp(check, "connect") != 0 && !(bytes[1] & 4)) {
        kit_answer(kit, &known);
        kit_answer(kit, &held);
    }
    for (int i = 0; i < 6; i++) /* as often as it is asked again */
        kit_answer(kit, &last);
    const struct kit_run *run = kit_try(kit, check);
    if (!run->over)
        abort();
    const char *broken = kit_broken(kit);
    /* Answers are laid out for the longest way; and names that a server keeps apart may be the same. */
    if (*broken && !strstr(broken, "laid out") && !strstr(broken, "never asked for") &&
        !strstr(broken, "twice in one run")) {
        (void)fprintf(stderr, "%s: %s\n", check, broken);
        abort();
    }
    (void)kit_close(kit);
    free(copy);
    return 0;
}
