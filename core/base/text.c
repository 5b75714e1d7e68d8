#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static char nothing[1] = "";

void text_init(struct text *text, size_t max)
{
    *text = (struct text){.bytes = nothing, .max = max};
}

void text_finish(struct text *text)
{
    if (text->room)
        free(text->bytes);
    text_init(text, text->max);
}

size_t text_whole(const char *bytes, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)bytes[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return len;
    unsigned char lead = (unsigned char)bytes[start - 1];
    size_t wants = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return len - start + 1 < wants ? start - 1 : len;
}

size_t text_character(const char *bytes, size_t left)
{
    const unsigned char *at = (const unsigned char *)bytes;
    unsigned lead = left ? at[0] : 0xFF;
    size_t len = lead < 0x80   ? 1
                 : lead < 0xC2 ? 0
                 : lead < 0xE0 ? 2
                 : lead < 0xF0 ? 3
                 : lead < 0xF5 ? 4
                               : 0;
    if (len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F) ||
        (lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F))
        return 0; /* overlong, a surrogate, beyond U+10FFFF */
    return len;
}

/* Makes room for `more` bytes and says how many of them may be added. */
static size_t reserve(struct text *text, size_t more)
{
    size_t left = text->max - text->len;
    if (more > left) {
        more = left;
        text->cut = true;
    }
    if (text->len + more + 1 > text->room) {
        size_t room = text->room ? text->room : 128;
        while (room < text->len + more + 1)
            room *= 2;
        text->bytes = mem_resize(text->room ? text->bytes : NULL, room);
        text->room = room;
    }
    return more;
}

void text_add_n(struct text *text, const void *bytes, size_t len)
{
    if (len == 0 || text->cut)
        return;
    size_t fits = reserve(text, len);
    if (fits < len)
        fits = text_whole(bytes, fits);
    memcpy(text->bytes + text->len, bytes, fits);
    text->len += fits;
    text->bytes[text->len] = '\0';
}

char *text_extend(struct text *text, size_t len)
{
    if (text->cut || len > text->max - text->len)
        return NULL;
    (void)reserve(text, len);
    char *added = text->bytes + text->len;
    text->len += len;
    text->bytes[text->len] = '\0';
    return added;
}

void text_add(struct text *text, const char *string)
{
    text_add_n(text, string, strlen(string));
}

void text_add_char(struct text *text, char c)
{
    text_add_n(text, &c, 1);
}

void text_print(struct text *text, const char *fmt, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(small)) {
        text_add_n(text, small, (size_t)len);
    } else if (len > 0) {
        MEM_AUTO char *large = mem_new((size_t)len + 1);
        (void)vsnprintf(large, (size_t)len + 1, fmt, again);
        text_add_n(text, large, (size_t)len);
    }
    va_end(again);
}

void text_add_plain(struct text *text, const char *bytes, size_t len)
{
    for (size_t i = 0, plain = 0; i < len; plain = i) {
        while (i < len && bytes[i] >= 0x20 && bytes[i] < 0x7F)
            i++;
        text_add_n(text, bytes + plain, i - plain);
        if (i == len)
            break;
        size_t wide = text_character(bytes + i, len - i);
        bool control = wide == 1 || (wide == 2 && memcmp(bytes + i, "\xC2\xA0", 2) < 0);
        if (control)
            text_add_char(text, ' ');
        else if (wide)
            text_add_n(text, bytes + i, wide);
        else
            text_add(text, "\xEF\xBF\xBD");
        i += wide ? wide : 1;
    }
}

void text_cut_to(struct text *text, size_t len)
{
    if (len < text->len) {
        text->len = len;
        text->bytes[len] = '\0';
    }
    text->cut = false;
}

char *text_take(struct text *text)
{
    char *bytes = text->room ? text->bytes : mem_copy("");
    text->room = 0;
    text_finish(text);
    return bytes;
}
