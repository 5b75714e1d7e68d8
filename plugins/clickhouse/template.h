/*
 * template - a question as it is written down, and as one server of one version understands it.
 *
 *     {database}                                what the check was given, quoted already
 *     {disks.is_broken ? is_broken : 0}         the first, if the server has that column; else the
 *                                               second.  Also {function.x ? ...}, {setting.x ? ...}
 *     {database ? AND database = {database} : } the same for what was given, or not
 *
 * Pure functions: what a server has, somebody else has found out.
 */
#ifndef CLICKHOUSE_TEMPLATE_H
#define CLICKHOUSE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

/* What a check puts into its question; a NULL text was not given. */
struct template_param {
    const char *name, *text;
};

struct template_facts {
    const struct template_param *params; /* ended by { 0 }; or NULL */
    const char *features;                /* "\ndisks.is_broken\nfunction.x\n", or NULL */
};

/* The question, to be freed.  NULL: out of memory, or `text` is no template. */
char *template_fill(const char *text, const struct template_facts *facts);

/* Calls `each` with every feature that the template asks for, such as "disks.is_broken". */
typedef void template_feature_fn(const char *feature, void *data);
void template_features(const char *text, template_feature_fn *each, void *data);

/* Whether it is among them. */
bool template_has(const char *features, const char *feature, size_t len);

/* A literal: 'it\'s'.  And a name: `it\`s`.  To be freed; NULL: out of memory. */
char *template_literal(const char *text);
char *template_name(const char *text);

/* "db.table" as `db`.`table`, "table" in `database`, if there is one.  To be freed. */
char *template_table(const char *table, const char *database);

/* A list of literals, ended by NULL: 'a', 'b'; of none ''.  To be freed. */
char *template_literals(const char *const *texts);

#endif
