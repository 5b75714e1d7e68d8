#include "io/http_fault.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "io/tls.h"

static int late(const struct http_fault *fault, struct error *error)
{
    switch (fault->stage) {
    case PROBE_RESOLVING:
        return error_set(error, -ETIMEDOUT, "the name server did not answer in time");
    case PROBE_CONNECTING:
        return error_set(error, -ETIMEDOUT, "no connection to %s in time", fault->peer);
    case PROBE_SECURING:
        return error_set(
            error, -ETIMEDOUT, "%s did not finish the TLS handshake in time", fault->peer);
    case PROBE_SENDING:
        return error_set(error, -ETIMEDOUT, "%s did not take the request in time", fault->peer);
    case PROBE_RECEIVING:
        return error_set(error,
                         -ETIMEDOUT,
                         "the answer was not complete in time, %zu bytes came",
                         fault->body_len);
    default:
        return error_set(
            error, -ETIMEDOUT, "%s took the request and did not answer in time", fault->peer);
    }
}

static int lost(const struct http_fault *fault, struct error *error)
{
    if (fault->stage == PROBE_SECURING)
        return error_set(
            error, -ECONNRESET, "%s closed the connection during the TLS handshake", fault->peer);
    if (fault->stage == PROBE_RECEIVING)
        return error_set(
            error, -ECONNRESET, "the answer was cut off, %zu bytes came", fault->body_len);
    return error_set(error, -ECONNRESET, "%s closed the connection without an answer", fault->peer);
}

static int unreachable(const struct http_fault *fault, struct error *error)
{
    int code = fault->os_error ? fault->os_error : ECONNREFUSED;
    if (code == ECONNREFUSED)
        return error_set(error, -code, "%s refuses connections", fault->peer);
    return error_set(error, -code, "no connection to %s: %s", fault->peer, strerror(code));
}

/* libcurl took OpenSSL's error and wrote it down: "... error:0A00010B:SSL routines::...". */
static void explain_tls(const char *detail, char *out, size_t room)
{
    const char *at = strstr(detail, "error:");
    unsigned long code = at ? strtoul(at + 6, NULL, 16) : 0;
    ERR_clear_error();
    if (code)
        ERR_raise(ERR_GET_LIB(code), ERR_GET_REASON(code));
    tls_explain_failure(out, room);
}

/* libcurl says SSL_ERROR_SYSCALL where the peer hung up or was reset. */
static int insecure(const struct http_fault *fault, struct error *error)
{
    char words[200];
    if (fault->os_error == ECONNRESET || strstr(fault->detail, "SSL_ERROR_SYSCALL"))
        return lost(fault, error);
    explain_tls(fault->detail, words, sizeof(words));
    int code = strstr(fault->detail, "unexpected eof") ? -ECONNRESET : -EPROTO;
    return error_set(error, code, "TLS with %s failed: %s", fault->peer, words);
}

int http_fault_explain(CURLcode code, const struct http_fault *fault, struct error *error)
{
    if (strstr(fault->detail, "CONNECT tunnel failed"))
        return error_set(error, -EPROTO, "the proxy does not pass us on: %s", fault->detail);
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return unreachable(fault, error);
    case CURLE_OPERATION_TIMEDOUT:
        return late(fault, error);
    case CURLE_SSL_CONNECT_ERROR:
        return insecure(fault, error);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return lost(fault, error);
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
        return error_set(error, -EPROTO, "the answer is not HTTP: %s", fault->detail);
    default:
        return error_set(
            error, -EIO, "%s", *fault->detail ? fault->detail : curl_easy_strerror(code));
    }
}

int http_fault_ended(int status, const struct http_fault *fault, struct error *error)
{
    if (status == -ETIMEDOUT)
        return late(fault, error);
    if (status == -ECANCELED)
        return error_set(error, status, "the request was cancelled");
    return error_set(error, status, "the request was ended: %s", strerror(-status));
}
