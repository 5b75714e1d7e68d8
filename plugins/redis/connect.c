/*
 * connect - what a new client meets: is somebody there, are we let in, is it of use?
 *
 * PONG is not enough: a server whose last save failed, a replica and a full server all say PONG to
 * some, and refuse every write.
 */
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "redis.h"

static const char *const connect_roles[] = {"any", "master", "replica", NULL};

const struct probe_option connect_options[] = {
    {"role",
     PROBE_STRING_AT(struct connect_config, role),
     .fallback = "any",
     .choices = connect_roles,
     .help = "what the server is expected to be"},
    {"write",
     PROBE_STRING_AT(struct connect_config, write),
     .fallback = "",
     .help = "a key of our own to write to, for a minute, each time; none: nothing is written"},
    {0},
};

static const char *const role_words[] = {"master", "replica", NULL};
static const char *const link_words[] = {"up", "down", NULL};

const struct probe_measure connect_measures[] = {
    {"connect_ms", "to connect, with TLS", .kind = PROBE_GAUGE},
    {"rtt_ms", "from PING to PONG", .kind = PROBE_GAUGE},
    {"writes",
     "whether a write would be taken: yes, or why not; unknown without +info",
     .kind = PROBE_WORD,
     .words = writes_words},
    {"as_expected", "whether `role` and `write` are as they should be", .kind = PROBE_FLAG},
    {"role", "what it is", .kind = PROBE_WORD, .optional = true, .words = role_words},
    {"link",
     "of a replica: to its master",
     .kind = PROBE_WORD,
     .optional = true,
     .words = link_words},
    {"link_down_seconds",
     "of a replica that lost its master: for how long",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

static const char write_lives_ms[] = "60000";

/* ------------------------------------------------------------- finding ---- */

static bool expects(const struct connect_config *config, const char *role)
{
    return strcmp(config->role, role) == 0;
}

/* Sentinels name a master; while it is none, the failover is not over. */
static bool expects_master(const struct probe_run *run)
{
    const struct redis *redis = run->target->data;
    const struct connect_config *config = run->config;
    return expects(config, "master") ||
           (expects(config, "any") && redis->place.sentinels.count > 0);
}

/* What keeps the server from being what the operator said it is, or NULL. */
static const char *disappointment(const struct probe_run *run, const struct standing *standing)
{
    const struct connect_config *config = run->config;
    if (expects_master(run) && standing->replica)
        return "it answers, and is a replica where a master is expected";
    if (expects(config, "replica") && standing->known && !standing->replica)
        return "it answers, and is a master where a replica is expected";
    if (config->write && standing->writes == WRITES_READONLY)
        return "it answers, and refuses writes: it is read-only";
    return NULL;
}

static bool as_expected(const struct probe_run *run, const struct standing *standing)
{
    const struct connect_config *config = run->config;
    return !disappointment(run, standing) && (!config->write || standing->writes == WRITES_YES);
}

static const char *summary_of(const struct probe_run *run, const struct standing *standing)
{
    const char *disappoints = disappointment(run, standing);
    if (disappoints)
        return disappoints;
    switch (standing->writes) {
    case WRITES_MISCONF:
        return "it answers, and refuses writes: the last save failed";
    case WRITES_OOM:
        return "it answers, and refuses writes: maxmemory is reached, and nothing may be dropped";
    case WRITES_NOREPLICAS:
        return "it answers, and refuses writes: too few replicas are in step";
    case WRITES_READONLY:
        return standing->link_up ? "a replica, in step with its master"
                                 : "a replica that has lost its master";
    case WRITES_UNKNOWN:
        return standing->known ? "it answers; whether its cluster is up is not known"
                               : "it answers; INFO does not tell its role and state";
    case WRITES_YES:
        break;
    }
    return "it answers and takes writes";
}

static const char *hint_of(const struct probe_run *run, const struct standing *standing)
{
    const struct connect_run *state = run->data;
    switch (standing->writes) {
    case WRITES_MISCONF:
        return "look at the disk and at the server's log; BGSAVE tries again";
    case WRITES_OOM:
        return "make room, or see maxmemory and maxmemory-policy";
    case WRITES_NOREPLICAS:
        return "see the replicas, and min-replicas-to-write";
    case WRITES_READONLY:
        return standing->replica && !standing->link_up ? "see the master first" : NULL;
    case WRITES_UNKNOWN:
        return state->grant[0] ? state->grant : run->check->needs;
    case WRITES_YES:
        break;
    }
    return NULL;
}

/* Measures that INFO gives; where it is not permitted they are not there. */
static struct probe_field *add_role(struct probe_field *field, const struct standing *standing)
{
    if (!standing->known)
        return field;
    *field++ = probe_text("role", standing->replica ? "replica" : "master");
    *field++ = probe_text("version", standing->version);
    if (!standing->replica)
        return field;
    *field++ = probe_text("link", standing->link_up ? "up" : "down");
    if (standing->link_down_s >= 0)
        *field++ = probe_int("link_down_seconds", standing->link_down_s);
    return field;
}

static void report(struct probe_run *run, const struct standing *standing)
{
    const struct connect_run *state = run->data;
    const struct wire *wire = &state->talk.wire;
    struct probe_field fields[10];
    struct probe_field *field = fields;
    char address[WIRE_HOST + 8];
    *field++ = probe_real("connect_ms", (double)state->talk.wire.connect_us / 1000.0);
    *field++ = probe_real("rtt_ms", (double)state->ping_us / 1000.0);
    *field++ = probe_text("writes", writes_words[standing->writes]);
    *field++ = probe_bool("as_expected", as_expected(run, standing));
    field = add_role(field, standing);
    (void)snprintf(address, sizeof(address), "%s:%u", wire->host, wire->port);
    if (wire->guide)
        *field++ = probe_text("master", address);
    *field = (struct probe_field){0};
    probe_report(run,
                 .summary = summary_of(run, standing),
                 .hint = hint_of(run, standing),
                 .fields = fields);
    probe_done(run);
}

/* --------------------------------------------------------------- steps ---- */

static struct standing standing_so_far(const struct connect_run *state)
{
    struct standing standing =
        state->info ? standing_of(state->info) : (struct standing){.link_down_s = -1};
    if (state->misconf)
        standing.writes = WRITES_MISCONF;
    else if (state->cluster_unknown && standing.writes == WRITES_YES)
        standing.writes = WRITES_UNKNOWN;
    return standing;
}

/* Remembers the right that is missing, for the hint. */
static void note_right(struct probe_run *run, const redisReply *reply)
{
    struct connect_run *state = run->data;
    struct error_text text;
    if (reply->type != REDIS_REPLY_ERROR || !errors_is(reply->str, "NOPERM"))
        return;
    (void)talk_explain(&state->talk, reply->str, &text);
    rights_add(&state->lacks, right_missing(&state->talk.right, reply->str));
    (void)rights_line(&state->lacks, server_user(run), state->grant, sizeof(state->grant));
}

/* Ends the run with an error of the server's; the hint names all rights that are missing so far. */
static void refuse(struct probe_run *run, const char *error)
{
    struct connect_run *state = run->data;
    struct error_text text;
    struct probe_ending why = talk_explain(&state->talk, error, &text);
    if (errors_is(error, "NOPERM") && state->grant[0])
        why.hint = state->grant;
    talk_failed(run, &why);
}

static void on_written(struct probe_run *run, const redisReply *reply)
{
    struct standing standing = standing_so_far(run->data);
    bool refused = reply->type == REDIS_REPLY_ERROR;
    standing.writes = refused ? writes_refused(reply->str) : WRITES_YES;
    if (refused && standing.writes == WRITES_UNKNOWN)
        refuse(run, reply->str);
    else
        report(run, &standing);
}

/* Who may be written to is asked, and the finding is made. */
static void conclude(struct probe_run *run)
{
    const struct connect_config *config = run->config;
    struct connect_run *state = run->data;
    struct standing standing = standing_so_far(state);
    if (config->write && !state->misconf)
        talk_try(&state->talk,
                 run,
                 on_written,
                 WORDS("SET", config->write, "runbookd", "PX", write_lives_ms));
    else
        report(run, &standing);
}

/* A node answers PING also while its cluster answers nothing. */
static void on_cluster(struct probe_run *run, const redisReply *reply)
{
    struct connect_run *state = run->data;
    char word[CHECKS_WORD], summary[160];
    struct error_text text;
    struct probe_ending why;
    note_right(run, reply);
    state->cluster_unknown = reply->type != REDIS_REPLY_STRING;
    if (state->cluster_unknown || !info_word(reply->str, "cluster_state", word, sizeof(word)) ||
        strcmp(word, "fail") != 0) {
        conclude(run);
        return;
    }
    why = errors_explain("CLUSTERDOWN the cluster is down", &text);
    (void)snprintf(summary,
                   sizeof(summary),
                   "the cluster is down: %lld of %d slots are served",
                   (long long)info_int(reply->str, "cluster_slots_ok", 0),
                   CLUSTER_SLOTS);
    why.summary = summary;
    talk_failed(run, &why);
}

static void on_info(struct probe_run *run, const redisReply *reply)
{
    struct connect_run *state = run->data;
    note_right(run, reply);
    if (reply->type == REDIS_REPLY_STRING)
        state->info = strdup(reply->str);
    struct standing standing = standing_so_far(state);
    bool needed = state->mute || expects_master(run) || expects(run->config, "replica");
    if (!standing.known && needed)
        refuse(run, reply->type == REDIS_REPLY_ERROR ? reply->str : "ERR INFO is no text");
    else if (standing.known && info_int(state->info, "cluster_enabled", 0) == 1)
        talk_try(&state->talk, run, on_cluster, WORDS("CLUSTER", "INFO"));
    else
        conclude(run);
}

/* A server that reads its data says how far it has come, even now. */
static void on_loading(struct probe_run *run, const redisReply *reply)
{
    static const char busy[] = "LOADING the server reads its data";
    struct loading loading = {0};
    char summary[96];
    if (reply->type == REDIS_REPLY_STRING)
        loading = loading_of(reply->str);
    if (!loading.known) {
        refuse(run, busy);
        return;
    }
    struct error_text text;
    struct probe_ending why = errors_explain(busy, &text);
    (void)snprintf(summary,
                   sizeof(summary),
                   "the server reads its data: %.1f %% done, about %lld s left",
                   loading.percent,
                   (long long)loading.seconds_left);
    why.summary = summary;
    talk_failed(run, &why);
}

static void on_pong(struct probe_run *run, const redisReply *reply)
{
    struct connect_run *state = run->data;
    bool refused = reply->type == REDIS_REPLY_ERROR;
    state->ping_us = wire_elapsed_us(&state->talk.wire);
    state->misconf = refused && writes_refused(reply->str) == WRITES_MISCONF;
    state->mute = refused && errors_is(reply->str, "NOPERM");
    note_right(run, reply);
    if (refused && errors_is(reply->str, "LOADING")) {
        talk_try(&state->talk, run, on_loading, WORDS("INFO"));
    } else if (refused && !state->misconf && !state->mute) {
        refuse(run, reply->str);
    } else if (!refused && (reply->type != REDIS_REPLY_STATUS || strcmp(reply->str, "PONG") != 0)) {
        struct probe_ending why = errors_protocol('\0');
        talk_failed(run, &why);
    } else {
        talk_try(&state->talk, run, on_info, WORDS("INFO"));
    }
}

void connect_run(struct probe_target *self, struct probe_run *run)
{
    struct redis *redis = self->data;
    struct connect_run *state = run->data;
    talk_init(&state->talk, &run->life, &redis->place);
    state->talk.wire.once = true;
    talk_try(&state->talk, run, on_pong, WORDS("PING"));
}

void connect_ended(struct probe_target *self, struct probe_run *run)
{
    struct connect_run *state = run->data;
    (void)self;
    talk_bury(&state->talk);
    free(state->info);
}
