/*
 * warnings - what a reply says besides its result: that a part of it may be missing, or information.
 *
 * Pure functions.
 */
#ifndef PROMETHEUS_WARNINGS_H
#define PROMETHEUS_WARNINGS_H

#include <stdbool.h>

#include <jansson.h>

enum { WARNINGS_ROOM = 500 };

/* Those of a reply as one line, "" without; what is mere information comes last. */
void warnings_read(const json_t *root, char out[WARNINGS_ROOM]);

/* Adds those of another reply, unless they are there already. */
void warnings_add(char kept[WARNINGS_ROOM], const char *more);

/* Whether the result may lack something, so that what is absent proves nothing. */
bool warnings_doubt(const char *warnings);

#endif
