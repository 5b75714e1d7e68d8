/*
 * starttls - what is said in clear until a server agrees to TLS: PostgreSQL, MySQL, SMTP, IMAP,
 * LDAP.
 *
 * A pure machine: bytes in, what to do next out.
 */
#ifndef COMMON_CERT_STARTTLS_H
#define COMMON_CERT_STARTTLS_H

#include <stdbool.h>
#include <stddef.h>

enum starttls_kind {
    STARTTLS_NONE,
    STARTTLS_POSTGRES,
    STARTTLS_MYSQL,
    STARTTLS_SMTP,
    STARTTLS_IMAP,
    STARTTLS_LDAP
};

struct starttls {
    enum starttls_kind kind;
    int step;
    bool offered;   /* of SMTP: STARTTLS is in the list of extensions */
    char line[400]; /* what there is of the present line or packet; the rest of a longer one is
                       dropped */
    size_t len;
};

enum starttls_turn {
    STARTTLS_WAIT,       /* for more bytes */
    STARTTLS_WRITE,      /* what stands in `write` */
    STARTTLS_WRITE_LAST, /* the same, and then TLS begins */
    STARTTLS_SECURE,     /* it agreed */
    STARTTLS_REFUSED,    /* it has no TLS, or wants to have none with us; `line` says why */
    STARTTLS_STRANGE     /* it does not speak this protocol, or goes on talking in clear */
};

struct starttls_next {
    enum starttls_turn turn;
    const char *write;
    size_t write_len;
};

/* Once the connection is open. */
struct starttls_next starttls_begin(struct starttls *talk, enum starttls_kind kind);

/* On bytes; goes on where it stopped. */
struct starttls_next starttls_hear(struct starttls *talk, const char *bytes, size_t len);

#endif
