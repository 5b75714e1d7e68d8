/*
 * entry_schema - remediations, guard, silences and approval as JSON Schema, from the tables that read them.
 *
 * Nothing is required, since a file may be an overlay over another one, and null removes what that has.
 *
 * Layer: incident.  Part of incident/entry.
 */
#include "incident/entry_parts.h"

static const char *const statuses[] = {"warning", "critical", NULL};

static void begin(struct writer *writer, const char *key, const char *description)
{
    writer_object(writer, key);
    if (description)
        writer_string(writer, "description", description);
}

static void write_text(struct writer *writer, const char *key, const char *pattern,
                       const char *description)
{
    begin(writer, key, description);
    writer_string(writer, "type", "string");
    if (pattern)
        writer_string(writer, "pattern", pattern);
    writer_end(writer);
}

static void write_enum(struct writer *writer, const char *key, const char *const *words)
{
    writer_object(writer, key);
    writer_array(writer, "enum");
    for (; *words; words++)
        writer_string(writer, NULL, *words);
    writer_end(writer);
    writer_end(writer);
}

/* A map, or null, whose every value is what follows: ended by two writer_end(). */
static void begin_values(struct writer *writer, const char *key, const char *description)
{
    begin(writer, key, description);
    writer_array(writer, "type");
    writer_string(writer, NULL, "object");
    writer_string(writer, NULL, "null");
    writer_end(writer);
}

/* One of what `write` writes, or a list of them. */
static void write_or_list(struct writer *writer, const char *key, const char *description,
                          void (*write)(struct writer *writer, const char *key))
{
    begin(writer, key, description);
    writer_array(writer, "anyOf");
    write(writer, NULL);
    writer_object(writer, NULL);
    writer_string(writer, "type", "array");
    write(writer, "items");
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
}

#define CHECK "^[^/]+/[^/]+$"
#define CHECK_SAYS "TARGET/NAME"

static void write_question(struct writer *writer)
{
    write_text(writer, "check", CHECK, CHECK_SAYS);
    write_text(writer,
               "condition",
               NULL,
               "an expression over the check's measures, and status: used_percent < 80");
}

/* ------------------------------------------------------------- remediations ---- */

static void write_check(struct writer *writer, const char *key)
{
    write_text(writer, key, CHECK, NULL);
}

static void write_status(struct writer *writer, const char *key)
{
    write_enum(writer, key, statuses);
}

static void write_trigger(struct writer *writer)
{
    begin(writer, "trigger", "what starts it: a check's status, or manual");
    writer_array(writer, "anyOf");
    writer_object(writer, NULL);
    writer_string(writer, "const", "manual");
    writer_end(writer);
    schema_begin_map(writer, NULL, NULL);
    write_or_list(writer,
                  "check",
                  "TARGET/NAME, in which * stands for any letters; or a list of them",
                  write_check);
    write_or_list(writer, "status", "which statuses start it; default critical", write_status);
    schema_write_properties(entry_trigger_options, NULL, writer);
    schema_end_map(writer);
    writer_end(writer);
    writer_end(writer);
}

static void write_grant(struct writer *writer)
{
    begin(writer, "allow", "the grant: of the script's needs those that it may really use");
    writer_string(writer, "type", "array");
    write_text(writer,
               "items",
               "^[a-z_][a-z0-9_]*:[a-z_][a-z0-9_]*(/.+)?$",
               "ROLE:ACTION, or ROLE:ACTION/NAME for that one alone");
    writer_end(writer);
}

static void write_limits(struct writer *writer)
{
    static const struct probe_option by_hand[] = {{.name = "attempts"}, {0}};
    schema_begin_map(writer, "guard", "what it may do at most");
    schema_write_properties(entry_limit_options, by_hand, writer);
    begin(writer, "attempts", "how many within which time, before a person is needed");
    writer_string(writer, "type", "string");
    writer_string(writer, "pattern", "^[0-9]+/(([0-9]+(\\.[0-9]+)?(w|d|h|ms|m|s))+)$");
    writer_string(writer, "default", "3/1h");
    writer_end(writer);
    begin(writer, "refuse_if", "conditions each of which must be known not to hold");
    writer_string(writer, "type", "array");
    schema_begin_map(writer, "items", NULL);
    write_question(writer);
    schema_end_map(writer);
    writer_end(writer);
    schema_end_map(writer);
}

static void write_verify(struct writer *writer)
{
    schema_begin_map(writer, "verify", "what shows that it has helped");
    write_question(writer);
    schema_write_properties(entry_verify_options, NULL, writer);
    schema_begin_map(writer, "improves", "a measure that is to fall as well");
    write_text(writer, "check", CHECK, CHECK_SAYS);
    schema_write_properties(entry_improves_options, NULL, writer);
    begin(writer, "by", "by how much, of what it was: 10 %");
    writer_array(writer, "anyOf");
    write_text(writer, NULL, "^[0-9]+(\\.[0-9]+)? *%?$", NULL);
    writer_object(writer, NULL);
    writer_string(writer, "type", "number");
    writer_real(writer, "exclusiveMinimum", 0);
    writer_real(writer, "maximum", 100);
    writer_end(writer);
    writer_end(writer);
    writer_end(writer);
    schema_end_map(writer);
    schema_end_map(writer);
}

static void write_remediations(struct writer *writer)
{
    begin_values(writer, "remediations", "what may be done about findings, by name");
    schema_begin_map(writer, "additionalProperties", NULL);
    schema_write_properties(entry_options, NULL, writer);
    write_trigger(writer);
    begin_values(writer, "targets", "which target stands for each role of the script");
    write_text(writer, "additionalProperties", NULL, NULL);
    writer_end(writer);
    begin_values(writer, "with", "options of the script: runbookd script show NAME has them");
    writer_end(writer);
    write_grant(writer);
    write_limits(writer);
    write_verify(writer);
    schema_end_map(writer);
    writer_end(writer);
}

/* ------------------------------------------------------------------- others ---- */

static void write_any_text(struct writer *writer, const char *key)
{
    write_text(writer, key, NULL, NULL);
}

static void write_match(struct writer *writer, const char *key, const char *description)
{
    static const char *const names[] = {"target", "name", "subject", "check", NULL};
    schema_begin_map(writer, key, description);
    for (const char *const *name = names; *name; name++)
        write_or_list(writer, *name, "in which * stands for any letters", write_any_text);
    begin_values(writer, "labels", "all of them");
    writer_end(writer);
    schema_end_map(writer);
}

static void write_windows(struct writer *writer, const char *description, bool silences)
{
    begin(writer, "windows", description);
    writer_string(writer, "type", "array");
    schema_begin_map(writer, "items", NULL);
    schema_write_properties(window_options, NULL, writer);
    write_text(writer, "hours", NULL, "07:00-23:00, or 22:00-06:00 for a night");
    write_or_list(writer, "days", "MON-FRI, SAT", write_any_text);
    write_text(writer, "tz", NULL, "a time zone: Europe/London; default UTC");
    if (silences) {
        schema_write_properties(window_silence_options, NULL, writer);
        write_match(writer, "match", "what is silent");
        write_match(writer, "except", "... and what of it is not");
    }
    schema_end_map(writer);
    writer_end(writer);
}

static void write_guard(struct writer *writer)
{
    schema_begin_map(writer, "guard", "the ceiling of all remediations, and what stops them");
    schema_write_properties(entry_guard_options, NULL, writer);
    schema_begin_map(writer, "freeze", "what stops all changes");
    schema_write_properties(entry_freeze_options, NULL, writer);
    write_windows(writer, "when nothing is changed", false);
    schema_end_map(writer);
    schema_begin_map(writer, "audit", "who must know before anything is changed");
    schema_write_properties(entry_sink_options, NULL, writer);
    schema_end_map(writer);
    begin_values(writer, "effects", "the worst that may be done to a target, by its name");
    write_enum(writer, "additionalProperties", entry_effects);
    writer_end(writer);
    schema_end_map(writer);
}

static void write_approval(struct writer *writer)
{
    schema_begin_map(writer, "approval", "who decides on plans, and how long they wait");
    schema_write_properties(entry_approval_options, NULL, writer);
    schema_begin_map(writer, "classes", "how many approvals a plan takes, by its effect");
    for (const char *const *effect = entry_effects; *effect; effect++) {
        schema_begin_map(writer, *effect, NULL);
        schema_write_properties(entry_class_options, NULL, writer);
        schema_end_map(writer);
    }
    schema_end_map(writer);
    schema_end_map(writer);
}

static void write_silences(struct writer *writer)
{
    schema_begin_map(writer, "silences", "when findings are kept from people");
    write_windows(writer, "which come again, or once", true);
    config_write_alertmanager(writer);
    schema_end_map(writer);
}

void entries_write_schema(struct writer *writer)
{
    write_silences(writer);
    write_remediations(writer);
    write_guard(writer);
    write_approval(writer);
}
