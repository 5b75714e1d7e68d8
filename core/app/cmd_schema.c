/* schema - JSON Schemas: of the configuration, for editors; of the events, for pipelines; of tests. */
#include <stdio.h>

#include "app/command.h"
#include "app/rehearsal.h"
#include "app/session.h"
#include "event_schema.h" /* made by the build from packaging/schema */
#include "out/sink.h"

enum { LONGEST_SCHEMA = 16 << 20 };

int cmd_schema(const struct options *options)
{
    struct session session;
    struct text TEXT_AUTO text;
    text_init(&text, LONGEST_SCHEMA);
    if (options->events) {
        (void)fputs(event_schema, stdout);
        return EXIT_FINE;
    }
    if (options->tests) {
        struct writer writer;
        writer_init(&writer, &text);
        rehearsal_write_schema(&writer);
        (void)puts(text.bytes);
        return EXIT_FINE;
    }
    if (!session_open(&session, options))
        return EXIT_REFUSED;
    config_write_schema(&session.plugins, sink_types(), entries_write_schema, &text);
    (void)puts(text.bytes);
    session_close(&session);
    return EXIT_FINE;
}
