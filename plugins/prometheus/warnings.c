#include "warnings.h"

#include <stdio.h>
#include <string.h>

/* Servers before 3.0 send this among the warnings, later ones as `infos`. */
static const char information[] = "PromQL info";

static bool informs(const char *text)
{
    return strncmp(text, information, sizeof(information) - 1) == 0;
}

static void append(char out[WARNINGS_ROOM], const char *text)
{
    size_t used = strlen(out);
    if (used + 3 < WARNINGS_ROOM)
        (void)snprintf(out + used, WARNINGS_ROOM - used, "%s%.200s", used ? "; " : "", text);
}

static void append_all(const json_t *list, bool information_too, char out[WARNINGS_ROOM])
{
    size_t place;
    json_t *one;
    json_array_foreach(list, place, one) {
        const char *text = json_string_value(one);
        if (text && *text && informs(text) == information_too)
            append(out, text);
    }
}

void warnings_read(const json_t *root, char out[WARNINGS_ROOM])
{
    out[0] = '\0';
    append_all(json_object_get(root, "warnings"), false, out);
    append_all(json_object_get(root, "warnings"), true, out);
    append_all(json_object_get(root, "infos"), true, out);
}

void warnings_add(char kept[WARNINGS_ROOM], const char *more)
{
    char before[WARNINGS_ROOM];
    if (!*more || strstr(kept, more))
        return;
    if (warnings_doubt(more) && !warnings_doubt(kept)) { /* information comes last */
        (void)snprintf(before, sizeof(before), "%s", kept);
        (void)snprintf(kept, WARNINGS_ROOM, "%s", more);
        more = before;
    }
    if (*more)
        append(kept, more);
}

bool warnings_doubt(const char *warnings)
{
    return *warnings && !informs(warnings);
}
