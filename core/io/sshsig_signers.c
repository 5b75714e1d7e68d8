/* sshsig_signers - whose key it is: an allowed_signers file.  Part of io/sshsig. */
#include <errno.h>
#include <fnmatch.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "io/sshsig.h"

enum { LONGEST_LINE = 8192 };

/* A line: principals, options, key. */
struct signer {
    char principals[SSHSIG_PRINCIPAL_LEN];
    char options[1024];
    char type[64];
    char key[4096];
};

/* The next word, in which blanks may be quoted; false: there is none, or it is too long. */
static bool take_word(const char **at, char *out, size_t room)
{
    const char *from = *at + strspn(*at, " \t");
    size_t len = 0;
    bool quoted = false;
    for (; *from && (quoted || (*from != ' ' && *from != '\t')); from++) {
        quoted ^= *from == '"';
        if (len + 1 == room)
            return false;
        out[len++] = *from;
    }
    out[len] = '\0';
    *at = from;
    return len > 0 && !quoted;
}

static bool is_type(const char *word)
{
    return strncmp(word, "ssh-", 4) == 0 || strncmp(word, "ecdsa-", 6) == 0 ||
           strncmp(word, "sk-", 3) == 0;
}

static bool read_line(const char *line, struct signer *signer)
{
    *signer = (struct signer){.options = ""};
    if (!take_word(&line, signer->principals, sizeof(signer->principals)) ||
        *signer->principals == '#' || !take_word(&line, signer->options, sizeof(signer->options)))
        return false;
    if (is_type(signer->options)) {
        (void)snprintf(signer->type, sizeof(signer->type), "%.63s", signer->options);
        signer->options[0] = '\0';
    } else if (!take_word(&line, signer->type, sizeof(signer->type))) {
        return false;
    }
    return take_word(&line, signer->key, sizeof(signer->key));
}

static bool is_key(const struct signer *signer, const struct sshsig_key *key)
{
    unsigned char blob[sizeof(signer->key)];
    size_t chars = strlen(signer->key);
    if (strcmp(signer->type, key->type) != 0 || chars % 4 != 0)
        return false;
    int len = EVP_DecodeBlock(blob, (const unsigned char *)signer->key, (int)chars);
    for (size_t i = chars; len > 0 && i > 0 && signer->key[i - 1] == '='; i--)
        len--;
    return len == (int)key->blob_len && memcmp(blob, key->blob, key->blob_len) == 0;
}

/* ---------------------------------------------------------------- options ---- */

/* "namespaces="a,b"": whether one of the patterns fits. */
static bool fits_one(char *patterns, const char *scope)
{
    char *rest = NULL;
    for (char *one = strtok_r(patterns, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
        if (fnmatch(one, scope, FNM_NOESCAPE) == 0)
            return true;
    return false;
}

/* "20261121", "202611210258", "20261121025802", with Z in UTC: seconds since 1970; -1: it is none. */
static int64_t moment(const char *text)
{
    static const char *const forms[] = {"%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S"};
    size_t digits = strspn(text, "0123456789");
    bool utc = text[digits] == 'Z';
    struct tm parts = {.tm_isdst = -1};
    if ((digits != 8 && digits != 12 && digits != 14) || text[digits + (utc ? 1 : 0)])
        return -1;
    const char *end = strptime(text, forms[digits == 8 ? 0 : digits == 12 ? 1 : 2], &parts);
    return !end || end != text + digits ? -1
           : utc                        ? (int64_t)timegm(&parts)
                                        : (int64_t)mktime(&parts);
}

/* One option, without its quotes; false: it speaks against this, or is not known. */
static bool agrees(char *option, const char *scope, int64_t now)
{
    char *value = strchr(option, '=');
    if (!value)
        return false; /* cert-authority, and whatever may come */
    *value++ = '\0';
    size_t len = strlen(value);
    if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
        value[len - 1] = '\0';
        value++;
    }
    if (strcmp(option, "namespaces") == 0)
        return fits_one(value, scope);
    int64_t at = moment(value);
    if (strcmp(option, "valid-after") == 0)
        return at >= 0 && now >= at;
    return strcmp(option, "valid-before") == 0 && at >= 0 && now < at;
}

static bool all_agree(char *options, const char *scope, int64_t now)
{
    char *from = options;
    while (*from) {
        bool quoted = false;
        char *to = from;
        for (; *to && (quoted || *to != ','); to++)
            quoted ^= *to == '"';
        bool last = *to == '\0';
        *to = '\0';
        if (!agrees(from, scope, now))
            return false;
        from = last ? to : to + 1;
    }
    return true;
}

/* A line names persons; a pattern is nobody. */
static bool take_principal(const struct signer *signer, char *out)
{
    const char *from = signer->principals + (*signer->principals == '"');
    size_t len = strcspn(from, ",\"");
    if (len == 0 || len >= SSHSIG_PRINCIPAL_LEN)
        return false;
    memcpy(out, from, len);
    out[len] = '\0';
    return strpbrk(out, "*?!") == NULL;
}

int sshsig_find_signer(const char *signers, const struct sshsig_key *key, const char *scope,
                       int64_t wall_ms, char ret_principal[SSHSIG_PRINCIPAL_LEN],
                       struct error *error)
{
    struct signer *signer MEM_AUTO = mem_new(sizeof(*signer));
    bool known = false;
    for (const char *end; *signers; signers = *end ? end + 1 : end) {
        end = signers + strcspn(signers, "\r\n");
        MEM_AUTO char *line = mem_copy_n(signers, (size_t)(end - signers));
        if (strlen(line) > LONGEST_LINE || !read_line(line, signer) || !is_key(signer, key))
            continue;
        known = true;
        if (all_agree(signer->options, scope, wall_ms / 1000) &&
            take_principal(signer, ret_principal))
            return 0;
    }
    return error_set(error,
                     -ENOKEY,
                     known ? "the key %s may not decide at this time, or not about this"
                           : "the key %s is nobody's of the approvers",
                     key->fingerprint);
}
