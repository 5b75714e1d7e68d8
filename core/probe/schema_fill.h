/*
 * schema_fill - what the files of probe/schema share: one filler for each type of option.
 *
 * Layer: probe.  Only for schema*.c.
 */
#ifndef PROBE_SCHEMA_FILL_H
#define PROBE_SCHEMA_FILL_H

#include "probe/schema.h"

/* Something written for an option: the value, and how to speak of it. */
struct written {
    const struct probe_option *option;
    const struct node *node;
    const char *path;
};

/* Fills the member at `to`, or tells what is wrong and leaves it alone. */
typedef void schema_filler_fn(struct schema *schema, const struct written *written, void *to);

schema_filler_fn fill_string, fill_secret, fill_bool, fill_int, fill_real, fill_duration,
    fill_bytes, fill_rate, fill_target, fill_list, fill_pairs, fill_items, fill_named, fill_group,
    fill_json, fill_url, fill_tls;

/* The keys of "tls:". */
extern const struct probe_option schema_tls_options[];

/* problem_add() about what was written. */
#define schema_refuse(schema_, written_, ...)                                                      \
    problem_add((schema_)->problems, (written_)->node->place, (written_)->path, __VA_ARGS__)

/* Tells that `node` is not `expected`, as people say it. */
struct problem *schema_refuse_kind(struct schema *schema, const struct node *node, const char *path,
                                   const char *expected);

/* Whether it is; told where it is not. */
bool schema_is_kind(struct schema *schema, const struct node *node, enum node_kind kind,
                    const char *path, const char *expected);
bool schema_holds_at_most(struct schema *schema, const struct node *node, size_t most,
                          const char *path);

/* Where `word` stands in `words`; at the NULL that ends them, if it does not. */
size_t schema_index_of(const char *const *words, const char *word);
void schema_list_words(struct text *out, const char *const *words);

/* Tells that `text` is none of `choices`, unless it is, or there are none. */
bool schema_choice_fits(struct schema *schema, const struct written *written, const char *text);

/* A secret of `text`, owned by the arena; NULL where that is told to be wrong. */
struct probe_secret *schema_secret(struct schema *schema, const char *text, struct place place,
                                   const char *path);

#endif
