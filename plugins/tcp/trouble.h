/*
 * trouble - what a stream that failed says: one word, whose fault it is, what to do about it.
 *
 *     refused unreachable timeout reset closed busy unexpected   the service
 *     dns tls denied no_way config                               ourselves
 *
 * Pure functions.
 */
#ifndef TCP_TROUBLE_H
#define TCP_TROUBLE_H

#include <runbookd/probe.h>

/* The measure error_class; the words are trouble_classes, in this order. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_REFUSED,
    TROUBLE_UNREACHABLE,
    TROUBLE_TIMEOUT,
    TROUBLE_RESET,
    TROUBLE_CLOSED,
    TROUBLE_BUSY,
    TROUBLE_UNEXPECTED,
    TROUBLE_DNS, /* from here on: ourselves */
    TROUBLE_TLS,
    TROUBLE_DENIED,
    TROUBLE_NO_WAY,
    TROUBLE_CONFIG
};
extern const char *const trouble_classes[]; /* ended by NULL */

enum trouble trouble_of(int status, enum probe_stage stage);

/* Whether it says something of us, and nothing of the service. */
bool trouble_is_ours(enum trouble trouble);

/* What to do about it, or NULL. */
const char *trouble_hint(enum trouble trouble, enum probe_stage stage);

#endif
