/*
 * cert - what the certificate plugin knows, as tables.  Servers are asked in common/cert, files read
 * in file.c; what certificates say is read, judged and told in common/cert as well.
 */
#include "cert.h"

#include <errno.h>
#include <string.h>

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
    REPORT_MEASURES,
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

static void endpoint_run(struct probe_target *self, struct probe_run *run)
{
    const struct cert_config *target = self->config;
    if (target->url)
        presented_start(run, target->url, target->tls);
    else
        probe_end(run,
                  .how = PROBE_INAPPLICABLE,
                  .status = -EINVAL,
                  .reason = "config",
                  .summary = "the target has no url, so there is no endpoint to look at",
                  .hint = "give it a url, or write `endpoint: off` below its checks");
}

static const struct probe_check checks[] = {
    {.name = "endpoint",
     .title = "what a server presents is refused by its clients, or soon will be",
     PRESENTED_ALIKE,
     .asks = "a TLS handshake with each address of the name, after SSLRequest, EHLO and STARTTLS, "
             "or StartTLS where the scheme says so; nothing is sent in it; with `lowest` a second "
             "one, with older TLS",
     .run = endpoint_run},
    {.name = "file",
     .title = "a certificate on disk is of no use, or soon will be",
     .options = file_options,
     .config_size = sizeof(struct file_config),
     .measures = file_measures,
     .every = "15m",
     .timeout = "10s",
     .warning = REPORT_SOON " or " REPORT_CHAIN_SOON " or error_class ~= 'ok'",
     .critical = "name_ok == false or chain_ok == false or key_match == false or " REPORT_VERY_SOON
                 " or " REPORT_CHAIN_VERY_SOON,
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
    {"renewal",
     PROBE_GROUP_AT(struct cert_config, renewal),
     .fallback = "",
     .nested = renewal_options,
     .item_size = sizeof(struct cert_renewal),
     .help = "how certificates are renewed, for the action renew"},
    {0},
};

static const struct probe_option no_options[] = {{0}};

static const struct probe_action actions[] = {
    {.name = "renew",
     .help = "run the program that the target declares to renew its certificate",
     .effect = PROBE_REVERSIBLE,
     .binds = PROBE_BINDS_ITEMS,
     .options = no_options,
     .needs = "the program below exec.allow, and what it needs itself",
     .timeout = "10m",
     .plan = renew_plan,
     .apply = renew_apply,
     .declared = true},
    {0},
};

static int create(struct probe_target *self, struct probe_error *error)
{
    const struct cert_config *config = self->config;
    if (config->renewal && renew_check(config->renewal, error) < 0)
        return -EINVAL;
    if (!config->url)
        return 0;
    if (!presented_scheme_of(config->url))
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
    .actions = actions,
    .create = create,
};
PROBE_PLUGIN(plugin);
