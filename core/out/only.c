#include "out/only.h"

#include <string.h>

#include "base/writer.h"
#include "out/view.h"

enum { LONGEST_LABEL = 8192 };

/* An empty list, and what has no such word, fits. */
static bool is_among(const char *const *words, const char *word)
{
    if (!words || !*words || !word)
        return true;
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

/* As the line has them: those of agent, check and subject together. */
static bool labels_fit(const char *const *labels, const struct event *event)
{
    const struct view line = {event->json, event->len};
    struct view have = labels ? view_member(line, "labels") : (struct view){NULL, 0};
    struct text TEXT_AUTO json;
    text_init(&json, LONGEST_LABEL);
    for (; labels && labels[0]; labels += 2) {
        struct writer writer;
        text_cut_to(&json, 0);
        writer_init(&writer, &json);
        writer_string(&writer, NULL, labels[1]);
        if (!view_equals(view_member(have, labels[0]), json.bytes))
            return false;
    }
    return true;
}

bool only_fits_but_for_grade(const struct config_only *only, const struct event *event)
{
    const struct event_finding *finding = event->finding;
    return is_among(only->kinds, event_kind_name(event->kind)) &&
           is_among(only->targets, finding ? finding->target : NULL) &&
           is_among(only->names, finding ? finding->name : NULL) && labels_fit(only->labels, event);
}

bool only_fits(const struct config_only *only, const struct event *event)
{
    const struct event_finding *finding = event->finding;
    return event->level >= only->level &&
           is_among(only->statuses, finding ? event_status_name(finding->report->status) : NULL) &&
           only_fits_but_for_grade(only, event);
}

bool only_wants(const struct config_sink *sink, const struct event *event)
{
    struct view names = {NULL, 0};
    struct text TEXT_AUTO json;
    struct writer writer;
    text_init(&json, LONGEST_LABEL);
    if (event->kind == EVENT_REMEDIATION)
        names = view_member((struct view){event->json, event->len}, "notify");
    struct view_walk walk = {.rest = names};
    if (!names.at)
        return only_fits(&sink->only, event);
    writer_init(&writer, &json);
    writer_string(&writer, NULL, sink->name);
    while (view_next(&walk))
        if (view_equals(walk.value, json.bytes))
            return true;
    return !sink->type->people && only_fits(&sink->only, event);
}
