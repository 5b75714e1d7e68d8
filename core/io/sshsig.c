#include "io/sshsig.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* A part of a blob that is read from its beginning. */
struct part {
    const unsigned char *at;
    size_t len;
};

enum { SK_TOUCHED = 1, LEAST_RSA_BITS = 2048 };

static int refuse(struct error *error, const char *why)
{
    return error_set(error, -EBADMSG, "the signature does not count: %s", why);
}

/* ------------------------------------------------------------------ blobs ---- */

static bool take(struct part *from, size_t len, struct part *out)
{
    if (from->len < len)
        return false;
    *out = (struct part){from->at, len};
    from->at += len;
    from->len -= len;
    return true;
}

static bool take_number(struct part *from, uint32_t *out)
{
    struct part bytes;
    if (!take(from, 4, &bytes))
        return false;
    *out = (uint32_t)bytes.at[0] << 24 | (uint32_t)bytes.at[1] << 16 | (uint32_t)bytes.at[2] << 8 |
           bytes.at[3];
    return true;
}

/* A string: its length in four bytes, and so many. */
static bool take_string(struct part *from, struct part *out)
{
    uint32_t len;
    return take_number(from, &len) && take(from, len, out);
}

static bool is(const struct part *part, const char *word)
{
    return part->len == strlen(word) && memcmp(part->at, word, part->len) == 0;
}

static void digest(const char *name, const void *bytes, size_t len, unsigned char *out)
{
    if (EVP_Digest(bytes, len, out, NULL, EVP_get_digestbyname(name), NULL) != 1)
        abort(); /* out of memory */
}

/* Base64 of `text` between its marks; freed by free(); NULL: it is none. */
static unsigned char *unarmour(const char *text, size_t *ret_len)
{
    static const char begin[] = "-----BEGIN SSH SIGNATURE-----";
    static const char end[] = "-----END SSH SIGNATURE-----";
    const char *from = strstr(text, begin);
    const char *to = from ? strstr(from + sizeof(begin) - 1, end) : NULL; /* not within the first */
    if (!to || strlen(text) > SSHSIG_LONGEST)
        return NULL;
    from += sizeof(begin) - 1;
    size_t room = (size_t)(to - from);
    unsigned char *bytes = mem_new(room + 4);
    EVP_ENCODE_CTX *decoder = EVP_ENCODE_CTX_new();
    int len = 0, rest = 0;
    EVP_DecodeInit(decoder);
    bool good =
        EVP_DecodeUpdate(decoder, bytes, &len, (const unsigned char *)from, (int)room) >= 0 &&
        EVP_DecodeFinal(decoder, bytes + len, &rest) == 1;
    EVP_ENCODE_CTX_free(decoder);
    if (good) {
        *ret_len = (size_t)len + (size_t)rest;
        return bytes;
    }
    free(bytes);
    return NULL;
}

/* ------------------------------------------------------------------- keys ---- */

/* Of EC and RSA, by what OpenSSL calls their parts. */
static EVP_PKEY *make_key(const char *kind, OSSL_PARAM_BLD *parts)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parts);
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    if (params && maker && EVP_PKEY_fromdata_init(maker) == 1)
        (void)EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(maker);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(parts);
    return key;
}

static EVP_PKEY *make_ec(struct part *blob, const char *curve, const char *group)
{
    struct part name, point;
    if (!take_string(blob, &name) || !is(&name, curve) || !take_string(blob, &point) || blob->len)
        return NULL;
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    (void)OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    (void)OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point.at, point.len);
    return make_key("EC", parts);
}

static EVP_PKEY *make_rsa(struct part *blob)
{
    struct part exponent, modulus;
    if (!take_string(blob, &exponent) || !take_string(blob, &modulus) || blob->len)
        return NULL;
    BIGNUM *e = BN_bin2bn(exponent.at, (int)exponent.len, NULL);
    BIGNUM *n = BN_bin2bn(modulus.at, (int)modulus.len, NULL);
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    (void)OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, n);
    (void)OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, e);
    EVP_PKEY *key = BN_num_bits(n) >= LEAST_RSA_BITS ? make_key("RSA", parts) : NULL;
    if (!key && BN_num_bits(n) < LEAST_RSA_BITS)
        OSSL_PARAM_BLD_free(parts);
    BN_free(e);
    BN_free(n);
    return key;
}

/* The key after its type, and nothing else; of a security key also the application it is for. */
static EVP_PKEY *read_key(const char *type, struct part blob, struct part *ret_application)
{
    struct part bytes;
    if (strcmp(type, "ecdsa-sha2-nistp256") == 0)
        return make_ec(&blob, "nistp256", "prime256v1");
    if (strcmp(type, "ecdsa-sha2-nistp384") == 0)
        return make_ec(&blob, "nistp384", "secp384r1");
    if (strcmp(type, "ssh-rsa") == 0)
        return make_rsa(&blob);
    if (!take_string(&blob, &bytes))
        return NULL;
    if (strcmp(type, "sk-ssh-ed25519@openssh.com") == 0 && !take_string(&blob, ret_application))
        return NULL;
    if (blob.len)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes.at, bytes.len);
}

/* What is known of a kind of key. */
struct kind {
    const char *type, *signature; /* what the signature calls itself */
    const char *hash;             /* of it; NULL: Ed25519 has its own */
    bool ec, sk;
};

static const struct kind kinds[] = {
    {"ssh-ed25519", "ssh-ed25519", NULL, false, false},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", NULL, false, true},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "SHA256", true, false},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "SHA384", true, false},
    {"ssh-rsa", "rsa-sha2-512", "SHA512", false, false},
    {"ssh-rsa", "rsa-sha2-256", "SHA256", false, false},
};

static const struct kind *find_kind(const char *type, const struct part *signature)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].type, type) == 0 && is(signature, kinds[i].signature))
            return &kinds[i];
    return NULL;
}

/* -------------------------------------------------------------- verifying ---- */

/* OpenSSL wants r and s of ECDSA as DER.  Freed by OPENSSL_free(); NULL: there are none. */
static unsigned char *ecdsa_der(struct part pair, int *ret_len)
{
    struct part r, s;
    unsigned char *der = NULL;
    if (!take_string(&pair, &r) || !take_string(&pair, &s) || pair.len)
        return NULL;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *first = BN_bin2bn(r.at, (int)r.len, NULL), *second = BN_bin2bn(s.at, (int)s.len, NULL);
    if (ECDSA_SIG_set0(signature, first, second) == 1)
        *ret_len = i2d_ECDSA_SIG(signature, &der);
    ECDSA_SIG_free(signature);
    return der;
}

static bool verify_bytes(const struct kind *kind, EVP_PKEY *key, const struct part *signature,
                         const struct part *message)
{
    const EVP_MD *hash = kind->hash ? EVP_get_digestbyname(kind->hash) : NULL;
    EVP_MD_CTX *verifier = EVP_MD_CTX_new();
    bool good =
        EVP_DigestVerifyInit(verifier, NULL, hash, NULL, key) == 1 &&
        EVP_DigestVerify(verifier, signature->at, signature->len, message->at, message->len) == 1;
    EVP_MD_CTX_free(verifier);
    return good;
}

/* A security key signs hashes of its application and the message, with its flags and a counter. */
static bool verify_sk(const struct kind *kind, EVP_PKEY *key, const struct part *application,
                      const struct part *signature, struct part rest, const struct part *message)
{
    unsigned char bytes[SHA256_DIGEST_LENGTH + 5 + SHA256_DIGEST_LENGTH];
    struct part flags;
    if (!take(&rest, 5, &flags) || rest.len || !(flags.at[0] & SK_TOUCHED))
        return false;
    digest("SHA256", application->at, application->len, bytes);
    memcpy(bytes + SHA256_DIGEST_LENGTH, flags.at, 5);
    digest("SHA256", message->at, message->len, bytes + SHA256_DIGEST_LENGTH + 5);
    return verify_bytes(kind, key, signature, &(const struct part){bytes, sizeof(bytes)});
}

static bool verify(const struct sshsig_key *key, struct part signature, const struct part *message)
{
    struct part blob = {key->blob, key->blob_len}, type, name, bytes, application = {NULL, 0};
    if (!take_string(&blob, &type) || !take_string(&signature, &name) ||
        !take_string(&signature, &bytes))
        return false;
    const struct kind *kind = find_kind(key->type, &name);
    EVP_PKEY *public = kind ? read_key(key->type, blob, &application) : NULL;
    bool good = false;
    if (public && kind->sk) {
        good = verify_sk(kind, public, &application, &bytes, signature, message);
    } else if (public && kind->ec && signature.len == 0) {
        int len = 0;
        unsigned char *der = ecdsa_der(bytes, &len);
        good = der && len > 0 &&
               verify_bytes(kind, public, &(const struct part){der, (size_t)len}, message);
        OPENSSL_free(der);
    } else if (public && signature.len == 0) {
        good = verify_bytes(kind, public, &bytes, message);
    }
    EVP_PKEY_free(public);
    ERR_clear_error();
    return good;
}

/* --------------------------------------------------------------- envelope ---- */

struct envelope {
    struct part key, scope, reserved, hash, signature;
};

static bool read_envelope(struct part blob, struct envelope *out)
{
    struct part magic;
    uint32_t version;
    return take(&blob, 6, &magic) && is(&magic, "SSHSIG") && take_number(&blob, &version) &&
           version == 1 && take_string(&blob, &out->key) && take_string(&blob, &out->scope) &&
           take_string(&blob, &out->reserved) && take_string(&blob, &out->hash) &&
           take_string(&blob, &out->signature) && blob.len == 0;
}

static void add_string(struct text *out, const void *bytes, size_t len)
{
    const unsigned char size[4] = {(unsigned char)(len >> 24),
                                   (unsigned char)(len >> 16),
                                   (unsigned char)(len >> 8),
                                   (unsigned char)len};
    text_add_n(out, size, sizeof(size));
    text_add_n(out, bytes, len);
}

/* What the key has signed, in truth. */
static void add_signed(struct text *out, const struct envelope *envelope,
                       const struct sshsig_matter *matter, bool longer)
{
    unsigned char hash[SHA512_DIGEST_LENGTH];
    digest(longer ? "SHA512" : "SHA256", matter->bytes, matter->len, hash);
    text_add_n(out, "SSHSIG", 6);
    add_string(out, envelope->scope.at, envelope->scope.len);
    add_string(out, envelope->reserved.at, envelope->reserved.len);
    add_string(out, envelope->hash.at, envelope->hash.len);
    add_string(out, hash, longer ? SHA512_DIGEST_LENGTH : SHA256_DIGEST_LENGTH);
}

static bool take_key(const struct part *blob, struct sshsig_key *key)
{
    struct part rest = *blob, type;
    unsigned char hash[SHA256_DIGEST_LENGTH];
    unsigned char text[4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1];
    if (blob->len > sizeof(key->blob) || !take_string(&rest, &type) ||
        type.len >= sizeof(key->type))
        return false;
    *key = (struct sshsig_key){.blob_len = blob->len};
    memcpy(key->blob, blob->at, blob->len);
    memcpy(key->type, type.at, type.len);
    digest("SHA256", blob->at, blob->len, hash);
    (void)EVP_EncodeBlock(text, hash, sizeof(hash));
    text[strcspn((const char *)text, "=")] = '\0';
    memcpy(key->fingerprint, "SHA256:", 7);
    memcpy(key->fingerprint + 7, text, strlen((const char *)text) + 1);
    return true;
}

int sshsig_check(const char *armoured, const struct sshsig_matter *matter,
                 struct sshsig_key *ret_key, struct error *error)
{
    size_t len = 0;
    unsigned char *bytes MEM_AUTO = unarmour(armoured, &len);
    struct envelope envelope;
    struct text TEXT_AUTO message;
    text_init(&message, SSHSIG_LONGEST);
    if (!bytes || !read_envelope((struct part){bytes, len}, &envelope) ||
        !take_key(&envelope.key, ret_key))
        return refuse(error, "it is none of OpenSSH's");
    if (!is(&envelope.scope, matter->scope))
        return refuse(error, "it was made for another purpose");
    bool longer = is(&envelope.hash, "sha512");
    if (!longer && !is(&envelope.hash, "sha256"))
        return refuse(error, "it covers a hash that is not known");
    add_signed(&message, &envelope, matter, longer);
    const struct part whole = {(const unsigned char *)message.bytes, message.len};
    if (message.cut || !verify(ret_key, envelope.signature, &whole))
        return refuse(error, "it is not of this decision, or its kind of key is not known here");
    return 0;
}
