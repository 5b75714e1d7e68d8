#include "out/kafka_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "io/secret.h"
#include "io/tls.h"

enum { LONGEST_LIST = 16 << 10 };

static const char *const transports[] = {"clear", "tls", NULL};
static const char *const mechanisms[] = {"none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL};
static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};

const struct probe_option kafka_options[] = {
    {"brokers",
     PROBE_LIST_AT(struct kafka_options, brokers),
     .help = "some of the cluster, HOST:PORT each; the others are learnt from them"},
    {"topic", PROBE_STRING_AT(struct kafka_options, topic), .help = "where events go"},
    {"transport",
     PROBE_STRING_AT(struct kafka_options, transport),
     .fallback = "clear",
     .choices = transports,
     .help = "clear or tls"},
    {"tls",
     PROBE_TLS_AT(struct kafka_options, tls),
     .fallback = "",
     .help = "certificate authority, client certificate, verification"},
    {"mechanism",
     PROBE_STRING_AT(struct kafka_options, mechanism),
     .fallback = "none",
     .choices = mechanisms,
     .help = "of SASL, how user and password are shown"},
    {"user", PROBE_STRING_AT(struct kafka_options, user), .fallback = "", .help = "of SASL"},
    {"password",
     PROBE_SECRET_AT(struct kafka_options, password),
     .fallback = "",
     .help = "and its password"},
    {"compress",
     PROBE_STRING_AT(struct kafka_options, compress),
     .fallback = "none",
     .choices = codecs,
     .help = "how batches are packed"},
    {"timeout",
     PROBE_DURATION_AT(struct kafka_options, timeout_ms),
     .fallback = "30s",
     .min = 1000,
     .max = 900000,
     .help = "how long a batch may take until every replica in sync has it"},
    {0},
};

static bool is_off(const char *word, const char *off)
{
    return !word || strcmp(word, off) == 0;
}

static int check_brokers(const struct kafka_options *config, struct error *error)
{
    if (config->brokers && !*config->brokers)
        return error_set(error, -EINVAL, "brokers: is empty");
    for (const char *const *broker = config->brokers; broker && *broker; broker++)
        if (strpbrk(*broker, ",/ ")) {
            (void)error_set(error, -EINVAL, "brokers: %s is not HOST:PORT", *broker);
            return error_hint(error, "write one broker an item, such as kafka-1:9092");
        }
    return 0;
}

int kafka_check(const void *data, struct error *error)
{
    const struct kafka_options *config = data;
    bool clear = is_off(config->transport, "clear"), sasl = !is_off(config->mechanism, "none");
    if (check_brokers(config, error) < 0)
        return error->code;
    if (sasl && (!config->user || !*config->user || !config->password))
        return error_set(error, -EINVAL, "mechanism: needs user and password");
    if (!sasl && config->user && *config->user) {
        (void)error_set(error, -EINVAL, "user: says nothing without mechanism");
        return error_hint(error, "write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
    }
    if (config->tls && clear)
        return error_set(error, -EINVAL, "tls: says nothing unless transport is tls");
    if (config->tls && config->tls->name)
        return error_set(error, -EINVAL, "tls.name: cannot be set: librdkafka verifies by host");
    return 0;
}

/* ---------------------------------------------------------------- settings ---- */

struct setting {
    const char *name, *value; /* NULL: as librdkafka has it */
};

static const char *protocol_of(const struct kafka_options *config)
{
    bool clear = is_off(config->transport, "clear");
    if (is_off(config->mechanism, "none"))
        return clear ? "plaintext" : "ssl";
    return clear ? "sasl_plaintext" : "sasl_ssl";
}

static void list_brokers(const struct kafka_options *config, struct text *out)
{
    for (const char *const *broker = config->brokers; *broker; broker++)
        text_print(out, "%s%s", out->len ? "," : "", *broker);
}

int kafka_settings(const struct kafka_options *config, kafka_set_fn *set, void *data)
{
    static const struct probe_tls none;
    const struct probe_tls *tls = config->tls ? config->tls : &none;
    bool sasl = !is_off(config->mechanism, "none");
    const char *password = sasl ? secret_reveal(config->password) : NULL;
    struct text TEXT_AUTO brokers;
    char timeout[24];
    text_init(&brokers, LONGEST_LIST);
    list_brokers(config, &brokers);
    (void)snprintf(timeout, sizeof(timeout), "%lld", (long long)config->timeout_ms);
    if (sasl && !password)
        return -EACCES;
    const struct setting settings[] = {
        {"client.id", "runbookd"},
        {"bootstrap.servers", brokers.bytes},
        {"security.protocol", protocol_of(config)},
        {"acks", "all"},
        {"enable.idempotence", "true"},
        {"linger.ms", "0"}, /* what comes together is handed over together */
        {"message.timeout.ms", timeout},
        {"queue.buffering.max.messages", "200000"}, /* a batch holds 100,000 at most */
        {"partitioner", "murmur2_random"},          /* as Java's clients have it */
        {"compression.codec", config->compress},
        {"log.queue", "true"},
        {"log.connection.close", "false"},
        {"ssl.ca.location", tls->ca},
        {"ssl.certificate.location", tls->certificate},
        {"ssl.key.location", tls->key ? tls->key : tls->certificate},
        {"enable.ssl.certificate.verification", tls->verify == TLS_VERIFY_NONE ? "false" : NULL},
        {"ssl.endpoint.identification.algorithm", tls->verify == TLS_VERIFY_FULL ? NULL : "none"},
        {"sasl.mechanism", sasl ? config->mechanism : NULL},
        {"sasl.username", sasl ? config->user : NULL},
        {"sasl.password", password},
    };
    int status = 0;
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings) && status >= 0; i++)
        if (settings[i].value)
            status = set(settings[i].name, settings[i].value, data);
    return status;
}
