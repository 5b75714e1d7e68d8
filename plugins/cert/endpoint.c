/*
 * endpoint - what a server presents: on every address of its name, at once.
 *
 * A backend that still serves yesterday's certificate is one subject among others, not a flicker.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cert.h"

static const char book_key[] = "certificates";

/* ------------------------------------------------------------- schemes ---- */

const struct endpoint_scheme *endpoint_scheme_of(const struct probe_url *url)
{
    static const struct endpoint_scheme schemes[] = {
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

enum starttls_kind endpoint_starttls(const struct probe_run *run)
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
    const struct endpoint_config *config = run->config;
    const struct cert_config *target = run->target->config;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(words[i].word, config->starttls) == 0)
            return words[i].kind;
    return endpoint_scheme_of(target->url)->starttls;
}

/* ------------------------------------------------------------ the end ---- */

/* Addresses that this machine has no way to say nothing of the server, unless all of them are so. */
static void report_no_way(struct probe_run *run)
{
    const struct endpoint_run *state = run->data;
    char summary[160];
    if (state->no_way < state->count)
        return;
    for (size_t i = 0; i < state->count; i++) {
        (void)snprintf(summary,
                       sizeof(summary),
                       "this machine has no way to %s",
                       *state->visits[i].address ? state->visits[i].address : "any address of it");
        report_unseen(
            run, state->visits[i].subject, FAULT_UNREACHABLE, summary, "see the machine's routes");
    }
}

/* A visit has been reported; the last one ends the run. */
static void on_over(struct visit *visit)
{
    struct probe_run *run = visit->run;
    struct endpoint_run *state = run->data;
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
    struct endpoint_run *state = run->data;
    state->visits = calloc(count, sizeof(*state->visits));
    if (!state->visits) {
        probe_fail(run, -ENOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++)
        (void)snprintf(
            state->visits[i].address, sizeof(state->visits[i].address), "%s", addresses[i]);
    qsort(state->visits, count, sizeof(*state->visits), by_text);
    state->count = count < ENDPOINT_ADDRESSES ? count : ENDPOINT_ADDRESSES;
    if (count > ENDPOINT_ADDRESSES)
        probe_log(&run->life,
                  PROBE_LOG_WARN,
                  "%zu addresses, of which %d are looked at",
                  count,
                  ENDPOINT_ADDRESSES);
    for (size_t i = 0; i < state->count; i++) {
        struct visit *visit = &state->visits[i];
        visit->run = run;
        visit->subject = subjects ? visit->address : NULL;
        visit->on_over = on_over;
        visit_start(visit);
    }
}

static void on_resolved(int status, const char *const *addresses, size_t count, void *data)
{
    struct probe_run *run = data;
    const struct endpoint_config *config = run->config;
    const struct cert_config *target = run->target->config;
    bool any = strcmp(config->addresses, "any") == 0;
    char summary[400];
    if (status == 0 && count > 0) {
        visit_all(run, addresses, any ? 1 : count, !any);
        return;
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   status == -ENOENT || status == 0 ? "there is no host %s"
                                                    : "the address of %s cannot be looked up",
                   target->url->host);
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
    const struct endpoint_config *config = run->config;
    const struct cert_config *target = run->target->config;
    if (is_numeric(target->url->host))
        visit_all(run, &target->url->host, 1, false);
    else if (strcmp(config->addresses, "any") == 0 && !config->sni)
        visit_all(run, (const char *const[]){""}, 1, false);
    else
        (void)probe_resolve(&run->life, target->url->host, on_resolved, run);
}

static void on_crl(struct probe_run *run, struct crl *crl)
{
    struct endpoint_run *state = run->data;
    state->crl = crl;
    look(run);
}

int endpoint_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct endpoint_config *config = config_;
    (void)memory;
    if (config->crl && *config->crl != '/')
        return probe_refuse(error, "crl", "is not an absolute path");
    return 0;
}

void endpoint_run(struct probe_target *self, struct probe_run *run)
{
    const struct endpoint_config *config = run->config;
    const struct cert_config *target = self->config;
    struct endpoint_memory *memory = run->memory;
    struct endpoint_run *state = run->data;
    shelf_begin(&memory->shelf, probe_now(&run->life));
    change_read(&state->book, probe_recall(&run->life, book_key));
    if (!target->url)
        probe_end(run,
                  .how = PROBE_INAPPLICABLE,
                  .status = -EINVAL,
                  .reason = "config",
                  .summary = "the target has no url, so there is no endpoint to look at",
                  .hint = "give it a url, or write `endpoint: off` below its checks");
    else if (config->crl)
        crl_read(run, config->crl, on_crl);
    else
        look(run);
}

void endpoint_ended(struct probe_target *self, struct probe_run *run)
{
    struct endpoint_run *state = run->data;
    struct endpoint_memory *memory = run->memory;
    (void)self;
    for (size_t i = 0; i < state->count; i++) {
        chain_free(state->visits[i].presented);
        chain_free(state->visits[i].verified);
    }
    free(state->visits);
    crl_free(state->crl);
    shelf_end(&memory->shelf);
}

void endpoint_forget(void *memory)
{
    shelf_empty(&((struct endpoint_memory *)memory)->shelf);
}
