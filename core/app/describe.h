/*
 * describe - pieces of what is said of plugins and scripts, for people, on stdout.
 *
 * Layer: app.  Uses: base, include.
 */
#ifndef APP_DESCRIBE_H
#define APP_DESCRIBE_H

#include "runbookd/probe.h"

/* A line each: name, type, default, help; nested ones are indented further. */
void describe_options(const struct probe_option *options, int indent);

/* A paragraph under a heading, its further lines indented alike; nothing where `text` is NULL. */
void describe_block(const char *heading, const char *text);

/* "disruptive: users notice" */
const char *describe_effect(enum probe_effect effect);

#endif
