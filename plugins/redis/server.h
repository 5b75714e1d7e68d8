/*
 * server - a target as the operator configured it, and what lives as long as it does.
 */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include "talk.h"

struct server_config {
    const struct probe_url *url; /* redis:// rediss:// redis+unix:// redis+sentinel:// ... */
    const char *user;            /* NULL: the URL's, or none */
    struct probe_secret *password;
    const struct probe_tls *tls;
    int64_t db;
    const char *const *sentinels; /* more of them than the URL's */
    const char *sentinel_user;
    struct probe_secret *sentinel_password;
    const char *sentinel_tls; /* one of sentinel_tls_words */
};

extern const struct probe_option server_options[];

/* target->data: a connection that is kept for the checks, and one for an action while it runs. */
struct redis {
    struct talk_place place;
    struct talk checks, actions;
    struct wire_server *sentinels;
    char *strings; /* what they point to */
};

int server_create(struct probe_target *self, struct probe_error *error);
void server_destroy(struct probe_target *self);

/* The kept connection; the action's own, on which no command is ever sent twice. */
struct talk *server_checks(const struct probe_run *run);
struct talk *server_actions(const struct probe_run *run);

/* ended() of a check on the kept connection, or of an action, without anything else to free. */
void server_check_ended(struct probe_target *self, struct probe_run *run);
void server_action_ended(struct probe_target *self, struct probe_run *run);

/* Who we are at the server, for ACL SETUSER. */
const char *server_user(const struct probe_run *run);

#endif
