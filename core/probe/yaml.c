#include "probe/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"

struct anchor {
    struct anchor *before;
    const char *name;
    const struct node *node;
    bool open; /* its value is being read: an alias to it would contain itself */
};

struct reader {
    struct arena *arena;
    struct problems *problems;
    const char *file;
    const char *bytes;
    size_t len;
    yaml_parser_t parser;
    struct anchor *anchors;
    size_t values;
    unsigned depth;
    const char *keys[YAML_DEEPEST]; /* the way from the root; NULL in lists */
};

static struct place place_of(const struct reader *reader, yaml_mark_t mark)
{
    return (struct place){reader->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* "targets.orders-db", or with `key` "targets.orders-db.url". */
static const char *path_to(const struct reader *reader, const char *key)
{
    const char *path = "";
    for (unsigned i = 0; i < reader->depth; i++)
        if (reader->keys[i])
            path = node_path(reader->arena, path, reader->keys[i]);
    return key ? node_path(reader->arena, path, key) : path;
}

#define refuse(reader_, place_, key_, ...)                                                         \
    problem_add((reader_)->problems, (place_), path_to((reader_), (key_)), __VA_ARGS__)

/* ------------------------------------------------------- syntax errors ---- */

/* The line that `line` (from zero) is; its length in `ret_len`. */
static const char *line_at(const struct reader *reader, size_t line, size_t *ret_len)
{
    const char *at = reader->bytes, *end = at + reader->len;
    for (; line > 0 && at < end; line--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    *ret_len = (size_t)((newline ? newline : end) - at);
    return at;
}

static bool line_holds(const struct reader *reader, size_t line, const char *what)
{
    size_t len;
    const char *at = line_at(reader, line, &len);
    return memmem(at, len, what, strlen(what)) != NULL;
}

/* What people mean who write what libyaml refuses. */
static const char *hint_for(const struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    size_t line = parser->problem_mark.line, len;
    const char *text = line_at(reader, line, &len);
    if (line_holds(reader, line, "${") ||
        (parser->context && line_holds(reader, parser->context_mark.line, "${")))
        return "quote it: inside { } and [ ] a reference needs quotes, \"${env:NAME}\"";
    if (strstr(parser->problem, "cannot start any token"))
        return memchr(text, '\t', len) ? "indent with spaces, not with tabs"
                                       : "quote the value that begins with this character";
    if (strstr(parser->problem, "mapping values are not allowed"))
        return "a value that holds \": \" needs quotes";
    if (strstr(parser->problem, "unknown escape character"))
        return "write the value in single quotes, where \\ stands for itself";
    return NULL;
}

static struct place place_of_offset(const struct reader *reader, size_t offset)
{
    struct place place = {reader->file, 1, 1};
    for (size_t i = 0; i < offset && i < reader->len; i++) {
        bool newline = reader->bytes[i] == '\n';
        place.line += newline;
        place.column = newline ? 1 : place.column + ((reader->bytes[i] & 0xC0) != 0x80);
    }
    return place;
}

static void refuse_syntax(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_READER_ERROR) {
        struct place place = place_of_offset(reader, parser->problem_offset);
        (void)problem_add(reader->problems, place, NULL, "is not UTF-8 text: %s", parser->problem);
        return;
    }
    const char *problem = parser->problem ? parser->problem : "out of memory";
    struct place place = place_of(reader, parser->problem_mark);
    struct problem *made;
    if (parser->context && parser->context_mark.line != parser->problem_mark.line)
        made = problem_add(reader->problems,
                           place,
                           NULL,
                           "is no YAML: %s, %s that begins in line %zu",
                           problem,
                           parser->context,
                           parser->context_mark.line + 1);
    else
        made = problem_add(reader->problems, place, NULL, "is no YAML: %s", problem);
    const char *hint = parser->problem ? hint_for(reader) : NULL;
    if (hint)
        problem_hint(made, "%s", hint);
}

static bool next(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event))
        return true;
    refuse_syntax(reader);
    return false;
}

/* ------------------------------------------------------------- scalars ---- */

static const char *text_of(struct reader *reader, const yaml_event_t *event)
{
    const char *bytes = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    if (memchr(bytes, '\0', len))
        (void)refuse(reader, place_of(reader, event->start_mark), NULL, "holds a NUL character");
    return arena_copy_n(reader->arena, bytes, len);
}

static void refuse_tag(struct reader *reader, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (tag)
        problem_hint(refuse(reader,
                            place_of(reader, mark),
                            NULL,
                            "tags such as %s are not part of this language",
                            (const char *)tag),
                     "quote what is meant as text");
}

static struct node *read_scalar(struct reader *reader, const yaml_event_t *event)
{
    const char *text = text_of(reader, event);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    refuse_tag(reader, event->data.scalar.tag, event->start_mark);
    return node_create(reader->arena,
                       plain ? node_kind_of(text) : NODE_TEXT,
                       place_of(reader, event->start_mark),
                       text);
}

/* ----------------------------------------------------- anchors, aliases ---- */

static struct anchor *open_anchor(struct reader *reader, const yaml_char_t *name)
{
    if (!name)
        return NULL;
    struct anchor *anchor = arena_new(reader->arena, sizeof(*anchor));
    anchor->name = arena_copy(reader->arena, (const char *)name);
    anchor->before = reader->anchors;
    anchor->open = true;
    return reader->anchors = anchor;
}

static void close_anchor(struct anchor *anchor, const struct node *node)
{
    if (anchor) {
        anchor->node = node;
        anchor->open = false;
    }
}

/* Counts into `*values` and gives up beyond the bound; returns how many levels there are. */
static unsigned measure(const struct node *node, size_t *values)
{
    unsigned deepest = 0;
    ++*values;
    for (const struct node *child = node->first; child && *values <= YAML_MOST_VALUES;
         child = child->next) {
        unsigned depth = measure(child, values);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + !node_is_scalar(node);
}

static struct node *read_alias(struct reader *reader, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct place place = place_of(reader, event->start_mark);
    const struct anchor *anchor = reader->anchors;
    while (anchor && strcmp(anchor->name, name) != 0)
        anchor = anchor->before;
    if (!anchor || anchor->open) {
        (void)refuse(reader,
                     place,
                     NULL,
                     anchor ? "*%s stands inside its own &%s" : "*%s has no &%s before it",
                     name,
                     name);
        return node_create(reader->arena, NODE_NULL, place, "");
    }
    unsigned depth = measure(anchor->node, &reader->values);
    if (reader->values > YAML_MOST_VALUES || reader->depth + depth > YAML_DEEPEST) {
        (void)refuse(reader,
                     place,
                     NULL,
                     "*%s makes this file more than %d values or %d levels",
                     name,
                     YAML_MOST_VALUES,
                     YAML_DEEPEST);
        return NULL;
    }
    return node_copy(reader->arena, anchor->node);
}

/* --------------------------------------------------------- collections ---- */

static struct node *read_value(struct reader *reader, const yaml_event_t *event);

static int by_key(const void *left, const void *right)
{
    const struct node *a = *(const struct node *const *)left;
    const struct node *b = *(const struct node *const *)right;
    int order = strcmp(a->key, b->key);
    if (order == 0) /* the earlier one first */
        order = a->named.line != b->named.line ? (a->named.line < b->named.line ? -1 : 1)
                                               : (a->named.column < b->named.column ? -1 : 1);
    return order;
}

static void refuse_doubles(struct reader *reader, const struct node *map)
{
    MEM_AUTO const struct node **sorted = mem_array(map->count, sizeof(*sorted));
    size_t count = 0;
    node_for_each(child, map)
        if (*child->key)
            sorted[count++] = child;
    qsort(sorted, count, sizeof(*sorted), by_key);
    for (size_t i = 1, first = 0; i < count; i++) {
        if (strcmp(sorted[first]->key, sorted[i]->key) != 0) {
            first = i;
            continue;
        }
        (void)refuse(reader,
                     sorted[i]->named,
                     sorted[i]->key,
                     "stands here for the second time, first in line %u column %u",
                     sorted[first]->named.line,
                     sorted[first]->named.column);
    }
}

/* The key that `event` is; "" where it is none that can be used. */
static const char *read_key(struct reader *reader, const yaml_event_t *event)
{
    struct place place = place_of(reader, event->start_mark);
    if (event->type != YAML_SCALAR_EVENT) {
        (void)refuse(reader, place, NULL, "a key must be a word");
        return read_value(reader, event) ? "" : NULL;
    }
    const char *key = text_of(reader, event);
    refuse_tag(reader, event->data.scalar.tag, event->start_mark);
    if (event->data.scalar.anchor)
        (void)refuse(reader, place, NULL, "a key cannot have an anchor");
    if (strcmp(key, "<<") == 0)
        problem_hint(refuse(reader, place, NULL, "merge keys `<<` are not part of this language"),
                     "use `defaults:`, or an alias for a whole value");
    else if (!*key)
        (void)refuse(reader, place, NULL, "a key is empty");
    return key;
}

static bool add_child(struct reader *reader, struct node *parent, const char *key,
                      struct place named, const yaml_event_t *event)
{
    reader->keys[reader->depth - 1] = key;
    struct node *child = read_value(reader, event);
    reader->keys[reader->depth - 1] = NULL;
    if (!child)
        return false;
    child->key = key;
    child->named = named;
    if (key && child->kind == NODE_NULL && !*child->text)
        child->place = named; /* libyaml says where the next token stands */
    node_add(parent, child);
    return true;
}

/* Reads what belongs to `parent` from the event that follows its beginning; false: gave up. */
static bool read_child(struct reader *reader, struct node *parent, const yaml_event_t *event)
{
    if (parent->kind == NODE_LIST)
        return add_child(reader, parent, NULL, (struct place){0}, event);
    struct place named = place_of(reader, event->start_mark);
    const char *key = read_key(reader, event);
    yaml_event_t value;
    if (!key || !next(reader, &value))
        return false;
    bool done = add_child(reader, parent, key, named, &value);
    yaml_event_delete(&value);
    if (done && parent->count > YAML_MOST_KEYS) {
        (void)refuse(reader, parent->place, NULL, "has more than %d keys", YAML_MOST_KEYS);
        return false;
    }
    return done;
}

static struct node *read_children(struct reader *reader, struct node *parent,
                                  yaml_event_type_t closer)
{
    yaml_event_t event;
    if (reader->depth == YAML_DEEPEST) {
        (void)refuse(reader, parent->place, NULL, "is more than %d levels deep", YAML_DEEPEST);
        return NULL;
    }
    reader->depth++;
    bool more = true;
    while (more && (more = next(reader, &event))) {
        bool closes = event.type == closer;
        if (!closes)
            more = read_child(reader, parent, &event);
        yaml_event_delete(&event);
        if (closes)
            break;
    }
    reader->depth--;
    if (more && parent->kind == NODE_MAP)
        refuse_doubles(reader, parent);
    return more ? parent : NULL;
}

static struct node *read_collection(struct reader *reader, const yaml_event_t *event)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    struct place place = place_of(reader, event->start_mark);
    refuse_tag(reader,
               map ? event->data.mapping_start.tag : event->data.sequence_start.tag,
               event->start_mark);
    struct anchor *anchor = open_anchor(
        reader, map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor);
    struct node *node = node_create(reader->arena, map ? NODE_MAP : NODE_LIST, place, NULL);
    node = read_children(reader, node, map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT);
    close_anchor(anchor, node);
    return node;
}

/* The value that `event` begins; NULL: reading has ended, and the reason is told. */
static struct node *read_value(struct reader *reader, const yaml_event_t *event)
{
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(reader, event);
    if (++reader->values > YAML_MOST_VALUES) {
        struct place place = place_of(reader, event->start_mark);
        (void)refuse(reader, place, NULL, "the file has more than %d values", YAML_MOST_VALUES);
        return NULL;
    }
    if (event->type != YAML_SCALAR_EVENT)
        return read_collection(reader, event);
    struct node *node = read_scalar(reader, event);
    close_anchor(open_anchor(reader, event->data.scalar.anchor), node);
    return node;
}

/* ------------------------------------------------------------ document ---- */

static struct node *read_root(struct reader *reader, const yaml_event_t *event)
{
    struct place top = {reader->file, 1, 1};
    if (event->type == YAML_STREAM_END_EVENT)
        return node_create(reader->arena, NODE_MAP, top, NULL);
    struct node *root = NULL;
    yaml_event_t first;
    if (!next(reader, &first))
        return NULL;
    root = read_value(reader, &first);
    yaml_event_delete(&first);
    if (root && root->kind == NODE_NULL && !*root->text)
        return node_create(reader->arena, NODE_MAP, top, NULL);
    return root;
}

/* After the root: the end of the document, and of the stream. */
static bool ends_here(struct reader *reader)
{
    yaml_event_t event;
    for (bool last = false; !last;) {
        if (!next(reader, &event))
            return false;
        last = event.type != YAML_DOCUMENT_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT)
            problem_hint(refuse(reader,
                                place_of(reader, event.start_mark),
                                NULL,
                                "a second document begins here"),
                         "one file holds one document: put the other into a file of its own");
        yaml_event_delete(&event);
    }
    return true;
}

static struct node *read_stream(struct reader *reader)
{
    yaml_event_t event;
    struct node *root = NULL;
    if (!next(reader, &event))
        return NULL;
    yaml_event_delete(&event); /* the stream begins */
    if (!next(reader, &event))
        return NULL;
    bool empty = event.type == YAML_STREAM_END_EVENT;
    root = read_root(reader, &event);
    yaml_event_delete(&event);
    return root && (empty || ends_here(reader)) ? root : NULL;
}

struct node *yaml_read(struct arena *arena, const char *file, const char *bytes, size_t len,
                       struct problems *problems)
{
    struct reader reader = {
        .arena = arena,
        .problems = problems,
        .file = arena_copy(arena, file),
        .bytes = bytes,
        .len = len,
    };
    if (len > YAML_MOST_BYTES) {
        struct place place = {reader.file, 0, 0};
        (void)problem_add(problems, place, NULL, "is larger than %d MiB", YAML_MOST_BYTES >> 20);
        return NULL;
    }
    if (!yaml_parser_initialize(&reader.parser))
        return NULL;
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes, len);
    struct node *root = read_stream(&reader);
    yaml_parser_delete(&reader.parser);
    return root;
}
