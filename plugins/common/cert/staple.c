#include "common/cert/staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <string.h>
#include <time.h>

const char *const staple_words[] = {
    "none", "good", "revoked", "unknown", "expired", "early", "invalid", "unverified", NULL};

enum { CLOCK_MS = 300000 }; /* clocks may differ by five minutes */

/* Whether the issuer signed it, or one to whom the issuer gave that right. */
static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer, int64_t wall_ms)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *known = sk_X509_new_null();
    bool ready = store && known && X509_STORE_add_cert(store, issuer) == 1 &&
                 sk_X509_push(known, issuer) > 0;
    if (ready) {
        (void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)(wall_ms / 1000));
    }
    bool fine = ready && OCSP_basic_verify(basic, known, store, 0) == 1;
    sk_X509_free(known);
    X509_STORE_free(store);
    return fine;
}

/* The one among the responses that is this certificate's, whichever hash names it. */
static bool find(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int *ret_status, int *ret_reason,
                 ASN1_GENERALIZEDTIME **ret_revoked, ASN1_GENERALIZEDTIME **ret_from,
                 ASN1_GENERALIZEDTIME **ret_until)
{
    const EVP_MD *digests[] = {EVP_sha1(), EVP_sha256()};
    bool found = false;
    for (size_t i = 0; i < sizeof(digests) / sizeof(*digests) && !found; i++) {
        OCSP_CERTID *id = OCSP_cert_to_id(digests[i], leaf, issuer);
        found = id && OCSP_resp_find_status(
                          basic, id, ret_status, ret_reason, ret_revoked, ret_from, ret_until) == 1;
        OCSP_CERTID_free(id);
    }
    return found;
}

static void read_basic(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t wall_ms,
                       struct staple *staple)
{
    int status = 0, reason = -1;
    ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *until = NULL;
    if (!is_signed(basic, issuer, wall_ms) ||
        !find(basic, leaf, issuer, &status, &reason, &revoked, &from, &until))
        return;
    staple->until_ms = chain_time_of(until);
    if (status == V_OCSP_CERTSTATUS_REVOKED) { /* that does not end with the response */
        staple->state = STAPLE_REVOKED;
        staple->revoked_ms = chain_time_of(revoked);
        staple->reason = reason >= 0 ? chain_reason(reason) : NULL;
    } else if (staple->until_ms && staple->until_ms < wall_ms) {
        staple->state = STAPLE_EXPIRED;
    } else if (chain_time_of(from) > wall_ms + CLOCK_MS) {
        staple->state = STAPLE_EARLY;
    } else {
        staple->state = status == V_OCSP_CERTSTATUS_GOOD ? STAPLE_GOOD : STAPLE_UNKNOWN;
    }
}

struct staple staple_of(struct probe_bytes bytes, const struct certificate *leaf,
                        const struct certificate *issuer, int64_t wall_ms)
{
    struct staple staple = {.state = STAPLE_NONE, .required = leaf->must_staple};
    const unsigned char *at = bytes.first;
    if (bytes.len == 0)
        return staple;
    staple.state = issuer ? STAPLE_INVALID : STAPLE_UNVERIFIED;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)bytes.len);
    bool successful = response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
    OCSP_BASICRESP *basic = successful ? OCSP_response_get1_basic(response) : NULL;
    if (basic && issuer)
        read_basic(basic, chain_x509(leaf), chain_x509(issuer), wall_ms, &staple);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return staple;
}

void staple_judge(const struct staple *staple, struct verdict *verdict)
{
    static const char *const wrong[] = {
        [STAPLE_UNKNOWN] = "says that the authority does not know the certificate",
        [STAPLE_EXPIRED] = "has expired",
        [STAPLE_EARLY] = "is not valid yet",
        [STAPLE_INVALID] = "is no response for this certificate, or not signed by its issuer",
    };
    const char *why = staple->state < STAPLE_UNVERIFIED ? wrong[staple->state] : NULL;
    if (staple->state == STAPLE_REVOKED) {
        char date[24];
        verdict_print_date(staple->revoked_ms, date, sizeof(date));
        verdict_add(verdict,
                    FAULT_REVOKED,
                    0,
                    "the certificate was revoked on %s%s%s",
                    date,
                    staple->reason ? ": " : "",
                    staple->reason ? staple->reason : "");
    } else if (why && staple->required) {
        verdict_add(verdict,
                    FAULT_NO_STAPLE,
                    -1,
                    "the certificate is to come with an OCSP response, and the stapled one %s",
                    why);
    } else if (why) {
        verdict_add(verdict, FAULT_BAD_STAPLE, -1, "the stapled OCSP response %s", why);
    } else if (staple->required && staple->state == STAPLE_NONE) {
        verdict_add(verdict,
                    FAULT_NO_STAPLE,
                    -1,
                    "the certificate is to come with a stapled OCSP response, and there is none");
    }
    verdict_conclude(verdict);
}
