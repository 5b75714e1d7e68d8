/* script - what remediation scripts there are, what one may do, and whether their tests pass. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/command.h"
#include "app/describe.h"
#include "app/session.h"
#include "app/trial.h"
#include "base/mem.h"
#include "base/units.h"
#include "lua/exam.h"
#include "lua/shelf.h"
#include "probe/act.h"

static bool is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/*
 * Opens it, and says what is wrong with scripts in it; NULL where there is none.  `plugins`: whether what
 * they ask of plugins is looked at too.
 */
static struct shelf *open_shelf(const struct session *session, const char *folder, bool plugins,
                                bool *ret_fine)
{
    struct problems problems = {0};
    struct shelf *shelf = shelf_open(folder, &problems);
    for (size_t i = 0; plugins && shelf && i < shelf->count; i++)
        script_fits(shelf->scripts[i], &session->plugins, &problems);
    *ret_fine = session_print(&problems) && shelf;
    return shelf;
}

/* ------------------------------------------------------------- list, show ---- */

static int list(const struct session *session, const char *folder)
{
    bool fine;
    struct shelf *shelf = open_shelf(session, folder, true, &fine);
    for (size_t i = 0; shelf && i < shelf->count; i++)
        (void)printf("%-32s %s\n", shelf->scripts[i]->name, shelf->scripts[i]->summary);
    shelf_close(shelf);
    return fine ? EXIT_FINE : EXIT_REFUSED;
}

static void show_needs(const struct script *script, const struct plugins *plugins)
{
    (void)printf("\nNeeds%s\n", script->need_count ? "" : "\n  nothing: it only looks");
    for (size_t i = 0; i < script->need_count; i++) {
        const struct script_need *need = &script->needs[i];
        const struct plugin *plugin = plugin_find(plugins, script_role(script, need->role)->plugin);
        const struct probe_action *action = plugin ? act_find(plugin, need->action) : NULL;
        (void)printf("  %-32s %s%s%s\n",
                     need->verb,
                     action ? action->help : "its plugin is not loaded",
                     action ? "; " : "",
                     action ? describe_effect(action->effect) : "");
    }
}

static void show(const struct script *script, const struct plugins *plugins)
{
    char deadline[UNITS_DURATION_LEN];
    units_print_duration(script->deadline_ms, deadline);
    (void)printf(
        "%s   %s\n  %s, %s\n", script->name, script->summary, script->path, script->digest);
    if (script->plugin)
        (void)printf("  for findings of %s%s%s\n",
                     script->plugin,
                     script->check ? "." : "",
                     script->check ? script->check : "");
    (void)printf("  time limit %s, without the time that a person takes\n\nTargets\n", deadline);
    for (size_t i = 0; i < script->role_count; i++)
        (void)printf("  %-18s %s\n", script->roles[i].name, script->roles[i].plugin);
    show_needs(script, plugins);
    if (script->options->name) {
        (void)printf("\nWith\n");
        describe_options(script->options, 2);
    }
}

static int show_named(const struct session *session, const char *folder, const char *name)
{
    bool fine;
    struct shelf *shelf = open_shelf(session, folder, false, &fine);
    const struct script *script = shelf ? shelf_find(shelf, name) : NULL;
    struct problems problems = {0};
    if (script) {
        show(script, &session->plugins);
        script_fits(script, &session->plugins, &problems);
        fine = session_print(&problems);
    } else
        (void)fprintf(stderr, "runbookd: there is no script \"%s\" in %s\n", name, folder);
    shelf_close(shelf);
    return script && fine ? EXIT_FINE : EXIT_REFUSED;
}

/* ------------------------------------------------------------------- test ---- */

/* Of all files. */
struct tally {
    const struct session *session;
    size_t cases, failed; /* of the present file */
    size_t all_cases, all_failed;
    struct text failures;
};

static void on_case(const char *name, const char *failure, void *data)
{
    struct tally *tally = data;
    tally->cases++;
    if (!failure)
        return;
    tally->failed++;
    text_print(&tally->failures, "  %s: %s\n", name, failure);
}

static void test_file(struct tally *tally, const struct shelf *shelf, const char *path)
{
    struct error error = {0};
    tally->cases = tally->failed = 0;
    text_init(&tally->failures, 1 << 16);
    if (exam_run(shelf, &tally->session->plugins, path, on_case, tally, &error) < 0) {
        text_print(&tally->failures, "  %s\n", error.message);
        tally->failed++;
    }
    (void)printf("%s   %zu case%s   ", path, tally->cases, units_s((int64_t)tally->cases));
    if (tally->failed)
        (void)printf("%zu failed\n%s", tally->failed, tally->failures.bytes);
    else
        (void)printf("ok\n");
    text_finish(&tally->failures);
    tally->all_cases += tally->cases;
    tally->all_failed += tally->failed;
}

/* A test, or a folder of scripts with theirs. */
static bool test(struct tally *tally, const char *path)
{
    bool fine, folder = is_folder(path);
    MEM_AUTO char *where = folder ? mem_copy(path) : shelf_of_file(path);
    struct shelf *shelf = open_shelf(tally->session, where, folder, &fine);
    if (shelf && !folder)
        test_file(tally, shelf, path);
    for (size_t i = 0; shelf && folder && i < shelf->test_count; i++)
        test_file(tally, shelf, shelf->tests[i]);
    if (shelf && folder && shelf->test_count == 0)
        (void)fprintf(stderr, "runbookd: %s holds no test, NAME_test.lua\n", path);
    shelf_close(shelf);
    return fine || (shelf && !folder); /* of the others in its folder no test is made */
}

static int test_all(const struct session *session, const char *const *paths, const char *folder)
{
    struct tally tally = {.session = session};
    bool fine = true;
    if (!*paths)
        fine = test(&tally, folder);
    for (; *paths; paths++)
        fine = test(&tally, *paths) && fine;
    (void)printf("%zu case%s, %zu failed\n",
                 tally.all_cases,
                 units_s((int64_t)tally.all_cases),
                 tally.all_failed);
    return fine && tally.all_cases && !tally.all_failed ? EXIT_FINE : EXIT_REFUSED;
}

int cmd_script(const struct options *options)
{
    struct session session;
    const char *word = options->word_count ? options->words[0] : "";
    MEM_AUTO char *folder = session_script_folder(options);
    int code = EXIT_REFUSED;
    if (strcmp(word, "run") == 0 && options->word_count == 2)
        return trial_run(options);
    if (!session_open(&session, options))
        return EXIT_REFUSED;
    if (strcmp(word, "list") == 0 && options->word_count == 1)
        code = list(&session, folder);
    else if (strcmp(word, "show") == 0 && options->word_count == 2)
        code = show_named(&session, folder, options->words[1]);
    else if (strcmp(word, "test") == 0)
        code = test_all(&session, options->words + 1, folder);
    else
        (void)fprintf(stderr,
                      "runbookd: write: runbookd script list, script show NAME, script run FILE "
                      "--target ROLE=TARGET, or script test [PATH]...\n");
    session_close(&session);
    return code;
}
