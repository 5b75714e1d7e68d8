#include "capture.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "common/http/answer.h"
#include "common/json_path.h"

static const char opening[] = "${captured:";

enum { VALUE_ROOM = 16 << 10 };

/* --------------------------------------------------------------- taking ---- */

bool capture_is(const char *from)
{
    if (!from)
        return false;
    if (strncmp(from, "json.", 5) == 0)
        return json_path_is(from);
    return (strncmp(from, "header.", 7) == 0 && from[7]) ||
           (strncmp(from, "cookie.", 7) == 0 && from[7]);
}

static char *of_json(const char *path, const struct probe_response *response)
{
    json_t *root = json_loadb(response->body, response->body_len, JSON_DECODE_ANY, NULL);
    const json_t *value = root ? json_path_find(root, path) : NULL;
    char *text = value && !json_is_null(value) ? malloc(VALUE_ROOM) : NULL;
    if (text)
        json_path_print(value, text, VALUE_ROOM);
    json_decref(root);
    return text;
}

/* The value of Set-Cookie: NAME=VALUE; ... */
static char *of_cookie(const char *name, const struct probe_response *response)
{
    size_t len = strlen(name);
    for (const struct probe_pair *pair = response->headers; pair && pair->name; pair++) {
        if (strcasecmp(pair->name, "set-cookie") == 0 && strncmp(pair->value, name, len) == 0 &&
            pair->value[len] == '=')
            return strndup(pair->value + len + 1, strcspn(pair->value + len + 1, ";"));
    }
    return NULL;
}

static char *of_header(const char *name, const struct probe_response *response)
{
    const char *value = answer_header(response, name);
    return value ? strdup(value) : NULL;
}

static void wipe(char *value)
{
    if (value)
        explicit_bzero(value, strlen(value));
    free(value);
}

bool capture_take(struct captures *captures, const char *name, const char *from,
                  const struct probe_response *response)
{
    char *value = *from == 'j'   ? of_json(from, response)
                  : *from == 'c' ? of_cookie(from + 7, response)
                                 : of_header(from + 7, response);
    size_t i = 0;
    if (!value)
        return false;
    while (i < captures->count && strcmp(captures->of[i].name, name) != 0)
        i++;
    if (i == CAPTURE_MOST) {
        wipe(value);
        return false;
    }
    if (i == captures->count)
        captures->count++;
    wipe(captures->of[i].value);
    captures->of[i] = (struct capture){name, value};
    return true;
}

/* -------------------------------------------------------------- putting ---- */

/* A text that grows. */
struct growing {
    char *bytes;
    size_t len, room;
};

static void add(struct growing *text, const char *bytes, size_t len)
{
    if (!text->bytes || text->len + len + 1 > text->room) {
        text->room = 2 * (text->len + len + 1);
        text->bytes = realloc(text->bytes, text->room);
        if (!text->bytes)
            abort();
    }
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    text->bytes[text->len] = '\0';
}

static void add_escaped(struct growing *text, const char *value, enum capture_for what)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *value; value++) {
        unsigned char byte = (unsigned char)*value;
        char escaped[8];
        if (what == CAPTURE_FOR_PATH && !strchr(plain, byte))
            (void)snprintf(escaped, sizeof(escaped), "%%%02X", byte);
        else if (what == CAPTURE_FOR_JSON && (byte == '"' || byte == '\\'))
            (void)snprintf(escaped, sizeof(escaped), "\\%c", byte);
        else if (what == CAPTURE_FOR_JSON && byte < ' ')
            (void)snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
        else if (what == CAPTURE_FOR_HEADER && (byte < ' ' || byte == 0x7F))
            continue; /* a line break would begin another header */
        else
            (void)snprintf(escaped, sizeof(escaped), "%c", byte);
        add(text, escaped, strlen(escaped));
    }
}

static const char *find(const struct captures *captures, const char *name, size_t len)
{
    for (size_t i = 0; i < captures->count; i++)
        if (strncmp(captures->of[i].name, name, len) == 0 && !captures->of[i].name[len])
            return captures->of[i].value;
    return NULL;
}

char *capture_put(const struct captures *captures, const char *text, enum capture_for what,
                  char **ret_missing)
{
    struct growing out = {0};
    const char *at;
    while ((at = strstr(text, opening)) != NULL) {
        const char *name = at + sizeof(opening) - 1, *end = strchr(name, '}');
        if (!end)
            break;
        const char *value = find(captures, name, (size_t)(end - name));
        if (!value) {
            *ret_missing = strndup(name, (size_t)(end - name));
            free(out.bytes);
            return NULL;
        }
        add(&out, text, (size_t)(at - text));
        add_escaped(&out, value, what);
        text = end + 1;
    }
    add(&out, text, strlen(text));
    return out.bytes;
}

bool capture_each(const char *text, bool (*each)(const char *name, size_t len, void *data),
                  void *data)
{
    for (const char *at = text ? strstr(text, opening) : NULL; at; at = strstr(at, opening)) {
        at += sizeof(opening) - 1;
        if (!each(at, strcspn(at, "}"), data))
            return false;
    }
    return true;
}

void capture_scrub(const struct captures *captures, char *text)
{
    for (size_t i = 0; i < captures->count; i++)
        answer_scrub(text, captures->of[i].value);
}

/* ----------------------------------------------------------------- tokens ---- */

static int sextet(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* Base64url without padding (RFC 7515, appendix C), to be freed; NULL: it is none. */
static char *decode(const char *text, size_t len, size_t *ret_len)
{
    char *out = malloc(len + 1);
    unsigned bits = 0, held = 0;
    *ret_len = 0;
    if (!out)
        abort();
    for (size_t i = 0; i < len; i++) {
        int value = sextet(text[i]);
        if (value < 0) {
            free(out);
            return NULL;
        }
        bits = (bits << 6 | (unsigned)value) & 0xFFFFu;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[(*ret_len)++] = (char)(bits >> held & 0xFFu);
        }
    }
    return out;
}

static double token_seconds(const char *value, int64_t now_ms)
{
    const char *first = strchr(value, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    size_t len;
    char *payload = second ? decode(first + 1, (size_t)(second - first - 1), &len) : NULL;
    json_t *claims = payload ? json_loadb(payload, len, 0, NULL) : NULL;
    const json_t *expires = json_object_get(claims, "exp");
    double left =
        json_is_number(expires) ? json_number_value(expires) - (double)now_ms / 1000.0 : -1;
    bool is_token = json_is_number(expires);
    json_decref(claims);
    free(payload);
    return !is_token ? -1 : left > 0 ? left : 0;
}

double capture_token_seconds(const struct captures *captures, int64_t now_ms)
{
    for (size_t i = 0; i < captures->count; i++) {
        double seconds = token_seconds(captures->of[i].value, now_ms);
        if (seconds >= 0)
            return seconds;
    }
    return -1;
}

void capture_finish(struct captures *captures)
{
    for (size_t i = 0; i < captures->count; i++)
        wipe(captures->of[i].value);
    captures->count = 0;
}
