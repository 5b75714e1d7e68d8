/*
 * verdict - what an answer means: one word, whose fault it is, what to do about it; whether it is
 * what was expected, and whether several servers agree.
 *
 *     unexpected nxdomain nodata servfail lame error                     what the server says
 *     refused unreachable timeout closed garbage                         the server itself
 *     denied dns no_way config                                           ourselves
 *
 * Pure functions.
 */
#ifndef DNS_VERDICT_H
#define DNS_VERDICT_H

#include <runbookd/probe.h>

#include "message.h"

/* The measure error_class; the words are verdict_classes, in this order. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_UNEXPECTED,
    TROUBLE_NXDOMAIN,
    TROUBLE_NODATA,
    TROUBLE_SERVFAIL,
    TROUBLE_LAME,
    TROUBLE_ERROR,
    TROUBLE_REFUSED,
    TROUBLE_UNREACHABLE,
    TROUBLE_TIMEOUT,
    TROUBLE_CLOSED,
    TROUBLE_GARBAGE,
    TROUBLE_DENIED, /* from here on: ourselves */
    TROUBLE_DNS,
    TROUBLE_NO_WAY,
    TROUBLE_CONFIG
};
extern const char *const verdict_classes[]; /* ended by NULL */

/* What the operator expects. */
struct wish {
    const char *type;
    const char *rcode; /* one of verdict_rcodes */
    const char *match; /* one of verdict_matches */
    const char *const *expect;
    bool authoritative;
};
extern const char *const verdict_rcodes[], *const verdict_matches[]; /* ended by NULL */

enum trouble verdict_of(const struct message *message, const struct wish *wish);

/* What an operation on the way to a server ended with. */
enum trouble verdict_of_failure(int status);

bool verdict_is_ours(enum trouble trouble);
const char *verdict_hint(enum trouble trouble);

/* The same outcome, with the same records of the kind that was asked for, in any order. */
bool verdict_same(const struct message *a, const struct message *b);

/*
 * Marks those of several answers that most of the others do not share; NULL is no answer.  Where no
 * answer is most servers', all of them are marked.
 */
void verdict_compare(const struct message *const *all, size_t count, bool *ret_differs);

#endif
