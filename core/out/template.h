/*
 * template - an operator's own body, with what is said of an event put in its places.
 *
 *     {text: "${notice.title}", severity: "${event.status}", measures: "${event.measures}"}
 *
 * A template is a JSON value, so what is put in is escaped by construction.  A string that is one
 * reference and nothing else becomes the value as it is, a number or an object too, null where there
 * is none; within a string its text is put in, nothing where there is none.  A template that is a
 * string itself makes a text.  "$${" stands for "${".
 *
 *     ${event}, ${event.MEMBER}, ${event.MEMBER.MEMBER}   of the event's line
 *     ${notice.state|key|title|body|command}              what people are told (out/notice)
 *
 * Layer: out.  Uses: base, jansson, out/notice, out/view.
 */
#ifndef OUT_TEMPLATE_H
#define OUT_TEMPLATE_H

#include <stdbool.h>

#include "base/error.h"
#include "out/notice.h"

struct template;

/* From JSON text.  NULL and `*error`, whose message follows the template's key, where it is wrong. */
struct template *template_create(const char *json, struct error *error);
void template_destroy(struct template *template); /* NULL is fine */

/* Whether it makes JSON, or a text. */
bool template_is_json(const struct template *template);

/* Adds the body; `notice` may be NULL: there is nothing for people in it. */
void template_write(const struct template *template, struct view line, const struct notice *notice,
                    struct text *out);

#endif
