/*
 * config_schema - the language as JSON Schema, from the same tables that read it.
 *
 * Nothing is required but inside lists: an overlay says only what it changes.  Which keys a target
 * may have goes by its `type`, a check's by its `check` or its name.
 *
 *     $defs/postgres               a target of that type, and defaults
 *     $defs/postgres:named         a check with a name of its own
 *     $defs/postgres.connections   such a check
 *     $defs/sink:http              a sink of that type
 *
 * Layer: probe.  Part of probe/config.
 */
#include "base/mem.h"
#include "probe/config_parts.h"

/* --------------------------------------------------------------- pieces ---- */

static void write_ref(struct writer *writer, const char *key, const char *name)
{
    MEM_AUTO char *ref = mem_print("#/$defs/%s", name);
    writer_object(writer, key);
    writer_string(writer, "$ref", ref);
    writer_end(writer);
}

static void write_reserved(struct writer *writer, const struct config_reserved *reserved,
                           const struct probe_option *options)
{
    for (; reserved->name; reserved++) {
        if (schema_find(options, reserved->name))
            continue;
        MEM_AUTO char *words = mem_print("not in force yet: %s", reserved->instead);
        writer_object(writer, reserved->name);
        writer_string(writer, "description", words);
        writer_end(writer);
    }
}

static void write_any(struct writer *writer, const char *key, const char *description)
{
    writer_object(writer, key);
    writer_string(writer, "description", description);
    writer_end(writer);
}

static void write_labels(struct writer *writer)
{
    writer_object(writer, "labels");
    writer_string(writer, "type", "object");
    writer_object(writer, "additionalProperties");
    writer_array(writer, "type");
    writer_string(writer, NULL, "string");
    writer_string(writer, NULL, "number");
    writer_string(writer, NULL, "null");
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
}

/* {"if": {KEY is VALUE}, "then": {"$ref": NAME}} */
static void write_choice(struct writer *writer, const char *key, const char *value,
                         const char *name)
{
    writer_object(writer, NULL);
    writer_object(writer, "if");
    writer_array(writer, "required");
    writer_string(writer, NULL, key);
    writer_end(writer);
    writer_object(writer, "properties");
    writer_object(writer, key);
    writer_string(writer, "const", value);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    write_ref(writer, "then", name);
    writer_end(writer);
}

/* A text, or a list of them. */
static void write_texts(struct writer *writer, const char *key, const char *description)
{
    writer_object(writer, key);
    writer_string(writer, "description", description);
    writer_array(writer, "anyOf");
    writer_object(writer, NULL);
    writer_string(writer, "type", "string");
    writer_end(writer);
    writer_object(writer, NULL);
    writer_string(writer, "type", "array");
    writer_object(writer, "items");
    writer_string(writer, "type", "string");
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
}

static void write_text(struct writer *writer, const char *key, const char *description)
{
    writer_object(writer, key);
    writer_string(writer, "description", description);
    writer_string(writer, "type", "string");
    writer_end(writer);
}

/* What config_judge reads, of a check or of all checks of a target. */
static void write_judgement(struct writer *writer)
{
    schema_begin_map(writer, "active", NULL);
    write_text(writer, "hours", "07:00-23:00, or 22:00-06:00 for a night; default: all day");
    write_texts(writer, "days", "MON-FRI, or a list; default: all");
    write_text(writer, "tz", "the IANA name of the time zone; default: UTC");
    schema_end_map(writer);
    write_texts(writer,
                "depends_on",
                "checks, TARGET/NAME or a NAME of the same target: it waits while one is critical");
}

/* --------------------------------------------------------------- checks ---- */

static void write_condition(struct writer *writer, const char *grade, const char *own)
{
    writer_object(writer, grade);
    writer_string(writer, "type", "string");
    writer_string(writer, "description", "an expression over the check's measures, or never");
    if (own)
        writer_string(writer, "default", own);
    writer_end(writer);
}

static void write_hold(struct writer *writer)
{
    writer_object(writer, "for");
    writer_string(writer,
                  "description",
                  "how long a worse status must last before it is reported; also one a grade");
    writer_array(writer, "anyOf");
    writer_object(writer, NULL);
    writer_array(writer, "type");
    writer_string(writer, NULL, "string");
    writer_string(writer, NULL, "integer");
    writer_end(writer);
    writer_end(writer);
    schema_begin_map(writer, NULL, NULL);
    schema_write_properties(config_hold_options, NULL, writer);
    schema_end_map(writer);
    writer_end(writer);
    writer_end(writer);
}

static void write_check(struct writer *writer, const struct plugin_check *check)
{
    schema_begin_map(writer, check->full_name, check->face.title);
    schema_write_properties(config_check_options, check->face.options, writer);
    schema_write_properties(check->face.options, NULL, writer);
    write_labels(writer);
    write_condition(writer, "warning", check->face.warning);
    write_condition(writer, "critical", check->face.critical);
    write_condition(writer, "clear", NULL);
    write_hold(writer);
    schema_begin_map(writer, "flap", NULL);
    schema_write_properties(config_flap_options, NULL, writer);
    schema_end_map(writer);
    write_judgement(writer);
    write_reserved(writer, config_reserved_check, check->face.options);
    schema_end_map(writer);
}

/* Whatever `check:` says. */
static void write_named(struct writer *writer, const struct plugin *plugin)
{
    MEM_AUTO char *key = mem_print("%s:named", plugin->face.name);
    writer_object(writer, key);
    writer_array(writer, "allOf");
    for (size_t i = 0; i < plugin->check_count; i++)
        write_choice(writer, "check", plugin->checks[i].face.name, plugin->checks[i].full_name);
    writer_end(writer);
    writer_end(writer);
}

static void begin_off_or(struct writer *writer, const char *key)
{
    writer_object(writer, key);
    writer_array(writer, "anyOf");
    writer_object(writer, NULL);
    writer_array(writer, "enum");
    writer_string(writer, NULL, "off");
    writer_bool(writer, NULL, false);
    writer_bool(writer, NULL, true);
    writer_null(writer, NULL);
    writer_end(writer);
    writer_end(writer);
}

static void write_checks(struct writer *writer, const struct plugin *plugin)
{
    MEM_AUTO char *named = mem_print("%s:named", plugin->face.name);
    MEM_AUTO char *named_ref = mem_print("#/$defs/%s", named);
    schema_begin_map(writer, "checks", NULL);
    for (size_t i = 0; i < plugin->check_count; i++) {
        begin_off_or(writer, plugin->checks[i].face.name);
        writer_object(writer, NULL);
        writer_string(writer, "type", "object");
        writer_object(writer, "if");
        writer_array(writer, "required");
        writer_string(writer, NULL, "check");
        writer_end(writer);
        writer_end(writer);
        write_ref(writer, "then", named);
        write_ref(writer, "else", plugin->checks[i].full_name);
        writer_end(writer);
        writer_end(writer);
        writer_end(writer);
    }
    writer_end(writer);
    begin_off_or(writer, "additionalProperties");
    writer_object(writer, NULL);
    writer_string(writer, "type", "object");
    writer_array(writer, "required");
    writer_string(writer, NULL, "check");
    writer_end(writer);
    writer_string(writer, "$ref", named_ref);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
}

/* -------------------------------------------------------------- targets ---- */

static void write_actor(struct writer *writer, const struct plugin *plugin)
{
    schema_begin_map(
        writer, "act_as", "options of the target as its actions see them: who may change it");
    schema_write_properties(plugin->face.options, NULL, writer);
    schema_end_map(writer);
}

static void write_plugin(struct writer *writer, const struct plugin *plugin)
{
    schema_begin_map(writer, plugin->face.name, plugin->face.summary);
    schema_write_properties(config_target_options, plugin->face.options, writer);
    schema_write_properties(plugin->face.options, NULL, writer);
    write_actor(writer, plugin);
    write_labels(writer);
    write_checks(writer, plugin);
    write_judgement(writer);
    write_reserved(writer, config_reserved_target, plugin->face.options);
    schema_end_map(writer);
    write_named(writer, plugin);
    for (size_t i = 0; i < plugin->check_count; i++)
        write_check(writer, &plugin->checks[i]);
}

static void write_targets(struct writer *writer, const struct plugins *plugins)
{
    writer_object(writer, "targets");
    writer_array(writer, "type");
    writer_string(writer, NULL, "object");
    writer_string(writer, NULL, "null");
    writer_end(writer);
    writer_object(writer, "additionalProperties");
    writer_array(writer, "type");
    writer_string(writer, NULL, "object");
    writer_string(writer, NULL, "null");
    writer_end(writer);
    if (plugins->count) {
        writer_object(writer, "properties");
        writer_object(writer, "type");
        writer_array(writer, "enum");
        for (size_t i = 0; i < plugins->count; i++)
            writer_string(writer, NULL, plugins->all[i]->face.name);
        writer_end(writer);
        writer_end(writer);
        writer_end(writer);
        writer_array(writer, "allOf");
        for (size_t i = 0; i < plugins->count; i++) {
            const char *name = plugins->all[i]->face.name;
            write_choice(writer, "type", name, name);
        }
        writer_end(writer);
    }
    writer_end(writer);
    writer_end(writer);
}

static void write_defaults(struct writer *writer, const struct plugins *plugins)
{
    schema_begin_map(writer, "defaults", NULL);
    for (size_t i = 0; i < plugins->count; i++)
        write_ref(writer, plugins->all[i]->face.name, plugins->all[i]->face.name);
    schema_end_map(writer);
}

/* A map, or a word that switches it off. */
static void write_switched(struct writer *writer, const char *key, const char *description,
                           const struct probe_option *options)
{
    writer_object(writer, key);
    writer_string(writer, "description", description);
    writer_array(writer, "anyOf");
    schema_begin_map(writer, NULL, NULL);
    schema_write_properties(options, NULL, writer);
    schema_end_map(writer);
    writer_object(writer, NULL);
    writer_array(writer, "enum");
    writer_string(writer, NULL, "off");
    writer_bool(writer, NULL, false);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
}

/* ---------------------------------------------------------------- sinks ---- */

static void write_only(struct writer *writer)
{
    schema_begin_map(writer, "only", "which events it gets");
    schema_write_properties(config_only_options, NULL, writer);
    write_labels(writer);
    schema_end_map(writer);
}

static void write_sink(struct writer *writer, const struct config_sink_type *type)
{
    MEM_AUTO char *key = mem_print("sink:%s", type->name);
    schema_begin_map(writer, key, type->summary);
    schema_write_properties(config_sink_options, NULL, writer);
    if (type->options)
        schema_write_properties(type->options, NULL, writer);
    write_only(writer);
    for (const struct config_sink_part *part = config_sink_parts; type->queued && part->key;
         part++) {
        if (!*part->key) {
            schema_write_properties(part->options, NULL, writer);
        } else if (part->queued) {
            schema_begin_map(writer, part->key, NULL);
            schema_write_properties(part->options, NULL, writer);
            schema_end_map(writer);
        }
    }
    schema_end_map(writer);
}

static void write_sinks(struct writer *writer, const struct config_sink_type *const *sinks)
{
    writer_object(writer, "sinks");
    writer_array(writer, "type");
    writer_string(writer, NULL, "object");
    writer_string(writer, NULL, "null");
    writer_end(writer);
    writer_object(writer, "properties");
    begin_off_or(writer, "stdout");
    schema_begin_map(writer, NULL, NULL);
    write_only(writer);
    schema_end_map(writer);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    begin_off_or(writer, "additionalProperties");
    writer_object(writer, NULL);
    writer_string(writer, "type", "object");
    writer_array(writer, "allOf");
    for (; sinks && *sinks; sinks++) {
        MEM_AUTO char *name = mem_print("sink:%s", (*sinks)->name);
        write_choice(writer, "type", (*sinks)->name, name);
    }
    writer_object(writer, NULL); /* a list of its own may not be empty */
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
}

static void write_agent(struct writer *writer)
{
    schema_begin_map(writer, "agent", NULL);
    schema_write_properties(config_agent_options, NULL, writer);
    write_labels(writer);
    schema_begin_map(writer, "connectivity", NULL);
    write_texts(writer, "references", "dns://NAME, tcp://HOST:PORT, https://HOST/PATH");
    write_text(writer, "isolated_when", "an expression over reached and of; default: reached < 1");
    schema_end_map(writer);
    write_switched(writer,
                   "admin",
                   "the agent's own pages: /metrics, /healthz, /readyz",
                   config_admin_options);
    write_switched(
        writer, "otlp", "where the agent's numbers are sent, by OTLP", config_otlp_options);
    schema_begin_map(writer, "lease", NULL);
    schema_write_properties(config_lease_options, NULL, writer);
    schema_end_map(writer);
    write_reserved(writer, config_reserved_agent, NULL);
    schema_end_map(writer);
}

void config_write_alertmanager(struct writer *writer)
{
    schema_begin_map(writer, "alertmanager", NULL);
    schema_write_properties(config_silences_options, NULL, writer);
    schema_end_map(writer);
}

void config_write_schema(const struct plugins *plugins, const struct config_sink_type *const *sinks,
                         void (*more)(struct writer *writer), struct text *out)
{
    struct writer writer;
    writer_init(&writer, out);
    writer_object(&writer, NULL);
    writer_string(&writer, "$schema", "https://json-schema.org/draft/2020-12/schema");
    writer_string(&writer, "title", "the configuration of runbookd");
    writer_string(&writer, "type", "object");
    writer_object(&writer, "properties");
    writer_object(&writer, "version");
    writer_int(&writer, "const", 1);
    writer_end(&writer);
    write_any(&writer, "requires", "the version of runbookd that this was written for");
    write_agent(&writer);
    write_defaults(&writer, plugins);
    write_targets(&writer, plugins);
    schema_begin_map(&writer, "exec", NULL);
    schema_write_properties(config_exec_options, NULL, &writer);
    schema_end_map(&writer);
    if (more)
        more(&writer);
    write_sinks(&writer, sinks);
    write_reserved(&writer, config_reserved_top, NULL);
    writer_end(&writer);
    writer_bool(&writer, "additionalProperties", false);
    writer_object(&writer, "$defs");
    for (size_t i = 0; i < plugins->count; i++)
        write_plugin(&writer, plugins->all[i]);
    for (; sinks && *sinks; sinks++)
        write_sink(&writer, *sinks);
    writer_end(&writer);
    writer_end(&writer);
}
