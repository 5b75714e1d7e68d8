/* audit - whether the audit's chain of hashes is whole. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/caller.h"
#include "base/mem.h"
#include "incident/audit.h"
#include "probe/config.h"

/* Of -c, else of the running agent; freed by free(); NULL, which is said. */
static char *state_folder(const struct options *options)
{
    char *state = NULL;
    MEM_AUTO char *role = NULL;
    config_peek(options->paths, options->path_count, &state, &role, NULL);
    if (state && *state == '/')
        return state;
    free(state);
    json_t *status = caller_ask(options, "status", NULL, CALLER_MS);
    state = status ? mem_copy(caller_word(status, "state_folder")) : NULL;
    json_decref(status);
    if (state && !*state) {
        (void)fprintf(stderr, "runbookd: this agent has no agent.state, and keeps no audit\n");
        free(state);
        return NULL;
    }
    return state;
}

static void print_json(const struct audit_sight *sight)
{
    json_t *answer = json_pack("{s:I, s:I, s:I, s:s, s:s}",
                               "first",
                               (json_int_t)sight->first,
                               "last",
                               (json_int_t)sight->last,
                               "wrong",
                               (json_int_t)sight->wrong,
                               "why",
                               sight->why,
                               "head",
                               sight->head);
    (void)json_dumpf(answer, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(answer);
}

/* "1901:5be1": what an event has said of the chain's end. */
static bool read_witness(const char *word, uint64_t *ret_entry, const char **ret_head)
{
    char *end = NULL;
    *ret_entry = strtoull(word, &end, 10);
    *ret_head = end && *end == ':' ? end + 1 : NULL;
    if (*ret_entry && *ret_head && **ret_head)
        return true;
    (void)fprintf(
        stderr, "runbookd: %s: write ENTRY:HASH, as a heartbeat's audit had them\n", word);
    return false;
}

int cmd_audit(const struct options *options)
{
    uint64_t entry = 0;
    const char *head = NULL;
    struct audit_sight sight = {0};
    struct error error;
    if (options->word_count < 1 || options->word_count > 2 ||
        strcmp(options->words[0], "verify") != 0) {
        (void)fprintf(stderr, "runbookd: write audit verify [ENTRY:HASH]\n");
        return EXIT_REFUSED;
    }
    if (options->word_count == 2 && !read_witness(options->words[1], &entry, &head))
        return EXIT_REFUSED;
    MEM_AUTO char *folder = state_folder(options);
    if (!folder)
        return EXIT_REFUSED;
    if (audit_verify(folder, entry, head, &sight, &error) < 0) {
        (void)fprintf(stderr, "runbookd: %s\n", error.message);
        return EXIT_REFUSED;
    }
    bool good = !sight.wrong && (!entry || sight.witnessed);
    if (options->json)
        print_json(&sight);
    else if (sight.wrong)
        (void)printf("entry %" PRIu64 " does not fit: %s\n", sight.wrong, sight.why);
    else if (!sight.last)
        (void)printf("the audit is empty\n");
    else
        (void)printf("entries %" PRIu64 "-%" PRIu64 ", chain verified, head %.16s\n",
                     sight.first,
                     sight.last,
                     sight.head);
    if (!sight.wrong && entry && !sight.witnessed && !options->json)
        (void)printf("but entry %" PRIu64 " is not the one with the hash %s: the tail was cut, or "
                     "replaced\n",
                     entry,
                     head);
    return good ? EXIT_FINE : EXIT_REFUSED;
}
