/*
 * resolve - one name, asked of each server at once; a server is a subject.
 *
 * What they answer is held against what the operator expects and, once all have answered or the
 * time is over, against each other.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dns.h"

const char *const resolve_transports[] = {"udp", "tcp", NULL};

static const char resolv_conf[] = "/etc/resolv.conf";
enum { FILE_BYTES = 64 << 10, ROWS = 16, SHOWN = 300, FIELDS = 24 };

/* A server that was given by its name, while that is looked up. */
struct lookup {
    struct probe_run *run;
    struct server server;
};

/* ------------------------------------------------------------- options ---- */

const char *resolve_name_of(const struct probe_url *url)
{
    return url && url->path && url->path[0] == '/' && url->path[1] ? url->path + 1 : NULL;
}

static const char *name_of(const struct probe_run *run)
{
    const struct resolve_config *config = run->config;
    const struct dns_config *target = run->target->config;
    return config->name ? config->name : target->name ? target->name : resolve_name_of(target->url);
}

int resolve_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct resolve_config *config = config_;
    unsigned char question[MESSAGE_QUESTION];
    struct server server;
    (void)memory;
    if (config->name && !message_ask(question, 0, config->name, config->type, true))
        return probe_refuse(error, "name", "\"%.80s\" is no name", config->name);
    for (const char *const *item = config->servers; item && *item; item++)
        if (!server_parse(*item, SERVER_PORT, &server))
            return probe_refuse(error, "servers", "\"%.80s\" is no server", *item);
    if (strcmp(config->rcode, "noerror") != 0 && config->expect && config->expect[0])
        return probe_refuse(error, "expect", "there are no answers where rcode is another");
    return 0;
}

/* ------------------------------------------------------------ sentences ---- */

/* "203.0.113.7, 203.0.113.8"; what does not fit is left out. */
static void print_values(const struct message *message, char *out, size_t room)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < message->count && used < room; i++)
        if (message->records[i].wanted)
            used += (size_t)snprintf(
                out + used, room - used, "%s%s", used ? ", " : "", message->records[i].value);
}

/* The last alias on the way: of it was said what is said. */
static void print_subject(const struct inquiry *inquiry, const char *name, char *out, size_t room)
{
    const struct message *message = inquiry->message;
    const char *alias = NULL;
    for (size_t i = 0; i < message->count; i++)
        if (strcmp(message->records[i].type, "CNAME") == 0)
            alias = message->records[i].value;
    (void)snprintf(out,
                   room,
                   alias ? "%.200s, of which %.200s is an alias," : "%.200s",
                   alias ? alias : name,
                   name);
}

static void print_expected(const struct resolve_config *config, char *out, size_t room)
{
    size_t used =
        (size_t)snprintf(out, room, "%s", config->expect && config->expect[0] ? "" : config->rcode);
    for (const char *const *item = config->expect; item && *item && used < room; item++)
        used += (size_t)snprintf(out + used, room - used, "%s%s", used ? ", " : "", *item);
}

static void summarize(const struct probe_run *run, const struct inquiry *inquiry,
                      enum trouble trouble, bool differs, char *out, size_t room)
{
    const struct resolve_config *config = run->config;
    char values[SHOWN], subject[MESSAGE_VALUE], expected[SHOWN];
    if (!inquiry->message) {
        (void)snprintf(out, room, "%s", inquiry->why);
        return;
    }
    print_values(inquiry->message, values, sizeof(values));
    print_subject(inquiry, name_of(run), subject, sizeof(subject));
    print_expected(config, expected, sizeof(expected));
    switch (trouble) {
    case TROUBLE_NXDOMAIN:
        (void)snprintf(out, room, "%.500s does not exist", subject);
        return;
    case TROUBLE_NODATA:
        (void)snprintf(out, room, "%.500s has no record of type %.40s", subject, config->type);
        return;
    case TROUBLE_LAME:
        (void)snprintf(out, room, "it has no authority over %.500s", subject);
        return;
    case TROUBLE_UNEXPECTED:
        (void)snprintf(out,
                       room,
                       "it answers %.270s, expected %.270s",
                       *values ? values : "nothing",
                       expected);
        return;
    case TROUBLE_NONE:
        break;
    default:
        (void)snprintf(out, room, "it answers %.40s for %.500s", inquiry->message->rcode, subject);
        return;
    }
    (void)snprintf(out,
                   room,
                   "%s in %.1f ms%s",
                   *values ? values : inquiry->message->rcode,
                   (double)inquiry->took_us / 1000.0,
                   differs ? ", which is not what other servers answer" : "");
}

/* ------------------------------------------------------------- evidence ---- */

struct rows {
    const char *cells[ROWS * 4];
    char ttls[ROWS][12];
    size_t count;
};

static const struct probe_column columns[] = {{"name", PROBE_FIELD_TEXT},
                                              {"type", PROBE_FIELD_TEXT},
                                              {"ttl_seconds", PROBE_FIELD_INT},
                                              {"value", PROBE_FIELD_TEXT}};

static struct probe_table list_records(const struct message *message, struct rows *rows)
{
    size_t used = 0;
    for (; rows->count < message->count && rows->count < ROWS; rows->count++) {
        const struct message_record *record = &message->records[rows->count];
        (void)snprintf(rows->ttls[rows->count], sizeof(rows->ttls[0]), "%u", record->ttl);
        rows->cells[used++] = record->name;
        rows->cells[used++] = record->type;
        rows->cells[used++] = rows->ttls[rows->count];
        rows->cells[used++] = record->value;
    }
    return (struct probe_table){.columns = columns,
                                .column_count = 4,
                                .cells = rows->cells,
                                .row_count = rows->count,
                                .total = (int64_t)message->total};
}

static int64_t shortest_ttl(const struct message *message)
{
    int64_t shortest = -1;
    for (size_t i = 0; i < message->count; i++)
        if (shortest < 0 || message->records[i].ttl < shortest)
            shortest = message->records[i].ttl;
    return shortest;
}

static struct probe_field *add_message(struct probe_field *field, const struct message *message)
{
    int64_t ttl = shortest_ttl(message);
    *field++ = probe_text("rcode", message->rcode);
    *field++ = probe_bool("authoritative", message->authoritative);
    *field++ = probe_int("count", (int64_t)message->wanted);
    if (ttl >= 0)
        *field++ = probe_int("ttl_seconds", ttl);
    return field;
}

static void report(struct probe_run *run, const struct inquiry *inquiry, enum trouble trouble,
                   bool differs)
{
    const struct resolve_config *config = run->config;
    const struct resolve_run *state = run->data;
    const char *name = name_of(run);
    struct probe_field fields[FIELDS], *field = fields;
    struct rows rows = {.count = 0};
    struct probe_table table;
    char summary[600], question[MESSAGE_NAME + 16];
    summarize(run, inquiry, trouble, differs, summary, sizeof(summary));
    (void)snprintf(question, sizeof(question), "%.255s %s", name ? name : "", config->type);
    *field++ = probe_bool("expected", trouble == TROUBLE_NONE);
    *field++ = probe_text("error_class", verdict_classes[trouble]);
    *field++ = probe_bool("mismatch", differs);
    *field++ = probe_text("transport", inquiry->tcp ? "tcp" : "udp");
    *field++ = probe_bool("truncated", inquiry->truncated);
    *field++ = probe_real("total_ms", (double)inquiry->took_us / 1000.0);
    if (inquiry->named_us >= 0)
        *field++ = probe_real("dns_ms", (double)inquiry->named_us / 1000.0);
    if (inquiry->connect_us)
        *field++ = probe_real("connect_ms", (double)inquiry->connect_us / 1000.0);
    if (inquiry->tries > 0)
        *field++ = probe_int("tries", inquiry->tries);
    *field++ = probe_text("question", question);
    *field++ = probe_text("ip", inquiry->server.host);
    *field++ = probe_int("port", inquiry->server.port);
    if (state->source)
        *field++ = probe_text("servers_from", state->source);
    if (inquiry->message) {
        field = add_message(field, inquiry->message);
        table = list_records(inquiry->message, &rows);
        *field++ = probe_rows("records", &table);
    }
    *field = (struct probe_field){0};
    probe_report(run,
                 .status = verdict_is_ours(trouble)    ? PROBE_UNKNOWN
                           : trouble < TROUBLE_REFUSED ? PROBE_GRADED
                                                       : PROBE_CRITICAL,
                 .subject = *inquiry->subject ? inquiry->subject : NULL,
                 .summary = summary,
                 .hint = differs && trouble == TROUBLE_NONE
                             ? "a zone that was not transferred, or an old answer that is cached; "
                               "where answers are meant to differ write agree: false"
                             : verdict_hint(trouble),
                 .fields = fields);
}

/* -------------------------------------------------------------- the end ---- */

static enum trouble trouble_of(const struct probe_run *run, const struct inquiry *inquiry)
{
    const struct resolve_config *config = run->config;
    const struct wish wish = {.type = config->type,
                              .rcode = config->rcode,
                              .match = config->match,
                              .expect = config->expect,
                              .authoritative = config->authoritative};
    return inquiry->message ? verdict_of(inquiry->message, &wish) : inquiry->trouble;
}

/* Answers that say something of the name; that one server failed is told already. */
static bool is_comparable(enum trouble trouble)
{
    return trouble <= TROUBLE_NODATA;
}

static void finish(struct probe_run *run)
{
    const struct resolve_config *config = run->config;
    struct resolve_run *state = run->data;
    const struct message *answers[SERVER_MOST] = {NULL};
    bool differs[SERVER_MOST] = {false};
    for (size_t i = 0; i < state->count && config->agree; i++)
        if (state->all[i].message && is_comparable(trouble_of(run, &state->all[i])))
            answers[i] = state->all[i].message;
    verdict_compare(answers, state->count, differs);
    for (size_t i = 0; i < state->count; i++)
        report(run, &state->all[i], trouble_of(run, &state->all[i]), differs[i]);
    probe_done(run);
}

static void settle(struct probe_run *run)
{
    struct resolve_run *state = run->data;
    if (--state->pending == 0)
        finish(run);
}

static void on_over(struct inquiry *inquiry)
{
    settle(inquiry->run);
}

/* ---------------------------------------------------------------- start ---- */

static bool is_tcp(const struct probe_run *run)
{
    const struct resolve_config *config = run->config;
    return strcmp(config->transport, "tcp") == 0;
}

/* The next place; NULL: there are enough. */
static struct inquiry *add_inquiry(struct probe_run *run, const struct server *server)
{
    struct resolve_run *state = run->data;
    if (state->count == SERVER_MOST)
        return NULL;
    struct inquiry *inquiry = &state->all[state->count++];
    inquiry->run = run;
    inquiry->fd = -1;
    inquiry->server = *server;
    inquiry->tcp = is_tcp(run);
    inquiry->on_over = on_over;
    return inquiry;
}

static void print_address(const struct server *server, char *out, size_t room)
{
    bool six = strchr(server->host, ':') != NULL;
    if (server->port == SERVER_PORT)
        (void)snprintf(out, room, "%s", server->host);
    else
        (void)snprintf(out, room, six ? "[%s]:%u" : "%s:%u", server->host, server->port);
}

/* Whether the target is this one server, so that no subject has to tell it from others. */
static bool is_the_target(const struct probe_run *run)
{
    const struct resolve_config *config = run->config;
    const struct dns_config *target = run->target->config;
    return target->url && !(config->servers && config->servers[0]);
}

/* `named`: as the operator wrote it, where that was a name. */
static void ask(struct probe_run *run, const struct server *server, const char *named)
{
    const struct resolve_config *config = run->config;
    struct resolve_run *state = run->data;
    struct inquiry *inquiry = add_inquiry(run, server);
    uint16_t id = 0;
    char address[INQUIRY_SUBJECT];
    if (!inquiry)
        return;
    print_address(server, address, sizeof(address));
    if (named || !is_the_target(run))
        (void)snprintf(inquiry->subject,
                       sizeof(inquiry->subject),
                       "%.200s%s%.80s",
                       named ? named : "",
                       named ? "/" : "",
                       address);
    inquiry->named_us = named ? (int64_t)(probe_now_us(&run->life) - state->asked_us) : -1;
    if (getrandom(&id, sizeof(id), GRND_NONBLOCK) < 0) /* none yet, early after a boot */
        id = (uint16_t)probe_now_us(&run->life);
    inquiry->most_tries = (int)config->tries;
    inquiry->question_len =
        message_ask(inquiry->question, id, name_of(run), config->type, config->recurse);
    state->pending++;
    inquiry_start(inquiry);
}

static void on_looked_up(int status, const char *const *addresses, size_t count, void *data)
{
    struct lookup *lookup = data;
    struct probe_run *run = lookup->run;
    const struct resolve_run *state = run->data;
    struct server server = lookup->server;
    for (size_t i = 0; status == 0 && i < count; i++) {
        (void)snprintf(server.host, sizeof(server.host), "%s", addresses[i]);
        ask(run, &server, lookup->server.host);
    }
    if (status != 0 || count == 0) {
        struct inquiry *inquiry = add_inquiry(run, &lookup->server);
        if (inquiry) {
            print_address(&lookup->server, inquiry->subject, sizeof(inquiry->subject));
            inquiry->trouble = TROUBLE_DNS;
            inquiry->named_us = (int64_t)(probe_now_us(&run->life) - state->asked_us);
            (void)snprintf(inquiry->why,
                           sizeof(inquiry->why),
                           "the address of the server %.200s cannot be looked up",
                           lookup->server.host);
        }
    }
    settle(run);
}

static void ask_all(struct probe_run *run, const struct server *servers, size_t count)
{
    struct resolve_run *state = run->data;
    state->asked_us = probe_now_us(&run->life);
    state->pending = 1; /* ours, until all have been started */
    for (size_t i = 0; i < count; i++) {
        if (server_is_numeric(&servers[i])) {
            ask(run, &servers[i], NULL);
            continue;
        }
        state->lookups[i] = (struct lookup){run, servers[i]};
        state->pending++;
        (void)probe_resolve(&run->life, servers[i].host, on_looked_up, &state->lookups[i]);
    }
    settle(run);
}

static void end_as_ours(struct probe_run *run, int status, const char *summary, const char *hint)
{
    probe_end(run,
              .how = PROBE_FAILED,
              .status = status,
              .reason = "config",
              .summary = summary,
              .hint = hint);
}

static void on_resolv_conf(int status, const struct probe_sight *sight, void *data)
{
    struct probe_run *run = data;
    struct server servers[SERVER_MOST];
    size_t count = status < 0 ? 0 : server_read_file(sight->bytes, servers, SERVER_MOST);
    if (status < 0)
        end_as_ours(run, status, "/etc/resolv.conf cannot be read", "write `servers`");
    else if (count == 0)
        end_as_ours(run, -ENOENT, "no server is named in /etc/resolv.conf", "write `servers`");
    else
        ask_all(run, servers, count);
}

/* Those of the check, else the target's; how many. */
static size_t written_servers(const struct probe_run *run, struct server *servers)
{
    const struct resolve_config *config = run->config;
    const struct dns_config *target = run->target->config;
    const char *const *all =
        config->servers && config->servers[0] ? config->servers : target->servers;
    size_t count = 0;
    for (; all && all[count] && count < SERVER_MOST; count++)
        (void)server_parse(all[count], (uint16_t)target->port, &servers[count]);
    if (count > 0 || !target->url)
        return count;
    (void)snprintf(servers->host, sizeof(servers->host), "%s", target->url->host);
    servers->port = target->url->port ? target->url->port : (uint16_t)target->port;
    return 1;
}

void resolve_run(struct probe_target *self, struct probe_run *run)
{
    struct resolve_run *state = run->data;
    struct server servers[SERVER_MOST];
    (void)self;
    state->all = calloc(SERVER_MOST, sizeof(*state->all));
    state->lookups = calloc(SERVER_MOST, sizeof(*state->lookups));
    if (!state->all || !state->lookups) {
        probe_fail(run, -ENOMEM, "out of memory");
        return;
    }
    if (!name_of(run)) {
        end_as_ours(run,
                    -EINVAL,
                    "there is no name to ask for",
                    "give the target or the check a `name`, or write `resolve: off`");
        return;
    }
    size_t count = written_servers(run, servers);
    if (count > 0) {
        ask_all(run, servers, count);
        return;
    }
    state->source = resolv_conf;
    (void)probe_look_at(&run->life, PROBE_LOOK_READ, resolv_conf, FILE_BYTES, on_resolv_conf, run);
}

void resolve_ended(struct probe_target *self, struct probe_run *run)
{
    struct resolve_run *state = run->data;
    (void)self;
    for (size_t i = 0; state->all && i < state->count; i++)
        inquiry_close(&state->all[i]);
    free(state->all);
    free(state->lookups);
}
