/*
 * probe.h in C11, pedantically: every macro that a plugin may use, and how large its structs are.
 * header_cxx17.cpp does the same for a C++ plugin.
 */
#include <runbookd/probe.h>
#include <string.h>

#include "header.h"

struct everything {
    const char *string, *json, *target;
    struct probe_secret *secret;
    bool flag;
    int64_t number, duration, bytes;
    double real, rate;
    const char *const *list;
    const struct probe_url *url;
    const struct probe_tls *tls;
    const struct probe_pair *pairs;
    struct probe_items items;
};

static const struct probe_option options[] = {
    {"string", PROBE_STRING_AT(struct everything, string), .help = "h"},
    {"secret", PROBE_SECRET_AT(struct everything, secret), .help = "h"},
    {"flag", PROBE_BOOL_AT(struct everything, flag), .help = "h"},
    {"number", PROBE_INT_AT(struct everything, number), .help = "h"},
    {"real", PROBE_REAL_AT(struct everything, real), .help = "h"},
    {"duration", PROBE_DURATION_AT(struct everything, duration), .help = "h"},
    {"bytes", PROBE_BYTES_AT(struct everything, bytes), .help = "h"},
    {"list", PROBE_LIST_AT(struct everything, list), .help = "h"},
    {"url", PROBE_URL_AT(struct everything, url), .help = "h"},
    {"tls", PROBE_TLS_AT(struct everything, tls), .help = "h"},
    {"pairs", PROBE_PAIRS_AT(struct everything, pairs), .help = "h"},
    {"items", PROBE_ITEMS_AT(struct everything, items), .help = "h"},
    {"json", PROBE_JSON_AT(struct everything, json), .help = "h"},
    {"rate", PROBE_RATE_AT(struct everything, rate), .help = "h"},
    {"target", PROBE_TARGET_AT(struct everything, target), .help = "h"},
    {0},
};

static void on_timer(int status, void *data)
{
    (void)status, (void)data;
}

static void on_http(int status, const struct probe_response *response, void *data)
{
    (void)status, (void)response, (void)data;
}

static void on_stream(int status, const struct probe_arrival *arrival, void *data)
{
    (void)status, (void)arrival, (void)data;
}

static void on_exec(int status, const struct probe_exit *end, void *data)
{
    (void)status, (void)end, (void)data;
}

static void on_lines(int status, const struct probe_lines *lines, void *data)
{
    (void)status, (void)lines, (void)data;
}

/* Compiled, never called. */
static void run(struct probe_target *self, struct probe_run *run)
{
    static const char *const argv[] = {"/bin/true", NULL};
    const struct probe_step step = {.key = "k", .what = "w"};
    probe_report(
        run, .summary = "s", .fields = PROBE_FIELDS(probe_int("a", 1), probe_real("b", 2)));
    probe_log(&self->life, PROBE_LOG_INFO, "%d", 1);
    probe_cancel(&run->life, probe_timer(&run->life, 1, on_timer, NULL));
    (void)probe_http(&run->life, on_http, NULL, .url = "http://x");
    (void)probe_dial(&run->life, on_stream, NULL, .host = "x", .port = 1);
    (void)probe_exec(&run->life, on_exec, NULL, .argv = argv);
    (void)probe_follow(&run->life, on_lines, NULL, .path = "/x");
    probe_planned(run, .steps = &step, .step_count = 1, .total = 1);
    probe_applied(run, .outcome = PROBE_APPLIED);
    probe_leased(run, .held = true, .token = run->claim->token, .left_ms = 1);
    probe_fail(run, -1, "%s", "x");
    probe_end(run, .how = PROBE_DOWN, .status = -1, .reason = "r", .summary = "s");
    probe_done(run);
}

static const struct probe_check checks[] = {
    {.name = "check", .title = "t", .options = options, .every = "1s", .timeout = "1s", .run = run},
    {0},
};

static const struct probe_plugin plugin = {
    PROBE_ABI, .name = "c11", .version = "1", .summary = "s", .checks = checks};
PROBE_PLUGIN(plugin);

static const size_t sizes_in_c[] = {HEADER_SIZES};

int main(void)
{
    return plugin.abi_major == PROBE_ABI_MAJOR &&
                   memcmp(sizes_in_c, sizes_in_cxx, sizeof(sizes_in_c)) == 0
               ? 0
               : 1;
}
