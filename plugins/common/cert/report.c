#include "common/cert/report.h"

#include <string.h>

/* A table whose cells are printed here, since rows are made of text. */
struct rows {
    char text[8192];
    size_t used;
    const char *cells[CHAIN_MOST * 8];
    size_t count;
};

static void add_cell(struct rows *rows, const char *text)
{
    size_t room = sizeof(rows->text) - rows->used;
    int len = snprintf(rows->text + rows->used, room, "%s", text);
    bool fits = len >= 0 && (size_t)len < room;
    rows->cells[rows->count++] = fits ? rows->text + rows->used : NULL;
    rows->used += fits ? (size_t)len + 1 : 0;
}

static void add_number(struct rows *rows, int64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    add_cell(rows, text);
}

/* ------------------------------------------------------------- evidence ---- */

static const struct probe_column problem_columns[] = {
    {"problem", PROBE_FIELD_TEXT}, {"depth", PROBE_FIELD_INT}, {"text", PROBE_FIELD_TEXT}};

static const struct probe_column chain_columns[] = {{"subject", PROBE_FIELD_TEXT},
                                                    {"issuer", PROBE_FIELD_TEXT},
                                                    {"not_before", PROBE_FIELD_TIME},
                                                    {"not_after", PROBE_FIELD_TIME},
                                                    {"key", PROBE_FIELD_TEXT},
                                                    {"signature", PROBE_FIELD_TEXT}};

static struct probe_table table_of(const struct rows *rows, const struct probe_column *columns,
                                   size_t column_count, size_t total)
{
    return (struct probe_table){.columns = columns,
                                .column_count = column_count,
                                .cells = rows->cells,
                                .row_count = rows->count / column_count,
                                .total = (int64_t)total};
}

static struct probe_table list_problems(const struct verdict *verdict, struct rows *rows)
{
    for (size_t i = 0; i < verdict->count; i++) {
        const struct verdict_problem *problem = &verdict->problems[i];
        add_cell(rows, verdict_faults[problem->fault]);
        if (problem->depth >= 0)
            add_number(rows, problem->depth);
        else
            rows->cells[rows->count++] = NULL;
        add_cell(rows, problem->text);
    }
    return table_of(rows, problem_columns, 3, verdict->count);
}

static struct probe_table list_chain(const struct chain *chain, struct rows *rows)
{
    enum { ROWS = 8 };
    for (size_t i = 0; i < chain->count && i < ROWS; i++) {
        const struct certificate *one = &chain->all[i];
        char key[32];
        (void)snprintf(key, sizeof(key), "%s %d", one->key_type, one->key_bits);
        add_cell(rows, one->subject);
        add_cell(rows, one->issuer);
        add_number(rows, one->from_ms);
        add_number(rows, one->until_ms);
        add_cell(rows, key);
        add_cell(rows, one->digest);
    }
    return table_of(rows, chain_columns, 6, chain->total);
}

/* Whether a peer sent something else than what verification used, but for the anchor. */
static bool differs(const struct chain *presented, const struct chain *used)
{
    if (presented->count != used->count && presented->count + 1 != used->count)
        return true;
    for (size_t i = 0; i < presented->count; i++)
        if (strcmp(presented->all[i].fingerprint, used->all[i].fingerprint) != 0)
            return true;
    return false;
}

/* --------------------------------------------------------------- fields ---- */

static struct probe_field *add_measures(struct probe_field *field, const struct verdict *verdict,
                                        const struct certificate *leaf)
{
    *field++ = probe_text("error_class", verdict_faults[verdict_worst(verdict)]);
    *field++ = probe_real("days_left", verdict->leaf.days);
    *field++ = probe_real("lifetime_percent", verdict->leaf.percent);
    if (verdict->first) {
        *field++ = probe_real("chain_days_left", verdict->above.days);
        *field++ = probe_real("chain_lifetime_percent", verdict->above.percent);
    }
    *field++ = probe_bool("name_ok", verdict->name_ok);
    *field++ = probe_bool("chain_ok", verdict->chain_ok);
    *field++ = probe_int("key_bits", leaf->key_bits);
    *field++ = probe_text("key_type", leaf->key_type);
    return field;
}

static struct probe_field *add_certificate(struct probe_field *field,
                                           const struct certificate *leaf)
{
    *field++ = probe_text("subject", leaf->subject);
    *field++ = probe_json("names", leaf->names ? leaf->names : "[]");
    if (leaf->name_count > CHAIN_NAMES_SHOWN)
        *field++ = probe_int("names_total", leaf->name_count);
    *field++ = probe_text("issuer", leaf->issuer);
    *field++ = probe_time("not_before", leaf->from_ms);
    *field++ = probe_time("not_after", leaf->until_ms);
    *field++ = probe_text("fingerprint_sha256", leaf->fingerprint);
    *field++ = probe_text("serial", leaf->serial);
    *field++ = probe_text("signature", leaf->digest);
    return field;
}

static struct probe_field *add_extra(struct probe_field *field, const struct report *report)
{
    for (size_t i = 0; i < report->extra_count && i < REPORT_EXTRA; i++)
        *field++ = report->extra[i];
    return field;
}

void report_verdict(struct probe_run *run, const struct verdict *verdict,
                    const struct report *report)
{
    const struct certificate *leaf = &report->shown->all[0];
    struct rows problems = {.used = 0}, chain = {.used = 0}, presented = {.used = 0};
    struct probe_field fields[28 + REPORT_EXTRA];
    char summary[500];
    struct probe_field *field = add_certificate(add_measures(fields, verdict, leaf), leaf);
    field = add_extra(field, report);
    const struct probe_table problem_rows = list_problems(verdict, &problems);
    const struct probe_table chain_rows = list_chain(report->shown, &chain);
    struct probe_table presented_rows;
    if (problem_rows.row_count > 0)
        *field++ = probe_rows("problems", &problem_rows);
    *field++ = probe_rows("chain", &chain_rows);
    if (report->presented && differs(report->presented, report->shown)) {
        presented_rows = list_chain(report->presented, &presented);
        *field++ = probe_rows("presented_chain", &presented_rows);
    }
    *field = (struct probe_field){0};
    verdict_explain(verdict, leaf, summary, sizeof(summary));
    probe_report(run,
                 .subject = report->subject,
                 .summary = summary,
                 .hint = verdict_hint(verdict),
                 .fields = fields);
}

void report_unreached(struct probe_run *run, enum fault fault, const char *summary,
                      const char *hint, const struct report *report)
{
    struct probe_field fields[2 + REPORT_EXTRA];
    struct probe_field *field = fields;
    *field++ = probe_text("error_class", verdict_faults[fault]);
    field = add_extra(field, report);
    *field = (struct probe_field){0};
    probe_report(run,
                 .status = fault < FAULT_UNREADABLE ? PROBE_CRITICAL : PROBE_UNKNOWN,
                 .subject = report->subject,
                 .summary = summary,
                 .hint = hint,
                 .fields = fields);
}

void report_unseen(struct probe_run *run, const char *subject, enum fault fault,
                   const char *summary, const char *hint)
{
    report_unreached(run, fault, summary, hint, &(const struct report){.subject = subject});
}
