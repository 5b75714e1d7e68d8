/*
 * presented - a check of what a server presents, on every address of its name, at once: the check
 * `endpoint` of cert, and `certificate` of whatever else has an address with TLS.
 *
 * A backend that still serves yesterday's certificate is one subject among others, not a flicker.
 * A plugin offers it as a row of its table of checks, with PRESENTED_ALIKE and a run() of its own that
 * calls presented_start(); run->config, run->memory and run->data are the structs below.
 *
 * Layer: plugins/common; includes the C library, OpenSSL and probe.h only.
 */
#ifndef COMMON_CERT_PRESENTED_H
#define COMMON_CERT_PRESENTED_H

#include "common/cert/change.h"
#include "common/cert/crl.h"
#include "common/cert/report.h"
#include "common/cert/shelf.h"
#include "common/cert/staple.h"
#include "common/cert/starttls.h"

/* run->config */
struct presented_config {
    const char *starttls; /* "auto": as the URL's scheme says */
    const char *sni;      /* NULL: the URL's host */
    const char *addresses;
    const char *lowest; /* NULL: not asked */
    int64_t tell_change_ms;
    const char *crl; /* NULL: none */
};

extern const struct probe_option presented_options[];
extern const struct probe_measure presented_measures[];

/* How the scheme of a URL is spoken to. */
struct presented_scheme {
    const char *name;
    uint16_t port;
    enum starttls_kind starttls;
};

/* NULL: not known. */
const struct presented_scheme *presented_scheme_of(const struct probe_url *url);

enum { PRESENTED_ADDRESSES = 16 };

/* run->data */
struct presented_run {
    const struct probe_url *url;
    const struct probe_tls *tls;
    struct visit *visits;
    size_t count, over, no_way;
    struct change_book book;
    struct crl *crl;
    uint64_t asked_us; /* when the name was asked for, on the clock of probe_now_us() */
    double dns_ms;     /* below zero: none was looked up here */
};

/* run->memory: of the configured check, from run to run. */
struct presented_memory {
    struct shelf shelf;
};

int presented_prepare(const void *config, void *memory, struct probe_error *error);
void presented_ended(struct probe_target *self, struct probe_run *run);
void presented_forget(void *memory);

/* Looks at the host of a URL whose scheme is known, and ends the run.  Both outlive the run. */
void presented_start(struct probe_run *run, const struct probe_url *url,
                     const struct probe_tls *tls);

/* What rows of such checks have alike; name, title, `asks` and `run` are the plugin's. */
#define PRESENTED_ALIKE                                                                            \
    .options = presented_options, .config_size = sizeof(struct presented_config),                  \
    .measures = presented_measures, .every = "15m", .timeout = "10s",                              \
    .warning = REPORT_SOON " or " REPORT_CHAIN_SOON " or error_class ~= 'ok'",                     \
    .critical = "name_ok == false or chain_ok == false or " REPORT_VERY_SOON                       \
                " or " REPORT_CHAIN_VERY_SOON,                                                     \
    .needs = "a way to the port; no login", .memory_size = sizeof(struct presented_memory),        \
    .run_size = sizeof(struct presented_run), .ended = presented_ended,                            \
    .prepare = presented_prepare, .forget = presented_forget

/* How TLS is to begin. */
enum starttls_kind presented_starttls(const struct probe_run *run);

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
    struct {
        double dns, connect, starttls, tls; /* below zero: there was no such stage, or not yet */
    } ms;
    uint64_t dialled_us; /* on the clock of probe_now_us() */
    int64_t agreed_us;   /* from then on: when TLS was agreed upon */
    char tls_version[8], cipher[64], ip[64];
};

/*
 * Run, address, subject, `on_over` and `ms.dns` are set; `on_over` is called once, after all has been
 * reported.
 */
void visit_start(struct visit *visit);

/* That this machine has no way to its address. */
void visit_report_no_way(struct visit *visit);

#endif
