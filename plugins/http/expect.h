/*
 * expect - sets of HTTP statuses as an operator writes them: "200", "2xx", "200-299".
 *
 * Pure; knows nothing of runs.
 */
#ifndef HTTP_EXPECT_H
#define HTTP_EXPECT_H

#include <stdbool.h>
#include <stdint.h>

#include <runbookd/probe.h>

enum { EXPECT_LOWEST = 100, EXPECT_HIGHEST = 599 };

struct expect {
    uint8_t bits[(EXPECT_HIGHEST + 1) / 8];
};

/* Adds what `text` names; false where it names nothing. */
bool expect_add(struct expect *expect, const char *text);

/* The option `expect` as a whole: zero, or what probe_refuse() returned. */
int expect_take(struct expect *expect, const char *const *list, struct probe_error *error);

bool expect_holds(const struct expect *expect, int status);

#endif
