/* io/sshsig: signatures put together here, as ssh-keygen makes none: with bytes behind, and of security keys. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/sshsig.h"

#define SCOPE "runbookd-decision"
#define MESSAGE "realm: orders/production\nplan: 7k3q\n"

enum { TOUCHED = 1, VERIFIED = 4, COUNTER_LEN = 4, LONGEST = 512 };

/* How one is made: what stands behind its parts, and what a security key says of itself. */
struct recipe {
    const char *type;
    const char *behind_all, *behind_key, *behind_signature, *behind_pair; /* NULL: nothing */
    const char *application; /* of a security key, as told; it signs for "ssh:" */
    unsigned char flags;
};

static const struct recipe plain = {.type = "ssh-ed25519"}, rsa = {.type = "ssh-rsa"},
                           ecdsa = {.type = "ecdsa-sha2-nistp256"},
                           touched = {.type = "sk-ssh-ed25519@openssh.com",
                                      .application = "ssh:",
                                      .flags = TOUCHED};
static const struct recipe *const kinds[] = {&plain, &rsa, &ecdsa, &touched};

static void add_bytes(struct text *out, const void *bytes, size_t len)
{
    const unsigned char size[4] = {0, 0, (unsigned char)(len >> 8), (unsigned char)len};
    text_add_n(out, size, sizeof(size));
    text_add_n(out, bytes, len);
}

static void add_word(struct text *out, const char *word)
{
    add_bytes(out, word, strlen(word));
}

static void add_behind(struct text *out, const char *more)
{
    text_add(out, more ? more : "");
}

/* A number is a string whose first bit is zero (RFC 4251). */
static void add_number(struct text *out, const BIGNUM *number)
{
    unsigned char bytes[LONGEST] = {0};
    int len = BN_bn2bin(number, bytes + 1);
    bool high = bytes[1] & 0x80;
    add_bytes(out, bytes + !high, (size_t)len + high);
}

/* ------------------------------------------------------------------ its key ---- */

static EVP_PKEY *make_key(const struct recipe *recipe)
{
    EVP_PKEY *key =
        strcmp(recipe->type, rsa.type) == 0     ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
        : strcmp(recipe->type, ecdsa.type) == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
                                                : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    return key;
}

static void add_number_of(struct text *out, EVP_PKEY *key, const char *name)
{
    BIGNUM *number = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
    add_number(out, number);
    BN_free(number);
}

static void add_point_of(struct text *out, EVP_PKEY *key)
{
    unsigned char bytes[LONGEST];
    size_t len = 0;
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof(bytes), &len),
        1);
    add_bytes(out, bytes, len);
}

static void add_key(struct text *out, const struct recipe *recipe, EVP_PKEY *key)
{
    struct text TEXT_AUTO blob;
    text_init(&blob, 4096);
    add_word(&blob, recipe->type);
    if (EVP_PKEY_is_a(key, "RSA")) {
        add_number_of(&blob, key, OSSL_PKEY_PARAM_RSA_E);
        add_number_of(&blob, key, OSSL_PKEY_PARAM_RSA_N);
    } else {
        if (EVP_PKEY_is_a(key, "EC"))
            add_word(&blob, "nistp256");
        add_point_of(&blob, key);
    }
    if (recipe->application)
        add_word(&blob, recipe->application);
    add_behind(&blob, recipe->behind_key);
    add_bytes(out, blob.bytes, blob.len);
}

/* ------------------------------------------------------------ its signature ---- */

static size_t sign(EVP_PKEY *key, const struct text *message, unsigned char out[LONGEST])
{
    EVP_MD_CTX *signer = EVP_MD_CTX_new();
    size_t len = LONGEST;
    const EVP_MD *hash = EVP_PKEY_is_a(key, "EC")    ? EVP_sha256()
                         : EVP_PKEY_is_a(key, "RSA") ? EVP_sha512()
                                                     : NULL;
    assert_int_equal(EVP_DigestSignInit(signer, NULL, hash, NULL, key), 1);
    assert_int_equal(
        EVP_DigestSign(signer, out, &len, (const unsigned char *)message->bytes, message->len), 1);
    EVP_MD_CTX_free(signer);
    return len;
}

/* r and s, of what OpenSSL gives as DER. */
static void add_pair(struct text *out, const unsigned char *der, size_t len, const char *behind)
{
    struct text TEXT_AUTO pair;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
    assert_non_null(signature);
    text_init(&pair, 1024);
    add_number(&pair, ECDSA_SIG_get0_r(signature));
    add_number(&pair, ECDSA_SIG_get0_s(signature));
    add_behind(&pair, behind);
    add_bytes(out, pair.bytes, pair.len);
    ECDSA_SIG_free(signature);
}

static void add_hash(struct text *out, const void *bytes, size_t len)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    text_add_n(out, SHA256(bytes, len, hash), sizeof(hash));
}

/* PROTOCOL.u2f: the hash of the application, flags and counter, the hash of the message. */
static void wrap(struct text *message, unsigned char flags)
{
    struct text TEXT_AUTO inner;
    text_init(&inner, 4096);
    add_hash(&inner, "ssh:", 4);
    text_add_n(&inner, &flags, 1);
    text_add_n(&inner, "\0\0\0\7", COUNTER_LEN);
    add_hash(&inner, message->bytes, message->len);
    text_cut_to(message, 0);
    text_add_n(message, inner.bytes, inner.len);
}

/* What is signed, before a security key wraps it. */
static void add_message(struct text *out)
{
    unsigned char hash[SHA512_DIGEST_LENGTH];
    text_add(out, "SSHSIG");
    add_word(out, SCOPE);
    add_word(out, "");
    add_word(out, "sha512");
    add_bytes(out, SHA512((const unsigned char *)MESSAGE, strlen(MESSAGE), hash), sizeof(hash));
}

static void add_signature(struct text *out, const struct recipe *recipe, EVP_PKEY *key)
{
    struct text TEXT_AUTO message, blob;
    unsigned char bytes[LONGEST];
    text_init(&message, 4096);
    text_init(&blob, 4096);
    add_message(&message);
    if (recipe->application)
        wrap(&message, recipe->flags);
    size_t len = sign(key, &message, bytes);
    add_word(&blob, EVP_PKEY_is_a(key, "RSA") ? "rsa-sha2-512" : recipe->type);
    if (EVP_PKEY_is_a(key, "EC"))
        add_pair(&blob, bytes, len, recipe->behind_pair);
    else
        add_bytes(&blob, bytes, len);
    if (recipe->application) {
        text_add_n(&blob, &recipe->flags, 1);
        text_add_n(&blob, "\0\0\0\7", COUNTER_LEN);
    }
    add_behind(&blob, recipe->behind_signature);
    add_bytes(out, blob.bytes, blob.len);
}

/* --------------------------------------------------------------------- whole ---- */

/* Whether a signature that is made so counts. */
static int check(const struct recipe *recipe)
{
    struct text TEXT_AUTO blob, armoured;
    struct sshsig_key ret_key;
    struct error error = {0};
    EVP_PKEY *key = make_key(recipe);
    text_init(&blob, 4096);
    text_init(&armoured, 8192);
    text_add_n(&blob, "SSHSIG\0\0\0\1", 10);
    add_key(&blob, recipe, key);
    add_word(&blob, SCOPE);
    add_word(&blob, "");
    add_word(&blob, "sha512");
    add_signature(&blob, recipe, key);
    add_behind(&blob, recipe->behind_all);
    EVP_PKEY_free(key);
    unsigned char *base64 MEM_AUTO = mem_new(2 * blob.len);
    (void)EVP_EncodeBlock(base64, (const unsigned char *)blob.bytes, (int)blob.len);
    text_print(&armoured,
               "-----BEGIN SSH SIGNATURE-----\n%s\n-----END SSH SIGNATURE-----\n",
               (const char *)base64);
    return sshsig_check(armoured.bytes,
                        &(const struct sshsig_matter){SCOPE, MESSAGE, strlen(MESSAGE)},
                        &ret_key,
                        &error);
}

static void one_of_each_kind_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("%s\n", kinds[i]->type);
        assert_int_equal(check(kinds[i]), 0);
    }
}

static void bytes_behind_the_whole_make_it_none(void **state)
{
    struct recipe recipe = plain;
    (void)state;
    recipe.behind_all = "x";
    assert_int_equal(check(&recipe), -EBADMSG);
}

static void bytes_behind_the_signature_in_it_make_it_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct recipe recipe = *kinds[i];
        recipe.behind_signature = "x";
        print_message("%s\n", recipe.type);
        assert_int_equal(check(&recipe), -EBADMSG);
    }
}

static void bytes_behind_the_numbers_of_ecdsa_make_it_none(void **state)
{
    struct recipe recipe = ecdsa;
    (void)state;
    recipe.behind_pair = "x";
    assert_int_equal(check(&recipe), -EBADMSG);
}

static void bytes_behind_the_key_make_it_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct recipe recipe = *kinds[i];
        recipe.behind_key = "x";
        print_message("%s\n", recipe.type);
        assert_int_equal(check(&recipe), -EBADMSG);
    }
}

static void a_security_key_that_nobody_touched_does_not_count(void **state)
{
    struct recipe recipe = touched;
    (void)state;
    recipe.flags = TOUCHED | VERIFIED;
    assert_int_equal(check(&recipe), 0);
    recipe.flags = 0;
    assert_int_equal(check(&recipe), -EBADMSG);
    recipe.flags = VERIFIED; /* a PIN is no touch */
    assert_int_equal(check(&recipe), -EBADMSG);
}

static void what_a_security_key_has_signed_for_another_application_does_not_count(void **state)
{
    struct recipe recipe = touched;
    (void)state;
    recipe.application = "ssh:else";
    assert_int_equal(check(&recipe), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_each_kind_counts),
        cmocka_unit_test(bytes_behind_the_whole_make_it_none),
        cmocka_unit_test(bytes_behind_the_signature_in_it_make_it_none),
        cmocka_unit_test(bytes_behind_the_numbers_of_ecdsa_make_it_none),
        cmocka_unit_test(bytes_behind_the_key_make_it_none),
        cmocka_unit_test(a_security_key_that_nobody_touched_does_not_count),
        cmocka_unit_test(what_a_security_key_has_signed_for_another_application_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
