/*
 * Three texts, a line of "---" between them: a message, a signature and an allowed_signers file.  No
 * signature counts for a message with a byte more, and nobody is found for what does not count.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/sshsig.h"

static char *cut(char *text)
{
    char *end = strstr(text, "\n---\n");
    if (!end)
        return NULL;
    end[1] = '\0';
    return end + 5;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct sshsig_key key;
    struct error error;
    char who[SSHSIG_PRINCIPAL_LEN];
    MEM_AUTO char *message = mem_copy_n(bytes, len);
    char *signature = cut(message), *signers = signature ? cut(signature) : NULL;
    if (!signers)
        return 0;
    const struct sshsig_matter whole = {"runbookd-decision", message, strlen(message)};
    const struct sshsig_matter less = {"runbookd-decision", message, strlen(message) - 1};
    if (sshsig_check(signature, &whole, &key, &error) == 0 &&
        sshsig_check(signature, &less, &key, &error) == 0)
        abort();
    (void)sshsig_find_signer(signers, &key, "runbookd-decision", 1795262400000, who, &error);
    return 0;
}
