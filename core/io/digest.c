#include "io/digest.h"

#include <openssl/evp.h>

void digest_text(const struct text *text, size_t digits, char *out)
{
    unsigned char hash[EVP_MAX_MD_SIZE] = {0};
    (void)EVP_Digest(text->bytes, text->len, hash, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[(hash[i / 2] >> (i % 2 ? 0 : 4)) & 15];
    out[digits] = '\0';
}
