#include "out/alert_labels.h"

#include <ctype.h>
#include <string.h>

#include "base/exposition.h"
#include "base/mem.h"

enum { MOST_LABELS = 72, OUR_LABELS = 7, LONGEST_VALUE = 4096 };

/* Those that say which alert it is; severity may be the operator's. */
static const char *const ours[OUR_LABELS + 1] = {
    "alertname", "realm", "target", "name", "subject", "node", "severity", NULL};

static const char label_prefix[] = "label.";

/* ---------------------------------------------------------------- templates ---- */

/* Where a reference's value stands in the line. */
static struct view find_value(struct view line, const char *name)
{
    static const char *const members[] = {
        "target", "name", "check", "subject", "scope", "owner", NULL};
    if (strncmp(name, label_prefix, sizeof(label_prefix) - 1) == 0)
        return view_member(view_member(line, "labels"), name + sizeof(label_prefix) - 1);
    if (strcmp(name, "realm") == 0 || strcmp(name, "node") == 0)
        return view_member(view_member(line, "agent"), name);
    for (size_t i = 0; members[i]; i++)
        if (strcmp(members[i], name) == 0)
            return view_member(line, name);
    return (struct view){NULL, 0};
}

static bool is_known(const char *name)
{
    static const char *const names[] = {
        "realm", "node", "target", "name", "check", "subject", "scope", "owner", "severity", NULL};
    if (strncmp(name, label_prefix, sizeof(label_prefix) - 1) == 0)
        return name[sizeof(label_prefix) - 1] != '\0';
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/*
 * The next reference of a text: its name, to be freed, and where the text goes on; NULL: there is no
 * other one, or it does not end, and then `*ret_next` is NULL.
 */
static char *next_reference(const char *text, const char **ret_begin, const char **ret_next)
{
    const char *begin = strstr(text, "${");
    const char *end = begin ? strchr(begin, '}') : NULL;
    *ret_begin = begin;
    *ret_next = end ? end + 1 : NULL;
    return end ? mem_copy_n(begin + 2, (size_t)(end - begin) - 2) : NULL;
}

static void expand(const char *text, const char *severity, struct view line, struct text *out)
{
    const char *begin, *next;
    while (true) {
        MEM_AUTO char *name = next_reference(text, &begin, &next);
        if (!name)
            break;
        text_add_n(out, text, (size_t)(begin - text));
        struct view value = find_value(line, name);
        if (strcmp(name, "severity") == 0)
            text_add(out, severity);
        else if (value.at)
            (void)view_add_text(value, out);
        text = next;
    }
    text_add(out, text);
}

/* -------------------------------------------------------------------- check ---- */

static bool is_name(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    while (isalnum((unsigned char)*name) || *name == '_')
        name++;
    return *name == '\0';
}

static int check_name(const char *name, struct error *error)
{
    if (!is_name(name))
        return error_set(
            error,
            -1,
            "labels: \"%s\" is no name of a label: letters, digits and _, no digit first",
            name);
    for (size_t i = 0; i < OUR_LABELS - 1; i++)
        if (strcmp(ours[i], name) == 0)
            return error_set(
                error,
                -1,
                "labels: %s says which alert it is, and is there already: leave it out",
                name);
    return 0;
}

static int check_text(const char *label, const char *text, struct error *error)
{
    const char *begin, *next;
    while (true) {
        MEM_AUTO char *name = next_reference(text, &begin, &next);
        if (!name && !begin)
            return 0;
        if (!name)
            return error_set(
                error, -1, "labels: %s has a reference that does not end with }", label);
        if (!is_known(name))
            return error_set(
                error,
                -1,
                "labels: %s: there is no ${%s} here: write ${label.NAME}, or realm, node, "
                "target, name, check, subject, scope, owner, severity",
                label,
                name);
        text = next;
    }
}

int alert_labels_check(const char *map, struct error *error)
{
    struct view_walk walk = {.rest = {map, map ? strlen(map) : 0}};
    size_t count = 0;
    if (!map)
        return 0;
    if (!view_is_object(walk.rest))
        return error_set(error, -1, "labels: is no map of names and texts");
    while (view_next(&walk)) {
        MEM_AUTO char *name = mem_copy_n(walk.key.at, walk.key.len);
        struct text TEXT_AUTO text;
        text_init(&text, LONGEST_VALUE);
        if (check_name(name, error) < 0)
            return -1;
        if (!view_add_text(walk.value, &text) || text.cut)
            return error_set(error, -1, "labels: %s is no text: put it into quotes", name);
        if (check_text(name, text.bytes, error) < 0)
            return -1;
        if (++count > MOST_LABELS - OUR_LABELS)
            return error_set(error, -1, "labels: are more than %d", MOST_LABELS - OUR_LABELS);
    }
    return 0;
}

/* -------------------------------------------------------------------- write ---- */

static bool is_one_of(char names[][EXPOSITION_LABEL], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], names[count]) == 0)
            return true;
    return false;
}

/* Alertmanager refuses a request for the name of one label: what is none there is made one. */
static void write_all(struct writer *writer, struct view line)
{
    struct view_walk walk = {.rest = view_member(line, "labels")};
    char names[MOST_LABELS][EXPOSITION_LABEL];
    size_t count = 0;
    for (; ours[count]; count++)
        exposition_label_name(ours[count], "", names[count]);
    while (walk.rest.at && count < MOST_LABELS && view_next(&walk)) {
        MEM_AUTO char *key = mem_copy_n(walk.key.at, walk.key.len);
        exposition_label_name(key, "", names[count]);
        if (is_one_of(names, count))
            exposition_label_name(key, "label_", names[count]);
        if (!is_one_of(names, count) && view_is_string(walk.value))
            writer_raw_n(writer, names[count++], walk.value.at, walk.value.len);
    }
}

/* Those of the map; whether severity was among them. */
static bool write_map(const char *map, const char *severity, struct view line,
                      struct writer *writer)
{
    struct view_walk walk = {.rest = {map, strlen(map)}};
    bool graded = false;
    while (view_next(&walk)) {
        MEM_AUTO char *name = mem_copy_n(walk.key.at, walk.key.len);
        struct text TEXT_AUTO text, value;
        text_init(&text, LONGEST_VALUE);
        text_init(&value, LONGEST_VALUE);
        (void)view_add_text(walk.value, &text);
        expand(text.bytes, severity, line, &value);
        if (!value.len)
            continue;
        writer_string(writer, name, value.bytes);
        graded = graded || strcmp(name, "severity") == 0;
    }
    return graded;
}

static void write_own(struct writer *writer, const char *name, const char *value)
{
    if (value && *value)
        writer_string(writer, name, value);
}

void alert_labels_write(const char *map, const struct alert_labels_own *own, struct view line,
                        struct writer *writer)
{
    struct view agent = view_member(line, "agent");
    struct view realm = view_member(agent, "realm"), node = view_member(agent, "node");
    writer_object(writer, "labels");
    write_own(writer, "alertname", own->alertname);
    if (realm.at && view_is_string(realm))
        writer_raw_n(writer, "realm", realm.at, realm.len);
    write_own(writer, "target", own->target);
    write_own(writer, "name", own->name);
    write_own(writer, "subject", own->subject);
    if (own->of_node && node.at && view_is_string(node))
        writer_raw_n(writer, "node", node.at, node.len);
    if (!map)
        write_all(writer, line);
    if (!map || !write_map(map, own->severity, line, writer))
        write_own(writer, "severity", own->severity);
    writer_end(writer);
}
