/*
 * caller - asks a running agent over its socket, for the commands that talk to one.
 *
 * Which agent: --socket or RUNBOOKD_SOCKET; with -c the one of that configuration; else the one in
 * $RUNTIME_DIRECTORY, /run/runbookd or /var/lib/runbookd.  What is wrong is printed.
 *
 * Layer: app.  Uses: base, probe/config, app/command, app/control.
 */
#ifndef APP_CALLER_H
#define APP_CALLER_H

#include <jansson.h>

#include "app/command.h"
#include "base/text.h"
#include "out/screen.h"

/*
 * Asks `word` with `args` (taken over; NULL: none), and waits up to `ms` for the answer.  The
 * result, to be let go by json_decref(); NULL: there is none, and stderr says why.
 */
json_t *caller_ask(const struct options *options, const char *word, json_t *args, int64_t ms);

enum { CALLER_MS = 10000 };

/*
 * The same, where nobody need run, and nothing is said: zero, or -ENOENT, -ECONNREFUSED: there is none, or another
 * negative errno value: it cannot be asked.
 */
int caller_peek(const struct options *options, const char *word, int64_t ms, json_t **ret_result);

/* With --json: prints `result` as it is, and returns true. */
bool caller_print_json(const struct options *options, const json_t *result);

/* Members of an answer; where one is absent, "" and zero. */
const char *caller_word(const json_t *object, const char *name);
int64_t caller_number(const json_t *object, const char *name);

/* Milliseconds since 1970 of a member like "2026-11-21T02:58:02.118Z"; zero: there is none. */
int64_t caller_time(const json_t *object, const char *name);

/* How long before "time" of `answer` that was, for people: "3m12s"; "just now". */
const char *caller_since(const json_t *answer, const json_t *object, const char *name,
                         char out[16]);

/* The status of a word; PROBE_GRADED: of none. */
enum probe_status caller_status(const char *word);

/* Adds the minute of such a member: "2026-11-21 02:58 UTC". */
void caller_add_minute(struct text *out, const json_t *object, const char *name);

/* Says on stderr where what was said does not outlive the agent. */
void caller_print_kept(const json_t *answer);

/* Prints a text that was made for stdout. */
void caller_print(const struct text *text);

/*
 * What most commands do with an answer, which is let go: with --json it is printed as it is, else what
 * `add` makes of it, and what caller_print_kept() says.  The exit code: refused where there is none.
 */
int caller_say(const struct options *options, json_t *answer,
               void (*add)(const json_t *answer, struct text *out));

#endif
