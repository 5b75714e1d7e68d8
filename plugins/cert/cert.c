/*
 * cert - what the certificate plugin knows, as tables.  Servers are asked in endpoint.c and
 * starttls.c, files read in file.c; what certificates say is read in chain.c, judged in verdict.c
 * and told in report.c.
 */
#include "cert.h"

#include <string.h>

static const char *const tls_versions[] = {"1.0", "1.1", "1.2", "1.3", NULL};

/*
 * A certificate is renewed a month before its end, or when two thirds of a shorter lifetime are
 * over; what is in its last week, or in the last tenth of a shorter lifetime, was not renewed.
 */
#define SOON "(days_left < 30 and lifetime_percent < 33.4)"
#define VERY_SOON "(days_left < 7 and lifetime_percent < 10)"
#define CHAIN_SOON "(chain_days_left < 30 and chain_lifetime_percent < 33.4)"
#define CHAIN_VERY_SOON "(chain_days_left < 7 and chain_lifetime_percent < 10)"

/* Those of both checks; they are absent where no certificate was seen. */
#define CERTIFICATE_MEASURES                                                                       \
    {"error_class",                                                                                \
     "the gravest thing that is wrong",                                                            \
     .kind = PROBE_WORD,                                                                           \
     .words = verdict_faults},                                                                     \
        {"days_left", "until it expires", .kind = PROBE_GAUGE, .optional = true},                  \
        {"lifetime_percent",                                                                       \
         "how much of its lifetime is left",                                                       \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
        {"chain_days_left",                                                                        \
         "until the first of those above it expires",                                              \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
        {"chain_lifetime_percent",                                                                 \
         "how much of that one's lifetime is left",                                                \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
        {"key_bits", "the size of its key", .kind = PROBE_GAUGE, .optional = true},                \
    {                                                                                              \
        "key_type", "the kind of its key", .kind = PROBE_WORD, .optional = true,                   \
                                           .words = chain_key_types                                \
    }

/* ------------------------------------------------------------ endpoint ---- */

static const char *const starttls_words[] = {
    "auto", "none", "postgres", "mysql", "smtp", "imap", "ldap", NULL};
static const char *const lowest_words[] = {"1.1", "1.2", "1.3", NULL};
static const char *const address_words[] = {"all", "any", NULL};

static const struct probe_option endpoint_options[] = {
    {"starttls",
     PROBE_STRING_AT(struct endpoint_config, starttls),
     .fallback = "auto",
     .choices = starttls_words,
     .help = "what is said in clear before TLS begins; auto: as the URL's scheme says"},
    {"sni",
     PROBE_STRING_AT(struct endpoint_config, sni),
     .fallback = "",
     .help = "the name to ask for and to verify, instead of the URL's host"},
    {"addresses",
     PROBE_STRING_AT(struct endpoint_config, addresses),
     .fallback = "all",
     .choices = address_words,
     .help = "all: each address of the name is a subject; any: the first that answers"},
    {"lowest",
     PROBE_STRING_AT(struct endpoint_config, lowest),
     .fallback = "",
     .choices = lowest_words,
     .help = "the oldest TLS that it may accept; a second handshake tries an older one"},
    {"tell_change",
     PROBE_DURATION_AT(struct endpoint_config, tell_change_ms),
     .fallback = "0s",
     .max = 90LL * 86400000,
     .help = "for how long another certificate than before is a warning; 0s: never"},
    {"crl",
     PROBE_STRING_AT(struct endpoint_config, crl),
     .fallback = "",
     .help = "a file of lists of revoked certificates (CRL) that somebody fetches; PEM or DER"},
    {0},
};

static const struct probe_measure endpoint_measures[] = {
    CERTIFICATE_MEASURES,
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
    {"connect_ms", "to connect", .kind = PROBE_GAUGE, .optional = true},
    {"tls_ms", "to shake hands, after STARTTLS", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

/* ---------------------------------------------------------------- file ---- */

static const struct probe_option file_options[] = {
    {"path",
     PROBE_STRING_AT(struct file_config, path),
     .help = "a file, a folder or a pattern: /etc/haproxy/certs/, /etc/letsencrypt/live/"
             "*/fullchain.pem"},
    {"key",
     PROBE_STRING_AT(struct file_config, key),
     .fallback = "",
     .help = "the private key's file; without a slash beside each certificate: privkey.pem"},
    {"names",
     PROBE_LIST_AT(struct file_config, names),
     .fallback = "[]",
     .help = "names that each of the certificates has to be for"},
    {"password",
     PROBE_SECRET_AT(struct file_config, password),
     .fallback = "",
     .help = "of a PKCS#12 file, and of an encrypted private key"},
    {"crl",
     PROBE_STRING_AT(struct file_config, crl),
     .fallback = "",
     .help = "a file of lists of revoked certificates (CRL) that somebody fetches; PEM or DER"},
    {0},
};

static const struct probe_measure file_measures[] = {
    CERTIFICATE_MEASURES,
    {"name_ok", "whether it is for all of `names`", .kind = PROBE_FLAG, .optional = true},
    {"chain_ok",
     "whether what is in the file belongs together, all of it valid now",
     .kind = PROBE_FLAG,
     .optional = true},
    {"key_match",
     "whether the private key is the certificate's",
     .kind = PROBE_FLAG,
     .optional = true},
    {0},
};

/* -------------------------------------------------------------- checks ---- */

static const struct probe_check checks[] = {
    {.name = "endpoint",
     .title = "what a server presents is refused by its clients, or soon will be",
     .options = endpoint_options,
     .config_size = sizeof(struct endpoint_config),
     .measures = endpoint_measures,
     .every = "15m",
     .timeout = "10s",
     .warning = SOON " or " CHAIN_SOON " or error_class ~= 'ok'",
     .critical = "name_ok == false or chain_ok == false or " VERY_SOON " or " CHAIN_VERY_SOON,
     .needs = "a way to the port; no login",
     .asks = "a TLS handshake with each address of the name, after SSLRequest, EHLO and STARTTLS, "
             "or StartTLS where the scheme says so; nothing is sent in it; with `lowest` a second "
             "one, with older TLS",
     .memory_size = sizeof(struct endpoint_memory),
     .run_size = sizeof(struct endpoint_run),
     .run = endpoint_run,
     .ended = endpoint_ended,
     .prepare = endpoint_prepare,
     .forget = endpoint_forget},
    {.name = "file",
     .title = "a certificate on disk is of no use, or soon will be",
     .options = file_options,
     .config_size = sizeof(struct file_config),
     .measures = file_measures,
     .every = "15m",
     .timeout = "10s",
     .warning = SOON " or " CHAIN_SOON " or error_class ~= 'ok'",
     .critical = "name_ok == false or chain_ok == false or key_match == false or " VERY_SOON
                 " or " CHAIN_VERY_SOON,
     .needs = "to read the files, and to search the folders above them",
     .asks = "the files that `path` names, `key` and `crl`",
     .run_size = sizeof(struct file_run),
     .run = file_run,
     .ended = file_ended,
     .prepare = file_prepare},
    {0},
};

/* -------------------------------------------------------------- target ---- */

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct cert_config, url),
     .fallback = "",
     .help = "tls://HOST:PORT, https://, rediss://, imaps:// ...; tls+postgres:// tls+mysql:// "
             "tls+smtp:// tls+imap:// tls+ldap:// for STARTTLS"},
    {"tls",
     PROBE_TLS_AT(struct cert_config, tls),
     .fallback = "",
     .help = "whom to trust, and what to show"},
    {0},
};

static int create(struct probe_target *self, struct probe_error *error)
{
    const struct cert_config *config = self->config;
    if (!config->url)
        return 0;
    if (!endpoint_scheme_of(config->url))
        return probe_refuse(error,
                            "url",
                            "nothing is known of %.40s://; write tls://HOST:PORT, or tls+postgres, "
                            "tls+mysql, tls+smtp, tls+imap, tls+ldap",
                            config->url->scheme);
    if (!*config->url->host || *config->url->host == '/')
        return probe_refuse(error, "url", "names no host, as tls://shop.example.org:443 does");
    return 0;
}

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "cert",
    .version = "1.0",
    .summary =
        "certificates that servers present, and those in files: expiry, name, trust, strength",
    .scheme = "tls,tls+postgres,tls+mysql,tls+smtp,tls+imap,tls+ldap",
    .options = options,
    .config_size = sizeof(struct cert_config),
    .parallel = 2,
    .checks = checks,
    .create = create,
};
PROBE_PLUGIN(plugin);
