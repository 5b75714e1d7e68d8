/*
 * A secret, a newline, and any bytes as JSON: what was JSON stays JSON, of the same shape at its
 * top, and no string or name below holds the secret, however it was escaped.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/redact.h"

static void check_string(const char *bytes, size_t len)
{
    if (redact_finds(bytes, len))
        abort();
}

static void check(const json_t *json)
{
    const char *name;
    json_t *member;
    size_t i;
    if (json_is_string(json))
        check_string(json_string_value(json), json_string_length(json));
    json_array_foreach(json, i, member) {
        check(member);
    }
    json_object_foreach((json_t *)json, name, member) {
        check_string(name, strlen(name));
        check(member);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *end = memchr(bytes, '\n', len);
    if (!end || memchr(end, '\0', len - (size_t)(end - bytes)))
        return 0; /* our writer escapes NUL bytes; jansson takes a bare one where it should not */
    char *secret = strndup((const char *)bytes, (size_t)(end - bytes));
    const char *json = (const char *)end + 1;
    size_t json_len = len - (size_t)(end + 1 - bytes);
    struct text text;

    redact_learn(secret);
    text_init(&text, 16 * len + 64);
    redact_add_json(&text, json, json_len, 0);
    json_t *before = json_loadb(json, json_len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    json_t *after = json_loadb(text.bytes, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (before && !after)
        abort();
    if (before && !strpbrk(secret, REDACT_MARK)) /* the mark might complete another one */
        check(after);
    json_decref(before);
    json_decref(after);
    text_finish(&text);
    redact_forget_all();
    free(secret);
    return 0;
}
