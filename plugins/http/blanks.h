/*
 * blanks - what a declared request leaves open, put in place: ${with.NAME} is what the script asked
 * with, ${before.PATH} what the service said before, ${plan.hash} what the plan is known by.
 *
 * Nothing that is put in can become anything else than one value: in a path it is one segment or
 * one parameter, in a form one field, in a header one line, in JSON one value of its own type.
 * What cannot be is refused, never repaired.  Pure.
 */
#ifndef HTTP_BLANKS_H
#define HTTP_BLANKS_H

#include <stdbool.h>

#include <jansson.h>

enum { BLANKS_LONGEST = 4096 }; /* bytes of a value that becomes text */

struct blanks {
    const json_t *with, *before; /* objects; NULL: nothing is known of them */
    const char *hash;            /* NULL: not known yet */
    char why[200];               /* why it was refused */
};

enum blanks_for { BLANKS_FOR_PATH, BLANKS_FOR_FORM, BLANKS_FOR_HEADER, BLANKS_FOR_JSON };

/* The text with everything in place, to be freed; NULL: `blanks->why`. */
char *blanks_text(struct blanks *blanks, const char *text, enum blanks_for what);

/* The same of every text in JSON.  A text that is one reference alone becomes the value itself. */
char *blanks_json(struct blanks *blanks, const char *json);

/* Appends name=value, as a form escapes both, to a form that may be NULL; to be freed. */
char *blanks_field(char *form, const char *name, const char *value);

/* Calls `each` with what stands in every ${...} of a text, "with.flag", until one is refused. */
bool blanks_each(const char *text, bool (*each)(const char *inside, void *data), void *data);

#endif
