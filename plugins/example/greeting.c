/*
 * greeting - a plugin to learn from: servers that greet whoever connects, as mail, FTP and SSH
 * servers do with a line of text.
 *
 *     banner    connects, and waits for the greeting
 *     answer    says something after the greeting, and waits for the answer
 *
 * Everything a plugin is stands in tables at the end: options, measures, checks, the plugin itself.
 * What is above them is how it asks, and nothing there ever waits: an operation is started, and its
 * callback goes on.  README.md walks through adding a check.
 */
#include <runbookd/probe.h>
#include <string.h>

/* ------------------------------------------------------------- options ---- */

/* Of a target: filled by the agent from the table server_options below, before anything runs. */
struct server {
    const char *host;
    int64_t port;
};

/* Of each of the two checks. */
struct banner {
    const char *expect; /* NULL: any greeting will do */
};

struct answer {
    const char *say, *expect;
};

/* ----------------------------------------------------- one conversation ---- */

/*
 * What a run needs to remember between its callbacks.  It lies in run->data, zeroed at first, and
 * goes with the run; so does the stream, since it is opened in the run's life.
 */
struct conversation {
    struct probe_op *stream;
    char line[512]; /* what has come of the present line */
    size_t len;
    bool said; /* of `answer`: the greeting is over, and we spoke */
    int64_t connect_us, first_byte_us;
};

typedef void line_fn(struct probe_run *run, const char *line);

/* Nobody there is the service's fault (PROBE_DOWN); a name that is not found is rather ours. */
static void fail(struct probe_run *run, int status, const struct probe_arrival *arrival)
{
    bool ours = arrival->stage == PROBE_RESOLVING;
    probe_end(run,
              .how = ours ? PROBE_FAILED : PROBE_DOWN,
              .status = status < 0 ? status : -EPIPE,
              .reason = ours                   ? "dns"
                        : status == -ETIMEDOUT ? "timeout"
                                               : "closed",
              .summary = status < 0 ? arrival->message : "the server hung up without a word");
}

/* Collects bytes until a line is whole.  They come in pieces of any size: even one by one. */
static void collect(struct probe_run *run, const char *bytes, size_t len, line_fn *on_line)
{
    struct conversation *talk = run->data;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            talk->line[talk->len] = '\0';
            talk->len = 0;
            on_line(run, talk->line);
            return; /* the run may be over by now: touch nothing */
        }
        if (bytes[i] != '\r' && talk->len < sizeof(talk->line) - 1)
            talk->line[talk->len++] = bytes[i];
    }
}

/* Called for everything that happens to a stream; after a failure or PROBE_CLOSED it is gone. */
static void on_arrival(struct probe_run *run, int status, const struct probe_arrival *arrival,
                       line_fn *on_line)
{
    struct conversation *talk = run->data;
    if (status < 0 || arrival->what == PROBE_CLOSED) {
        fail(run, status, arrival);
    } else if (arrival->what == PROBE_OPENED) {
        talk->connect_us = arrival->us.total;
    } else if (arrival->what == PROBE_ARRIVED) {
        talk->first_byte_us = arrival->us.first_byte;
        collect(run, arrival->bytes, arrival->len, on_line);
    }
}

static void dial(struct probe_run *run, probe_stream_fn *on_stream)
{
    const struct server *server = run->target->config;
    struct conversation *talk = run->data;
    talk->stream = probe_dial(&run->life,
                              on_stream,
                              run,
                              .host = server->host,
                              .port = (uint16_t)server->port,
                              .max_reply = 64 * 1024);
}

static bool begins_with(const char *line, const char *expected)
{
    return !expected || strncmp(line, expected, strlen(expected)) == 0;
}

static double ms(int64_t us)
{
    return (double)us / 1000.0;
}

/* -------------------------------------------------------------- banner ---- */

/* A finding carries every measure that is declared, and evidence besides: here the line. */
static void on_greeting(struct probe_run *run, const char *line)
{
    const struct banner *config = run->config;
    const struct conversation *talk = run->data;
    bool matches = begins_with(line, config->expect);

    probe_report(run,
                 .summary = matches ? "the server greets" : "the greeting is another one",
                 .fields = PROBE_FIELDS(probe_bool("matches", matches),
                                        probe_real("connect_ms", ms(talk->connect_us)),
                                        probe_real("first_byte_ms", ms(talk->first_byte_us)),
                                        probe_text("greeting", line)));
    probe_done(run); /* closes the stream too: it belongs to the run's life */
}

static void on_banner(int status, const struct probe_arrival *arrival, void *data)
{
    on_arrival(data, status, arrival, on_greeting);
}

static void run_banner(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    dial(run, on_banner);
}

/* -------------------------------------------------------------- answer ---- */

static void say(struct probe_run *run, const char *words)
{
    struct conversation *talk = run->data;
    talk->said = true;
    probe_write(&run->life, talk->stream, words, strlen(words));
    probe_write(&run->life, talk->stream, "\r\n", 2);
}

/* The greeting first, then the answer to what we said. */
static void on_line(struct probe_run *run, const char *line)
{
    const struct answer *config = run->config;
    const struct conversation *talk = run->data;
    bool matches = begins_with(line, config->expect);

    if (!talk->said) {
        say(run, config->say);
        return;
    }
    probe_report(run,
                 .summary = matches ? "the server answers" : "the answer is another one",
                 .fields =
                     PROBE_FIELDS(probe_bool("matches", matches), probe_text("answer", line)));
    probe_done(run);
}

static void on_answer(int status, const struct probe_arrival *arrival, void *data)
{
    on_arrival(data, status, arrival, on_line);
}

static void run_answer(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    dial(run, on_answer);
}

/* What would be two lines for the server may not stand in the configuration. */
static int prepare_answer(const void *data, void *memory, struct probe_error *error)
{
    const struct answer *config = data;
    (void)memory;
    if (strpbrk(config->say, "\r\n"))
        return probe_refuse(error, "say", "is one line, and its end is added by itself");
    return 0;
}

/* -------------------------------------------------------------- tables ---- */

static const struct probe_option banner_options[] = {
    {"expect",
     PROBE_STRING_AT(struct banner, expect),
     .fallback = "",
     .help = "what the greeting begins with, such as \"220 \""},
    {0},
};

static const struct probe_option answer_options[] = {
    {"say", PROBE_STRING_AT(struct answer, say), .help = "what to say, such as NOOP"},
    {"expect", PROBE_STRING_AT(struct answer, expect), .help = "what the answer begins with"},
    {0},
};

static const struct probe_measure banner_measures[] = {
    {"matches", "whether the greeting is the one expected", .kind = PROBE_FLAG},
    {"connect_ms", "until the connection stood", .kind = PROBE_GAUGE},
    {"first_byte_ms", "until the first byte came", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_measure answer_measures[] = {
    {"matches", "whether the answer is the one expected", .kind = PROBE_FLAG},
    {0},
};

static const struct probe_check checks[] = {
    {.name = "banner",
     .title = "the server does not greet, or not as it should",
     .options = banner_options,
     .config_size = sizeof(struct banner),
     .measures = banner_measures,
     .every = "30s",
     .timeout = "5s",
     .late = PROBE_DOWN,
     .warning = "first_byte_ms > 1000",
     .critical = "not matches",
     .asks = "connects, and waits for the first line",
     .run_size = sizeof(struct conversation),
     .run = run_banner},
    {.name = "answer",
     .title = "the server does not answer as it should",
     .options = answer_options,
     .config_size = sizeof(struct answer),
     .measures = answer_measures,
     .every = "30s",
     .timeout = "5s",
     .late = PROBE_DOWN,
     .critical = "not matches",
     .asks = "connects, waits for the first line, says a line, and waits for the next",
     .run_size = sizeof(struct conversation),
     .run = run_answer,
     .prepare = prepare_answer},
    {0},
};

static const struct probe_option server_options[] = {
    {"host", PROBE_STRING_AT(struct server, host), .help = "the server's name or address"},
    {"port",
     PROBE_INT_AT(struct server, port),
     .min = 1,
     .max = 65535,
     .help = "its port, such as 25"},
    {0},
};

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "greeting",
    .version = "1.0",
    .summary = "servers that greet whoever connects",
    .options = server_options,
    .config_size = sizeof(struct server),
    .checks = checks,
};
PROBE_PLUGIN(plugin);
