/*
 * cert - what the plugin's own files share: the options and the checks.
 */
#ifndef CERT_CERT_H
#define CERT_CERT_H

#include "common/cert/presented.h"
#include "store.h"

struct cert_config {
    const struct probe_url *url; /* NULL: a target of files only */
    const struct probe_tls *tls;
    const void *renewal; /* struct cert_renewal; NULL: none is declared */
};

/* ---- renew.c ---- */

struct cert_renewal {
    const char *const *command, *const *rehearsal; /* argv; an empty rehearsal: none */
    const char *user;                              /* NULL: the agent's own */
    const struct probe_pair *environment;          /* NULL: empty */
};

extern const struct probe_option renewal_options[];
int renew_check(const struct cert_renewal *renewal, struct probe_error *error);
void renew_plan(struct probe_target *self, struct probe_run *run);
void renew_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step);

/* ---- file.c ---- */

struct file_config {
    const char *path; /* a pattern */
    const char *key;  /* NULL: none; without a slash: beside the certificate */
    const char *const *names;
    struct probe_secret *password; /* NULL: none */
    const char *crl;               /* NULL: none */
};

struct file_run {
    char **paths;
    size_t count, at; /* at: which is read now */
    struct chain *chain;
    struct verdict verdict;
    char *key_path;
    struct crl *crl;
};

int file_prepare(const void *config, void *memory, struct probe_error *error);
void file_run(struct probe_target *self, struct probe_run *run);
void file_ended(struct probe_target *self, struct probe_run *run);

#endif
