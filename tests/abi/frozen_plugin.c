/*
 * frozen - a plugin built with the contract as it was at 1.0 (frozen/probe-1.0.h), which an agent
 * of a later minor version must run as if it were its own.  It uses what has a size: tables of
 * options, nested ones too, measures, checks and actions; fields, rows, labels; a stream; endings.
 */
#include <runbookd/probe.h>
#include <string.h>

struct item {
    const char *name;
    int64_t size;
};

struct server {
    const char *host;
    int64_t port;
    struct probe_secret *secret;
    const struct probe_url *url;
    const char *const *words;
    const struct probe_pair *pairs;
    struct probe_items items;
};

struct limits {
    int64_t most, wait_ms;
};

struct conversation {
    struct probe_op *stream;
    char marks[2]; /* before and after, that nobody writes beyond */
};

struct memory {
    int64_t runs, most;
};

static void report(struct probe_run *run, const char *line)
{
    const struct server *server = run->target->config;
    const struct item *items = server->items.first;
    struct memory *memory = run->memory;
    static const struct probe_column columns[] = {{"name", PROBE_FIELD_TEXT},
                                                  {"size", PROBE_FIELD_INT}};
    char sizes[2][16];
    (void)snprintf(sizes[0], sizeof(sizes[0]), "%d", (int)items[0].size);
    (void)snprintf(sizes[1], sizeof(sizes[1]), "%d", (int)items[1].size);
    const char *const cells[] = {items[0].name, sizes[0], items[1].name, sizes[1]};
    const struct probe_table table = {columns, 2, cells, 2, 2};
    const struct probe_pair labels[] = {
        {"first", server->pairs[0].value, NULL}, {"second", server->pairs[1].value, NULL}, {0}};
    probe_report(run,
                 .subject = server->words[1],
                 .summary = line,
                 .hint = server->url->host,
                 .fields =
                     PROBE_FIELDS(probe_int("count", ++memory->runs + memory->most),
                                  probe_text("colour", "green"),
                                  probe_bool("served", true),
                                  probe_text("secret", probe_reveal(&run->life, server->secret)),
                                  probe_rows("items", &table)),
                 .labels = labels);
    probe_done(run);
}

static void on_stream(int status, const struct probe_arrival *arrival, void *data)
{
    struct probe_run *run = data;
    struct conversation *talk = run->data;
    char line[64] = "";
    if (status < 0) {
        probe_end(run,
                  .how = PROBE_DOWN,
                  .status = status,
                  .reason = "refused",
                  .summary = arrival->message,
                  .retry_ms = 1000);
    } else if (arrival->what == PROBE_OPENED) {
        probe_write(&run->life, talk->stream, "hello\n", 6);
    } else if (arrival->what == PROBE_ARRIVED && talk->marks[0] == 0 && talk->marks[1] == 0) {
        (void)snprintf(line,
                       sizeof(line),
                       "%.*s from %s",
                       (int)arrival->len - 1,
                       arrival->bytes,
                       arrival->peer->address);
        report(run, line);
    }
}

static void dial(struct probe_target *self, struct probe_run *run)
{
    const struct server *server = self->config;
    struct conversation *talk = run->data;
    talk->stream = probe_dial(&run->life,
                              on_stream,
                              run,
                              .host = server->host,
                              .port = (uint16_t)server->port,
                              .max_reply = 1000);
}

static void run_talk(struct probe_target *self, struct probe_run *run)
{
    dial(self, run);
}

static void run_denied(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    probe_end(run,
              .how = PROBE_DENIED,
              .status = -EACCES,
              .reason = "noperm",
              .summary = "not allowed",
              .hint = run->check->needs);
}

static int prepare(const void *config, void *memory, struct probe_error *error)
{
    const struct limits *limits = config;
    struct memory *own = memory;
    if (limits->most > 1000)
        return probe_refuse(error, "most", "%d is too many", (int)limits->most);
    own->most = limits->most;
    return 0;
}

static void plan(struct probe_target *self, struct probe_run *run)
{
    const struct probe_step steps[] = {{"a", "do a", NULL, 1}, {"b", "do b", NULL, 1}};
    (void)self;
    probe_planned(run, .steps = steps, .step_count = 2, .total = 9);
}

static void apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    (void)self;
    probe_applied(run, .outcome = PROBE_APPLIED, .summary = step->key);
}

static const struct probe_option item_options[] = {
    {"name", PROBE_STRING_AT(struct item, name), .help = "its name"},
    {"size", PROBE_BYTES_AT(struct item, size), .fallback = "1KiB", .help = "its size"},
    {0},
};

static const struct probe_option server_options[] = {
    {"host", PROBE_STRING_AT(struct server, host), .fallback = "127.0.0.1", .help = "the host"},
    {"port", PROBE_INT_AT(struct server, port), .min = 1, .max = 65535, .help = "the port"},
    {"secret", PROBE_SECRET_AT(struct server, secret), .help = "a secret"},
    {"url", PROBE_URL_AT(struct server, url), .help = "an address"},
    {"words", PROBE_LIST_AT(struct server, words), .help = "words"},
    {"pairs", PROBE_PAIRS_AT(struct server, pairs), .help = "pairs"},
    {"items",
     PROBE_ITEMS_AT(struct server, items),
     .help = "items",
     .nested = item_options,
     .item_size = sizeof(struct item)},
    {0},
};

static const struct probe_option limits_options[] = {
    {"most", PROBE_INT_AT(struct limits, most), .fallback = "10", .help = "how many"},
    {"wait", PROBE_DURATION_AT(struct limits, wait_ms), .fallback = "5s", .help = "how long"},
    {0},
};

static const char *const colours[] = {"red", "green", NULL};
static const struct probe_measure measures[] = {
    {"count", "how many", .kind = PROBE_GAUGE},
    {"colour", "which", .kind = PROBE_WORD, .words = colours},
    {"served", "whether", .kind = PROBE_FLAG},
    {"absent", "never there", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

static const struct probe_check checks[] = {
    {.name = "talk",
     .title = "it does not talk",
     .options = limits_options,
     .config_size = sizeof(struct limits),
     .measures = measures,
     .every = "15s",
     .timeout = "3s",
     .late = PROBE_DOWN,
     .warning = "colour == 'green' and count > 10",
     .memory_size = sizeof(struct memory),
     .run_size = sizeof(struct conversation),
     .run = run_talk,
     .prepare = prepare},
    {.name = "denied",
     .title = "it is not allowed",
     .every = "15s",
     .timeout = "3s",
     .needs = "GRANT all",
     .run = run_denied},
    {0},
};

static const struct probe_action actions[] = {
    {.name = "act",
     .help = "does something",
     .effect = PROBE_DISRUPTIVE,
     .options = limits_options,
     .config_size = sizeof(struct limits),
     .timeout = "5s",
     .plan = plan,
     .apply = apply},
    {.name = "react", .help = "does something else", .timeout = "6s", .apply = apply},
    {0},
};

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "frozen",
    .version = "1.0",
    .summary = "built with the contract of 1.0",
    .options = server_options,
    .config_size = sizeof(struct server),
    .parallel = 1,
    .checks = checks,
    .actions = actions,
};
PROBE_PLUGIN(plugin);
