/*
 * freeze - whether all changes are stopped: by a person's word, by a file, or by a window.
 *
 * The switch is a person's (`runbookd freeze`), with who, why and, where wanted, until when; it
 * outlives the process.  The file is guard.freeze.file: while it is there everything is frozen,
 * and its first line says why; so one ConfigMap stops all agents.  It is looked at every few
 * seconds, by a process that may hang instead of us.  Until it was looked at, and where it cannot
 * be, everything is frozen: who cannot see whether he may, may not.
 *
 * Windows are those of guard.freeze.windows (incident/windows).
 *
 * Looking, and saying what is found, goes on all the time: only changes are frozen.
 *
 * Layer: incident.  Uses: base, io/child, incident/memo, windows.
 */
#ifndef INCIDENT_FREEZE_H
#define INCIDENT_FREEZE_H

#include "base/writer.h"
#include "incident/memo.h"
#include "incident/windows.h"

struct loop;
struct freeze;

/* Reads what was kept; blocks, for the start only.  `memo` is borrowed. */
struct freeze *freeze_create(struct loop *loop, struct memo *memo);
void freeze_destroy(struct freeze *freeze); /* NULL is fine */

/* Called when it begins to hold or ends to, with why (as freeze_why()), or NULL; once a change. */
typedef void freeze_fn(const char *why, void *data);
void freeze_tell(struct freeze *freeze, freeze_fn *fn, void *data);

/* Which file is looked at from now on; NULL: none. */
void freeze_watch(struct freeze *freeze, const char *path);

/* Which windows freeze from now on: borrowed until others are named; NULL: none. */
void freeze_use_windows(struct freeze *freeze, const struct windows *windows);

/* Why everything is frozen: "frozen by uid 0 since ...: on-sale"; NULL: it is not. */
const char *freeze_why(struct freeze *freeze);

/* Sets the switch, not kept yet.  `for_ms` zero: until somebody thaws. */
void freeze_set(struct freeze *freeze, const char *who, const char *reason, int64_t for_ms);

/* Takes the switch back, not kept yet.  What a file freezes goes on. */
void freeze_unset(struct freeze *freeze);
bool freeze_is_set(const struct freeze *freeze);

/* Keeps the switch as it is; `fn` (may be NULL) is told, as memo_put() does. */
void freeze_keep(struct freeze *freeze, memo_done_fn *fn, void *data);

/*
 * The switch as another agent of the realm is to have it, {"on": true, "who": ..., "at_ms": ...}: told whenever it
 * is kept.  The JSON is borrowed for the call.
 */
typedef void freeze_mirror_fn(const json_t *now, void *data);
void freeze_mirror(struct freeze *freeze, freeze_mirror_fn *fn, void *data);

/* As the realm has it; NULL: it has none.  Of the two the later word counts; ours is told again if it is that. */
void freeze_take(struct freeze *freeze, const json_t *realms);

/* Writes "freeze": {"frozen": true, "why": "...", "who": ..., "since": ..., "until": ..., "next": {...}}. */
void freeze_write(struct freeze *freeze, struct writer *writer);

#endif
