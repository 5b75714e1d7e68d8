#include "sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

bool sign_header(char out[SIGN_HEADER], const char *secret, int64_t seconds, const char *body)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    char *signed_text;
    int len = asprintf(&signed_text, "%" PRId64 ".%s", seconds, body);
    *out = '\0';
    if (len < 0)
        return false;
    bool made = HMAC(EVP_sha256(),
                     secret,
                     (int)strlen(secret),
                     (const unsigned char *)signed_text,
                     (size_t)len,
                     mac,
                     &size) != NULL;
    free(signed_text);
    if (!made)
        return false;
    int used = snprintf(out, SIGN_HEADER, "t=%" PRId64 ",v1=", seconds);
    for (unsigned int i = 0; i < size && used > 0 && used + 2 < SIGN_HEADER; i++)
        used += snprintf(out + used, SIGN_HEADER - (size_t)used, "%02x", mac[i]);
    return true;
}
