#include "common/cert/presented.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const char book_key[] = "certificates";

/* -------------------------------------------------------------- tables ---- */

static const char *const tls_versions[] = {"1.0", "1.1", "1.2", "1.3", NULL};
static const char *const starttls_words[] = {
    "auto", "none", "postgres", "mysql", "smtp", "imap", "ldap", NULL};
static const char *const lowest_words[] = {"1.1", "1.2", "1.3", NULL};
static const char *const address_words[] = {"all", "any", NULL};

const struct probe_option presented_options[] = {
    {"starttls",
     PROBE_STRING_AT(struct presented_config, starttls),
     .fallback = "auto",
     .choices = starttls_words,
     .help = "what is said in clear before TLS begins; auto: as the URL's scheme says"},
    {"sni",
     PROBE_STRING_AT(struct presented_config, sni),
     .fallback = "",
     .help = "the name to ask for and to verify, instead of the URL's host"},
    {"addresses",
     PROBE_STRING_AT(struct presented_config, addresses),
     .fallback = "all",
     .choices = address_words,
     .help = "all: each address of the name is a subject; any: the first that answers"},
    {"lowest",
     PROBE_STRING_AT(struct presented_config, lowest),
     .fallback = "",
     .choices = lowest_words,
     .help = "the oldest TLS that it may accept; a second handshake tries an older one"},
    {"tell_change",
     PROBE_DURATION_AT(struct presented_config, tell_change_ms),
     .fallback = "0s",
     .max = 90LL * 86400000,
     .help = "for how long another certificate than before is a warning; 0s: never"},
    {"crl",
     PROBE_STRING_AT(struct presented_config, crl),
     .fallback = "",
     .help = "a file of lists of revoked certificates (CRL) that somebody fetches; PEM or DER"},
    {0},
};

const struct probe_measure presented_measures[] = {
    REPORT_MEASURES,
    {"name_ok",
     "whether it is for the name that was asked for",
     .kind = PROBE_FLAG,
     .optional = true},
    {"chain_ok",
     "whether it leads to an authority that is trusted, all of it valid now",
     .kind = PROBE_FLAG,
     .optional = true},
    {"tls_version",
     "what was agreed upon",
     .kind = PROBE_WORD,
     .optional = true,
     .words = tls_versions},
    {"staple",
     "what the stapled OCSP response says",
     .kind = PROBE_WORD,
     .optional = true,
     .words = staple_words},
    {"staple_seconds",
     "until the stapled OCSP response ends",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"changed_seconds",
     "since it is another certificate than before",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"dns_ms", "to look the name up", .kind = PROBE_GAUGE, .optional = true},
    {"connect_ms", "to connect", .kind = PROBE_GAUGE, .optional = true},
    {"starttls_ms",
     "from being connected until TLS was agreed upon",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"tls_ms", "to shake hands", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

/* ------------------------------------------------------------- schemes ---- */

const struct presented_scheme *presented_scheme_of(const struct probe_url *url)
{
    static const struct presented_scheme schemes[] = {
        {"tls", 443, STARTTLS_NONE},
        {"tls+postgres", 5432, STARTTLS_POSTGRES},
        {"tls+smtp", 25, STARTTLS_SMTP},
        {"tls+imap", 143, STARTTLS_IMAP},
        {"tls+mysql", 3306, STARTTLS_MYSQL},
        {"tls+ldap", 389, STARTTLS_LDAP},
        {"https", 443, STARTTLS_NONE},
        {"postgres", 5432, STARTTLS_POSTGRES},
        {"postgresql", 5432, STARTTLS_POSTGRES},
        {"mysql", 3306, STARTTLS_MYSQL},
        {"smtp", 25, STARTTLS_SMTP},
        {"smtps", 465, STARTTLS_NONE},
        {"imap", 143, STARTTLS_IMAP},
        {"imaps", 993, STARTTLS_NONE},
        {"pop3s", 995, STARTTLS_NONE},
        {"ldap", 389, STARTTLS_LDAP},
        {"ldaps", 636, STARTTLS_NONE},
        {"rediss", 6379, STARTTLS_NONE},
        {"amqps", 5671, STARTTLS_NONE},
        {"mqtts", 8883, STARTTLS_NONE},
    };
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
        if (strcmp(schemes[i].name, url->scheme) == 0)
            return &schemes[i];
    return NULL;
}

enum starttls_kind presented_starttls(const struct probe_run *run)
{
    static const struct {
        const char *word;
        enum starttls_kind kind;
    } words[] = {
        {"none", STARTTLS_NONE},
        {"postgres", STARTTLS_POSTGRES},
        {"mysql", STARTTLS_MYSQL},
        {"smtp", STARTTLS_SMTP},
        {"imap", STARTTLS_IMAP},
        {"ldap", STARTTLS_LDAP},
    };
    const struct presented_config *config = run->config;
    const struct presented_run *state = run->data;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(words[i].word, config->starttls) == 0)
            return words[i].kind;
    return presented_scheme_of(state->url)->starttls;
}

/* ------------------------------------------------------------ the end ---- */

/* Addresses that this machine has no way to say nothing of the server, unless all of them are so. */
static void report_no_way(struct probe_run *run)
{
    const struct presented_run *state = run->data;
    if (state->no_way < state->count)
        return;
    for (size_t i = 0; i < state->count; i++)
        visit_report_no_way(&state->visits[i]);
}

/* A visit has been reported; the last one ends the run. */
static void on_over(struct visit *visit)
{
    struct probe_run *run = visit->run;
    struct presented_run *state = run->data;
    char book[CHANGE_BYTES];
    state->no_way += visit->no_way;
    if (++state->over < state->count)
        return;
    report_no_way(run);
    if (state->book.written) {
        change_print(&state->book, book);
        probe_remember(&run->life, book_key, book);
    }
    probe_done(run);
}

/* ---------------------------------------------------------------- start ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct visit *)a)->address, ((const struct visit *)b)->address);
}

/* Visits all of them at once; of very many the same ones on each run. */
static void visit_all(struct probe_run *run, const char *const *addresses, size_t count,
                      bool subjects)
{
    struct presented_run *state = run->data;
    state->visits = calloc(count, sizeof(*state->visits));
    if (!state->visits) {
        probe_fail(run, -ENOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++)
        (void)snprintf(
            state->visits[i].address, sizeof(state->visits[i].address), "%s", addresses[i]);
    qsort(state->visits, count, sizeof(*state->visits), by_text);
    state->count = count < PRESENTED_ADDRESSES ? count : PRESENTED_ADDRESSES;
    if (count > PRESENTED_ADDRESSES)
        probe_log(&run->life,
                  PROBE_LOG_WARN,
                  "%zu addresses, of which %d are looked at",
                  count,
                  PRESENTED_ADDRESSES);
    for (size_t i = 0; i < state->count; i++) {
        struct visit *visit = &state->visits[i];
        visit->run = run;
        visit->subject = subjects ? visit->address : NULL;
        visit->on_over = on_over;
        visit->ms.dns = state->dns_ms;
        visit_start(visit);
    }
}

static void on_resolved(int status, const char *const *addresses, size_t count, void *data)
{
    struct probe_run *run = data;
    const struct presented_config *config = run->config;
    struct presented_run *state = run->data;
    bool any = strcmp(config->addresses, "any") == 0;
    char summary[400];
    state->dns_ms = (double)(probe_now_us(&run->life) - state->asked_us) / 1000;
    if (status == 0 && count > 0) {
        visit_all(run, addresses, any ? 1 : count, !any);
        return;
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   status == -ENOENT || status == 0 ? "there is no host %s"
                                                    : "the address of %s cannot be looked up",
                   state->url->host);
    probe_end(run,
              .how = PROBE_FAILED,
              .status = status,
              .reason = "dns",
              .summary = summary,
              .hint = "compare the URL's host with your DNS");
}

static bool is_numeric(const char *host)
{
    unsigned char room[16];
    return inet_pton(AF_INET, host, room) == 1 || strchr(host, ':');
}

static void look(struct probe_run *run)
{
    const struct presented_config *config = run->config;
    struct presented_run *state = run->data;
    state->asked_us = probe_now_us(&run->life);
    state->dns_ms = -1;
    if (is_numeric(state->url->host))
        visit_all(run, &state->url->host, 1, false);
    else if (strcmp(config->addresses, "any") == 0 && !config->sni)
        visit_all(run, (const char *const[]){""}, 1, false);
    else
        (void)probe_resolve(&run->life, state->url->host, on_resolved, run);
}

static void on_crl(struct probe_run *run, struct crl *crl)
{
    struct presented_run *state = run->data;
    state->crl = crl;
    look(run);
}

int presented_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct presented_config *config = config_;
    (void)memory;
    if (config->crl && *config->crl != '/')
        return probe_refuse(error, "crl", "is not an absolute path");
    return 0;
}

void presented_start(struct probe_run *run, const struct probe_url *url,
                     const struct probe_tls *tls)
{
    const struct presented_config *config = run->config;
    struct presented_memory *memory = run->memory;
    struct presented_run *state = run->data;
    state->url = url;
    state->tls = tls;
    shelf_begin(&memory->shelf, probe_now(&run->life));
    change_read(&state->book, probe_recall(&run->life, book_key));
    if (config->crl)
        crl_read(run, config->crl, on_crl);
    else
        look(run);
}

void presented_ended(struct probe_target *self, struct probe_run *run)
{
    struct presented_run *state = run->data;
    struct presented_memory *memory = run->memory;
    (void)self;
    for (size_t i = 0; i < state->count; i++) {
        chain_free(state->visits[i].presented);
        chain_free(state->visits[i].verified);
    }
    free(state->visits);
    crl_free(state->crl);
    shelf_end(&memory->shelf);
}

void presented_forget(void *memory)
{
    shelf_empty(&((struct presented_memory *)memory)->shelf);
}
