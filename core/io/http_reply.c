#include "io/http_reply.h"

#include <string.h>

#include "base/mem.h"

enum { MAX_LINES = 64 * 1024 };

void http_reply_init(struct http_reply *reply, size_t max_body)
{
    *reply = (struct http_reply){0};
    text_init(&reply->lines, MAX_LINES);
    text_init(&reply->body, max_body);
}

void http_reply_finish(struct http_reply *reply)
{
    text_finish(&reply->lines);
    text_finish(&reply->body);
    free(reply->headers);
    reply->headers = NULL;
}

static void forget_lines(struct http_reply *reply)
{
    text_cut_to(&reply->lines, 0);
    reply->line_count = 0;
    free(reply->headers);
    reply->headers = NULL;
}

void http_reply_reset(struct http_reply *reply)
{
    forget_lines(reply);
    text_cut_to(&reply->body, 0);
    reply->begun = false;
}

bool http_reply_add_line(struct http_reply *reply, const char *line, size_t len)
{
    const char *colon;
    while (len && strchr("\r\n \t", line[len - 1]))
        len--;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* another answer: after a 100, say */
        forget_lines(reply);
        reply->begun = true;
        return true;
    }
    if (!len || !(colon = memchr(line, ':', len)))
        return true;
    if (memchr(line, '\0', len)) /* it ends names and values; libcurl refuses it too, by now */
        return true;
    const char *value = colon + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    text_add_n(&reply->lines, line, (size_t)(colon - line));
    text_add_char(&reply->lines, '\0');
    text_add_n(&reply->lines, value, (size_t)(end - value));
    text_add_char(&reply->lines, '\0');
    reply->line_count++;
    return !reply->lines.cut;
}

const struct probe_pair *http_reply_headers(struct http_reply *reply)
{
    const char *at = reply->lines.bytes, *end = at + reply->lines.len;
    free(reply->headers);
    reply->headers = mem_array(reply->line_count + 1, sizeof(*reply->headers));
    for (struct probe_pair *pair = reply->headers; at < end; pair++) {
        pair->name = at;
        pair->value = at + strlen(at) + 1;
        if (pair->value >= end) { /* cut within this one */
            *pair = (struct probe_pair){0};
            break;
        }
        at = pair->value + strlen(pair->value) + 1;
    }
    return reply->headers;
}

const char *http_reply_header(struct http_reply *reply, const char *name)
{
    const struct probe_pair *pair = http_reply_headers(reply);
    while (pair->name && strcasecmp(pair->name, name) != 0)
        pair++;
    return pair->value;
}
