/*
 * Bytes as an answer's lines: the first line is where the request went, the others are handed over as
 * libcurl does it, in pieces that are lines.  Headers stay pairs within bounds, and a redirect that is
 * followed leads to http or https, without a control character, secrets and origin told apart.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/http_place.h"
#include "io/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_place(const struct http_place *place)
{
    if (strncmp(place->url, "http://", 7) != 0 && strncmp(place->url, "https://", 8) != 0)
        abort();
    if (place->secure != (strncmp(place->url, "https://", 8) == 0) || !*place->host)
        abort();
    for (const char *at = place->url; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            abort();
    if (!http_place_same_origin(place, place))
        abort();
}

static void follow(const struct http_place *from, const char *location)
{
    struct http_place to = {0};
    struct error error;
    if (http_place_follow(&to, from, location, &error) == 0)
        check_place(&to);
    http_place_finish(&to);
}

static void add_lines(struct http_reply *reply, const char *bytes, size_t len)
{
    while (len > 0) {
        const char *newline = memchr(bytes, '\n', len);
        size_t line = newline ? (size_t)(newline - bytes) + 1 : len;
        if (!http_reply_add_line(reply, bytes, line))
            break;
        bytes += line;
        len -= line;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *end = memchr(bytes, '\n', len);
    struct http_place place = {0};
    struct http_reply reply;
    struct error error;
    if (!end)
        return 0;
    MEM_AUTO char *url = strndup((const char *)bytes, (size_t)(end - bytes));
    const struct probe_request request = {.size = sizeof(request), .url = url};
    http_reply_init(&reply, 4096);
    add_lines(&reply, (const char *)end + 1, len - (size_t)(end + 1 - bytes));
    size_t count = 0;
    for (const struct probe_pair *pair = http_reply_headers(&reply); pair->name; pair++)
        count += 1 + 0 * (strlen(pair->name) + strlen(pair->value));
    if (count != reply.line_count)
        abort();
    if (http_place_make(&place, &request, &error) == 0) {
        const char *location = http_reply_header(&reply, "location");
        check_place(&place);
        if (location)
            follow(&place, location);
    }
    http_place_finish(&place);
    http_reply_finish(&reply);
    http_place_forget_all();
    return 0;
}
