#include "io/http_after.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

enum { MOST_DIGITS = 9 };

int64_t http_after_ms(const char *value, int64_t wall_ms)
{
    size_t digits = value ? strspn(value, "0123456789") : 0;
    int64_t seconds = 0;
    if (!value)
        return 0;
    if (digits > 0 && value[digits] == '\0') {
        for (size_t i = 0; i < digits && i < MOST_DIGITS; i++)
            seconds = seconds * 10 + (value[i] - '0');
        return seconds * 1000;
    }
    time_t date = curl_getdate(value, NULL);
    int64_t ms = date < 0 ? 0 : (int64_t)date * 1000 - wall_ms;
    return ms > 0 ? ms : 0;
}
