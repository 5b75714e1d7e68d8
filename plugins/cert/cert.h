/*
 * cert - what the plugin's own files share: the options and the checks.
 */
#ifndef CERT_CERT_H
#define CERT_CERT_H

#include "change.h"
#include "crl.h"
#include "report.h"
#include "shelf.h"
#include "staple.h"
#include "starttls.h"
#include "store.h"

/* ---- endpoint.c ---- */

struct cert_config {
    const struct probe_url *url; /* NULL: a target of files only */
    const struct probe_tls *tls;
};

struct endpoint_config {
    const char *starttls; /* "auto": as the URL's scheme says */
    const char *sni;      /* NULL: the URL's host */
    const char *addresses;
    const char *lowest; /* NULL: not asked */
    int64_t tell_change_ms;
    const char *crl; /* NULL: none */
};

/* How the scheme of a URL is spoken to. */
struct endpoint_scheme {
    const char *name;
    uint16_t port;
    enum starttls_kind starttls;
};

/* NULL: not known. */
const struct endpoint_scheme *endpoint_scheme_of(const struct probe_url *url);

enum { ENDPOINT_ADDRESSES = 16 };

/* How TLS is to begin. */
enum starttls_kind endpoint_starttls(const struct probe_run *run);

struct endpoint_run {
    struct visit *visits;
    size_t count, over, no_way;
    struct change_book book;
    struct crl *crl;
};

/* Of the configured check, from run to run. */
struct endpoint_memory {
    struct shelf shelf;
};

int endpoint_prepare(const void *config, void *memory, struct probe_error *error);
void endpoint_run(struct probe_target *self, struct probe_run *run);
void endpoint_ended(struct probe_target *self, struct probe_run *run);
void endpoint_forget(void *memory);

/* ---- visit.c ---- */

/* Which handshake of a visit it is. */
enum visit_phase {
    VISIT_SHOWN, /* whatever is wrong */
    VISIT_OLD,   /* with TLS that is to be refused, only to see whether it is */
    VISIT_STRICT /* as today's clients do it, only to see whether that succeeds */
};

/* One address of a name on its way: connected to, talked to, judged. */
struct visit {
    struct probe_run *run;
    char address[64]; /* numeric; empty: the agent looks the name up */
    char *subject;    /* address, or NULL */
    void (*on_over)(struct visit *visit);
    struct probe_op *stream;
    struct starttls talk;
    enum visit_phase phase;
    bool securing;
    bool no_way; /* this machine has none, as to IPv6 where it has only IPv4 */
    struct chain *presented, *verified;
    struct verdict verdict;
    struct staple staple;
    double connect_ms, tls_ms;
    char tls_version[8], cipher[64], ip[64];
};

/* Run, address, subject and `on_over` are set; that is called once, after all has been reported. */
void visit_start(struct visit *visit);

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
