/* audit - whether the audit's chain of hashes is whole, what it holds, and a part of it as a file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/caller.h"
#include "base/mem.h"
#include "incident/audit.h"
#include "probe/config.h"

enum { LONGEST_ENTRY = 64 << 10 };

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
    return *ret_entry && *ret_head && **ret_head;
}

/* The words behind "verify": a file, a witness, or both, each once. */
static bool read_words(const struct options *options, const char **ret_file, uint64_t *ret_entry,
                       const char **ret_head)
{
    for (size_t i = 1; i < options->word_count; i++) {
        const char *word = options->words[i];
        if (!*ret_head && read_witness(word, ret_entry, ret_head))
            continue;
        *ret_entry = *ret_head ? *ret_entry : 0;
        bool number = *word && strspn(word, "0123456789") == strlen(word);
        if (*ret_file || !*word || number) {
            (void)fprintf(
                stderr, "runbookd: %s: write ENTRY:HASH, as a heartbeat's audit had them\n", word);
            return false;
        }
        *ret_file = word;
    }
    return true;
}

static int verify(const struct options *options)
{
    uint64_t entry = 0;
    const char *head = NULL, *file = NULL;
    struct audit_sight sight = {0};
    struct error error;
    if (!read_words(options, &file, &entry, &head))
        return EXIT_REFUSED;
    MEM_AUTO char *folder = file ? NULL : state_folder(options);
    if (!file && !folder)
        return EXIT_REFUSED;
    int status = file ? audit_verify_file(file, entry, head, &sight, &error)
                      : audit_verify(folder, entry, head, &sight, &error);
    if (status < 0) {
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

/* ------------------------------------------------------------------- listing ---- */

static void print_entry(const struct audit_entry *entry, void *data)
{
    const struct options *options = data;
    struct text TEXT_AUTO out;
    const char *time = caller_word(entry->json, "time"), *who = caller_word(entry->json, "who");
    const char *outcome = caller_word(entry->json, "outcome");
    text_init(&out, LONGEST_ENTRY);
    if (options->json) {
        text_add(&out, entry->line);
    } else {
        text_print(&out, "%-7" PRIu64 "%.10s %.8s  ", entry->entry, time, *time ? time + 11 : "");
        screen_pad(&out, caller_word(entry->json, "step"), 15);
        (void)screen_add(&out, caller_word(entry->json, "message"), 0);
        text_add(&out, *outcome ? "   " : "");
        (void)screen_add(&out, outcome, 0);
        text_add(&out, *who ? "   by " : "");
        (void)screen_add(&out, who, 0);
    }
    text_add_char(&out, '\n');
    caller_print(&out);
}

static int list(const struct options *options)
{
    struct timespec now = {0};
    struct error error;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const struct audit_filter filter = {
        .remediation = options->word_count == 2 ? options->words[1] : NULL,
        .step = options->kind,
        .since_ms = options->since_ms ? (int64_t)now.tv_sec * 1000 - options->since_ms : 0,
    };
    MEM_AUTO char *folder = state_folder(options);
    if (!folder)
        return EXIT_REFUSED;
    if (!options->json)
        (void)printf("ENTRY  TIME (UTC)           STEP           WHAT\n");
    int64_t left_out = audit_list(folder, &filter, print_entry, (void *)options, &error);
    if (left_out < 0)
        (void)fprintf(stderr, "runbookd: %s\n", error.message);
    if (left_out > 0)
        (void)fprintf(stderr,
                      "runbookd: %" PRId64 " older entries fit as well: narrow it by --since, "
                      "--kind or a remediation\n",
                      left_out);
    return left_out < 0 ? EXIT_REFUSED : EXIT_FINE;
}

/* ----------------------------------------------------------------- exporting ---- */

/* A file that is not there yet, for its owner alone; NULL, which is said. */
static FILE *make_file(const char *path)
{
    if (strcmp(path, "-") == 0)
        return stdout;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file)
        (void)fprintf(stderr, "runbookd: cannot make %s: %s\n", path, strerror(errno));
    if (!file && fd >= 0)
        (void)close(fd);
    return file;
}

/* Whether it is whole, and on disk where it is one. */
static bool keep_file(FILE *file)
{
    if (file == stdout)
        return fflush(file) == 0;
    bool kept = fflush(file) == 0 && fsync(fileno(file)) == 0;
    return fclose(file) == 0 && kept;
}

static int export(const struct options *options)
{
    const char *path = options->words[1];
    struct timespec now = {0};
    struct audit_sight sight = {0};
    struct error error;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    const struct audit_range range = {
        .since_ms = options->since_ms ? now_ms - options->since_ms : 0,
        .until_ms = options->until_ms ? now_ms - options->until_ms : 0,
        .now_ms = now_ms,
    };
    MEM_AUTO char *folder = state_folder(options);
    FILE *file = folder ? make_file(path) : NULL;
    if (!file)
        return EXIT_REFUSED;
    int status = audit_export(folder, &range, file, &sight, &error);
    if (!keep_file(file) && status == 0)
        status = error_set(&error, -EIO, "cannot write %s: %s", path, strerror(errno));
    if (status < 0)
        (void)fprintf(stderr, "runbookd: %s\n", error.message);
    else if (sight.wrong)
        (void)fprintf(stderr,
                      "runbookd: entry %" PRIu64
                      " does not fit, and the export ends before it: %s\n",
                      sight.wrong,
                      sight.why);
    else if (!sight.last)
        (void)fprintf(stderr, "runbookd: there are no entries of that time\n");
    else
        (void)fprintf(stderr,
                      "entries %" PRIu64 "-%" PRIu64 ", head %" PRIu64 ":%s\n",
                      sight.first,
                      sight.last,
                      sight.last,
                      sight.head);
    bool good = status == 0 && sight.last && !sight.wrong;
    if ((status < 0 || !sight.last) && file != stdout)
        (void)unlink(path);
    return good ? EXIT_FINE : EXIT_REFUSED;
}

int cmd_audit(const struct options *options)
{
    const char *word = options->word_count ? options->words[0] : "";
    bool bounds = options->since_ms || options->until_ms;
    if (options->word_count <= 2 && strcmp(word, "list") == 0 && !options->until_ms)
        return list(options);
    if (options->word_count <= 3 && strcmp(word, "verify") == 0 && !options->kind && !bounds)
        return verify(options);
    if (options->word_count == 2 && strcmp(word, "export") == 0 && !options->kind)
        return export(options);
    (void)fprintf(stderr,
                  "runbookd: write audit verify [FILE] [ENTRY:HASH], audit list [REMEDIATION] "
                  "[--since DURATION] [--kind WORD], or audit export FILE [--since DURATION] "
                  "[--until DURATION]\n");
    return EXIT_REFUSED;
}
