/*
 * email_text - one mail about some events: what people are told of each, the worst first.
 *
 *     Subject: [runbookd orders/production] 2 critical, 1 ok: orders-db/connections, ...
 *
 *     CRITICAL  orders-db/connections: 96 of 97 usable connections are used
 *         the pool of "backend" holds 71
 *         since 2026-11-21T02:57:32Z
 *
 *     runbookd show orders-db/connections
 *
 * Plain text in UTF-8, quoted-printable; commands stand alone in their lines, to be pasted.  At most
 * EMAIL_MOST, the worst, are told in full, of the others how many there are.  What is only said again (a repeat, a
 * snapshot) makes no mail.  The Message-ID is that of the events, so that the same mail sent twice can
 * be told by its readers' programs.
 *
 * Layer: out.  Uses: base, out/notice, out/view.
 */
#ifndef OUT_EMAIL_TEXT_H
#define OUT_EMAIL_TEXT_H

#include <stdbool.h>

#include "out/view.h"

enum { EMAIL_MOST = 40 };

struct email_wish {
    const char *from;
    const char *const *to; /* ended by NULL */
    const char *prefix;    /* of the subject; empty: "[runbookd REALM]" */
    const char *sink;      /* its name: plans may be for others */
    int64_t wall_ms;       /* now */
};

/* Adds the mail about NDJSON lines, with lines ended by CR LF; false: there is nothing to tell. */
bool email_write(const struct email_wish *wish, struct view lines, struct text *out);

/* Whether it is ADDRESS or NAME <ADDRESS>, in ASCII; `*ret` is the bare address, freed by free(). */
bool email_address(const char *written, char **ret);

#endif
