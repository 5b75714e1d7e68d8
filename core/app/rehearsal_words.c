/*
 * rehearsal_words - what a test file may hold, as tables of options: they read it, and are its JSON Schema.
 *
 * Layer: app.  Part of app/rehearsal.
 */
#include "app/rehearsal_parts.h"
#include "probe/schema.h"

const char *const rehearsal_effects[] = {"reads", "reversible", "disruptive", "destructive", NULL};
static const char *const holders[] = {"here", "elsewhere", NULL};
static const char *const statuses[] = {"none", "ok", "warning", "critical", "unknown", NULL};

#define AT(type, member)                                                                           \
    {                                                                                              \
        "at", PROBE_DURATION_AT(type, member), .max = REHEARSAL_LONGEST_MS,                        \
                                               .help = "when, since the case began"                \
    }

static const struct probe_option given_options[] = {
    AT(struct given, at_ms),
    {"check",
     PROBE_STRING_AT(struct given, check),
     .fallback = "",
     .help = "TARGET/NAME: a check that runs at this time"},
    {"every",
     PROBE_DURATION_AT(struct given, every_ms),
     .fallback = "",
     .min = 100,
     .max = REHEARSAL_LONGEST_MS,
     .help = "it runs again and again, and finds the same"},
    {"until",
     PROBE_DURATION_AT(struct given, until_ms),
     .fallback = "",
     .max = REHEARSAL_LONGEST_MS,
     .help = "... before this time; default: until the next line about it, or the end"},
    {"measures",
     PROBE_JSON_AT(struct given, measures),
     .fallback = "",
     .help = "what it finds: names of `runbookd explain` and their values"},
    {"subjects",
     PROBE_JSON_AT(struct given, subjects),
     .fallback = "",
     .help = "the same for each of several subjects: a map of maps"},
    {"evidence",
     PROBE_JSON_AT(struct given, evidence),
     .fallback = "",
     .help = "what else its finding holds, for scripts"},
    {"unknown",
     PROBE_STRING_AT(struct given, unknown),
     .fallback = "",
     .help = "it cannot look: one word for why, such as timeout or missing_right"},
    {"down",
     PROBE_STRING_AT(struct given, down),
     .fallback = "",
     .help = "nobody is there: one word for how, such as refused"},
    {"says", PROBE_STRING_AT(struct given, says), .fallback = "", .help = "its finding's sentence"},
    {"action",
     PROBE_STRING_AT(struct given, action),
     .fallback = "",
     .help = "TARGET:ACTION: what a plan of it finds from this time on"},
    {"items",
     PROBE_LIST_AT(struct given, items),
     .fallback = "",
     .help = "the plan's steps, by their keys"},
    {"affected",
     PROBE_INT_AT(struct given, affected),
     .fallback = "",
     .min = 0,
     .max = INT32_MAX,
     .help = "how many things one step touches, where no items are named"},
    {"total",
     PROBE_INT_AT(struct given, total),
     .fallback = "",
     .min = 0,
     .max = INT32_MAX,
     .help = "of how many such things that there are"},
    {"skipped",
     PROBE_LIST_AT(struct given, skipped),
     .fallback = "",
     .help = "items that no longer fit when they are applied"},
    {"survived",
     PROBE_LIST_AT(struct given, survived),
     .fallback = "",
     .help = "items that are still there afterwards"},
    {"failed",
     PROBE_LIST_AT(struct given, failed),
     .fallback = "",
     .help = "items that cannot be applied"},
    {"result",
     PROBE_JSON_AT(struct given, result),
     .fallback = "",
     .help = "what each step, or an action that only reads, answers"},
    {"fails",
     PROBE_STRING_AT(struct given, fails),
     .fallback = "",
     .help = "it cannot be planned: the sentence that says why"},
    {"effect",
     PROBE_STRING_AT(struct given, effect),
     .fallback = "",
     .choices = rehearsal_effects,
     .help = "of this plan, where it hurts less than the action may"},
    {"undo",
     PROBE_BOOL_AT(struct given, undo),
     .fallback = "false",
     .help = "each step can be taken back"},
    {"approve",
     PROBE_STRING_AT(struct given, approve),
     .fallback = "",
     .help = "a remediation whose waiting plan a person approves"},
    {"reject", PROBE_STRING_AT(struct given, reject), .fallback = "", .help = "... or rejects"},
    {"take_back",
     PROBE_STRING_AT(struct given, take_back),
     .fallback = "",
     .help = "a remediation whose last plan a person undoes"},
    {"remediate",
     PROBE_STRING_AT(struct given, remediate),
     .fallback = "",
     .help = "a remediation that a person starts"},
    {"with",
     PROBE_JSON_AT(struct given, with),
     .fallback = "",
     .help = "of remediate: laid over the configured `with`"},
    {"except",
     PROBE_LIST_AT(struct given, except),
     .fallback = "",
     .help = "of approve: items that are taken out"},
    {"freeze",
     PROBE_STRING_AT(struct given, freeze),
     .fallback = "",
     .help = "a person freezes all changes: why"},
    {"thaw", PROBE_BOOL_AT(struct given, thaw), .fallback = "false", .help = "... and goes on"},
    {"silence",
     PROBE_STRING_AT(struct given, silence),
     .fallback = "",
     .help = "TARGET/NAME[SUBJECT]: a person silences it"},
    {"for",
     PROBE_DURATION_AT(struct given, for_ms),
     .fallback = "1h",
     .min = 1000,
     .max = REHEARSAL_LONGEST_MS,
     .help = "of silence: how long"},
    {"lease",
     PROBE_STRING_AT(struct given, lease),
     .fallback = "",
     .choices = holders,
     .help = "who holds the realm's lease from now on; elsewhere what is of cluster scope rests"},
    {"by", PROBE_STRING_AT(struct given, by), .fallback = "alice", .help = "which person it is"},
    {0},
};

static const struct probe_option expected_options[] = {
    AT(struct expected, at_ms),
    {"finding",
     PROBE_STRING_AT(struct expected, finding),
     .fallback = "",
     .help = "TARGET/NAME[SUBJECT], whose status is asked"},
    {"status",
     PROBE_STRING_AT(struct expected, status),
     .fallback = "",
     .choices = statuses,
     .help = "what is reported of it at this time; none: nothing was yet"},
    {"reason",
     PROBE_STRING_AT(struct expected, reason),
     .fallback = "",
     .help = "the reason of what was said last; of a refusal the guard's point"},
    {"remediation",
     PROBE_STRING_AT(struct expected, remediation),
     .fallback = "",
     .help = "a remediation by its name"},
    {"outcome",
     PROBE_STRING_AT(struct expected, outcome),
     .fallback = "",
     .help = "a step or outcome that was said of it since the line before about it; none: nothing"},
    {"says",
     PROBE_STRING_AT(struct expected, says),
     .fallback = "",
     .help = "words that the same sentence holds"},
    {"items",
     PROBE_LIST_AT(struct expected, items),
     .fallback = "",
     .help = "all items of its plan, in any order"},
    {"affected",
     PROBE_INT_AT(struct expected, affected),
     .fallback = "",
     .min = 0,
     .max = INT32_MAX,
     .help = "how many things its plan touches"},
    {0},
};

const struct probe_option rehearsal_case_options[] = {
    {"case", PROBE_STRING_AT(struct case_words, name), .help = "what it shows"},
    {"begins",
     PROBE_STRING_AT(struct case_words, begins),
     .fallback = "2026-01-05T12:00:00Z",
     .help = "what the clock on the wall shows at its beginning, in UTC"},
    {"lasts",
     PROBE_DURATION_AT(struct case_words, lasts_ms),
     .fallback = "",
     .max = REHEARSAL_LONGEST_MS,
     .help = "how long it lasts; default: until its last line"},
    {"given",
     PROBE_ITEMS_AT(struct case_words, given),
     .nested = given_options,
     .item_size = sizeof(struct given),
     .help = "what checks find, what actions answer, what people do"},
    {"expect",
     PROBE_ITEMS_AT(struct case_words, expected),
     .fallback = "",
     .nested = expected_options,
     .item_size = sizeof(struct expected),
     .help = "what is to be said and done"},
    {"count",
     PROBE_JSON_AT(struct case_words, count),
     .fallback = "",
     .help = "how many courses began: of all (remediation), or of one by its name"},
    {0},
};

const struct probe_option rehearsal_file_options[] = {
    {"config",
     PROBE_LIST_AT(struct file_words, config),
     .fallback = "",
     .help = "the configuration that is tested: paths beside this file; later ones are overlays"},
    {"cases",
     PROBE_ITEMS_AT(struct file_words, cases),
     .fallback = "",
     .nested = rehearsal_case_options,
     .item_size = sizeof(struct case_words),
     .help = "several cases, where the file holds more than one"},
    {0},
};

/* ----------------------------------------------------------------- schema ---- */

void rehearsal_write_schema(struct writer *writer)
{
    writer_object(writer, NULL);
    writer_string(writer, "$schema", "https://json-schema.org/draft/2020-12/schema");
    writer_string(writer, "title", "A test of a configuration, for runbookd test");
    writer_string(writer, "type", "object");
    writer_object(writer, "properties");
    schema_write_properties(rehearsal_file_options, NULL, writer);
    schema_write_properties(rehearsal_case_options, NULL, writer);
    writer_end(writer);
    writer_bool(writer, "additionalProperties", false);
    writer_array(writer, "oneOf");
    for (int one = 0; one < 2; one++) {
        writer_object(writer, NULL);
        writer_array(writer, "required");
        writer_string(writer, NULL, one ? "case" : "cases");
        if (one)
            writer_string(writer, NULL, "given");
        writer_end(writer);
        writer_end(writer);
    }
    writer_end(writer);
    writer_end(writer);
}
