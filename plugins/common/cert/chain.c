#include "common/cert/chain.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    RSA_LEAST_BITS = 2048,
    EC_LEAST_BITS = 224,
    NAME_SHOWN = 128,
    MOST_READ = 128, /* certificates of a file */
    STATUS_REQUEST = 5
};

const char *const chain_key_types[] = {"rsa", "ec", "ed25519", "ed448", "dsa", "other", NULL};

/* --------------------------------------------------------------- words ---- */

/* A name as RFC 2253 has it: control characters are escaped, letters of any language stay. */
static void print_name(const X509_NAME *name, char *out, size_t room)
{
    const unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    long len = 0;
    if (bio && X509_NAME_print_ex(bio, name, 0, flags) >= 0)
        len = BIO_get_mem_data(bio, &bytes);
    (void)snprintf(out, room, "%.*s", (int)len, bytes ? bytes : "");
    BIO_free(bio);
}

static void print_common_name(const X509_NAME *name, const char *whole, char *out, size_t room)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const ASN1_STRING *common =
        at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    long len = 0;
    if (bio && common &&
        ASN1_STRING_print_ex(
            bio, common, ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
        len = BIO_get_mem_data(bio, &bytes);
    (void)snprintf(out, room, "%.*s", len > 0 ? (int)len : 127, len > 0 ? bytes : whole);
    BIO_free(bio);
}

static void print_hex(const unsigned char *bytes, size_t len, char *out, size_t room)
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;
    for (size_t i = 0; i < len && used + 2 < room; i++) {
        out[used++] = digits[bytes[i] >> 4];
        out[used++] = digits[bytes[i] & 15];
    }
    out[used] = '\0';
}

static void print_serial(const X509 *x509, char *out, size_t room)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
    int len = ASN1_STRING_length(serial);
    print_hex(ASN1_STRING_get0_data(serial), len > 0 ? (size_t)len : 0, out, room);
}

int64_t chain_time_of(const ASN1_TIME *time)
{
    struct tm tm = {0};
    return time && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

/* --------------------------------------------------------------- names ---- */

/* A name, or nothing where it is of a kind that no server is asked by. */
static size_t print_alternative(const GENERAL_NAME *name, char *out, size_t room)
{
    const ASN1_STRING *text = name->type == GEN_DNS     ? name->d.dNSName
                              : name->type == GEN_IPADD ? name->d.iPAddress
                                                        : NULL;
    const unsigned char *bytes = text ? ASN1_STRING_get0_data(text) : NULL;
    int len = text ? ASN1_STRING_length(text) : 0;
    size_t used = 0;
    if (name->type == GEN_IPADD) {
        bool fits = len == 4 || len == 16;
        if (!fits || !inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, out, (socklen_t)room))
            return 0;
        return strlen(out);
    }
    for (int i = 0; i < len && used + 1 < room; i++) {
        bool plain = bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\';
        out[used++] = (char)(plain ? bytes[i] : '?');
    }
    return used;
}

static void read_names(struct certificate *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate->x509, NID_subject_alt_name, NULL, NULL);
    size_t room = CHAIN_NAMES_SHOWN * (NAME_SHOWN + 3) + 3, used = 0;
    char *out = malloc(room);
    for (int i = 0; out && i < sk_GENERAL_NAME_num(names); i++) {
        char name[NAME_SHOWN];
        size_t len = print_alternative(sk_GENERAL_NAME_value(names, i), name, sizeof(name));
        if (len > 0 && certificate->name_count++ < CHAIN_NAMES_SHOWN)
            used += (size_t)snprintf(
                out + used, room - used, "%c\"%.*s\"", used ? ',' : '[', (int)len, name);
    }
    if (out)
        (void)snprintf(out + used, room - used, "%s", used ? "]" : "[]");
    char *fitted = out ? realloc(out, used + sizeof("[]")) : NULL; /* it may be kept */
    certificate->names = fitted ? fitted : out;
    GENERAL_NAMES_free(names);
}

/* ----------------------------------------------------------------- key ---- */

static void read_key(struct certificate *certificate)
{
    static const struct {
        int kind;
        const char *type;
        int least;
    } known[] = {
        {EVP_PKEY_RSA, "rsa", RSA_LEAST_BITS},
        {EVP_PKEY_RSA_PSS, "rsa", RSA_LEAST_BITS},
        {EVP_PKEY_EC, "ec", EC_LEAST_BITS},
        {EVP_PKEY_ED25519, "ed25519", 0},
        {EVP_PKEY_ED448, "ed448", 0},
        {EVP_PKEY_DSA, "dsa", RSA_LEAST_BITS},
    };
    const EVP_PKEY *key = X509_get0_pubkey(certificate->x509);
    int kind = key ? EVP_PKEY_get_base_id(key) : 0;
    certificate->key_type = "other";
    certificate->key_bits = key ? EVP_PKEY_get_bits(key) : 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (known[i].kind != kind)
            continue;
        certificate->key_type = known[i].type;
        certificate->weak_key = certificate->key_bits < known[i].least;
    }
}

static void read_digest(struct certificate *certificate)
{
    int digest = NID_undef, bits = 0;
    uint32_t flags = 0;
    (void)X509_get_signature_info(certificate->x509, &digest, NULL, &bits, &flags);
    const char *name = digest == NID_undef ? NULL : OBJ_nid2sn(digest);
    if (!name) /* of Ed25519 and its like, which choose for themselves */
        name = OBJ_nid2sn(X509_get_signature_nid(certificate->x509));
    (void)snprintf(certificate->digest, sizeof(certificate->digest), "%s", name ? name : "");
    certificate->weak_digest =
        digest == NID_md5 || digest == NID_sha1 || digest == NID_md5_sha1 || digest == NID_md4;
}

/* The feature "status_request" (RFC 7633). */
static bool must_staple(X509 *x509)
{
    STACK_OF(ASN1_INTEGER) *features = X509_get_ext_d2i(x509, NID_tlsfeature, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_ASN1_INTEGER_num(features) && !found; i++)
        found = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == STATUS_REQUEST;
    sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
    return found;
}

/* --------------------------------------------------------------- chain ---- */

/* Takes the certificate over. */
static void add(struct chain *chain, X509 *x509)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    chain->total++;
    struct certificate *all =
        chain->count < CHAIN_MOST ? realloc(chain->all, (chain->count + 1) * sizeof(*all)) : NULL;
    if (!all) {
        X509_free(x509);
        return;
    }
    chain->all = all;
    struct certificate *certificate = &all[chain->count++];
    memset(certificate, 0, sizeof(*certificate));
    const X509_NAME *subject = X509_get_subject_name(x509), *issuer = X509_get_issuer_name(x509);
    certificate->x509 = x509;
    print_name(subject, certificate->subject, sizeof(certificate->subject));
    print_name(issuer, certificate->issuer, sizeof(certificate->issuer));
    print_common_name(
        subject, certificate->subject, certificate->common_name, sizeof(certificate->common_name));
    print_serial(x509, certificate->serial, sizeof(certificate->serial));
    if (X509_digest(x509, EVP_sha256(), hash, &hash_len) == 1)
        print_hex(hash, hash_len, certificate->fingerprint, sizeof(certificate->fingerprint));
    certificate->from_ms = chain_time_of(X509_get0_notBefore(x509));
    certificate->until_ms = chain_time_of(X509_get0_notAfter(x509));
    certificate->authority = X509_check_ca(x509) == 1;
    certificate->signs_itself = X509_NAME_cmp(subject, issuer) == 0;
    certificate->subject_hash = X509_NAME_hash_ex(subject, NULL, NULL, NULL);
    certificate->issuer_hash = X509_NAME_hash_ex(issuer, NULL, NULL, NULL);
    certificate->must_staple = must_staple(x509);
    read_names(certificate);
    read_key(certificate);
    read_digest(certificate);
}

struct chain *chain_of_der(const struct probe_bytes *all, size_t count)
{
    struct chain *chain = calloc(1, sizeof(*chain));
    for (size_t i = 0; chain && i < count; i++) {
        const unsigned char *at = all[i].first;
        X509 *x509 = d2i_X509(NULL, &at, (long)all[i].len);
        if (x509)
            add(chain, x509);
        else
            chain->total++;
    }
    ERR_clear_error();
    return chain;
}

/* How many certificates begin in a file, whether they can be read or not. */
static size_t count_beginnings(const char *bytes, size_t len)
{
    static const char mark[] = "-----BEGIN CERTIFICATE-----";
    const char *end = bytes + len;
    size_t count = 0;
    while ((bytes = memmem(bytes, (size_t)(end - bytes), mark, sizeof(mark) - 1))) {
        bytes += sizeof(mark) - 1;
        count++;
    }
    return count;
}

/* The passphrase is ours or there is none; never is it asked for: OpenSSL would ask the terminal. */
static int tell_passphrase(char *out, int room, int writing, void *password)
{
    size_t len = password ? strlen(password) : 0;
    (void)writing;
    if (!password || len > (size_t)room)
        return -1;
    memcpy(out, password, len);
    return (int)len;
}

struct chain *chain_of_file(const char *bytes, size_t len)
{
    struct chain *chain = calloc(1, sizeof(*chain));
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    size_t beginnings = count_beginnings(bytes, len);
    X509 *x509;
    while (chain && bio && chain->total < MOST_READ &&
           (x509 = PEM_read_bio_X509(bio, NULL, tell_passphrase, NULL)))
        add(chain, x509);
    const unsigned char *at = (const unsigned char *)bytes;
    if (chain && chain->total == 0 && (x509 = d2i_X509(NULL, &at, (long)len)))
        add(chain, x509);
    if (chain && chain->total < MOST_READ && beginnings > chain->total)
        chain->unread = beginnings - chain->total;
    BIO_free(bio);
    ERR_clear_error();
    return chain;
}

/* The one that issued the last of the chain; else the first that is left. */
static int next_of(const struct chain *chain, const STACK_OF(X509) * left)
{
    for (int i = 0; chain->count > 0 && i < sk_X509_num(left); i++)
        if (X509_NAME_cmp(X509_get_issuer_name(chain->all[chain->count - 1].x509),
                          X509_get_subject_name(sk_X509_value(left, i))) == 0)
            return i;
    return 0;
}

struct chain *chain_of_x509(X509 *own, const STACK_OF(X509) * others)
{
    struct chain *chain = calloc(1, sizeof(*chain));
    STACK_OF(X509) *left = others ? sk_X509_dup(others) : sk_X509_new_null();
    if (chain && own && X509_up_ref(own) == 1)
        add(chain, own);
    while (chain && sk_X509_num(left) > 0) {
        X509 *next = sk_X509_delete(left, next_of(chain, left));
        if (X509_up_ref(next) == 1)
            add(chain, next);
    }
    sk_X509_free(left);
    ERR_clear_error();
    return chain;
}

X509 *chain_x509(const struct certificate *certificate)
{
    struct certificate *own = (struct certificate *)certificate;
    const unsigned char *at = own->der;
    if (!own->x509 && at)
        own->x509 = d2i_X509(NULL, &at, own->der_len);
    return own->x509;
}

void chain_lighten(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct certificate *certificate = &chain->all[i];
        if (certificate->x509 && !certificate->der)
            certificate->der_len = i2d_X509(certificate->x509, &certificate->der);
        if (!certificate->der || certificate->der_len <= 0)
            continue;
        X509_free(certificate->x509);
        certificate->x509 = NULL;
    }
}

struct chain *chain_share(struct chain *chain)
{
    chain->shared++;
    return chain;
}

void chain_free(struct chain *chain)
{
    if (chain && chain->shared > 0) {
        chain->shared--;
        return;
    }
    for (size_t i = 0; chain && i < chain->count; i++) {
        X509_free(chain->all[i].x509);
        OPENSSL_free(chain->all[i].der);
        free(chain->all[i].names);
    }
    if (chain)
        free(chain->all);
    free(chain);
}

const char *chain_reason(int code)
{
    return OCSP_crl_reason_str(code); /* the same numbers in lists and in responses */
}

/* ----------------------------------------------------------- relations ---- */

bool chain_names_issuer(const struct certificate *below, const struct certificate *above)
{
    return below->issuer_hash == above->subject_hash;
}

bool chain_is_signed_by(const struct certificate *below, const struct certificate *above)
{
    EVP_PKEY *key = X509_get0_pubkey(chain_x509(above));
    bool signed_by = key && X509_verify(chain_x509(below), key) == 1;
    ERR_clear_error();
    return signed_by;
}

bool chain_is_for(const struct certificate *leaf, const char *name)
{
    const unsigned flags =
        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    bool fits = X509_check_ip_asc(chain_x509(leaf), name, 0) == 1 ||
                X509_check_host(chain_x509(leaf), name, 0, flags, NULL) == 1;
    ERR_clear_error();
    return fits;
}

enum chain_key chain_key_of(const struct certificate *leaf, const char *bytes, size_t len,
                            const char *password)
{
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    EVP_PKEY *key =
        bio ? PEM_read_bio_PrivateKey(bio, NULL, tell_passphrase, (void *)password) : NULL;
    bool locked = !key && memmem(bytes, len, "ENCRYPTED", strlen("ENCRYPTED"));
    enum chain_key found = locked ? CHAIN_KEY_LOCKED : CHAIN_KEY_NONE;
    const unsigned char *at = (const unsigned char *)bytes;
    if (!key && !locked)
        key = d2i_AutoPrivateKey(NULL, &at, (long)len);
    if (key)
        found =
            X509_check_private_key(chain_x509(leaf), key) == 1 ? CHAIN_KEY_FITS : CHAIN_KEY_OTHER;
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return found;
}
