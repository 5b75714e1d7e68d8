/*
 * crash - that the process crashed, and in whose code, is noted for the next start.
 *
 * A handler of the signals of crashes writes one line into a file that was made large enough
 * before, and lets the signal take its usual course: the same signal ends the process, at the same
 * place, with the core dump there would have been.  Nothing is noted of a signal that somebody else
 * sent (a watchdog, an operator), nor where our own code ran (base/blame).
 *
 * The file is text, a line a crash, at most CRASH_NOTES of them, the oldest given up first:
 *
 *     1795891234567 11 postgres run 182320.1700000000000000000
 *
 * Layer: io.  Uses: base.
 */
#ifndef IO_CRASH_H
#define IO_CRASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/blame.h"
#include "base/error.h"

enum { CRASH_NOTES = 32, CRASH_HUNG = 0 /* in the place of a signal */ };

struct crash_note {
    int64_t wall_ms;
    int signal;
    struct blame who;
};

/*
 * Opens the file or makes it, reads what was noted, the oldest first, and watches for crashes from
 * here on.  How many notes there are; or an error, with nothing watched.  Once a process.
 */
int crash_open(const char *path, struct crash_note notes[CRASH_NOTES], struct error *error);

/* Watches no longer. */
void crash_close(void);

/* Gives this thread the room that the handler needs where the stack itself has run over. */
void crash_guard_thread(void);

/* Notes that the loop stood still in that one's code: signal CRASH_HUNG.  From any thread, once. */
void crash_note_hang(const struct blame *who);

/* "SIGSEGV"; "it stood still"; "a signal": it is none that is watched for. */
const char *crash_signal_name(int number);

#endif
