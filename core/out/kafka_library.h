/*
 * kafka_library - librdkafka, loaded when the first sink needs it.
 *
 * The agent is not linked against it: where Debian's librdkafka1 is not installed everything else
 * works, and a kafka sink says what is missing while its events wait.  The same where the agent was
 * built without its header.
 *
 * Layer: out.  Uses: base, libdl.
 */
#ifndef OUT_KAFKA_LIBRARY_H
#define OUT_KAFKA_LIBRARY_H

#include "base/error.h"

#ifdef RUNBOOKD_KAFKA
#include <librdkafka/rdkafka.h>

/* The functions we call, as the header declares them. */
#define KAFKA_FUNCTIONS(do)                                                                                                                                     \
    do                                                                                                                                                          \
    (conf_new) do(conf_set) do(conf_destroy) do(conf_set_dr_msg_cb) do(conf_set_error_cb) do(conf_set_log_cb) do(conf_set_opaque) do(new) do(destroy_flags) do( \
        poll) do(produce) do(topic_new) do(topic_destroy) do(last_error) do(err2str) do(fatal_error) do(purge) do(queue_get_main) do(queue_io_event_enable) do(queue_destroy) do(set_log_queue) do(version_str)

#define KAFKA_MEMBER(name_) __typeof__(rd_kafka_##name_) *name_;
struct kafka_library {
    KAFKA_FUNCTIONS(KAFKA_MEMBER)
};
#undef KAFKA_MEMBER

/* Loads it once; NULL and `*error` where that cannot be.  It stays loaded. */
const struct kafka_library *kafka_load(struct error *error);
#endif

/* Whether there is one; as config_sink_type.needs. */
int kafka_needs(struct error *error);

#endif
