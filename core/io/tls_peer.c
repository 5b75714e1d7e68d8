/*
 * The half of tls that looks at peers: who answered, and everything that is wrong with them, in
 * words.  Names come from the peer's certificate: control characters in them are escaped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/tls.h"
#include "io/tls_known.h"

enum { MOST_CERTIFICATES = 32, MOST_PROBLEMS = 32, MOST_NAMES = 3, WORDS_MAX = 400 };
enum { ADDRESS, VERSION, CIPHER, ALPN };

static int64_t time_for_tests;

void tls_use_time(int64_t wall_s)
{
    time_for_tests = wall_s;
}

/* --------------------------------------------------------------- words ---- */

static void add_bio(struct text *text, BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    if (len > 0)
        text_add_n(text, bytes, text_whole(bytes, (size_t)len));
}

/* A certificate's subject or issuer: its common name, else all of it. */
static void add_name(struct text *text, const X509_NAME *name)
{
    const unsigned long utf8 = ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *bio = BIO_new(BIO_s_mem());
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    text_add_char(text, '"');
    if (at >= 0)
        (void)ASN1_STRING_print_ex(
            bio, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), utf8);
    else
        (void)X509_NAME_print_ex(
            bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    add_bio(text, bio);
    text_add_char(text, '"');
    BIO_free(bio);
}

static void add_date(struct text *text, const ASN1_TIME *time)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(time, &tm) == 1)
        text_print(text, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    else
        text_add(text, "a date that is none");
}

/* Whether it was a name that can be checked against, and was added. */
static bool add_alternative(struct text *text, const GENERAL_NAME *name)
{
    char address[INET6_ADDRSTRLEN];
    if (name->type == GEN_DNS) {
        const unsigned char *bytes = ASN1_STRING_get0_data(name->d.dNSName);
        for (int i = 0; i < ASN1_STRING_length(name->d.dNSName) && i < 100; i++)
            text_add_char(text, bytes[i] > ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '?');
        return true;
    }
    if (name->type != GEN_IPADD)
        return false;
    int len = ASN1_STRING_length(name->d.iPAddress);
    if (len != 4 && len != 16)
        return false;
    (void)inet_ntop(len == 4 ? AF_INET : AF_INET6,
                    ASN1_STRING_get0_data(name->d.iPAddress),
                    address,
                    sizeof(address));
    text_add(text, address);
    return true;
}

static void add_alternatives(struct text *text, const X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(names), shown = 0;
    for (int i = 0; i < count && shown < MOST_NAMES; i++) {
        size_t before = text->len;
        if (shown)
            text_add(text, ", ");
        if (add_alternative(text, sk_GENERAL_NAME_value(names, i)))
            shown++;
        else
            text_cut_to(text, before);
    }
    if (count > MOST_NAMES)
        text_print(text, " and %d more", count - MOST_NAMES);
    if (shown == 0)
        text_add(text, "no name at all");
    GENERAL_NAMES_free(names);
}

/* "the certificate" for the peer's own, `the certificate of "Some CA"` for those above it. */
static void add_which(struct text *text, const X509 *certificate, int depth)
{
    text_add(text, "the certificate");
    if (depth > 0 && certificate) {
        text_add(text, " of ");
        add_name(text, X509_get_subject_name(certificate));
    }
}

static void explain(struct text *text, int code, int depth, const X509 *which, const char *host)
{
    if (code == X509_V_ERR_CERT_HAS_EXPIRED && which) {
        add_which(text, which, depth);
        text_add(text, " expired on ");
        add_date(text, X509_get0_notAfter(which));
    } else if (code == X509_V_ERR_CERT_NOT_YET_VALID && which) {
        add_which(text, which, depth);
        text_add(text, " is not valid before ");
        add_date(text, X509_get0_notBefore(which));
    } else if ((code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) &&
               which) {
        text_add(text, "the certificate is for ");
        add_alternatives(text, which);
        text_print(text, ", not for %s", host);
    } else if (code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
        text_add(text, "the certificate is self-signed and not trusted here");
    } else if (code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN && which) {
        text_add(text, "the authority ");
        add_name(text, X509_get_subject_name(which));
        text_add(text, " is not trusted here");
    } else if ((code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT) &&
               which) {
        text_add(text, "the issuer ");
        add_name(text, X509_get_issuer_name(which));
        text_add(text, " is neither trusted here nor was its certificate sent");
    } else {
        add_which(text, which, depth);
        text_print(text, ": %s", X509_verify_cert_error_string(code));
    }
}

void tls_peer_explain(const struct tls_peer *peer, char *out, size_t room)
{
    struct text TEXT_AUTO text;
    text_init(&text, room - 1);
    for (size_t i = 0; i < peer->face.problem_count; i++)
        text_print(&text, "%s%s", i ? "; " : "", peer->problems[i].text);
    (void)snprintf(out, room, "%s", text.bytes);
}

/* -------------------------------------------------------- verification ---- */

/* What X509_verify_cert()'s callback works on. */
struct trial {
    struct tls_peer *peer;
    const char *host;
    bool lenient;  /* the operator wants nothing held against anybody */
    bool unproven; /* the chain does not lead to an authority that is trusted */
};

static bool has_problem(const struct tls_peer *peer, int code, int depth)
{
    for (size_t i = 0; i < peer->face.problem_count; i++)
        if (peer->problems[i].code == code && (depth < 0 || peer->problems[i].depth == depth))
            return true;
    return false;
}

static void add_problem(struct tls_peer *peer, int code, int depth, char *text)
{
    if (peer->face.problem_count == MOST_PROBLEMS) {
        free(text);
        return;
    }
    if (!peer->problems)
        peer->problems = mem_array(MOST_PROBLEMS, sizeof(*peer->problems));
    peer->problems[peer->face.problem_count++] = (struct probe_problem){code, depth, text};
    peer->face.problems = peer->problems;
}

static bool breaks_chain(int code)
{
    switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED:
        return true;
    default:
        return false;
    }
}

static int on_verified(int good, X509_STORE_CTX *verifying)
{
    struct trial *trial = X509_STORE_CTX_get_app_data(verifying);
    int code = X509_STORE_CTX_get_error(verifying);
    int depth = X509_STORE_CTX_get_error_depth(verifying);
    if (good)
        return 1;
    trial->unproven |= breaks_chain(code);
    if (trial->lenient || has_problem(trial->peer, code, depth))
        return 1;
    /* Of one missing issuer OpenSSL complains twice. */
    if (code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE &&
        (has_problem(trial->peer, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, -1) ||
         has_problem(trial->peer, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, -1)))
        return 1;
    struct text text;
    text_init(&text, WORDS_MAX);
    explain(&text, code, depth, X509_STORE_CTX_get_current_cert(verifying), trial->host);
    add_problem(trial->peer, code, depth, text_take(&text));
    return 1; /* on to the next problem */
}

static struct probe_bytes *encode(const STACK_OF(X509) * chain, size_t *ret_count)
{
    int count = sk_X509_num(chain);
    if (count <= 0)
        return NULL;
    if (count > MOST_CERTIFICATES)
        count = MOST_CERTIFICATES;
    struct probe_bytes *all = mem_array((size_t)count, sizeof(*all));
    for (int i = 0; i < count; i++) {
        int len = i2d_X509(sk_X509_value(chain, i), NULL);
        unsigned char *der = mem_new(len > 0 ? (size_t)len : 0), *end = der;
        all[i].first = der;
        all[i].len = len > 0 ? (size_t)i2d_X509(sk_X509_value(chain, i), &end) : 0;
    }
    *ret_count = (size_t)count;
    return all;
}

static void demand(X509_STORE_CTX *verifying, const struct trial *trial, enum tls_verify verify)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(verifying);
    (void)X509_STORE_CTX_set_default(verifying, "ssl_server");
    /* An authority of the operator's need not be self-signed. */
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_auth_level(param, 2); /* as Debian's clients: 2048 bits, no SHA-1 */
    if (time_for_tests)
        X509_VERIFY_PARAM_set_time(param, (time_t)time_for_tests);
    if (verify != TLS_VERIFY_FULL || !trial->host)
        return;
    size_t len = strlen(trial->host);
    if (len > 1 && trial->host[len - 1] == '.') /* certificates name no root */
        len--;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, trial->host) != 1)
        (void)X509_VERIFY_PARAM_set1_host(param, trial->host, len);
}

static void free_bytes(struct probe_bytes *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((void *)all[i].first);
    free(all);
}

/* What an earlier handshake left, of a request that was sent on, say. */
static void forget_verification(struct tls_peer *peer)
{
    free_bytes(peer->presented, peer->face.presented_count);
    free_bytes(peer->verified, peer->face.verified_count);
    for (size_t i = 0; i < peer->face.problem_count; i++)
        free((void *)peer->problems[i].text);
    free(peer->problems);
    peer->face.presented = peer->presented = NULL;
    peer->face.verified = peer->verified = NULL;
    peer->face.problems = peer->problems = NULL;
    peer->face.presented_count = peer->face.verified_count = peer->face.problem_count = 0;
}

static void verify_against(const struct tls_question *question, struct trial *trial,
                           const STACK_OF(X509) * presented)
{
    struct tls_peer *peer = trial->peer;
    X509_STORE_CTX *verifying = X509_STORE_CTX_new();
    (void)X509_STORE_CTX_init(
        verifying, question->store, sk_X509_value(presented, 0), (STACK_OF(X509) *)presented);
    demand(verifying, trial, question->verify);
    (void)X509_STORE_CTX_set_app_data(verifying, trial);
    X509_STORE_CTX_set_verify_cb(verifying, on_verified);
    if (X509_verify_cert(verifying) != 1) { /* what no callback may overrule */
        int code = X509_STORE_CTX_get_error(verifying);
        trial->unproven = true;
        if (!trial->lenient && peer->face.problem_count == 0)
            add_problem(peer,
                        code ? code : X509_V_ERR_UNSPECIFIED,
                        0,
                        mem_copy(X509_verify_cert_error_string(code)));
    }
    if (!trial->unproven)
        peer->verified = encode(X509_STORE_CTX_get0_chain(verifying), &peer->face.verified_count);
    peer->face.verified = peer->verified;
    if (!trial->unproven && !trial->lenient && peer->face.problem_count == 0)
        tls_known_keep(question, peer, X509_STORE_CTX_get0_chain(verifying));
    X509_STORE_CTX_free(verifying);
}

void tls_peer_verify(struct tls_peer *peer, const STACK_OF(X509) * presented,
                     const struct probe_tls *tls, const char *host)
{
    enum tls_verify verify = tls ? tls->verify : TLS_VERIFY_FULL;
    struct trial trial = {peer, tls_name(tls, host), verify == TLS_VERIFY_NONE, false};
    struct error error = {0};
    forget_verification(peer);
    peer->face.presented = peer->presented = encode(presented, &peer->face.presented_count);
    const struct tls_question question = {
        tls_store(tls, &error), trial.host, verify, time_for_tests ? time_for_tests : time(NULL)};
    if (peer->face.presented_count == 0 || !question.store) {
        if (!trial.lenient)
            add_problem(peer,
                        X509_V_ERR_UNSPECIFIED,
                        0,
                        mem_copy(question.store ? "the peer sent no certificate" : error.message));
    } else if (!tls_known_find(&question, peer)) {
        verify_against(&question, &trial, presented);
    }
    X509_STORE_free(question.store);
    ERR_clear_error();
}

/* ---------------------------------------------------------------- peer ---- */

static const char *keep(struct tls_peer *peer, int which, char *string)
{
    free(peer->strings[which]);
    return peer->strings[which] = string;
}

void tls_peer_set_address(struct tls_peer *peer, const char *address, uint16_t port)
{
    peer->face.address = keep(peer, ADDRESS, mem_copy(address));
    peer->face.port = port;
}

void tls_peer_describe(struct tls_peer *peer, SSL *ssl)
{
    const unsigned char *bytes = NULL;
    unsigned len = 0;
    peer->face.tls_version = keep(peer, VERSION, mem_copy(SSL_get_version(ssl)));
    peer->face.cipher = keep(peer, CIPHER, mem_copy(SSL_get_cipher_name(ssl)));
    SSL_get0_alpn_selected(ssl, &bytes, &len);
    peer->face.alpn = keep(peer, ALPN, len ? mem_copy_n(bytes, len) : NULL);
    long ocsp_len = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
    free(peer->ocsp);
    peer->ocsp = ocsp_len > 0 ? (unsigned char *)mem_copy_n(bytes, (size_t)ocsp_len) : NULL;
    peer->face.ocsp = (struct probe_bytes){peer->ocsp, peer->ocsp ? (size_t)ocsp_len : 0};
}

void tls_peer_fill(struct tls_peer *peer, SSL *ssl, const struct probe_tls *tls, const char *host)
{
    tls_peer_describe(peer, ssl);
    tls_peer_verify(peer, SSL_get_peer_cert_chain(ssl), tls, host);
}

void tls_peer_finish(struct tls_peer *peer)
{
    for (size_t i = 0; i < COUNT_OF(peer->strings); i++)
        free(peer->strings[i]);
    forget_verification(peer);
    free(peer->ocsp);
    memset(peer, 0, sizeof(*peer));
}
