/*
 * schema_scalar - options that hold one value: text, numbers, durations, sizes, secrets.
 *
 * Layer: probe.  Part of probe/schema.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "io/secret.h"
#include "probe/schema_fill.h"

struct problem *schema_refuse_kind(struct schema *schema, const struct node *node, const char *path,
                                   const char *expected)
{
    struct problem *problem;
    if (node->kind == NODE_NULL && !*node->text) {
        problem = problem_add(schema->problems, node->place, path, "is empty");
        problem_hint(problem, "write %s, or take the line away", expected);
    } else if (node_is_scalar(node) && node->kind != NODE_TEXT) {
        problem =
            problem_add(schema->problems, node->place, path, "is %s, not %s", node->text, expected);
    } else {
        problem = problem_add(
            schema->problems, node->place, path, "is %s, not %s", node_kind_name(node), expected);
    }
    return problem;
}

/* Offline no file is opened, so that the answer is the same on every machine. */
static char *put_in_place(const struct schema *schema, const char *text, struct error *error)
{
    if (!schema->offline || !strstr(text, "${file:"))
        return secret_expand(text, error);
    struct probe_secret *parsed = secret_create(text, error);
    if (parsed)
        (void)error_set(error, -ENOENT, "files are not read offline");
    secret_destroy(parsed);
    return NULL;
}

const char *schema_text(struct schema *schema, const struct node *node, const char *path,
                        const char *expected)
{
    if (!node_is_scalar(node) || node->kind == NODE_NULL) {
        (void)schema_refuse_kind(schema, node, path, expected);
        return NULL;
    }
    if (!strstr(node->text, "${"))
        return node->text;
    struct error error;
    MEM_AUTO char *value = put_in_place(schema, node->text, &error);
    if (!value && (error.code == -EINVAL || !schema->offline)) {
        struct problem *problem =
            problem_add(schema->problems, node->place, path, "%s", error.message);
        if (*error.hint)
            problem_hint(problem, "%s", error.hint);
    }
    if (value && schema->resolved)
        text_print(schema->resolved, "%s=%s\n", path, value);
    return arena_copy(schema->memory, value);
}

/* Of an option that is no text: only what holds a reference may be quoted. */
static const char *unquoted(struct schema *schema, const struct written *written,
                            const char *expected)
{
    const struct node *node = written->node;
    if (node->kind != NODE_TEXT || secret_has_reference(node->text))
        return schema_text(schema, node, written->path, expected);
    struct problem *problem = schema_refuse(schema, written, "is text, not %s", expected);
    if (node_kind_of(node->text) != NODE_TEXT)
        problem_hint(problem, "write %s without quotes", node->text);
    return NULL;
}

/* ---------------------------------------------------------------- text ---- */

void schema_list_words(struct text *out, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        text_print(out, "%s%s", i ? ", " : "", words[i]);
}

size_t schema_index_of(const char *const *words, const char *word)
{
    size_t at = 0;
    while (words[at] && strcmp(words[at], word) != 0)
        at++;
    return at;
}

bool schema_choice_fits(struct schema *schema, const struct written *written, const char *text)
{
    const char *const *choices = written->option->choices;
    if (!choices || choices[schema_index_of(choices, text)])
        return true;
    struct text TEXT_AUTO known;
    text_init(&known, 300);
    schema_list_words(&known, choices);
    struct problem *problem =
        schema_refuse(schema, written, "is \"%s\", which is none of %s", text, known.bytes);
    const char *nearest = problem_nearest(text, choices);
    if (nearest)
        problem_hint(problem, "write %s", nearest);
    return false;
}

static const char *string_of(struct schema *schema, const struct written *written)
{
    const struct node *node = written->node;
    if (node->kind != NODE_BOOL)
        return schema_text(schema, node, written->path, "text");
    problem_hint(schema_refuse(schema, written, "is the boolean %s, not text", node->text),
                 "write \"%s\"",
                 node->text);
    return NULL;
}

void fill_string(struct schema *schema, const struct written *written, void *to)
{
    const char *text = string_of(schema, written), **member = to;
    const char *const *choices = written->option->choices;
    if (text && schema_choice_fits(schema, written, text))
        *member = text;
    else if (!text && schema->offline && !*member) /* it cannot be known: anything that fits */
        *member = choices ? choices[0] : node_is_scalar(written->node) ? written->node->text : "";
}

void fill_target(struct schema *schema, const struct written *written, void *to)
{
    const char *text = string_of(schema, written);
    if (!text)
        return;
    struct schema_link *link = arena_new(schema->memory, sizeof(*link));
    *link = (struct schema_link){schema->links, text, written->path, written->node->place};
    schema->links = link;
    *(const char **)to = text;
}

static void destroy_secret(void *secret)
{
    secret_destroy(secret);
}

struct probe_secret *schema_secret(struct schema *schema, const char *text, struct place place,
                                   const char *path)
{
    struct error error = {0};
    struct probe_secret *secret = secret_create(text, &error);
    if (secret)
        arena_own(schema->memory, secret, destroy_secret);
    if (secret && (schema->offline || secret_check(secret, &error) == 0))
        return secret;
    struct problem *problem = problem_add(schema->problems, place, path, "%s", error.message);
    if (*error.hint)
        problem_hint(problem, "%s", error.hint);
    return NULL;
}

void fill_secret(struct schema *schema, const struct written *written, void *to)
{
    const struct node *node = written->node;
    if (!node_is_scalar(node) || node->kind == NODE_NULL || node->kind == NODE_BOOL)
        (void)schema_refuse_kind(schema, node, written->path, "text");
    else
        *(struct probe_secret **)to = schema_secret(schema, node->text, node->place, written->path);
}

/* ------------------------------------------------------------- numbers ---- */

void fill_bool(struct schema *schema, const struct written *written, void *to)
{
    static const char *const habits[] = {"yes", "no", "on", "off", "y", "n", NULL};
    const struct node *node = written->node;
    for (size_t i = 0; habits[i] && node->kind == NODE_TEXT; i++) {
        if (strcasecmp(habits[i], node->text) == 0) {
            problem_hint(
                schema_refuse(
                    schema, written, "is the word \"%s\": booleans are true and false", node->text),
                "write %s",
                i % 2 ? "false" : "true");
            return;
        }
    }
    const char *text = unquoted(schema, written, "true or false");
    if (text && node_kind_of(text) == NODE_BOOL)
        *(bool *)to = (*text | 0x20) == 't';
    else if (text)
        (void)schema_refuse(schema, written, "is \"%s\", not true or false", text);
}

/* Prints a bound as the operator would write it. */
static void print_bound(const struct probe_option *option, int64_t bound, char *out, size_t room)
{
    if (option->type == PROBE_DURATION && room >= UNITS_DURATION_LEN)
        units_print_duration(bound, out);
    else if (option->type == PROBE_BYTES)
        units_print_bytes(bound, out, room);
    else
        (void)snprintf(out, room, "%" PRId64, bound);
}

static bool in_range(struct schema *schema, const struct written *written, double value)
{
    const struct probe_option *option = written->option;
    bool low = value<(double)option->min, high = value>(double) option->max;
    char bound[32];
    if ((option->min == 0 && option->max == 0) || (!low && !high))
        return true;
    print_bound(option, low ? option->min : option->max, bound, sizeof(bound));
    (void)schema_refuse(
        schema, written, "is %s, %s than %s", written->node->text, low ? "less" : "more", bound);
    return false;
}

void fill_int(struct schema *schema, const struct written *written, void *to)
{
    const char *text = unquoted(schema, written, "a whole number");
    int64_t value;
    if (!text)
        return;
    if (node_kind_of(text) != NODE_INT)
        (void)schema_refuse(schema, written, "is \"%s\", not a whole number", text);
    else if (node_integer(text, &value) < 0)
        (void)schema_refuse(schema, written, "is %s, which is too large", text);
    else if (in_range(schema, written, (double)value))
        *(int64_t *)to = value;
}

void fill_real(struct schema *schema, const struct written *written, void *to)
{
    const char *text = unquoted(schema, written, "a number");
    if (!text)
        return;
    enum node_kind kind = node_kind_of(text);
    double value = kind == NODE_INT ? strtod(text, NULL) : node_real(text);
    if ((kind != NODE_INT && kind != NODE_REAL) || !isfinite(value))
        (void)schema_refuse(schema, written, "is \"%s\", not a number", text);
    else if (in_range(schema, written, value))
        *(double *)to = value;
}

void fill_duration(struct schema *schema, const struct written *written, void *to)
{
    const char *text = schema_text(schema, written->node, written->path, "a duration such as 30s");
    int64_t value;
    if (!text)
        return;
    int status = units_duration(text, &value);
    if (status == -ERANGE)
        (void)schema_refuse(schema, written, "is longer than a century");
    else if (status < 0 && node_kind_of(text) == NODE_INT)
        problem_hint(schema_refuse(schema, written, "is %s of no unit", text), "write %ss", text);
    else if (status < 0)
        problem_hint(schema_refuse(schema, written, "is \"%s\", not a duration", text),
                     "write it like 250ms, 30s, 5m, 1h30m or 7d");
    else if (in_range(schema, written, (double)value))
        *(int64_t *)to = value;
}

void fill_bytes(struct schema *schema, const struct written *written, void *to)
{
    const char *text = schema_text(schema, written->node, written->path, "a size such as 64KiB");
    int64_t value;
    if (!text)
        return;
    if (units_bytes(text, &value) < 0)
        problem_hint(schema_refuse(schema, written, "is \"%s\", not a size", text),
                     "write it like 4096, 64KiB or 2GB");
    else if (in_range(schema, written, (double)value))
        *(int64_t *)to = value;
}

void fill_rate(struct schema *schema, const struct written *written, void *to)
{
    const char *text = schema_text(schema, written->node, written->path, "a rate such as 2/s");
    double value;
    if (!text)
        return;
    if (units_rate(text, &value) < 0)
        problem_hint(schema_refuse(schema, written, "is \"%s\", not a rate", text),
                     "write it like 2/s, 10/m or 100/h");
    else if (in_range(schema, written, value))
        *(double *)to = value;
}
