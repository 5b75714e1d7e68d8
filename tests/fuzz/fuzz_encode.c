/*
 * Any bytes as what a spool may hold: no encoding reads beyond them; and of lines that are JSON,
 * whatever is in them, each makes JSON.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "out/encode.h"
#include "out/view.h"

enum { MOST = 8 << 20 };

static bool is_json(const char *bytes, size_t len)
{
    json_t *json = json_loadb(bytes, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    json_decref(json);
    return json != NULL;
}

static bool are_lines_of_json(const char *bytes, size_t len)
{
    struct view rest = {bytes, len}, line;
    while (view_line(&rest, &line))
        if (!is_json(line.at, line.len))
            return false;
    return true;
}

static void judge(const struct encoding *encoding, const struct sink_parcel *parcel, bool sound)
{
    static const char *const labels[] = {"kind", "a", "service", NULL};
    const struct encode_wish wish = {.labels = labels, .index = "i", .table = "t"};
    struct text TEXT_AUTO body;
    text_init(&body, MOST);
    if (!encoding->encode(&wish, parcel, &body) || !sound || body.cut)
        return;
    bool whole =
        strcmp(encoding->media, "application/json") == 0 && strcmp(encoding->name, "splunk") != 0;
    if (whole ? !is_json(body.bytes, body.len) : !are_lines_of_json(body.bytes, body.len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1); /* on the heap, and no byte too long */
    memcpy(copy, bytes, len);
    const struct sink_parcel parcel = {copy, len, 1};
    struct view rest = {copy, len}, line;
    bool sound = are_lines_of_json(copy, len);
    while (view_line(&rest, &line))
        sound = sound && view_is_object(line);
    for (size_t i = 0; encode_names[i]; i++)
        judge(encode_find(encode_names[i]), &parcel, sound);
    free(copy);
    return 0;
}
