#include "io/wire.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/resolve.h"
#include "io/wait.h"

/* ----------------------------------------------------------- handshake ---- */

/* Names without the root's dot go out; addresses do not (RFC 6066). */
static void name_server(SSL *ssl, const char *host)
{
    if (!host || !*host || resolve_numeric(host))
        return;
    char *name = mem_copy(host);
    size_t len = strlen(name);
    if (name[len - 1] == '.')
        name[len - 1] = '\0';
    (void)SSL_set_tlsext_host_name(ssl, name);
    free(name);
}

int wire_secure(struct wire *wire, const struct endpoint *to, struct error *error)
{
    SSL_CTX *context = tls_context(to->tls, error);
    if (!context)
        return error->code;
    wire->ssl = SSL_new(context);
    SSL_CTX_free(context);
    if (!wire->ssl || SSL_set_fd(wire->ssl, wire->fd) != 1)
        return error_set(error, -ENOMEM, "OpenSSL cannot begin a handshake");
    if (to->tls_lowest)
        (void)SSL_set_min_proto_version(wire->ssl, to->tls_lowest);
    if (to->tls_highest)
        (void)SSL_set_max_proto_version(wire->ssl, to->tls_highest);
    if (endpoint_goes_on(to) || (to->tls_lowest && to->tls_lowest < TLS1_2_VERSION))
        SSL_set_security_level(wire->ssl, 0);
    if (to->alpn_len)
        (void)SSL_set_alpn_protos(wire->ssl, to->alpn, (unsigned)to->alpn_len);
    name_server(wire->ssl, tls_name(to->tls, to->host));
    SSL_set_connect_state(wire->ssl);
    return 0;
}

/* What a return value of OpenSSL's that is not success means. */
static int judge(struct wire *wire, int result)
{
    int system = errno, kind = SSL_get_error(wire->ssl, result);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    wire->broken = true;
    bool cut_off = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
                   kind != SSL_ERROR_SSL;
    tls_explain_failure(wire->problem, sizeof(wire->problem));
    if (kind == SSL_ERROR_SYSCALL && system)
        return -system;
    return cut_off ? -ECONNRESET : -EPROTO;
}

int wire_shake(struct wire *wire)
{
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(wire->ssl);
    if (result == 1) {
        wire->shaken = true;
        wire->read_wants_writable = false;
        return 0;
    }
    int status = judge(wire, result);
    wire->read_wants_writable = status == -EAGAIN && SSL_want_write(wire->ssl);
    return status;
}

/* --------------------------------------------------------------- bytes ---- */

static ssize_t result_of(ssize_t n)
{
    return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

ssize_t wire_read(struct wire *wire, void *bytes, size_t room)
{
    if (!wire->ssl)
        return result_of(recv(wire->fd, bytes, room, 0));
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(wire->ssl, bytes, (int)room);
    wire->write_wants_readable = false; /* it may go on now */
    wire->read_wants_writable = n <= 0 && SSL_want_write(wire->ssl);
    if (n > 0)
        return n;
    if (SSL_get_error(wire->ssl, n) == SSL_ERROR_ZERO_RETURN)
        return 0;
    return judge(wire, n);
}

static ssize_t write_some(struct wire *wire, const void *bytes, size_t len)
{
    if (!wire->ssl)
        return result_of(send(wire->fd, bytes, len, MSG_NOSIGNAL));
    ERR_clear_error();
    errno = 0;
    int n = SSL_write(wire->ssl, bytes, (int)len);
    wire->write_wants_readable = n <= 0 && SSL_want_read(wire->ssl);
    return n > 0 ? n : judge(wire, n);
}

static void forget_unsent(struct wire *wire)
{
    if (wire->unsent)
        explicit_bzero(wire->unsent, wire->room);
    free(wire->unsent);
    wire->unsent = NULL;
    wire->first = wire->unsent_len = wire->room = 0;
}

void wire_queue(struct wire *wire, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    if (wire->room - wire->first - wire->unsent_len < len) {
        size_t before = wire->unsent_len, room = 2 * (before + len);
        char *larger = mem_new(room);
        if (before)
            memcpy(larger, wire->unsent + wire->first, before);
        forget_unsent(wire);
        wire->unsent = larger;
        wire->unsent_len = before;
        wire->room = room;
    }
    memcpy(wire->unsent + wire->first + wire->unsent_len, bytes, len);
    wire->unsent_len += len;
}

int wire_flush(struct wire *wire)
{
    while (wire->unsent_len > 0) {
        ssize_t n = write_some(wire, wire->unsent + wire->first, wire->unsent_len);
        if (n < 0)
            return (int)n;
        wire->first += (size_t)n;
        wire->unsent_len -= (size_t)n;
    }
    forget_unsent(wire);
    return 0;
}

size_t wire_unsent(const struct wire *wire)
{
    int queued = 0;
    (void)ioctl(wire->fd, SIOCOUTQ, &queued); /* a Unix socket's, too */
    return wire->unsent_len + (queued > 0 ? (size_t)queued : 0);
}

bool wire_holds_more(const struct wire *wire)
{
    return wire->ssl && wire->shaken && SSL_has_pending(wire->ssl);
}

unsigned wire_events(const struct wire *wire)
{
    bool shaking = wire->ssl && !wire->shaken;
    bool sending = wire->unsent_len > 0 && !shaking && !wire->write_wants_readable;
    return WATCH_READABLE | (sending || wire->read_wants_writable ? WATCH_WRITABLE : 0u);
}

void wire_close(struct wire *wire)
{
    if (wire->ssl) {
        ERR_clear_error();
        if (wire->shaken && !wire->broken)
            (void)SSL_shutdown(wire->ssl);
        SSL_free(wire->ssl);
        ERR_clear_error();
    }
    if (wire->fd >= 0)
        (void)close(wire->fd);
    wire->ssl = NULL;
    wire->fd = -1;
    forget_unsent(wire);
}
