/*
 * crl - lists of revoked certificates, as authorities publish them, in a file that somebody fetches.
 *
 * They may be long, so they are read on the pool.
 */
#ifndef COMMON_CERT_CRL_H
#define COMMON_CERT_CRL_H

#include "common/cert/verdict.h"

struct crl;

/*
 * Called once: with the lists, to be freed, or NULL where there are none: then that has been
 * reported under the file's name.  A run that is over is not told.
 */
typedef void crl_read_fn(struct probe_run *run, struct crl *crl);
void crl_read(struct probe_run *run, const char *path, crl_read_fn *fn);

/* The lists that a file holds, PEM or DER; NULL: none. */
struct crl *crl_of_file(const char *bytes, size_t len);

/* What they say of the certificates of a chain, leaf first. */
void crl_judge(struct crl *crl, const struct chain *chain, int64_t wall_ms,
               struct verdict *verdict);

void crl_free(struct crl *crl);

#endif
