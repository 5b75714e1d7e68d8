#include "common/cert/crl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/cert/report.h"

enum { MOST_LISTS = 16, FILE_BYTES = 16 << 20 };

struct crl {
    X509_CRL *all[MOST_LISTS];
    size_t count;
};

/* --------------------------------------------------------------- reading ---- */

static void add(struct crl *crl, X509_CRL *list)
{
    if (crl->count < MOST_LISTS)
        crl->all[crl->count++] = list;
    else
        X509_CRL_free(list);
}

struct crl *crl_of_file(const char *bytes, size_t len)
{
    struct crl *crl = calloc(1, sizeof(*crl));
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    const unsigned char *at = (const unsigned char *)bytes;
    X509_CRL *list;
    while (crl && bio && (list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)))
        add(crl, list);
    if (crl && crl->count == 0 && (list = d2i_X509_CRL(NULL, &at, (long)len)))
        add(crl, list);
    BIO_free(bio);
    ERR_clear_error();
    if (crl && crl->count > 0)
        return crl;
    crl_free(crl);
    return NULL;
}

void crl_free(struct crl *crl)
{
    for (size_t i = 0; crl && i < crl->count; i++)
        X509_CRL_free(crl->all[i]);
    free(crl);
}

/* A file on its way: it outlives the run where that ends before the pool is done. */
struct reading {
    struct probe_run *run;
    crl_read_fn *fn;
    char *path, *bytes;
    size_t len;
    struct crl *crl;
};

static void reading_free(struct reading *reading)
{
    free(reading->path);
    free(reading->bytes);
    crl_free(reading->crl);
    free(reading);
}

static void leave_without(struct reading *reading, const char *why)
{
    struct probe_run *run = reading->run;
    crl_read_fn *fn = reading->fn;
    char summary[500];
    (void)snprintf(summary, sizeof(summary), "%.300s %s", reading->path, why);
    report_unseen(run,
                  reading->path,
                  FAULT_UNREADABLE,
                  summary,
                  "see the file that `crl` names, and what fetches it; the agent's user needs to "
                  "read it");
    reading_free(reading);
    fn(run, NULL);
}

/* The time is over: nothing can be begun any more. */
static void give_up(struct reading *reading, int status)
{
    struct probe_run *run = reading->run;
    char summary[400];
    (void)snprintf(
        summary, sizeof(summary), "%.300s cannot be read: %s", reading->path, strerror(-status));
    reading_free(reading);
    probe_end(run,
              .how = PROBE_FAILED,
              .status = status,
              .reason = "config",
              .summary = summary,
              .hint = "the file system does not answer: see the mount");
}

static int parse(void *data)
{
    struct reading *reading = data;
    reading->crl = crl_of_file(reading->bytes, reading->len);
    OPENSSL_thread_stop(); /* the pool's threads keep no errors of ours */
    return 0;
}

static void on_parsed(int status, void *data)
{
    struct reading *reading = data;
    if (status == -ECANCELED) {
        reading_free(reading);
    } else if (!reading->crl) {
        leave_without(reading, "holds no list of revoked certificates");
    } else {
        struct crl *crl = reading->crl;
        reading->crl = NULL;
        crl_read_fn *fn = reading->fn;
        struct probe_run *run = reading->run;
        reading_free(reading);
        fn(run, crl);
    }
}

static void on_bytes(int status, const struct probe_sight *sight, void *data)
{
    struct reading *reading = data;
    char why[200];
    if (status == -ETIMEDOUT || status == -ECANCELED) {
        give_up(reading, status);
        return;
    }
    if (status == 0 && !sight->truncated) {
        reading->bytes = malloc(sight->len ? sight->len : 1);
        status = reading->bytes ? 0 : -ENOMEM;
    }
    if (reading->bytes) {
        memcpy(reading->bytes, sight->bytes, sight->len);
        reading->len = sight->len;
        (void)probe_work(&reading->run->life, parse, on_parsed, reading);
        return;
    }
    (void)snprintf(why,
                   sizeof(why),
                   status < 0 ? "cannot be read: %s" : "is too long to be read%s",
                   status < 0 ? strerror(-status) : "");
    leave_without(reading, why);
}

void crl_read(struct probe_run *run, const char *path, crl_read_fn *fn)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    if (reading) {
        reading->run = run;
        reading->fn = fn;
        reading->path = strdup(path);
    }
    if (!reading || !reading->path) {
        free(reading);
        probe_fail(run, -ENOMEM, "out of memory");
        return;
    }
    (void)probe_look_at(&run->life, PROBE_LOOK_READ, path, FILE_BYTES, on_bytes, reading);
}

/* --------------------------------------------------------------- judging ---- */

/* A list of the certificate's issuer: by its name and, where the issuer is at hand, its signature. */
static X509_CRL *list_for(const struct crl *crl, const struct certificate *certificate,
                          const struct certificate *issuer)
{
    const X509_NAME *name = X509_get_issuer_name(chain_x509(certificate));
    bool at_hand = issuer && chain_names_issuer(certificate, issuer);
    for (size_t i = 0; i < crl->count; i++)
        if (X509_NAME_cmp(X509_CRL_get_issuer(crl->all[i]), name) == 0 &&
            (!at_hand || X509_CRL_verify(crl->all[i], X509_get0_pubkey(chain_x509(issuer))) == 1))
            return crl->all[i];
    return NULL;
}

static void judge_one(X509_CRL *list, const struct certificate *certificate, int depth,
                      int64_t wall_ms, struct verdict *verdict)
{
    X509_REVOKED *revoked = NULL;
    char date[24];
    int64_t until_ms = chain_time_of(X509_CRL_get0_nextUpdate(list));
    if (X509_CRL_get0_by_cert(list, &revoked, chain_x509(certificate)) == 1) {
        ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, NULL, NULL);
        verdict_print_date(
            chain_time_of(X509_REVOKED_get0_revocationDate(revoked)), date, sizeof(date));
        verdict_add(verdict,
                    FAULT_REVOKED,
                    depth,
                    "the certificate of \"%.100s\" was revoked on %s%s%s",
                    certificate->common_name,
                    date,
                    reason ? ": " : "",
                    reason ? chain_reason((int)ASN1_ENUMERATED_get(reason)) : "");
        ASN1_ENUMERATED_free(reason);
    }
    if (until_ms && until_ms < wall_ms) {
        verdict_print_date(until_ms, date, sizeof(date));
        verdict_add(verdict,
                    FAULT_BAD_CRL,
                    depth,
                    "the list of what \"%.100s\" revoked ended on %s",
                    certificate->issuer,
                    date);
    }
}

void crl_judge(struct crl *crl, const struct chain *chain, int64_t wall_ms, struct verdict *verdict)
{
    bool any = false;
    for (size_t i = 0; i < chain->count; i++) {
        const struct certificate *certificate = &chain->all[i];
        X509_CRL *list =
            list_for(crl, certificate, i + 1 < chain->count ? &chain->all[i + 1] : NULL);
        if (!list || certificate->signs_itself)
            continue;
        any = true;
        judge_one(list, certificate, (int)i, wall_ms, verdict);
    }
    if (!any)
        verdict_add(verdict,
                    FAULT_BAD_CRL,
                    -1,
                    "the file of `crl` is of other authorities: none of its lists is of an issuer "
                    "in this chain");
    ERR_clear_error();
    verdict_conclude(verdict);
}
