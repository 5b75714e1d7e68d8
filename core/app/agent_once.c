/*
 * agent_once - every check one time, and an answer for people or for a monitoring system.
 *
 * Layer: app.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/agent_parts.h"
#include "app/sheet.h"
#include "base/mem.h"

/* Whether the words name this check: "orders-db", "orders-db/connections"; none: all. */
static bool wants(const struct config_target *target, const struct config_check *check, void *data)
{
    const struct options *options = data;
    size_t len = strlen(target->name);
    for (size_t i = 0; i < options->word_count; i++) {
        const char *word = options->words[i];
        if (strncmp(word, target->name, len) == 0 &&
            (word[len] == '\0' || (word[len] == '/' && strcmp(word + len + 1, check->name) == 0)))
            return true;
    }
    return options->word_count == 0;
}

/* Says of the words that name nothing what is near. */
static bool words_fit(const struct session *session, const struct options *options)
{
    const struct config *config = session->config;
    bool fit = true;
    size_t room = config->target_count + config_count_checks(config) + 1, count = 0;
    char **names = mem_array(room, sizeof(*names));
    for (size_t i = 0; i < config->target_count; i++) {
        const struct config_target *target = &config->targets[i];
        names[count++] = mem_copy(target->name);
        for (size_t check = 0; check < target->check_count; check++)
            names[count++] = mem_print("%s/%s", target->name, target->checks[check].name);
    }
    for (size_t i = 0; i < options->word_count; i++) {
        bool found = false;
        for (size_t name = 0; name < count && !found; name++)
            found = strcmp(names[name], options->words[i]) == 0;
        if (found)
            continue;
        const char *nearest = problem_nearest(options->words[i], (const char *const *)names);
        (void)fprintf(stderr,
                      "runbookd: the configuration has no \"%s\"%s%s\n",
                      options->words[i],
                      nearest ? "; did you mean " : "",
                      nearest ? nearest : "");
        fit = false;
    }
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return fit;
}

static void on_all_asked(void *data)
{
    loop_stop(data);
}

int agent_once(struct session *session, const struct options *options)
{
    struct agent agent;
    if (!words_fit(session, options))
        return EXIT_UNKNOWN;
    agent_open(&agent, session);
    agent.schedule->wants = wants;
    agent.schedule->wants_data = (void *)options;
    if (!agent_fill(&agent)) {
        agent.code = EXIT_UNKNOWN;
    } else {
        struct sheet *sheet = sheet_open(agent.loop, agent.bus, options->format);
        schedule_start_once(agent.schedule, on_all_asked, agent.loop);
        loop_run(agent.loop);
        agent.code = sheet_close(sheet);
    }
    agent_close(&agent);
    return agent.code;
}
