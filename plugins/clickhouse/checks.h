/*
 * checks - what the plugin's own files share: options of checks, and what runs them.
 *
 * A check is a question (a template, in checks/) and a function that makes findings of its rows.
 */
#ifndef CLICKHOUSE_CHECKS_H
#define CLICKHOUSE_CHECKS_H

#include "wire.h"

/* Every template that is ever asked, ended by NULL: what a survey has to find out. */
extern const char *const checks_templates[];

/* Options as SQL, quoted once: a check's memory, which quoted_forget() frees. */
struct quoted {
    char *first, *second;
    char number[24];
};
void quoted_forget(void *quoted);

/* ---- connect.c ---- */

struct connect_run {
    struct wire_run wire;
    int64_t connect_us, ping_us;
    char tls[16];
};
void connect_run(struct probe_target *self, struct probe_run *run);

/* ---- storage.c ---- */

struct partitions_config {
    const char *database;
    int64_t top;
};
void disk_run(struct probe_target *self, struct probe_run *run);
int partitions_prepare(const void *config, void *memory, struct probe_error *error);
void partitions_run(struct probe_target *self, struct probe_run *run);
void parts_run(struct probe_target *self, struct probe_run *run);
void detached_parts_run(struct probe_target *self, struct probe_run *run);

/* ---- freshness.c ---- */

struct freshness_config {
    const char *table, *column;
    int64_t lookback;
};
int freshness_prepare(const void *config, void *memory, struct probe_error *error);
void freshness_run(struct probe_target *self, struct probe_run *run);

/* ---- work.c ---- */

struct long_queries_config {
    int64_t older_than;
    const char *const *except_users;
};
void mutations_run(struct probe_target *self, struct probe_run *run);
void merges_run(struct probe_target *self, struct probe_run *run);
int long_queries_prepare(const void *config, void *memory, struct probe_error *error);
void long_queries_run(struct probe_target *self, struct probe_run *run);

/* ---- memory.c ---- */

struct memory_config {
    int64_t limit;
};
void memory_run(struct probe_target *self, struct probe_run *run);

/* ---- errors.c ---- */

enum { ERRORS_MOST = 600 };
struct errors_config {
    const char *const *severe, *const *ignore;
};
/* How often each error had been counted, at the run before. */
struct errors_memory {
    struct {
        int code;
        int64_t value;
    } seen[ERRORS_MOST];
    size_t count;
    bool known;
};
extern const char errors_severe[], errors_ignore[];
void errors_run(struct probe_target *self, struct probe_run *run);

/* ---- remote.c ---- */

struct replication_config {
    bool peers;
};
void replication_run(struct probe_target *self, struct probe_run *run);
void distribution_queue_run(struct probe_target *self, struct probe_run *run);
void dictionaries_run(struct probe_target *self, struct probe_run *run);

#endif
