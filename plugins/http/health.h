/*
 * health - what a service says of its own health: Spring Boot's actuator, IETF health+json
 * (draft-inadarei-api-health-check), MicroProfile Health, NestJS Terminus, and plain
 * {"status": "ok"}.
 *
 * Pure; knows nothing of runs.
 */
#ifndef HTTP_HEALTH_H
#define HTTP_HEALTH_H

#include <stdbool.h>

#include <jansson.h>

enum health { HEALTH_NONE, HEALTH_PASS, HEALTH_WARN, HEALTH_FAIL };

/* By enum health; the first one is never said.  Ended by NULL. */
extern const char *const health_words[];

struct health_says {
    enum health health; /* HEALTH_NONE: this is no such document */
    char parts[240];    /* those that are not well: "db DOWN, diskSpace DOWN" */
};

/*
 * `type` is the answer's Content-Type, `path` what was asked for: plain JSON speaks of health only
 * where one of them says so.  Both may be NULL.
 */
struct health_says health_of(const json_t *root, const char *type, const char *path);

#endif
