/*
 * errors - what a failure means: one word for conditions and dashboards, whose fault it is, and
 * what to do about it.
 *
 *     refused timeout closed loading too_many_clients busy
 *     masterdown clusterdown misconf no_sentinel                 the service: critical
 *     dns tls noauth noperm protocol unsupported no_database
 *     no_master node_down moved tryagain crossslot wrongtype
 *     oom readonly noreplicas error                              ourselves, or one key: unknown
 *
 * no_sentinel and no_master come from sentinel.c; node_down from talk.c, which tells it as an error.
 *
 * Pure functions; what they return points to constants and to `text`.
 */
#ifndef REDIS_ERRORS_H
#define REDIS_ERRORS_H

#include <runbookd/probe.h>

/* Where a sentence is put together; as long as the ending that points to it. */
struct error_text {
    char summary[256];
    char hint[320]; /* where it is put together too */
};

/* What an error of the server's means: "LOADING Redis is loading the dataset in memory". */
struct probe_ending errors_explain(const char *reply, struct error_text *text);

/* What talk.c puts before the words that say which node of a cluster is out of reach. */
extern const char errors_node_down[];

/* Whether it is an error of that kind: errors_is(reply->str, "NOPERM"). */
bool errors_is(const char *reply, const char *kind);

/* A stream that ended: `status` below zero, or closed by the peer; `safe`: it is in TLS. */
struct probe_ending errors_of_stream(int status, const struct probe_arrival *arrival, bool safe,
                                     struct error_text *text);

/* What came is not Redis' protocol; `first` is its first byte, or zero. */
struct probe_ending errors_protocol(char first);

/* The password is a reference that cannot be read now. */
extern const struct probe_ending errors_no_secret;

/* What a server's error says, as a sentence: on one line, without a full stop. */
void errors_sentence(const char *reply, struct error_text *text);

#endif
