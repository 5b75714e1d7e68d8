#include "common/cert/starttls.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { GREETED, EXTENSIONS, AGREED }; /* what is waited for: the greeting, ... */

static struct starttls_next turn(enum starttls_turn turn)
{
    return (struct starttls_next){turn, NULL, 0};
}

static struct starttls_next say(const char *bytes, size_t len)
{
    return (struct starttls_next){STARTTLS_WRITE, bytes, len};
}

#define SAY(text_) say((text_), sizeof(text_) - 1)

/* -------------------------------------------------------------- Postgres ---- */

/* SSLRequest: its length, and 1234.5679 in place of a protocol's version. */
#define SSL_REQUEST "\0\0\0\x08\x04\xd2\x16\x2f"

static struct starttls_next hear_postgres(struct starttls *talk, const char *bytes, size_t len)
{
    (void)snprintf(
        talk->line, sizeof(talk->line), "%s", *bytes == 'N' ? "no TLS here" : "an error");
    if (*bytes == 'N' || *bytes == 'E')
        return turn(STARTTLS_REFUSED);
    return turn(*bytes == 'S' && len == 1 ? STARTTLS_SECURE : STARTTLS_STRANGE);
}

/* ------------------------------------------------------------------ bytes ---- */

/* Of protocols without lines: what came is put together; what does not fit is only counted. */
static void gather(struct starttls *talk, const char *bytes, size_t len)
{
    size_t room = talk->len < sizeof(talk->line) ? sizeof(talk->line) - talk->len : 0;
    memcpy(talk->line + talk->len, bytes, len < room ? len : room);
    talk->len += len;
}

static size_t byte_at(const struct starttls *talk, size_t at)
{
    return (unsigned char)talk->line[at];
}

__attribute__((format(printf, 2, 3))) static struct starttls_next refuse(struct starttls *talk,
                                                                         const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(talk->line, sizeof(talk->line), fmt, args);
    va_end(args);
    return turn(STARTTLS_REFUSED);
}

/* ------------------------------------------------------------------ MySQL ---- */

/*
 * The server begins: length (3 bytes), number, version of the protocol, its own version, thread,
 * half a nonce, and what it can do.  The answer is a login that stops where TLS is to begin.
 */
#define MYSQL_SSL_REQUEST                                                                          \
    "\x20\0\0\x01\x00\x8a\0\0\0\0\0\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
enum { MYSQL_HEAD = 4, MYSQL_PROTOCOL = 10, MYSQL_ERROR = 0xff, MYSQL_CAN_SSL = 0x08 };

static struct starttls_next hear_mysql(struct starttls *talk)
{
    if (talk->len <= MYSQL_HEAD)
        return turn(STARTTLS_WAIT);
    size_t whole = MYSQL_HEAD + (byte_at(talk, 0) | byte_at(talk, 1) << 8 | byte_at(talk, 2) << 16);
    size_t kind = byte_at(talk, MYSQL_HEAD);
    if ((kind != MYSQL_PROTOCOL && kind != MYSQL_ERROR) || talk->len > whole ||
        whole > sizeof(talk->line))
        return turn(STARTTLS_STRANGE);
    if (talk->len < whole)
        return turn(STARTTLS_WAIT);
    if (kind == MYSQL_ERROR)
        return refuse(talk, "the server turns us away before it greets");
    const char *version = talk->line + MYSQL_HEAD + 1;
    size_t after = MYSQL_HEAD + 1 + strnlen(version, whole - MYSQL_HEAD - 1) + 1 + 4 + 8 + 1;
    if (after + 2 > whole)
        return turn(STARTTLS_STRANGE);
    if (!(byte_at(talk, after + 1) & MYSQL_CAN_SSL))
        return refuse(talk, "it has no TLS");
    talk->step = AGREED;
    return (struct starttls_next){
        STARTTLS_WRITE_LAST, MYSQL_SSL_REQUEST, sizeof(MYSQL_SSL_REQUEST) - 1};
}

/* ------------------------------------------------------------------- LDAP ---- */

/* The extended request StartTLS (RFC 4511), as message 1. */
#define LDAP_START_TLS "\x30\x1d\x02\x01\x01\x77\x18\x80\x16\x31.3.6.1.4.1.1466.20037"
enum { BER_SEQUENCE = 0x30, BER_INTEGER = 0x02, BER_ENUMERATED = 0x0a, LDAP_RESPONSE = 0x78 };

static size_t gathered(const struct starttls *talk)
{
    return talk->len < sizeof(talk->line) ? talk->len : sizeof(talk->line);
}

/* A tag and its length from `*at` on, which goes past them; false: it is another, or not there. */
static bool take_head(const struct starttls *talk, size_t *at, size_t tag, size_t *ret_len)
{
    size_t end = gathered(talk);
    if (*at + 2 > end || byte_at(talk, *at) != tag)
        return false;
    size_t len = byte_at(talk, *at + 1), bytes = len & 0x7f;
    *at += 2;
    if (len & 0x80) {
        if (bytes > 4 || *at + bytes > end)
            return false;
        for (len = 0; bytes > 0; bytes--)
            len = len << 8 | byte_at(talk, (*at)++);
    }
    *ret_len = len;
    return true;
}

static struct starttls_next hear_ldap(struct starttls *talk)
{
    size_t at = 0, whole, len;
    if (byte_at(talk, 0) != BER_SEQUENCE)
        return turn(STARTTLS_STRANGE);
    if (!take_head(talk, &at, BER_SEQUENCE, &whole))
        return turn(talk->len < 6 ? STARTTLS_WAIT : STARTTLS_STRANGE);
    whole += at;
    if (talk->len < whole && talk->len < sizeof(talk->line))
        return turn(STARTTLS_WAIT);
    if (!take_head(talk, &at, BER_INTEGER, &len) || len != 1)
        return turn(STARTTLS_STRANGE);
    at++;
    if (!take_head(talk, &at, LDAP_RESPONSE, &len) || !take_head(talk, &at, BER_ENUMERATED, &len) ||
        len != 1 || at >= gathered(talk))
        return turn(STARTTLS_STRANGE);
    size_t code = byte_at(talk, at);
    if (code != 0)
        return refuse(talk, "LDAP result %zu", code);
    return turn(talk->len == whole ? STARTTLS_SECURE : STARTTLS_STRANGE);
}

/* ------------------------------------------------------------------ SMTP ---- */

static bool begins(const char *line, const char *with)
{
    return strncasecmp(line, with, strlen(with)) == 0;
}

/* "250-STARTTLS": every line of a reply begins with its code; a minus says that more follow. */
static struct starttls_next hear_smtp(struct starttls *talk)
{
    const char *line = talk->line;
    if (!isdigit((unsigned char)line[0]) || talk->len < 3)
        return turn(STARTTLS_STRANGE);
    bool last = line[3] != '-', good = line[0] == '2';
    if (talk->step == EXTENSIONS && talk->len > 4 && begins(line + 4, "STARTTLS"))
        talk->offered = true;
    if (!good)
        return turn(STARTTLS_REFUSED);
    if (!last)
        return turn(STARTTLS_WAIT);
    switch (talk->step++) {
    case GREETED:
        return SAY("EHLO runbookd.invalid\r\n");
    case EXTENSIONS:
        if (talk->offered)
            return SAY("STARTTLS\r\n");
        (void)snprintf(talk->line, sizeof(talk->line), "STARTTLS is not among its extensions");
        return turn(STARTTLS_REFUSED);
    default:
        return turn(STARTTLS_SECURE);
    }
}

/* ------------------------------------------------------------------ IMAP ---- */

/* Untagged lines may come at any time; the tagged one is the answer. */
static struct starttls_next hear_imap(struct starttls *talk)
{
    const char *line = talk->line;
    if (talk->step == GREETED) {
        talk->step = AGREED;
        if (begins(line, "* OK"))
            return SAY("a STARTTLS\r\n");
        return turn(begins(line, "* ") ? STARTTLS_REFUSED : STARTTLS_STRANGE);
    }
    if (begins(line, "* BYE") || begins(line, "a NO") || begins(line, "a BAD"))
        return turn(STARTTLS_REFUSED);
    if (begins(line, "a OK"))
        return turn(STARTTLS_SECURE);
    return turn(begins(line, "* ") ? STARTTLS_WAIT : STARTTLS_STRANGE);
}

/* ----------------------------------------------------------------- lines ---- */

struct starttls_next starttls_begin(struct starttls *talk, enum starttls_kind kind)
{
    memset(talk, 0, sizeof(*talk));
    talk->kind = kind;
    switch (kind) {
    case STARTTLS_NONE:
        return turn(STARTTLS_SECURE);
    case STARTTLS_POSTGRES:
        return SAY(SSL_REQUEST);
    case STARTTLS_LDAP:
        return SAY(LDAP_START_TLS);
    default: /* the server greets first */
        return turn(STARTTLS_WAIT);
    }
}

static struct starttls_next hear_line(struct starttls *talk)
{
    while (talk->len > 0 && talk->line[talk->len - 1] == '\r')
        talk->len--;
    talk->line[talk->len] = '\0';
    struct starttls_next next = talk->kind == STARTTLS_SMTP ? hear_smtp(talk) : hear_imap(talk);
    if (next.turn == STARTTLS_WAIT)
        talk->len = 0;
    return next;
}

struct starttls_next starttls_hear(struct starttls *talk, const char *bytes, size_t len)
{
    if (len == 0)
        return turn(STARTTLS_WAIT);
    if (talk->kind == STARTTLS_POSTGRES)
        return hear_postgres(talk, bytes, len);
    if (talk->kind == STARTTLS_MYSQL || talk->kind == STARTTLS_LDAP) {
        if (talk->step == AGREED) /* nothing is to come in clear any more */
            return turn(STARTTLS_STRANGE);
        gather(talk, bytes, len);
        return talk->kind == STARTTLS_MYSQL ? hear_mysql(talk) : hear_ldap(talk);
    }
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            if (talk->len + 1 < sizeof(talk->line))
                talk->line[talk->len++] = bytes[i];
            continue;
        }
        struct starttls_next next = hear_line(talk);
        if (next.turn == STARTTLS_WAIT)
            continue;
        if (next.turn == STARTTLS_WRITE)
            talk->len = 0;
        /* Whatever follows in clear was never agreed upon, or put there by somebody else. */
        bool more = i + 1 < len;
        return more && next.turn != STARTTLS_REFUSED ? turn(STARTTLS_STRANGE) : next;
    }
    return turn(STARTTLS_WAIT);
}
