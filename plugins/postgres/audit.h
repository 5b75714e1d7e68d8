/*
 * audit - who does how much, by an application's own audit log, against what is usual.
 */
#ifndef POSTGRES_AUDIT_H
#define POSTGRES_AUDIT_H

#include "operator.h"

struct audit_activity {
    const char *table, *where, *timezone;
    const struct probe_pair *columns;
    int64_t window, baseline, per_ip, per_actor, sample;
    double factor;
    const char *const *allow_ips, *const *allow_actors;
    bool row_security;
};

struct audit_memory {
    char sql[OPERATOR_SQL_ROOM];
    char window[24], baseline[24], set[OPERATOR_SET_ROOM];
};

extern const struct probe_option audit_activity_options[];
extern const struct probe_measure audit_activity_measures[];
int prepare_audit_activity(const void *config, void *memory, struct probe_error *error);
void run_audit_activity(struct probe_target *self, struct probe_run *run);

/* From rows: part, name, recent, before, actions. */
void check_audit_activity(struct probe_run *run, const struct answer *answer);

/* Whether an address, as an audit log has it, lies in a network: 10.0.0.0/8, 2001:db8::/32, ::1. */
bool audit_lies_in(const char *address, const char *network);

#endif
