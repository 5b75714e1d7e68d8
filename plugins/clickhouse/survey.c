#include "survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "checks.h"
#include "template.h"

enum { LIVES_MS = 10 * 60 * 1000 };

/* ------------------------------------------------------------- question ---- */

/* The names of one kind of feature, as tuples or literals of a list. */
struct list {
    FILE *out;
    const char *kind; /* "function", "setting"; NULL: columns */
    const char *joint;
};

static void add_feature(const char *feature, void *data)
{
    struct list *list = data;
    size_t kind = strcspn(feature, ".");
    const char *name = feature + kind + 1;
    bool other = strncmp(feature, "function.", 9) == 0 || strncmp(feature, "setting.", 8) == 0;

    if (list->kind && strncmp(feature, list->kind, kind) == 0 && strlen(list->kind) == kind)
        (void)fprintf(list->out, "%s'%s'", list->joint, name);
    else if (!list->kind && !other)
        (void)fprintf(list->out, "%s('%.*s', '%s')", list->joint, (int)kind, feature, name);
    else
        return;
    list->joint = ", ";
}

static void add_features(FILE *out, const char *kind)
{
    struct list list = {.out = out, .kind = kind, .joint = ""};
    const char *const *const all[] = {checks_templates, actions_templates};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        for (const char *const *template = all[i]; *template; template ++)
            template_features(*template, add_feature, &list);
    if (kind && strcmp(kind, "setting") == 0) {
        add_feature("setting.log_comment", &list);
        add_feature("setting.materialize_ttl_after_modify", &list);
        add_feature("setting.cancel_http_readonly_queries_on_client_close", &list);
    }
}

bool survey_open(struct survey *survey)
{
    size_t len;
    FILE *out = open_memstream(&survey->question, &len);
    if (!out)
        return false;
    (void)fputs("SELECT concat(table, '.', name) AS feature FROM system.columns"
                " WHERE database = 'system' AND (table, name) IN (",
                out);
    add_features(out, NULL);
    (void)fputs(")\nUNION ALL SELECT concat('function.', name) AS feature FROM system.functions"
                " WHERE name IN (",
                out);
    add_features(out, "function");
    (void)fputs(")\nUNION ALL SELECT concat('setting.', name) AS feature FROM system.settings"
                " WHERE name IN (",
                out);
    add_features(out, "setting");
    (void)fputs(")\nUNION ALL SELECT concat('version.', version()) AS feature"
                "\nUNION ALL SELECT 'any.tables' AS feature FROM system.tables WHERE database NOT"
                " IN ('system', 'INFORMATION_SCHEMA', 'information_schema')"
                " GROUP BY feature HAVING count() > 0",
                out);
    return fclose(out) == 0;
}

void survey_close(struct survey *survey)
{
    free(survey->question);
    free(survey->features);
    *survey = (struct survey){0};
}

/* ---------------------------------------------------------------- facts ---- */

bool survey_is_due(const struct survey *survey, uint64_t now_ms)
{
    return !survey->features || now_ms - survey->asked_ms >= LIVES_MS;
}

void survey_forget(struct survey *survey)
{
    free(survey->features);
    survey->features = NULL;
}

bool survey_take(struct survey *survey, const struct rows *rows, uint64_t now_ms)
{
    size_t len;
    survey_forget(survey);
    survey->asked_ms = now_ms;
    memset(survey->rights, 0, sizeof(survey->rights));
    FILE *out = open_memstream(&survey->features, &len);
    if (!out)
        return false;
    (void)fputc('\n', out);
    for (size_t row = 0; row < rows->count; row++) {
        const char *feature = rows_text(rows, row, "feature");
        if (feature && strncmp(feature, "version.", 8) == 0)
            survey->major = strtol(feature + 8, NULL, 10);
        (void)fprintf(out, "%s\n", feature ? feature : "");
    }
    return fclose(out) == 0;
}

/* --------------------------------------------------------------- rights ---- */

static const struct {
    const char *privilege, *question, *name;
} sights[SIGHT_COUNT] = {
    [SIGHT_TABLES] = {"SHOW TABLES ON *.*", "CHECK GRANT SHOW TABLES ON *.*", "SHOW TABLES"},
    [SIGHT_DICTIONARIES] = {"SHOW DICTIONARIES ON *.*",
                            "CHECK GRANT SHOW DICTIONARIES ON *.*",
                            "SHOW DICTIONARIES"},
};

const char *survey_privilege(enum survey_sight sight)
{
    return sights[sight].privilege;
}

const char *survey_right_question(const struct survey *survey, enum survey_sight sight)
{
    return survey->from_grants ? "SHOW GRANTS" : sights[sight].question;
}

/* Whether "GRANT SELECT, SHOW ON *.* TO x" names the privilege, or one that it belongs to. */
static bool grants_all(const char *grant, const char *privilege)
{
    const char *const words[] = {"ALL", "SHOW", privilege};
    const char *on = strstr(grant, " ON *.* ");
    if (strncmp(grant, "GRANT ", 6) != 0 || !on)
        return false;
    for (const char *at = grant + 6; at < on;) {
        size_t len = strcspn(at, ",");
        if (at + len > on)
            len = (size_t)(on - at);
        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
            if (strlen(words[i]) == len && strncmp(at, words[i], len) == 0)
                return true;
        at += len;
        at += strspn(at, ", ");
    }
    return false;
}

void survey_take_right(struct survey *survey, enum survey_sight sight, const struct rows *rows)
{
    bool held = false;
    for (size_t row = 0; row < rows->count; row++) {
        const char *text = rows->cells[row * rows->columns];
        held = held || (text && (survey->from_grants ? grants_all(text, sights[sight].name)
                                                     : strcmp(text, "1") == 0));
    }
    survey->rights[sight] = held ? RIGHT_HELD : RIGHT_LACKING;
}

/* Neither question is known: a server from before there were rights, where everything is seen. */
void survey_take_no_right(struct survey *survey, enum survey_sight sight)
{
    if (survey->from_grants)
        survey->rights[sight] = RIGHT_HELD;
    else
        survey->from_grants = true;
}

bool survey_is_blind(const struct survey *survey, enum survey_sight sight, size_t seen)
{
    if (sight == SIGHT_ANY || survey->rights[sight] == RIGHT_HELD)
        return false;
    static const char tables[] = "any.tables";
    return sight == SIGHT_TABLES ? !template_has(survey->features, tables, sizeof(tables) - 1)
                                 : seen == 0;
}
