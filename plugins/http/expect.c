#include "expect.h"

#include <ctype.h>
#include <stdlib.h>

/* Three digits at the beginning of `text`, or -1. */
static int read_status(const char *text)
{
    for (int i = 0; i < 3; i++)
        if (!isdigit((unsigned char)text[i]))
            return -1;
    return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

static bool is_class(const char *text)
{
    return isdigit((unsigned char)text[0]) && tolower((unsigned char)text[1]) == 'x' &&
           tolower((unsigned char)text[2]) == 'x' && text[3] == '\0';
}

bool expect_add(struct expect *expect, const char *text)
{
    int first, last;
    if (is_class(text)) {
        first = (text[0] - '0') * 100;
        last = first + 99;
    } else {
        first = last = read_status(text);
        if (first >= 0 && text[3] == '-') {
            text += 4;
            last = read_status(text);
        }
        if (first < 0 || last < 0 || text[3] != '\0')
            return false;
    }
    if (first < EXPECT_LOWEST || last > EXPECT_HIGHEST || first > last)
        return false;
    for (int status = first; status <= last; status++)
        expect->bits[status / 8] |= (uint8_t)(1u << status % 8);
    return true;
}

int expect_take(struct expect *expect, const char *const *list, struct probe_error *error)
{
    for (const char *const *item = list; item && *item; item++)
        if (!expect_add(expect, *item))
            return probe_refuse(error,
                                "expect",
                                "\"%s\" is no status; write 200, 2xx or 200-299, between %d and %d",
                                *item,
                                EXPECT_LOWEST,
                                EXPECT_HIGHEST);
    return list && *list ? 0 : probe_refuse(error, "expect", "nothing is expected; write 2xx, say");
}

bool expect_holds(const struct expect *expect, int status)
{
    return status >= EXPECT_LOWEST && status <= EXPECT_HIGHEST &&
           (expect->bits[status / 8] >> status % 8 & 1);
}
