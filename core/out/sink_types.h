/*
 * sink_types - the kinds of sinks there are, each declared in a file of its own.
 *
 * Layer: out.
 */
#ifndef OUT_SINK_TYPES_H
#define OUT_SINK_TYPES_H

struct sink_type;

extern const struct sink_type alertmanager_sink; /* out/alertmanager_sink.c */
extern const struct sink_type email_sink;        /* out/email_sink.c */
extern const struct sink_type file_sink;         /* out/file_sink.c */
extern const struct sink_type http_sink;         /* out/http_sink.c */
extern const struct sink_type kafka_sink;        /* out/kafka_sink.c */
extern const struct sink_type pagerduty_sink;    /* out/pagerduty_sink.c */
extern const struct sink_type slack_sink;        /* out/slack_sink.c */
extern const struct sink_type syslog_sink;       /* out/syslog_sink.c */
extern const struct sink_type webhook_sink;      /* out/webhook_sink.c */

#endif
