/*
 * sshsig - signatures of OpenSSH (`ssh-keygen -Y sign`), and whose they are.
 *
 * Pure functions over text.  A signature (PROTOCOL.sshsig) names its key and its namespace and
 * covers a hash of the message; an allowed_signers file says whose the key is, for which namespaces
 * and when.  Kinds of keys: ssh-ed25519, ecdsa-sha2-nistp256 and -nistp384, ssh-rsa of 2048 bits
 * and more (with SHA-2), and ssh-ed25519 in a security key, which must have been touched.
 * Certificates are none of them: a line `cert-authority` allows nobody.
 *
 * Layer: io.  Uses: base, OpenSSL.
 */
#ifndef IO_SSHSIG_H
#define IO_SSHSIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    SSHSIG_LONGEST = 16 * 1024,      /* of a signature, armoured */
    SSHSIG_LONGEST_KEY = 2048,       /* of a key's blob */
    SSHSIG_FINGERPRINT_LEN = 7 + 44, /* "SHA256:" and base64 without its padding, and a NUL */
    SSHSIG_PRINCIPAL_LEN = 256
};

/* Whose signature it is, as far as that itself says. */
struct sshsig_key {
    char type[40]; /* "ssh-ed25519" */
    char fingerprint[SSHSIG_FINGERPRINT_LEN];
    unsigned char blob[SSHSIG_LONGEST_KEY];
    size_t blob_len;
};

/* What is signed. */
struct sshsig_matter {
    const char *scope; /* the namespace */
    const void *bytes;
    size_t len;
};

/* Whether `armoured` (ended by a NUL) is a good signature of `matter`; by which key, in `*ret_key`. */
int sshsig_check(const char *armoured, const struct sshsig_matter *matter,
                 struct sshsig_key *ret_key, struct error *error);

/*
 * Whose key it is, by the text of an allowed_signers file, for that namespace and at that time:
 * -ENOKEY where nobody's.
 */
int sshsig_find_signer(const char *signers, const struct sshsig_key *key, const char *scope,
                       int64_t wall_ms, char ret_principal[SSHSIG_PRINCIPAL_LEN],
                       struct error *error);

#endif
