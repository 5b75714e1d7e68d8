/*
 * outline - what a configuration says of each check, as lines of "key: value" with their origins.
 *
 * The one description from which `config show` prints and `diff` compares.  Values of secrets never
 * appear: references stand as they were written, literal ones as REDACT_MARK.
 *
 * Layer: app.  Uses: base, probe/config.
 */
#ifndef APP_OUTLINE_H
#define APP_OUTLINE_H

#include "base/arena.h"
#include "probe/config.h"

struct outline_line {
    const char *key, *value;
    const char *origin; /* "c.yaml:12", or "default" */
};

struct outline {
    struct outline_line *lines;
    size_t count;
};

/* Of a target without its checks, of one check, and of a sink.  Made in `arena`. */
struct outline outline_of_target(struct arena *arena, const struct config_target *target);
struct outline outline_of_check(struct arena *arena, const struct config_check *check);
struct outline outline_of_sink(struct arena *arena, const struct config_sink *sink);

#endif
