/*
 * matchers - what a silence of Alertmanager is about: labels that must, or must not, be something.
 *
 * As its API has them: {"name","value","isRegex","isEqual"}; all of them must fit, and a label that
 * an alert has not is empty.  Regular expressions there are RE2 and fit a whole value; here they are
 * POSIX's extended ones, and what the two do not read alike is refused, never guessed.
 *
 * Layer: incident.  Uses: base, jansson.
 */
#ifndef INCIDENT_MATCHERS_H
#define INCIDENT_MATCHERS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/text.h"

enum { MATCHERS_MOST = 32, MATCHERS_LONGEST = 1024 /* bytes of one value */ };

struct matchers;

/* NULL where it is no list of matchers, or one cannot be read here; `*ret_wrong` says which, to be freed. */
struct matchers *matchers_parse(const json_t *list, char **ret_wrong);
void matchers_destroy(struct matchers *matchers); /* NULL is fine */

/* Whether all fit an alert with these labels, an object of texts. */
bool matchers_fit(const struct matchers *matchers, const json_t *labels);

/* Whether they say the same, in whatever order; NULL is like nothing. */
bool matchers_same(const struct matchers *a, const struct matchers *b);

/* `alertname="redis.queue_depth" subject=~"q.*"`, for people. */
void matchers_print(const struct matchers *matchers, struct text *out);

#endif
