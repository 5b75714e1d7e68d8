/*
 * kafka_options - what a sink of type "kafka" may be told, and what that means to librdkafka.
 *
 * Layer: out.  Part of out/kafka_sink.
 */
#ifndef OUT_KAFKA_OPTIONS_H
#define OUT_KAFKA_OPTIONS_H

#include "base/error.h"
#include "runbookd/probe.h"

struct kafka_options {
    const char *const *brokers;
    const char *topic, *transport, *mechanism, *user, *compress;
    struct probe_secret *password;
    const struct probe_tls *tls;
    int64_t timeout_ms;
};

extern const struct probe_option kafka_options[];

/* Says what options alone cannot; as config_sink_type.check. */
int kafka_check(const void *config, struct error *error);

/*
 * Calls `set` with each of librdkafka's settings, until it answers below zero.  The password is
 * revealed for the call.  Zero, or that answer, or -EACCES: the secret cannot be read.
 */
typedef int kafka_set_fn(const char *name, const char *value, void *data);
int kafka_settings(const struct kafka_options *config, kafka_set_fn *set, void *data);

#endif
