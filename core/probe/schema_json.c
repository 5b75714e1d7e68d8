/*
 * schema_json - option tables as JSON Schema, draft 2020-12, for editors and for validation
 * elsewhere.
 *
 * A reference may stand wherever a value may, so whatever is no text is also a string with "${".
 *
 * Layer: probe.  Part of probe/schema.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "probe/schema_fill.h"
#include "probe/yaml.h"

#define REFERENCE "\\$\\{(env|file):"
#define DURATION "^(0|([0-9]+(\\.[0-9]+)?(w|d|h|ms|m|s))+)$"
#define SIZE "^[0-9]+(\\.[0-9]+)? ?([kKMGT]?B|[KMGT]iB)?$"
#define RATE "^[0-9]+(\\.[0-9]+)?/[smhd]$"

static void write_choices(const struct probe_option *option, struct writer *writer)
{
    if (!option->choices)
        return;
    writer_array(writer, "enum");
    for (size_t i = 0; option->choices[i]; i++)
        writer_string(writer, NULL, option->choices[i]);
    writer_end(writer);
}

static void write_range(const struct probe_option *option, struct writer *writer)
{
    if (option->min == 0 && option->max == 0)
        return;
    writer_int(writer, "minimum", option->min);
    writer_int(writer, "maximum", option->max);
}

/* Text of a form of its own, or with a reference in it. */
static void write_pattern(const char *pattern, struct writer *writer)
{
    MEM_AUTO char *either = mem_print("%s|" REFERENCE, pattern);
    writer_string(writer, "type", "string");
    writer_string(writer, "pattern", either);
}

/* A value of `type`, or a string with a reference. */
static void write_either(const struct probe_option *option, const char *type, struct writer *writer)
{
    writer_array(writer, "anyOf");
    writer_object(writer, NULL);
    writer_string(writer, "type", type);
    write_range(option, writer);
    writer_end(writer);
    writer_object(writer, NULL);
    writer_string(writer, "type", "string");
    writer_string(writer, "pattern", REFERENCE);
    writer_end(writer);
    writer_end(writer);
}

static void write_words(const struct probe_option *option, struct writer *writer)
{
    if (!option->choices) {
        writer_array(writer, "type"); /* 15 is text where text is expected */
        writer_string(writer, NULL, "string");
        writer_string(writer, NULL, "number");
        writer_end(writer);
    }
    write_choices(option, writer);
}

static void write_object(const struct probe_option *options, struct writer *writer)
{
    writer_string(writer, "type", "object");
    writer_object(writer, "properties");
    schema_write_properties(options, NULL, writer);
    writer_end(writer);
    schema_write_required(options, writer);
    writer_bool(writer, "additionalProperties", false);
}

static void write_nested(const char *key, const struct probe_option *option, struct writer *writer)
{
    writer_object(writer, key);
    if (option->nested)
        write_object(option->nested, writer);
    else
        write_words(option, writer);
    writer_end(writer);
}

/* Text with a unit, or a number up to `highest`: of a duration that is 0 alone. */
static void write_measured(const char *pattern, int64_t highest, struct writer *writer)
{
    writer_array(writer, "anyOf");
    writer_object(writer, NULL);
    write_pattern(pattern, writer);
    writer_end(writer);
    writer_object(writer, NULL);
    writer_string(writer, "type", "integer");
    writer_int(writer, "minimum", 0);
    writer_int(writer, "maximum", highest);
    writer_end(writer);
    writer_end(writer);
}

static void write_type(const struct probe_option *option, struct writer *writer)
{
    switch (option->type) {
    case PROBE_BOOL:
        write_either(option, "boolean", writer);
        break;
    case PROBE_INT:
        write_either(option, "integer", writer);
        break;
    case PROBE_REAL:
        write_either(option, "number", writer);
        break;
    case PROBE_DURATION:
        write_measured(DURATION, 0, writer);
        break;
    case PROBE_BYTES:
        write_measured(SIZE, INT64_MAX, writer);
        break;
    case PROBE_RATE:
        write_pattern(RATE, writer);
        break;
    case PROBE_URL:
        write_pattern("^[A-Za-z][A-Za-z0-9+.-]*://", writer);
        break;
    case PROBE_LIST:
    case PROBE_ITEMS:
        writer_string(writer, "type", "array");
        write_nested("items", option, writer);
        break;
    case PROBE_PAIRS:
    case PROBE_NAMED:
        writer_string(writer, "type", "object");
        write_nested("additionalProperties", option, writer);
        break;
    case PROBE_GROUP:
        write_object(option->nested, writer);
        break;
    case PROBE_TLS:
        write_object(schema_tls_options, writer);
        break;
    case PROBE_JSON:
        break; /* anything */
    default:
        write_words(option, writer);
    }
}

/* A fallback is a default as the operator would write it; flow YAML is left to the description. */
static void write_default(const struct probe_option *option, struct writer *writer)
{
    if (!option->fallback || !*option->fallback)
        return;
    switch (option->type) {
    case PROBE_BOOL:
        writer_bool(writer, "default", strcmp(option->fallback, "true") == 0);
        break;
    case PROBE_INT:
    case PROBE_REAL:
        writer_real(writer, "default", strtod(option->fallback, NULL));
        break;
    case PROBE_LIST:
    case PROBE_PAIRS:
    case PROBE_ITEMS:
    case PROBE_NAMED:
    case PROBE_GROUP:
    case PROBE_TLS:
    case PROBE_JSON:
        break;
    default:
        writer_string(writer, "default", option->fallback);
    }
}

void schema_write_properties(const struct probe_option *options, const struct probe_option *others,
                             struct writer *writer)
{
    for (const struct probe_option *option = options; option && option->name; option++) {
        if (schema_find(others, option->name))
            continue;
        writer_object(writer, option->name);
        if (option->help)
            writer_string(writer, "description", option->help);
        write_type(option, writer);
        write_default(option, writer);
        writer_end(writer);
    }
}

void schema_write_required(const struct probe_option *options, struct writer *writer)
{
    if (!schema_has_required(options))
        return;
    writer_array(writer, "required");
    for (const struct probe_option *option = options; option->name; option++)
        if (!option->fallback)
            writer_string(writer, NULL, option->name);
    writer_end(writer);
}

void schema_begin_map(struct writer *writer, const char *key, const char *description)
{
    writer_object(writer, key);
    if (description)
        writer_string(writer, "description", description);
    writer_array(writer, "type");
    writer_string(writer, NULL, "object");
    writer_string(writer, NULL, "null");
    writer_end(writer);
    writer_object(writer, "properties");
}

void schema_end_map(struct writer *writer)
{
    writer_end(writer);
    writer_bool(writer, "additionalProperties", false);
    writer_end(writer);
}
