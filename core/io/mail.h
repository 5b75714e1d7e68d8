/*
 * mail - one mail by SMTP, through libcurl, on a thread of its own.
 *
 * The server's name is looked up on the loop (io/resolve); the conversation, which libcurl holds
 * for SMTP from beginning to end, takes place on the thread (io/hand).  TLS is verified as the
 * operator's "tls:" says; user and password are shown only after it began, unless TLS is never to
 * be.
 *
 * Layer: io.  Uses: base, libcurl, io/hand, io/resolve, io/tls.
 */
#ifndef IO_MAIL_H
#define IO_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbookd/probe.h"

struct loop;
struct mailer;

enum mail_secure {
    MAIL_TLS,        /* from the start: smtps:// */
    MAIL_STARTTLS,   /* or nothing is sent */
    MAIL_IF_OFFERED, /* clear where the server has no TLS */
    MAIL_CLEAR
};

/* Copied; addresses are bare, without names or brackets. */
struct mail_wish {
    const char *host;
    uint16_t port; /* zero: 465 with MAIL_TLS, else 25 */
    enum mail_secure secure;
    const struct probe_tls *tls; /* NULL: the defaults */
    const char *user, *password; /* NULL: none */
    const char *from;
    const char *const *to; /* ended by NULL; it goes to those of them that the server takes */
    const char *text;      /* header and body, lines ended by CR LF */
    size_t len;
    int64_t timeout_ms;
};

/* What the server said of a recipient. */
struct mail_answer {
    int code; /* below 400: it takes mail for it, or was not asked */
    char text[240];
};

/*
 * Zero: it is the server's, for those of `answers` (as in `to`) that it has not refused.  `code` is what it
 * answered last to something else than a recipient, zero: nothing.
 */
struct mail_end {
    int status, code;
    const char *message;               /* for people */
    const struct mail_answer *answers; /* for the call; NULL: nobody was asked */
};
typedef void mail_fn(const struct mail_end *end, void *data);

/* NULL where no thread can be started. */
struct mailer *mailer_open(struct loop *loop);

/* One at a time; `fn` is called once, later, unless the mailer is closed before. */
void mailer_send(struct mailer *mailer, const struct mail_wish *wish, mail_fn *fn, void *data);

/*
 * Ends what is under way, silently: a letter of which a part is on its way is none for the server.  The
 * thread waits for no server that is silent; it ends within a second or so.  NULL is fine.
 */
void mailer_close(struct mailer *mailer);

#endif
