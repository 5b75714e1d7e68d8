#include "health.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { DEEPEST = 4 };

const char *const health_words[] = {"none", "pass", "warn", "fail", NULL};

/* The words that the formats know; whatever else stands there is not about health. */
static enum health word_of(const json_t *status)
{
    static const struct {
        const char *word;
        enum health health;
    } known[] = {
        {"pass", HEALTH_PASS},
        {"ok", HEALTH_PASS},
        {"up", HEALTH_PASS},
        {"healthy", HEALTH_PASS},
        {"warn", HEALTH_WARN},
        {"unknown", HEALTH_WARN},
        {"degraded", HEALTH_WARN},
        {"fail", HEALTH_FAIL},
        {"error", HEALTH_FAIL},
        {"down", HEALTH_FAIL},
        {"out_of_service", HEALTH_FAIL},
        {"unhealthy", HEALTH_FAIL},
    };
    const char *word = json_string_value(status);
    for (size_t i = 0; word && i < sizeof(known) / sizeof(*known); i++)
        if (strcasecmp(word, known[i].word) == 0)
            return known[i].health;
    return HEALTH_NONE;
}

static void add_part(struct health_says *says, const char *name, const json_t *part)
{
    const json_t *status = json_object_get(part, "status");
    size_t used = strlen(says->parts);
    if (word_of(status) < HEALTH_WARN)
        return;
    (void)snprintf(says->parts + used,
                   sizeof(says->parts) - used,
                   "%s%.40s %.20s",
                   used ? ", " : "",
                   name,
                   json_string_value(status));
}

/* Spring nests components; IETF has several observations under one name. */
static void add_parts(struct health_says *says, const json_t *parts, int depth)
{
    const char *name;
    size_t place;
    json_t *part, *one;
    json_object_foreach((json_t *)parts, name, part) {
        if (depth < DEEPEST && json_is_object(json_object_get(part, "components")))
            add_parts(says, json_object_get(part, "components"), depth + 1);
        else if (json_is_array(part))
            json_array_foreach(part, place, one)
                add_part(says, name, one);
        else
            add_part(says, name, part);
    }
    json_array_foreach((json_t *)parts, place, one) /* MicroProfile: an array, each with its name */
    {
        const char *own = json_string_value(json_object_get(one, "name"));
        add_part(says, own ? own : "(unnamed)", one);
    }
}

/* Whether it is a place where services speak of their health. */
static bool is_about_health(const char *type, const char *path)
{
    static const char *const places[] = {"health", "actuator", "/live", "/ready", "/startup"};
    if (type && (strncasecmp(type, "application/health+json", 23) == 0 ||
                 strncasecmp(type, "application/vnd.spring-boot.actuator", 36) == 0))
        return true;
    for (size_t i = 0; path && i < sizeof(places) / sizeof(*places); i++)
        if (strcasestr(path, places[i]))
            return true;
    return false;
}

struct health_says health_of(const json_t *root, const char *type, const char *path)
{
    static const char *const members[] = {"components", "checks", "details"};
    struct health_says says = {0};
    if (!is_about_health(type, path))
        return says;
    says.health = word_of(json_object_get(root, "status"));
    for (size_t i = 0; says.health && i < sizeof(members) / sizeof(*members); i++)
        if (!*says.parts)
            add_parts(&says, json_object_get(root, members[i]), 0);
    return says;
}
