/*
 * numbers - memory and clients: one INFO over the kept connection, read and reported.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "common/bytes.h"
#include "common/percent.h"
#include "redis.h"

const struct probe_option memory_options[] = {
    {"limit",
     PROBE_BYTES_AT(struct memory_config, limit),
     .fallback = "0",
     .help = "what the container may use: the kernel ends a server that uses more"},
    {0},
};

const struct probe_measure memory_measures[] = {
    {"used_bytes", "memory that Redis' allocator handed out", .kind = PROBE_GAUGE},
    {"used_percent", "of maxmemory, where it is set", .kind = PROBE_GAUGE, .optional = true},
    {"resident_bytes", "memory that the process occupies", .kind = PROBE_GAUGE},
    {"resident_percent", "of the option `limit`", .kind = PROBE_GAUGE, .optional = true},
    {"fragmentation_ratio", "resident to used", .kind = PROBE_GAUGE, .optional = true},
    {"evicted", "keys dropped to make room", .kind = PROBE_COUNTER},
    {"policy", "what is dropped at maxmemory", .kind = PROBE_WORD, .words = memory_policies},
    {0},
};

const struct probe_measure clients_measures[] = {
    {"connected", "clients now, we among them", .kind = PROBE_GAUGE},
    {"limit", "maxclients", .kind = PROBE_GAUGE, .optional = true},
    {"used_percent", "of maxclients", .kind = PROBE_GAUGE, .optional = true},
    {"blocked", "clients that wait in BLPOP and its like, as workers do", .kind = PROBE_GAUGE},
    {"rejected", "clients turned away for maxclients", .kind = PROBE_COUNTER},
    {"accepted", "connections taken", .kind = PROBE_COUNTER},
    {0},
};

void numbers_refuse(struct probe_run *run)
{
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -EPROTO,
              .reason = "protocol",
              .summary = "INFO does not say what it should",
              .hint = "something between us and the server may answer in its place");
}

void numbers_ask(struct probe_run *run, talk_fn *then)
{
    talk_ask(server_checks(run), run, then, WORDS("INFO"));
}

bool numbers_has(struct probe_run *run, const redisReply *reply, const char *line)
{
    if (reply->type == REDIS_REPLY_STRING && info_has(reply->str, line))
        return true;
    numbers_refuse(run);
    return false;
}

/* -------------------------------------------------------------- memory ---- */

/* "12.0 MiB of 64.0 MiB are in use; at the limit writes fail" */
static void summarise_memory(const struct memory *memory, char *out, size_t room)
{
    const struct bytes_text used = bytes_text(memory->used), limit = bytes_text(memory->limit);
    bool keeps = strcmp(memory->policy, "noeviction") == 0;
    if (memory->limit == 0)
        (void)snprintf(out, room, "%s are in use, without a limit", used.text);
    else
        (void)snprintf(out,
                       room,
                       "%s of %s are in use; at the limit %s",
                       used.text,
                       limit.text,
                       keeps ? "writes fail" : "keys go");
}

static void on_memory(struct probe_run *run, const redisReply *reply)
{
    const struct memory_config *config = run->config;
    struct memory memory;
    struct probe_field fields[10];
    struct probe_field *field = fields;
    char summary[128];
    if (reply->type != REDIS_REPLY_STRING || !memory_of(reply->str, &memory)) {
        numbers_refuse(run);
        return;
    }
    *field++ = probe_int("used_bytes", memory.used);
    *field++ = probe_int("resident_bytes", memory.resident);
    *field++ = probe_int("evicted", memory.evicted);
    *field++ = probe_text("policy", memory.policy);
    if (memory.limit > 0)
        *field++ = probe_real("used_percent", percent_of(memory.used, memory.limit));
    if (config->limit > 0)
        *field++ = probe_real("resident_percent", percent_of(memory.resident, config->limit));
    if (memory.fragmentation > 0)
        *field++ = probe_real("fragmentation_ratio", memory.fragmentation);
    *field++ = probe_int("limit_bytes", memory.limit);
    *field++ = probe_int("peak_bytes", memory.peak);
    *field = (struct probe_field){0};
    summarise_memory(&memory, summary, sizeof(summary));
    probe_report(run,
                 .summary = summary,
                 .hint = memory.limit == 0 && config->limit == 0
                             ? "set maxmemory, or `limit` to what the container has"
                             : NULL,
                 .fields = fields);
    probe_done(run);
}

void memory_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    talk_ask(server_checks(run), run, on_memory, WORDS("INFO"));
}

/* ------------------------------------------------------------- clients ---- */

static void report_clients(struct probe_run *run, const struct clients *clients, const char *hint)
{
    struct probe_field fields[7];
    struct probe_field *field = fields;
    *field++ = probe_int("connected", clients->connected);
    *field++ = probe_int("blocked", clients->blocked);
    *field++ = probe_int("rejected", clients->rejected);
    *field++ = probe_int("accepted", clients->accepted);
    if (clients->limit > 0) {
        *field++ = probe_int("limit", clients->limit);
        *field++ = probe_real("used_percent", percent_of(clients->connected, clients->limit));
    }
    *field = (struct probe_field){0};
    char summary[96];
    if (clients->limit > 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " of %" PRId64 " clients are connected",
                       clients->connected,
                       clients->limit);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " clients are connected; their limit is not known",
                       clients->connected);
    probe_report(
        run, .summary = summary, .hint = clients->limit > 0 ? NULL : hint, .fields = fields);
    probe_done(run);
}

/* ["maxclients", "10000"]; where CONFIG is not permitted the limit stays unknown. */
static void on_limit(struct probe_run *run, const redisReply *reply)
{
    const struct clients_run *state = run->data;
    struct clients clients = {0};
    struct error_text text = {.hint = "see maxclients in the server's configuration"};
    (void)clients_of(state->info, &clients);
    if (reply->type == REDIS_REPLY_ERROR)
        (void)talk_explain(server_checks(run), reply->str, &text);
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        clients.limit = strtoll(reply->element[1]->str, NULL, 10);
    report_clients(run, &clients, text.hint);
}

static void on_clients(struct probe_run *run, const redisReply *reply)
{
    struct clients_run *state = run->data;
    struct clients clients;
    if (reply->type != REDIS_REPLY_STRING || !clients_of(reply->str, &clients)) {
        numbers_refuse(run);
    } else if (clients.limit > 0) {
        report_clients(run, &clients, NULL);
    } else {
        state->info = strdup(reply->str);
        talk_try(server_checks(run), run, on_limit, WORDS("CONFIG", "GET", "maxclients"));
    }
}

void clients_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    talk_ask(server_checks(run), run, on_clients, WORDS("INFO"));
}

void clients_ended(struct probe_target *self, struct probe_run *run)
{
    struct clients_run *state = run->data;
    free(state->info);
    server_check_ended(self, run);
}
