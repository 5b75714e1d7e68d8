#include "io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "io/tls_known.h"

/* ---------------------------------------------------- what is shared ---- */

enum { MOST_KEPT = 64, MOST_FILES = 2 };

/* What a file was when it was read; zero where there is none. */
struct mark {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

/* A context or a store, by the files and the version that it was made from. */
struct kept {
    char *files[MOST_FILES];
    struct mark marks[MOST_FILES];
    uint16_t lowest;
    void *made;
};

struct shelf {
    struct kept kept[MOST_KEPT];
    size_t count, oldest;
    void (*release)(void *made);
};

static void release_context(void *made)
{
    SSL_CTX_free(made);
}

static void release_store(void *made)
{
    X509_STORE_free(made);
}

static struct shelf contexts = {.release = release_context}, stores = {.release = release_store};

static struct mark mark_of(const char *file)
{
    struct stat now;
    if (!file || stat(file, &now) < 0)
        return (struct mark){0};
    return (struct mark){now.st_dev, now.st_ino, now.st_size, now.st_mtim, now.st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool unchanged(const struct mark *then, const struct mark *now)
{
    return then->device == now->device && then->inode == now->inode && then->size == now->size &&
           same_time(then->modified, now->modified) && same_time(then->changed, now->changed);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void clear(struct shelf *shelf, struct kept *kept)
{
    if (kept->made)
        shelf->release(kept->made);
    for (size_t i = 0; i < MOST_FILES; i++)
        free(kept->files[i]);
    memset(kept, 0, sizeof(*kept));
}

/* The place of what was made from these; an empty one, filled in but for `made`, where it is to
 * be made, because it never was or its files have changed. */
static struct kept *find(struct shelf *shelf, const char *a, const char *b, uint16_t lowest)
{
    struct mark marks[MOST_FILES] = {mark_of(a), mark_of(b)};
    struct kept *kept = NULL;
    for (size_t i = 0; i < shelf->count && !kept; i++)
        if (same(shelf->kept[i].files[0], a) && same(shelf->kept[i].files[1], b) &&
            shelf->kept[i].lowest == lowest)
            kept = &shelf->kept[i];
    if (kept && kept->made && unchanged(&kept->marks[0], &marks[0]) &&
        unchanged(&kept->marks[1], &marks[1]))
        return kept;
    if (!kept && shelf->count < MOST_KEPT)
        kept = &shelf->kept[shelf->count++];
    else if (!kept)
        kept = &shelf->kept[shelf->oldest++ % MOST_KEPT];
    char *files[MOST_FILES] = {mem_copy(a), mem_copy(b)};
    clear(shelf, kept);
    memcpy(kept->files, files, sizeof(files));
    memcpy(kept->marks, marks, sizeof(marks));
    kept->lowest = lowest;
    return kept;
}

void tls_shutdown(void)
{
    struct shelf *shelves[] = {&contexts, &stores};
    tls_known_forget_all();
    for (size_t s = 0; s < COUNT_OF(shelves); s++) {
        for (size_t i = 0; i < shelves[s]->count; i++)
            clear(shelves[s], &shelves[s]->kept[i]);
        shelves[s]->count = shelves[s]->oldest = 0;
    }
}

/* -------------------------------------------------------------- words ---- */

static const struct {
    int reason;
    const char *words;
} known_reasons[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "it does not speak TLS on this port"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "it does not speak TLS on this port"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "it speaks no version of TLS that is allowed here"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it speaks no version of TLS that is allowed here"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "it refused: no cipher in common, or it wants a certificate of ours"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "it wants a certificate of ours"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "it does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "it says that our certificate has expired"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it does not know the authority of our certificate"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "it does not serve this name"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "no protocol in common (ALPN)"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "it closed the connection"},
    {SSL_R_DH_KEY_TOO_SMALL, "its Diffie-Hellman key is too small"},
};

static const char *words_for(unsigned long code)
{
    if (code == 0)
        return NULL;
    if (ERR_SYSTEM_ERROR(code))
        return strerror(ERR_GET_REASON(code));
    for (size_t i = 0; ERR_GET_LIB(code) == ERR_LIB_SSL && i < COUNT_OF(known_reasons); i++)
        if (known_reasons[i].reason == ERR_GET_REASON(code))
            return known_reasons[i].words;
    return ERR_reason_error_string(code);
}

void tls_explain_failure(char *out, size_t room)
{
    /* The first error is the cause, what follows is who passed it on. */
    const char *words = words_for(ERR_get_error());
    (void)snprintf(out, room, "%s", words ? words : "it closed the connection");
    ERR_clear_error();
}

static int refuse_file(struct error *error, const char *what, const char *file)
{
    unsigned long code = ERR_get_error();
    const char *words = words_for(code);
    int status = ERR_SYSTEM_ERROR(code) ? -ERR_GET_REASON(code) : -EINVAL;
    ERR_clear_error();
    return error_set(
        error, status, "cannot read %s %s: %s", what, file, words ? words : "it is not PEM");
}

/* ------------------------------------------------------------ settings ---- */

static const struct probe_tls defaults;

const char *tls_name(const struct probe_tls *tls, const char *host)
{
    return tls && tls->name && *tls->name ? tls->name : host;
}

/* A key that is encrypted is an error; OpenSSL would ask the terminal, and wait. */
static int refuse_passphrase(char *out, int room, int writing, void *data)
{
    (void)out, (void)room, (void)writing, (void)data;
    return -1;
}

static int use_certificate(SSL_CTX *context, const struct probe_tls *tls, struct error *error)
{
    const char *key = tls->key ? tls->key : tls->certificate;
    if (!tls->certificate && !tls->key)
        return 0;
    if (!tls->certificate)
        return error_set(error, -EINVAL, "key %s is without a certificate", tls->key);
    if (SSL_CTX_use_certificate_chain_file(context, tls->certificate) != 1)
        return refuse_file(error, "certificate", tls->certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        /* Here belongs also a key that is not the certificate's. */
        if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509) {
            ERR_clear_error();
            return error_set(
                error, -EINVAL, "key %s does not belong to certificate %s", key, tls->certificate);
        }
        return refuse_file(error, "key", key);
    }
    return 0;
}

int tls_apply(SSL_CTX *context, const struct probe_tls *tls, struct error *error)
{
    if (!tls)
        tls = &defaults;
    ERR_clear_error();
    int lowest = tls->lowest ? tls->lowest : TLS1_2_VERSION;
    (void)SSL_CTX_set_min_proto_version(context, lowest);
    if (lowest < TLS1_2_VERSION) /* OpenSSL 3 allows their signatures at this level only */
        SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
    (void)SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp);
    return use_certificate(context, tls, error);
}

static SSL_CTX *new_context(const struct probe_tls *tls, struct error *error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) {
        error_set(error, -ENOMEM, "OpenSSL cannot make a context");
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
    if (tls_apply(context, tls, error) < 0) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

SSL_CTX *tls_context(const struct probe_tls *tls, struct error *error)
{
    if (!tls)
        tls = &defaults;
    struct kept *kept = find(&contexts, tls->certificate, tls->key, tls->lowest);
    if (!kept->made)
        kept->made = new_context(tls, error);
    if (kept->made)
        (void)SSL_CTX_up_ref(kept->made);
    return kept->made;
}

static X509_STORE *new_store(const char *ca, struct error *error)
{
    X509_STORE *store = X509_STORE_new();
    ERR_clear_error();
    if (store && !ca)
        (void)X509_STORE_set_default_paths(store);
    if (store && ca && X509_STORE_load_file(store, ca) != 1) {
        refuse_file(error, "authorities", ca);
        X509_STORE_free(store);
        return NULL;
    }
    ERR_clear_error();
    return store;
}

X509_STORE *tls_store(const struct probe_tls *tls, struct error *error)
{
    if (!tls)
        tls = &defaults;
    struct kept *kept = find(&stores, tls->ca, NULL, 0);
    if (!kept->made)
        kept->made = new_store(tls->ca, error);
    if (kept->made)
        (void)X509_STORE_up_ref(kept->made);
    return kept->made;
}

int tls_check(const struct probe_tls *tls, struct error *error)
{
    SSL_CTX *context = tls_context(tls, error);
    X509_STORE *store = context ? tls_store(tls, error) : NULL;
    int status = store ? 0 : error->code;
    X509_STORE_free(store);
    SSL_CTX_free(context);
    return status;
}
