#include "base/redact.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/writer.h"

/* CUT: so many bytes that a value begins with are the value, of which somebody cut the rest off. */
enum { CUT = 16, SHORTEST = 4, STRIDE = SHORTEST - 1, MOST = 4096, LONGEST_COPY = 1 << 20 };

struct value {
    char *bytes;
    size_t len;
    bool is_address; /* a URL, whose beginning is no secret */
};

static struct {
    struct value *values; /* longest first, so that one inside another is not left half open */
    size_t count;
    /*
     * Two bytes in a row at the first three places of any value.  A value has four bytes or more,
     * so it is enough to look at every third place of a text: most of it is skipped unread.
     */
    uint64_t pairs[65536 / 64];
} known;

static unsigned pair_at(const char *at)
{
    return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

static void keep(char *bytes)
{
    const struct value value = {bytes, strlen(bytes), strstr(bytes, "://") != NULL};
    size_t at = 0;
    for (size_t i = 0; i < known.count; i++) {
        if (strcmp(known.values[i].bytes, bytes) == 0) {
            free(bytes);
            return;
        }
        if (known.values[i].len >= value.len)
            at = i + 1;
    }
    if (known.count == MOST) /* rotated for years: the shortest of the old ones goes */
        free(known.values[--known.count].bytes);
    if (at > known.count)
        at = known.count;
    known.values = mem_resize(known.values, (known.count + 1) * sizeof(*known.values));
    memmove(known.values + at + 1, known.values + at, (known.count - at) * sizeof(*known.values));
    known.values[at] = value;
    known.count++;
    for (size_t i = 0; i < STRIDE; i++)
        known.pairs[pair_at(bytes + i) / 64] |= UINT64_C(1) << pair_at(bytes + i) % 64;
}

static char *in_json(const char *value)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, 1 << 20);
    writer_init(&writer, &text);
    writer_string(&writer, NULL, value);
    return mem_copy_n(text.bytes + 1, text.len - 2);
}

static char *in_url(const char *value)
{
    struct text TEXT_AUTO text;
    text_init(&text, 1 << 20);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (isalnum(*c) || strchr("-._~", *c))
            text_add_char(&text, (char)*c);
        else
            text_print(&text, "%%%02X", *c);
    }
    return text_take(&text);
}

void redact_learn(const char *value)
{
    if (!value || strlen(value) < SHORTEST)
        return;
    keep(mem_copy(value));
    keep(in_json(value));
    keep(in_url(value));
}

void redact_forget_all(void)
{
    for (size_t i = 0; i < known.count; i++)
        free(known.values[i].bytes);
    free(known.values);
    memset(&known, 0, sizeof(known));
}

/* How much of a value is at `at`; zero: not enough to be it.  Many an address begins as another. */
static size_t match_one(const struct value *value, const char *at, size_t left)
{
    size_t most = value->len < left ? value->len : left, same = most < CUT ? most : CUT;
    if (memcmp(value->bytes, at, same) != 0)
        return 0;
    while (same < most && value->bytes[same] == at[same])
        same++;
    return same == value->len || (same >= CUT && !value->is_address) ? same : 0;
}

/* The length of the known value at `at`, or of the longest beginning of one; zero: none. */
static size_t match(const char *at, size_t left)
{
    size_t longest = 0;
    for (size_t i = 0; i < known.count; i++) {
        size_t found = match_one(&known.values[i], at, left);
        longest = found > longest ? found : longest;
    }
    return longest;
}

/* Where the first known value begins from `from` on, and its length; `len`: there is none. */
static size_t find(const char *bytes, size_t len, size_t from, size_t *ret_found)
{
    for (size_t i = from; known.count && i + 1 < len; i += STRIDE) {
        unsigned pair = pair_at(bytes + i);
        if (!(known.pairs[pair / 64] >> pair % 64 & 1))
            continue;
        for (size_t at = i < from + STRIDE - 1 ? from : i - (STRIDE - 1); at <= i; at++)
            if ((*ret_found = match(bytes + at, len - at)))
                return at;
    }
    return len;
}

bool redact_finds(const char *bytes, size_t len)
{
    size_t found;
    return find(bytes, len, 0, &found) < len;
}

void redact_add(struct text *text, const char *bytes, size_t len)
{
    size_t plain = 0, found = 0, at;
    while ((at = find(bytes, len, plain, &found)) < len) {
        text_add_n(text, bytes + plain, at - plain);
        text_add(text, REDACT_MARK);
        plain = at + found;
    }
    text_add_n(text, bytes + plain, len - plain);
}

static bool is_printable(const char *string, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (string[i] < 0x20 || string[i] >= 0x7F)
            return false;
    return true;
}

char *redact_copy(const char *string, size_t max)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    if (!string)
        return NULL;
    size_t len = strlen(string);
    if (len <= max && is_printable(string, len) && !redact_finds(string, len))
        return mem_copy_n(string, len); /* as nearly everything is */
    struct text TEXT_AUTO open;
    struct text copy;
    text_init(&open, LONGEST_COPY);
    text_init(&copy, max);
    redact_add(&open, string, len);
    text_add_plain(&copy, open.bytes, open.len);
    if (copy.cut && max >= sizeof(ellipsis)) {
        size_t left = max - (sizeof(ellipsis) - 1);
        text_cut_to(&copy, copy.len > left ? text_whole(copy.bytes, left) : copy.len);
        text_add(&copy, ellipsis);
    }
    return text_take(&copy);
}
