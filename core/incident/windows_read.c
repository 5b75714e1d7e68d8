/*
 * windows_read - "guard.freeze.windows" and "silences.windows" as they are written.
 *
 * Layer: incident.  Part of incident/windows.
 */
#include <ctype.h>
#include <string.h>

#include "incident/windows.h"
#include "probe/hours_read.h"

enum { MINUTE_MS = 60000 };

struct window_words {
    const char *name, *cron, *from, *until, *reason, *calendar;
    int64_t for_ms, before_ms, after_ms;
    bool remediate;
};

const struct probe_option window_options[] = {
    {"name",
     PROBE_STRING_AT(struct window_words, name),
     .fallback = "",
     .help = "by which it is told"},
    {"cron",
     PROBE_STRING_AT(struct window_words, cron),
     .fallback = "",
     .help = "minute, hour, day, month, day of the week at which it begins"},
    {"for",
     PROBE_DURATION_AT(struct window_words, for_ms),
     .fallback = "",
     .min = MINUTE_MS,
     .max = WINDOW_LONGEST_MS,
     .help = "of cron: how long it lasts"},
    {"from",
     PROBE_STRING_AT(struct window_words, from),
     .fallback = "",
     .help = "YYYY-MM-DD or YYYY-MM-DD HH:MM"},
    {"until",
     PROBE_STRING_AT(struct window_words, until),
     .fallback = "",
     .help = "... and when it is over"},
    {"calendar",
     PROBE_STRING_AT(struct window_words, calendar),
     .fallback = "",
     .help = "a file of iCalendar, whose events say when it is"},
    {"before",
     PROBE_DURATION_AT(struct window_words, before_ms),
     .fallback = "",
     .max = WINDOW_LONGEST_MS,
     .help = "of calendar: by how much earlier than each event it begins"},
    {"after",
     PROBE_DURATION_AT(struct window_words, after_ms),
     .fallback = "",
     .max = WINDOW_LONGEST_MS,
     .help = "... and by how much later it ends"},
    {"reason",
     PROBE_STRING_AT(struct window_words, reason),
     .fallback = "",
     .help = "why, for people"},
    {0},
};
const struct probe_option window_silence_options[] = {
    {"remediate",
     PROBE_BOOL_AT(struct window_words, remediate),
     .fallback = "false",
     .help = "remediations go on meanwhile"},
    {0},
};

/* One window, while it is read. */
struct draft {
    struct schema *schema;
    const struct node *map;
    const char *path;
    struct named_window *window;
};

#define refuse(draft_, key_, ...)                                                                  \
    problem_add((draft_)->schema->problems,                                                        \
                node_place((draft_)->map, (key_)),                                                 \
                node_path((draft_)->schema->memory, (draft_)->path, (key_)),                       \
                __VA_ARGS__)

static bool is_written(const char *word)
{
    return word && *word;
}

/* ------------------------------------------------------------------- when ---- */

static void read_cron(const struct draft *draft, const struct window_words *own)
{
    struct window *when = &draft->window->when;
    struct error error;
    when->kind = WINDOW_CRON;
    when->for_ms = own->for_ms;
    if (cron_parse(own->cron, &when->cron, &error) < 0)
        problem_hint(refuse(draft, "cron", "\"%s\" is no time: %s", own->cron, error.message),
                     "write minute, hour, day, month and day of the week: \"45 9 * * FRI\"");
    if (!own->for_ms)
        problem_hint(refuse(draft, "cron", "says when it begins, and nothing when it ends"),
                     "write for: 90m beside it");
}

static void read_date(const struct draft *draft, const char *key, const char *text, int64_t *ret_ms)
{
    if (!is_written(text))
        problem_hint(refuse(draft, key, "is missing"), "write both from and until");
    else if (window_parse_date(text, draft->window->when.hours.zone, ret_ms) < 0)
        problem_hint(refuse(draft, key, "\"%s\" is no date", text),
                     "write it like \"2026-12-20\" or \"2026-12-20 08:00\", with quotes");
}

static void read_dates(const struct draft *draft, const struct window_words *own)
{
    struct window *when = &draft->window->when;
    size_t errors = draft->schema->problems->errors;
    when->kind = WINDOW_DATES;
    read_date(draft, "from", own->from, &when->from_ms);
    read_date(draft, "until", own->until, &when->until_ms);
    if (draft->schema->problems->errors == errors && when->until_ms <= when->from_ms)
        (void)refuse(draft, "until", "is not after from");
}

/* Nothing is read yet: whoever is at work with this configuration does that, again and again. */
static void read_calendar(const struct draft *draft, const struct window_words *own)
{
    struct named_window *window = draft->window;
    const struct node *tz = node_find(draft->map, "tz");
    window->when.kind = WINDOW_SPANS;
    window->when.spans = arena_new(draft->schema->memory, sizeof(*window->when.spans));
    window->calendar = own->calendar;
    window->tz = !node_is_absent(tz) && tz->kind == NODE_TEXT ? tz->text : NULL;
    window->before_ms = own->before_ms;
    window->after_ms = own->after_ms;
    if (*own->calendar != '/')
        problem_hint(
            refuse(draft, "calendar", "is not an absolute path"),
            "write the path of an .ics file; one that lies elsewhere is to be fetched into it");
}

static void read_when(const struct draft *draft, const struct window_words *own)
{
    const struct node *map = draft->map;
    bool dates = is_written(own->from) || is_written(own->until), cron = is_written(own->cron);
    bool hours =
        !node_is_absent(node_find(map, "hours")) || !node_is_absent(node_find(map, "days"));
    bool calendar = is_written(own->calendar);
    int ways = dates + cron + hours + calendar;
    hours_read(draft->schema, map, draft->path, &draft->window->when.hours);
    if (calendar)
        read_calendar(draft, own);
    if (ways != 1)
        problem_hint(refuse(draft, "name", "says %s when it is", ways > 0 ? "twice" : "not"),
                     "write hours and days, or cron and for, or from and until, or calendar");
    else if (cron)
        read_cron(draft, own);
    else if (dates)
        read_dates(draft, own);
    if ((own->before_ms || own->after_ms) && !calendar)
        (void)refuse(draft,
                     own->before_ms ? "before" : "after",
                     "belongs to calendar: the others say when they begin and end");
    if (own->for_ms && !cron)
        (void)refuse(draft, "for", "belongs to cron: hours and dates have an end of their own");
}

/* ------------------------------------------------------------------- whole ---- */

/* "s4" is what silences that people make are called. */
static bool is_taken(const char *name)
{
    return *name == 's' && name[1] && name[1 + strspn(name + 1, "0123456789")] == '\0';
}

static void read_name(const struct draft *draft, const struct windows *windows, const char *name)
{
    draft->window->name = is_written(name) ? name : "?";
    if (!is_written(name))
        problem_hint(refuse(draft, "name", "is missing"), "write name: WORD: it is told by it");
    else if (is_taken(name))
        (void)refuse(draft, "name", "\"%s\" is what a silence is called that a person makes", name);
    for (size_t i = 0; is_written(name) && i < windows->count; i++)
        if (strcmp(windows->all[i].name, name) == 0)
            (void)refuse(draft, "name", "there are two windows called \"%s\"", name);
}

/* Of a list each item, of anything else itself; NULL where it is absent. */
static const char *const *read_patterns(struct schema *schema, const struct node *map,
                                        const char *path, const char *key)
{
    const struct node *node = node_find(map, key);
    const char *own = node_path(schema->memory, path, key);
    if (node_is_absent(node))
        return NULL;
    bool list = node->kind == NODE_LIST;
    size_t count = 0, room = list ? node->count : 1;
    const char **patterns = arena_array(schema->memory, room + 1, sizeof(*patterns));
    for (const struct node *item = list ? node->first : node; item;
         item = list ? item->next : NULL) {
        const char *text = schema_text(schema, item, own, "a name, in which * stands for letters");
        if (text)
            patterns[count++] = text;
    }
    return patterns;
}

static void read_match(const struct draft *draft, const char *key, struct window_match *match)
{
    static const char *const words[] = {"target", "name", "subject", "check", "labels", NULL};
    struct schema *schema = draft->schema;
    const struct node *map = node_find(draft->map, key);
    const char *path = node_path(schema->memory, draft->path, key);
    if (node_is_absent(map))
        return;
    if (map->kind != NODE_MAP) {
        problem_hint(refuse(draft, key, "is %s, not a map", node_kind_name(map)),
                     "write it like {target: pg}, {check: [cert.*]} or {labels: {team: dba}}");
        return;
    }
    schema_refuse_unknown(schema, &(struct schema_keys){.words = words}, map, path);
    *match = (struct window_match){
        .targets = read_patterns(schema, map, path, "target"),
        .names = read_patterns(schema, map, path, "name"),
        .subjects = read_patterns(schema, map, path, "subject"),
        .checks = read_patterns(schema, map, path, "check"),
        .labels = schema_labels(
            schema, node_find(map, "labels"), node_path(schema->memory, path, "labels"), NULL),
        .written = map->count > 0,
    };
}

static void read_silence(const struct draft *draft, const struct window_words *own)
{
    draft->window->remediate = own->remediate;
    read_match(draft, "match", &draft->window->match);
    read_match(draft, "except", &draft->window->except);
    if (!draft->window->match.written)
        problem_hint(refuse(draft, "match", "is missing: what is to be silent"),
                     "write match: {target: NAME}; {target: \"*\"} is all of them");
}

static void read_one(struct schema *schema, const struct node *map, const char *path, bool silences,
                     struct windows *windows)
{
    static const char *const freeze_words[] = {"hours", "days", "tz", NULL};
    static const char *const silence_words[] = {"hours", "days", "tz", "match", "except", NULL};
    struct named_window *window = &windows->all[windows->count];
    const struct draft draft = {schema, map, path, window};
    struct window_words own = {0};
    if (map->kind != NODE_MAP) {
        problem_hint(
            problem_add(
                schema->problems, map->place, path, "is %s, not a map", node_kind_name(map)),
            "write it like {name: nights, hours: \"22:00-06:00\", days: MON-FRI, tz: "
            "Europe/London}");
        return;
    }
    schema_refuse_unknown(
        schema,
        &(struct schema_keys){.tables = {window_options, silences ? window_silence_options : NULL},
                              .words = silences ? silence_words : freeze_words},
        map,
        path);
    schema_fill(schema, window_options, map, path, &own);
    if (silences)
        schema_fill(schema, window_silence_options, map, path, &own);
    read_name(&draft, windows, own.name);
    read_when(&draft, &own);
    window->reason = is_written(own.reason) ? own.reason : NULL;
    if (silences)
        read_silence(&draft, &own);
    windows->count++;
}

static void read_list(struct schema *schema, const struct node *list, const char *path,
                      bool silences, struct windows *windows)
{
    if (node_is_absent(list))
        return;
    if (list->kind != NODE_LIST) {
        problem_hint(
            problem_add(
                schema->problems, list->place, path, "is %s, not a list", node_kind_name(list)),
            "write a dash before each window, or [{name: ...}]");
        return;
    }
    if (list->count > WINDOWS_MOST) {
        (void)problem_add(
            schema->problems, list->place, path, "are more than %d", (int)WINDOWS_MOST);
        return;
    }
    windows->all = arena_array(schema->memory, list->count + 1, sizeof(*windows->all));
    node_for_each(map, list)
        read_one(schema, map, path, silences, windows);
}

void windows_read_freezes(struct schema *schema, const struct node *list, const char *path,
                          struct windows *windows)
{
    read_list(schema, list, path, false, windows);
}

void windows_read_silences(struct schema *schema, const struct node *list, const char *path,
                           struct windows *windows)
{
    read_list(schema, list, path, true, windows);
}
