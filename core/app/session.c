#include "app/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "out/sink.h"

/* The folder above the program's: build/dev of build/dev/bin/runbookd; NULL where it is not known. */
static char *folder_above(void)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len <= 0)
        return NULL;
    path[len] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(path, '/');
        if (!slash)
            return NULL;
        *slash = '\0';
    }
    return mem_copy(path);
}

/* In a build tree, or under whatever prefix it was installed; NULL: in none of `places`. */
static char *folder_beside(const char *const *places)
{
    MEM_AUTO char *above = folder_above();
    for (size_t i = 0; above && places[i]; i++) {
        char *folder = mem_print("%s/%s", above, places[i]);
        if (access(folder, R_OK | X_OK) == 0)
            return folder;
        free(folder);
    }
    return NULL;
}

static char *plugin_folder(const struct options *options)
{
    const char *named =
        options->plugin_folder ? options->plugin_folder : getenv("RUNBOOKD_PLUGINS");
    if (named)
        return mem_copy(named);
    static const char *const places[] = {"plugins", RUNBOOKD_PLUGIN_SUBDIR, NULL};
    char *beside = folder_beside(places);
    return beside ? beside : mem_copy(RUNBOOKD_PLUGIN_DIR);
}

char *session_script_folder(const struct options *options)
{
    const char *named =
        options->script_folder ? options->script_folder : getenv("RUNBOOKD_SCRIPTS");
    if (named)
        return mem_copy(named);
    static const char *const places[] = {RUNBOOKD_SCRIPT_SUBDIR, NULL};
    char *beside = folder_beside(places);
    return beside ? beside : mem_copy(RUNBOOKD_SCRIPT_DIR);
}

static void on_refused(const char *path, const struct error *error, void *data)
{
    struct session *session = data;
    session->refused++;
    log_error("plugin %s was not loaded: %s%s%s",
              path,
              error->message,
              *error->hint ? "; " : "",
              error->hint);
}

bool session_open_guarded(struct session *session, const struct options *options,
                          struct quarantine *quarantine)
{
    MEM_AUTO char *folder = plugin_folder(options);
    struct error error;
    *session = (struct session){.quarantine = quarantine};
    if (quarantine)
        session->plugins = (struct plugins){.judge = quarantine_judge, .judge_data = quarantine};
    if (options->verbose)
        log_set_level(LOG_DEBUG);
    if (plugin_load_folder(&session->plugins, folder, on_refused, session, &error) < 0) {
        log_error("%s; %s", error.message, error.hint);
        return false;
    }
    if (session->plugins.count == 0)
        log_warn("the plugin folder %s holds no plugin: nothing can be checked", folder);
    return true;
}

bool session_open(struct session *session, const struct options *options)
{
    return session_open_guarded(session, options, NULL);
}

/* As lines of the log, where that is no plain text for people. */
static void log_problems(const struct problems *problems)
{
    struct text TEXT_AUTO text;
    text_init(&text, 1 << 20);
    problems_print(problems, &text);
    for (char *line = text.bytes, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        if (strstr(line, ": warning: "))
            log_warn("%s", line);
        else
            log_error("%s", line);
    }
}

static void print_problems(const struct problems *problems)
{
    struct text TEXT_AUTO text;
    struct text TEXT_AUTO clean;
    text_init(&text, 1 << 20);
    text_init(&clean, 1 << 21);
    problems_print(problems, &text);
    redact_add(&clean, text.bytes, text.len);
    (void)fputs(clean.bytes, stderr);
}

bool session_print(struct problems *problems)
{
    bool fine = problems->errors == 0;
    if (problems->count == 0)
        return true;
    if (log_is_taken())
        log_problems(problems);
    else
        print_problems(problems);
    problems_finish(problems);
    return fine;
}

/* A script that held up the agent does not run until it has changed. */
static void judge_scripts(const struct session *session, const struct entries *entries)
{
    if (session->quarantine && entries && entries->shelf)
        shelf_judge(entries->shelf, quarantine_judge_script, session->quarantine);
}

struct config *session_read(const struct session *session, const struct options *options,
                            struct problems *problems, struct entries **ret_entries)
{
    const struct config_needs needs = {
        .offline = options->offline, .version = RUNBOOKD_VERSION, .sinks = sink_types()};
    MEM_AUTO char *folder = session_script_folder(options);
    struct config *config =
        config_load(options->paths, options->path_count, &session->plugins, &needs, problems);
    *ret_entries = NULL;
    if (!config)
        return NULL;
    config_warn_of_herd(config, problems);
    *ret_entries = entries_read(config, &session->plugins, folder, options->offline, problems);
    judge_scripts(session, *ret_entries);
    if (*ret_entries)
        return config;
    config_destroy(config);
    return NULL;
}

void session_take_entries(struct session *session, const struct options *options)
{
    struct problems problems = {0};
    MEM_AUTO char *folder = session_script_folder(options);
    entries_release(session->entries);
    session->entries =
        session->config
            ? entries_read(session->config, &session->plugins, folder, options->offline, &problems)
            : NULL;
    judge_scripts(session, session->entries);
    (void)session_print(&problems);
}

bool session_configure(struct session *session, const struct options *options)
{
    struct problems problems = {0};
    session->config = session_read(session, options, &problems, &session->entries);
    session->errors = problems.errors;
    return session_print(&problems) && session->config;
}

bool session_build(struct session *session, json_t *root, const char *origin)
{
    struct problems problems = {0};
    const struct config_needs needs = {.version = RUNBOOKD_VERSION, .sinks = sink_types()};
    session->config = config_build(root, origin, &session->plugins, &needs, &problems);
    return session_print(&problems) && session->config;
}

void session_close(struct session *session)
{
    entries_release(session->entries);
    config_destroy(session->config);
    condition_shutdown();
    plugins_finish(&session->plugins);
}
