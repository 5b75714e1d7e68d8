/* test - offline tests of a configuration: conditions, holds, remediations, on a clock of their own. */
#include <fnmatch.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/command.h"
#include "app/rehearsal.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"

enum { MOST_PATHS = 24, LONGEST_FAILURES = 1 << 20 };

/* Of all files. */
struct tally {
    const struct options *options;
    size_t files, cases, failed;
    bool broken; /* a file could not be read, or does not fit the configuration */
};

/* The configuration that a file is about: its own, then what -c lays over it. */
static bool configure(const struct tally *tally, const struct rehearsal *rehearsal,
                      const char *path, struct session *session)
{
    struct options options = *tally->options;
    const char *paths[MOST_PATHS + COUNT_OF(options.room)];
    const char *const *own = rehearsal_config(rehearsal);
    size_t count = 0;
    for (; *own && count < MOST_PATHS; own++)
        paths[count++] = *own;
    for (size_t i = 0; i < tally->options->path_count; i++)
        paths[count++] = tally->options->paths[i];
    if (count == 0) {
        (void)fprintf(stderr,
                      "%s: names no configuration; write config: [PATH] into it, or give -c PATH\n",
                      path);
        return false;
    }
    options.paths = paths;
    options.path_count = count;
    options.offline = true;
    if (!session_open(session, &options))
        return false;
    struct problems problems = {0};
    session->config = session_read(session, &options, &problems, &session->entries);
    bool fine = session->config != NULL;
    if (fine)
        problems_finish(&problems); /* warnings are for `validate` to say */
    else
        (void)session_print(&problems);
    if (fine)
        rehearsal_stand_in(session);
    else
        session_close(session);
    return fine;
}

static void indent(const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        (void)printf("  %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

/* Runs all its cases; how many failed. */
static size_t run_cases(struct tally *tally, const struct rehearsal *rehearsal,
                        const struct session *session, struct text *out)
{
    size_t failed = 0;
    for (size_t i = 0; i < rehearsal_count(rehearsal); i++) {
        struct text TEXT_AUTO failures;
        text_init(&failures, LONGEST_FAILURES);
        int status = rehearsal_run(rehearsal, i, session, &failures);
        tally->cases++;
        if (status == 0 && failures.len == 0)
            continue;
        failed++;
        text_print(out, "%s\n%s", rehearsal_name(rehearsal, i), failures.bytes);
    }
    return failed;
}

static void test_file(struct tally *tally, const char *path)
{
    struct problems problems = {0};
    struct session session;
    struct rehearsal *rehearsal = rehearsal_read(path, &problems);
    bool fine = session_print(&problems) && rehearsal;
    tally->files++;
    if (!fine || !configure(tally, rehearsal, path, &session)) {
        tally->broken = true;
        rehearsal_destroy(rehearsal);
        return;
    }
    fine = rehearsal_fits(rehearsal, &session, &problems);
    fine = session_print(&problems) && fine;
    if (fine) {
        struct text TEXT_AUTO out;
        text_init(&out, LONGEST_FAILURES);
        size_t failed = run_cases(tally, rehearsal, &session, &out);
        size_t count = rehearsal_count(rehearsal);
        (void)printf("%s   %zu case%s   ", path, count, units_s((int64_t)count));
        if (failed)
            (void)printf("%zu failed\n", failed);
        else
            (void)printf("ok\n");
        indent(out.bytes);
        tally->failed += failed;
    }
    tally->broken |= !fine;
    session_close(&session);
    rehearsal_destroy(rehearsal);
}

/* ------------------------------------------------------------------ folders ---- */

/* The tests of a folder, in the order of their names. */
struct walk {
    char **paths;
    size_t count;
};
static struct walk walk; /* nftw() takes no data */

static int on_path(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    (void)stat;
    if (kind != FTW_F || (fnmatch("*_test.yaml", path + ftw->base, 0) != 0 &&
                          fnmatch("*_test.yml", path + ftw->base, 0) != 0))
        return 0;
    walk.paths = mem_resize(walk.paths, (walk.count + 1) * sizeof(*walk.paths));
    walk.paths[walk.count++] = mem_copy(path);
    return 0;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void test_path(struct tally *tally, const char *path)
{
    struct stat found;
    if (stat(path, &found) < 0 || !S_ISDIR(found.st_mode)) {
        test_file(tally, path);
        return;
    }
    walk = (struct walk){0};
    (void)nftw(path, on_path, 16, FTW_PHYS);
    if (walk.count)
        qsort(walk.paths, walk.count, sizeof(*walk.paths), by_name);
    for (size_t i = 0; i < walk.count; i++) {
        test_file(tally, walk.paths[i]);
        free(walk.paths[i]);
    }
    free(walk.paths);
    if (walk.count)
        return;
    (void)fprintf(stderr, "runbookd: %s holds no test, NAME_test.yaml\n", path);
    tally->broken = true;
}

int cmd_test(const struct options *options)
{
    struct tally tally = {.options = options};
    if (!options->word_count) {
        (void)fprintf(stderr, "runbookd: test what?  Name a test, NAME_test.yaml, or a folder\n");
        return EXIT_REFUSED;
    }
    log_set_level(options->verbose ? LOG_DEBUG : LOG_ERROR);
    for (const char *const *path = options->words; *path; path++)
        test_path(&tally, *path);
    (void)printf(
        "%zu case%s, %zu failed\n", tally.cases, units_s((int64_t)tally.cases), tally.failed);
    return tally.cases && !tally.failed && !tally.broken ? EXIT_FINE : EXIT_REFUSED;
}
