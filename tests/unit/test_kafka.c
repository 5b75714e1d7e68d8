/* What a sink of type "kafka" asks librdkafka for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/redact.h"
#include "base/text.h"
#include "io/secret.h"
#include "io/tls.h"
#include "out/kafka_options.h"

static const char *const brokers[] = {"kafka-1:9092", "kafka-2:9092", NULL};
static struct text said;
static struct error error;

static int set(const char *name, const char *value, void *data)
{
    (void)data;
    text_print(&said, "%s=%s\n", name, value);
    return 0;
}

static int refuse(const char *name, const char *value, void *data)
{
    (void)value;
    *(unsigned *)data += 1;
    return strcmp(name, "acks") == 0 ? -EINVAL : 0;
}

static const char *settings_of(const struct kafka_options *config)
{
    text_finish(&said);
    text_init(&said, 4000);
    assert_int_equal(kafka_settings(config, set, NULL), 0);
    return said.bytes;
}

static void every_replica_has_it_once(void **state)
{
    const struct kafka_options config = {
        .brokers = brokers, .topic = "events", .compress = "none", .timeout_ms = 30000};
    unsigned calls = 0;
    (void)state;
    assert_string_equal(settings_of(&config),
                        "client.id=runbookd\n"
                        "bootstrap.servers=kafka-1:9092,kafka-2:9092\n"
                        "security.protocol=plaintext\n"
                        "acks=all\n"
                        "enable.idempotence=true\n"
                        "linger.ms=0\n"
                        "message.timeout.ms=30000\n"
                        "queue.buffering.max.messages=200000\n"
                        "partitioner=murmur2_random\n"
                        "compression.codec=none\n"
                        "log.queue=true\n"
                        "log.connection.close=false\n");
    assert_int_equal(kafka_settings(&config, refuse, &calls), -EINVAL);
    assert_int_equal(calls, 4); /* and it stops there */
}

static void tls_and_sasl_are_as_written(void **state)
{
    struct probe_tls tls = {.ca = "/ca.pem", .certificate = "/c.pem"};
    struct kafka_options config = {.brokers = brokers,
                                   .topic = "events",
                                   .transport = "tls",
                                   .mechanism = "SCRAM-SHA-512",
                                   .user = "agent",
                                   .password = secret_create("of the tests", &error),
                                   .tls = &tls,
                                   .timeout_ms = 1000};
    (void)state;
    assert_non_null(strstr(settings_of(&config), "security.protocol=sasl_ssl\n"));
    assert_non_null(strstr(said.bytes,
                           "ssl.ca.location=/ca.pem\nssl.certificate.location=/c.pem\n"
                           "ssl.key.location=/c.pem\nsasl.mechanism=SCRAM-SHA-512\n"
                           "sasl.username=agent\nsasl.password=of the tests\n"));
    assert_null(strstr(said.bytes, "verification"));
    tls.verify = TLS_VERIFY_CA;
    assert_non_null(strstr(settings_of(&config), "ssl.endpoint.identification.algorithm=none\n"));
    assert_null(strstr(said.bytes, "verification"));
    tls.verify = TLS_VERIFY_NONE;
    assert_non_null(strstr(settings_of(&config), "enable.ssl.certificate.verification=false\n"));
    config.mechanism = "none";
    assert_non_null(strstr(settings_of(&config), "security.protocol=ssl\n"));
    assert_null(strstr(said.bytes, "sasl."));
    secret_destroy(config.password);
    config.mechanism = "PLAIN";
    config.password = secret_create("${file:/no/such/file}", &error);
    assert_int_equal(kafka_settings(&config, set, NULL), -EACCES);
    secret_destroy(config.password);
    redact_forget_all();
}

static void what_contradicts_itself_is_refused(void **state)
{
    static const char *const many[] = {"a:1,b:2", NULL}, *const none[] = {NULL};
    static const struct probe_tls named = {.name = "x"}, plain = {0};
    const struct {
        struct kafka_options config;
        const char *said;
    } cases[] = {
        {{.brokers = none}, "brokers: is empty"},
        {{.brokers = many}, "brokers: a:1,b:2 is not HOST:PORT"},
        {{.brokers = brokers, .mechanism = "PLAIN"}, "mechanism: needs user and password"},
        {{.brokers = brokers, .user = "u"}, "user: says nothing without mechanism"},
        {{.brokers = brokers, .tls = &plain}, "tls: says nothing unless transport is tls"},
        {{.brokers = brokers, .transport = "tls", .tls = &named},
         "tls.name: cannot be set: librdkafka verifies by host"},
    };
    const struct kafka_options fine = {.brokers = brokers, .transport = "tls", .tls = &plain};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(kafka_check(&cases[i].config, &error), -EINVAL);
        assert_string_equal(error.message, cases[i].said);
    }
    assert_int_equal(kafka_check(&fine, &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_replica_has_it_once),
        cmocka_unit_test(tls_and_sasl_are_as_written),
        cmocka_unit_test(what_contradicts_itself_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_finish(&said);
    return failed;
}
