#include "io/program.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

/* The SHA-256 of all that can be read, as hex digits; or a negative errno value. */
static int digest_of(int fd, char out[PROGRAM_DIGEST_LEN + 1])
{
    static unsigned char bytes[CHUNK]; /* of a worker, which does one thing */
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    off_t at = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int status = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) ? 0 : -ENOMEM;
    while (status == 0) {
        ssize_t got = pread(fd, bytes, sizeof(bytes), at);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = -errno;
        else if (!EVP_DigestUpdate(context, bytes, (size_t)got))
            status = -EIO;
        at += got > 0 ? got : 0;
    }
    if (status == 0 && !EVP_DigestFinal_ex(context, digest, &len))
        status = -EIO;
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; status == 0 && i < len && 2 * i < PROGRAM_DIGEST_LEN; i++)
        (void)snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
    return status;
}

/* Whoever may write it could put something else into the file that was judged. */
static int judge(int fd, char *const *digests)
{
    struct stat found;
    char digest[PROGRAM_DIGEST_LEN + 1] = "";
    if (fstat(fd, &found) < 0)
        return -errno;
    if (!S_ISREG(found.st_mode))
        return -EACCES;
    if (!digests[0])
        return 0;
    if ((found.st_mode & (S_IWGRP | S_IWOTH)) || (found.st_uid != 0 && found.st_uid != geteuid()))
        return -EPERM;
    int status = digest_of(fd, digest);
    if (status < 0)
        return status;
    for (; *digests; digests++)
        if (strcasecmp(*digests, digest) == 0)
            return 0;
    return -EKEYREJECTED;
}

int program_open(const char *path, char *const *digests)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int status = judge(fd, digests);
    if (status == 0)
        return fd;
    (void)close(fd);
    return status;
}

int program_become(int fd, char *const *argv, char *const *env)
{
    char head[2] = "";
    /* The interpreter of a script opens it once more, by this descriptor. */
    if (pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, "#!", 2) == 0)
        (void)fcntl(fd, F_SETFD, 0);
    (void)fexecve(fd, argv, env);
    return -errno;
}
