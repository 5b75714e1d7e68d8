#include "out/screen.h"

#include <locale.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static const char ellipsis[] = "\xE2\x80\xA6";

struct screen screen_of(int fd)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize size = {0};
    if (!isatty(fd))
        return (struct screen){0};
    size_t columns = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
    return (struct screen){
        .columns = columns < 40 ? 40 : columns,
        .colour = !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0,
    };
}

/* ---- cells ---- */

/* What is shown of the next character of some text. */
struct piece {
    char bytes[16];
    size_t len;
    size_t cells;
};

/* wcwidth() and mbrtowc() go by the thread's locale, which is not ours to leave changed. */
static locale_t enter_utf8(void)
{
    static locale_t utf8;
    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    return utf8 ? uselocale(utf8) : NULL;
}

static void leave_utf8(locale_t before)
{
    if (before)
        (void)uselocale(before);
}

/* What turns the direction of writing, or is not seen. */
static bool deceives(wchar_t c)
{
    return c == 0x00AD || c == 0x061C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xE0000 && c <= 0xE0FFF);
}

__attribute__((format(printf, 2, 3))) static void write_out(struct piece *piece, const char *fmt,
                                                            ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(piece->bytes, sizeof(piece->bytes), fmt, args);
    va_end(args);
    piece->len = piece->cells = (size_t)len;
}

/* Takes the next character from `*at`, which is not at the end. */
static struct piece take_piece(const char **at)
{
    struct piece piece = {{0}, 0, 0};
    mbstate_t state = {0};
    wchar_t c = 0;
    unsigned char byte = (unsigned char)**at;
    size_t len = mbrtowc(&c, *at, strlen(*at) < 4 ? strlen(*at) : 4, &state);
    if (len == (size_t)-1 || len == (size_t)-2) {
        write_out(&piece, "\\x%02x", byte);
        ++*at;
        return piece;
    }
    int cells = wcwidth(c);
    *at += len;
    if (byte == '\n' || byte == '\t') {
        write_out(&piece, "\\%c", byte == '\n' ? 'n' : 't');
    } else if (c < 0x20 || c == 0x7F) {
        write_out(&piece, "\\x%02x", byte);
    } else if (cells < 0 || deceives(c)) {
        write_out(&piece, "\\u{%x}", (unsigned)c);
    } else {
        memcpy(piece.bytes, *at - len, len);
        piece.len = len;
        piece.cells = (size_t)cells;
    }
    return piece;
}

/* The cells of the first `len` bytes. */
static size_t width_of(const char *data, size_t len)
{
    const char *end = data + len;
    size_t cells = 0;
    while (data < end)
        cells += take_piece(&data).cells;
    return cells;
}

size_t screen_width(const char *data)
{
    locale_t before = enter_utf8();
    size_t cells = width_of(data, strlen(data));
    leave_utf8(before);
    return cells;
}

size_t screen_add(struct text *out, const char *data, size_t columns)
{
    locale_t before = enter_utf8();
    size_t cells = 0, width = width_of(data, strlen(data));
    size_t room = columns && width > columns ? columns - 1 : SIZE_MAX;
    while (*data) {
        struct piece piece = take_piece(&data);
        if (cells + piece.cells > room)
            break;
        text_add_n(out, piece.bytes, piece.len);
        cells += piece.cells;
    }
    if (room != SIZE_MAX) {
        text_add(out, ellipsis);
        cells++;
    }
    leave_utf8(before);
    return cells;
}

static void add_spaces(struct text *out, size_t count)
{
    text_print(out, "%*s", (int)count, "");
}

void screen_pad(struct text *out, const char *data, size_t columns)
{
    size_t cells = screen_add(out, data, columns);
    if (cells < columns)
        add_spaces(out, columns - cells);
}

/* ---- lines ---- */

/* How many bytes go on a line of `room` cells: up to the last `between`, or as many as fit. */
static size_t line_len(const char *data, size_t room, const char *between)
{
    const char *at = data, *last = NULL;
    size_t cells = 0;
    while (*at) {
        const char *here = at;
        cells += take_piece(&at).cells;
        if (here > data && strncmp(here, between, strlen(between)) == 0)
            last = here;
        if (cells > room) {
            const char *fits = here > data ? here : at;
            return (size_t)((last ? last : fits) - data);
        }
    }
    return (size_t)(at - data);
}

void screen_wrap(const struct screen *screen, struct text *out, const char *data, size_t indent,
                 const char *between)
{
    size_t room = screen->columns > indent ? screen->columns - indent : 1;
    locale_t before = enter_utf8();
    while (*data) {
        const char *end = data + (screen->columns ? line_len(data, room, between) : strlen(data));
        add_spaces(out, indent);
        while (data < end) {
            struct piece piece = take_piece(&data);
            text_add_n(out, piece.bytes, piece.len);
        }
        text_add_char(out, '\n');
        data += strspn(data, " ");
    }
    leave_utf8(before);
}

/* ---- colours ---- */

static void escape(const struct screen *screen, struct text *out, const char *code)
{
    if (screen->colour)
        text_print(out, "\x1b[%sm", code);
}

void screen_paint(const struct screen *screen, struct text *out, enum probe_status status)
{
    static const char *const codes[] = {[PROBE_GRADED] = "0",
                                        [PROBE_OK] = "32",
                                        [PROBE_WARNING] = "33",
                                        [PROBE_CRITICAL] = "1;31",
                                        [PROBE_UNKNOWN] = "35"};
    escape(screen, out, codes[status]);
}

void screen_faint(const struct screen *screen, struct text *out)
{
    escape(screen, out, "2");
}

void screen_plain(const struct screen *screen, struct text *out)
{
    escape(screen, out, "0");
}
