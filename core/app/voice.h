/*
 * voice - how the agent speaks while it runs: its events on stdout, its log on stderr.
 *
 * Events are NDJSON, or lines for a person on a terminal; so is the log.  Neither ever blocks the
 * loop.
 *
 * Layer: app.  Uses: base, io/lines, out/console, out/only, out/table, probe/event.
 */
#ifndef APP_VOICE_H
#define APP_VOICE_H

#include "probe/config.h"
#include "probe/event.h"

struct loop;
struct voice;

/* Called once, when stdout takes no more. */
typedef void voice_lost_fn(const char *why, void *data);

/*
 * Takes the log over (log_to()) until it is closed.  `sink` is "sinks.stdout": off, nothing is
 * written there.  NULL, said on stderr, where no thread starts.
 */
struct voice *voice_open(struct loop *loop, struct bus *bus, const struct config_stdout *sink,
                         voice_lost_fn *fn, void *data);

/* Another configuration is in force; `sink` lives until the next one is. */
void voice_take_over(struct voice *voice, const struct config_stdout *sink);

/*
 * Before there is a voice, and after it: the log as NDJSON on stderr where that is no terminal, so
 * that whatever reads the two streams as one finds JSON only.  For `run`.
 */
void voice_begin(void);

/* Waits up to `ms` for stalled readers, then lets go. */
void voice_close(struct voice *voice, unsigned ms);

#endif
