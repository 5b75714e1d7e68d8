/*
 * screen - text for a person's terminal: cells, colours, and nothing that a terminal obeys.
 *
 * Names, summaries and hints come from what is examined.  A control character, a byte that is no
 * UTF-8, or a character that turns or hides what follows it is written out (\x1b, \n, \u{202e}),
 * so that no finding can move the cursor, set a title or lie about its own text.  Widths are in
 * cells: a wide character takes two.
 *
 * Layer: out.  Uses: base.
 */
#ifndef OUT_SCREEN_H
#define OUT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "runbookd/probe.h"

struct screen {
    size_t columns; /* zero: endless, no terminal */
    bool colour;
};

/* Of a terminal its width, and colours unless NO_COLOR is set or TERM is dumb; else endless. */
struct screen screen_of(int fd);

/* How many cells `data` takes. */
size_t screen_width(const char *data);

/* Adds `data` in at most `columns` cells (zero: endless), cut with an ellipsis.  Cells taken. */
size_t screen_add(struct text *out, const char *data, size_t columns);

/* The same, filled up with spaces to exactly `columns` cells. */
void screen_pad(struct text *out, const char *data, size_t columns);

/*
 * Adds `data` as lines, each behind `indent` spaces and ended by a newline, broken where `between`
 * stands (one space, or two where words belong together) so that none is wider than the screen;
 * what is too long for a line is broken anywhere.
 */
void screen_wrap(const struct screen *screen, struct text *out, const char *data, size_t indent,
                 const char *between);

/* What follows is in the colour of `status`, or faint, until screen_plain(). */
void screen_paint(const struct screen *screen, struct text *out, enum probe_status status);
void screen_faint(const struct screen *screen, struct text *out);
void screen_plain(const struct screen *screen, struct text *out);

#endif
