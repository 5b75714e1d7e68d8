/* sink_types - the table of all kinds of sinks; part of out/sink. */
#include "out/sink_types.h"

#include "out/sink.h"

static const struct config_sink_type *const types[] = {
    &alertmanager_sink.face,
    &email_sink.face,
    &file_sink.face,
    &http_sink.face,
    &kafka_sink.face,
    &pagerduty_sink.face,
    &slack_sink.face,
    &syslog_sink.face,
    &webhook_sink.face,
    NULL,
};

const struct config_sink_type *const *sink_types(void)
{
    return types;
}
