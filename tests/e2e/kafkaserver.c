/*
 * kafkaserver - a Kafka cluster for the tests: librdkafka's mock cluster, which speaks the real
 * protocol, in a process of its own, with a consumer of each of its topics.
 *
 *     kafkaserver TOPIC
 *
 * The first line it prints is the brokers' addresses; each further one a message that its consumer
 * got: {"partition":0,"offset":7,"key":"9f2c...","value":{...}}.  Lines it reads: "down" and "up" (the
 * one broker), "errors N CODE" (the next N produce requests are answered with that error).  It ends
 * with its standard input.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum { PARTITIONS = 3, BROKER = 1, PRODUCE = 0, MOST_ERRORS = 100 };

static rd_kafka_t *start(rd_kafka_type_t type, const char *brokers)
{
    char why[200] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (brokers) {
        (void)rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why));
        (void)rd_kafka_conf_set(conf, "group.id", "tests", why, sizeof(why));
        (void)rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "500", why, sizeof(why));
    }
    (void)rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
    if (!client) {
        (void)fprintf(stderr, "kafkaserver: %s\n", why);
        exit(1);
    }
    return client;
}

static void assign(rd_kafka_t *consumer, const char *topic)
{
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int i = 0; i < PARTITIONS; i++)
        rd_kafka_topic_partition_list_add(all, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    (void)rd_kafka_assign(consumer, all);
    rd_kafka_topic_partition_list_destroy(all);
}

static void print_next(rd_kafka_t *consumer)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 20);
    if (!message)
        return;
    if (!message->err) {
        (void)printf("{\"partition\":%d,\"offset\":%lld,\"key\":\"%.*s\",\"value\":%.*s}\n",
                     (int)message->partition,
                     (long long)message->offset,
                     (int)message->key_len,
                     (const char *)message->key,
                     (int)message->len,
                     (const char *)message->payload);
        (void)fflush(stdout);
    }
    rd_kafka_message_destroy(message);
}

static void push_errors(rd_kafka_mock_cluster_t *cluster, const char *words)
{
    rd_kafka_resp_err_t errors[MOST_ERRORS];
    char *end = NULL;
    long count = strtol(words, &end, 10), code = strtol(end, NULL, 10);
    for (long i = 0; i < count && i < MOST_ERRORS; i++)
        errors[i] = (rd_kafka_resp_err_t)code;
    rd_kafka_mock_push_request_errors_array(cluster, PRODUCE, (size_t)count, errors);
}

/* False: there is nothing more to read. */
static bool obey(rd_kafka_mock_cluster_t *cluster)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    char line[100];
    if (poll(&input, 1, 0) <= 0)
        return true;
    if (!fgets(line, sizeof(line), stdin))
        return false;
    if (strcmp(line, "down\n") == 0)
        (void)rd_kafka_mock_broker_set_down(cluster, BROKER);
    else if (strcmp(line, "up\n") == 0)
        (void)rd_kafka_mock_broker_set_up(cluster, BROKER);
    else if (strncmp(line, "errors ", strlen("errors ")) == 0)
        push_errors(cluster, line + strlen("errors "));
    return true;
}

int main(int argc, char **argv)
{
    const char *topic = argc > 1 ? argv[1] : "events";
    rd_kafka_t *owner = start(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(owner, BROKER);
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* poll() is to see what is left */
    (void)rd_kafka_mock_topic_create(cluster, topic, PARTITIONS, 1);
    rd_kafka_t *consumer = start(RD_KAFKA_CONSUMER, rd_kafka_mock_cluster_bootstraps(cluster));
    assign(consumer, topic);
    (void)printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    (void)fflush(stdout);
    while (obey(cluster))
        print_next(consumer);
    return 0; /* all of it ends with the process, also while its broker is down */
}
