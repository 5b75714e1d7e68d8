#include "common/pq/trouble.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What a server does not have comes seldom, and each question for it is an error in its log. */
enum { MISSING_MS = 3600000 };

void trouble_say(struct trouble *ret, enum trouble_kind kind, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    ret->kind = kind;
    ret->sqlstate[0] = '\0';
    (void)vsnprintf(ret->text, sizeof(ret->text), fmt, args);
    va_end(args);
}

/* ------------------------------------------------ what a server answered ---- */

static const struct {
    const char *sqlstate; /* or the first two characters of its class */
    enum trouble_kind kind;
} states[] = {
    {"53300", TROUBLE_TOO_MANY_CLIENTS},
    {"57P03", TROUBLE_STARTING_UP},
    {"57P0", TROUBLE_LOST},  /* ended by an administrator, or because another session crashed */
    {"25P03", TROUBLE_LOST}, /* idle in transaction for too long: we were */
    {"57014", TROUBLE_CANCELED},
    {"55P03", TROUBLE_CANCELED}, /* lock_timeout */
    {"28", TROUBLE_AUTH},
    {"3D", TROUBLE_DATABASE},
    {"55000", TROUBLE_DATABASE}, /* accepts no connections, as template0 */
    {"42501", TROUBLE_DENIED},
    {"42P01", TROUBLE_MISSING},
    {"42703", TROUBLE_MISSING},
    {"42883", TROUBLE_MISSING},
    {"42704", TROUBLE_MISSING},
    {"0A", TROUBLE_MISSING},
    {"08", TROUBLE_LOST},
};

/* PgBouncer's own errors: whichever it is, it calls it 08P01. */
static const struct {
    const char *says;
    enum trouble_kind kind;
} pooler[] = {
    {"no more connections allowed", TROUBLE_TOO_MANY_CLIENTS},
    {"too many clients", TROUBLE_TOO_MANY_CLIENTS}, /* the server's word, passed on */
    {"remaining connection slots", TROUBLE_TOO_MANY_CLIENTS},
    {"too many connections", TROUBLE_TOO_MANY_CLIENTS},
    {"query_wait_timeout", TROUBLE_TIMEOUT},
    {"client_login_timeout", TROUBLE_TIMEOUT},
    {"authentication failed", TROUBLE_AUTH},
    {"no such user", TROUBLE_AUTH},
    {"transaction blocks not allowed", TROUBLE_POOLER},
    {"not allowed", TROUBLE_DENIED}, /* to see its console */
    {"admin access needed", TROUBLE_DENIED},
    {"invalid command", TROUBLE_MISSING},
    {"no such database", TROUBLE_DATABASE},
    {"does not exist", TROUBLE_DATABASE},
    {"does not allow connections", TROUBLE_DATABASE},
    {"unsupported startup parameter", TROUBLE_CONFIG},
    {"shut", TROUBLE_STARTING_UP},
};

static enum trouble_kind kind_of_state(const char *sqlstate, const char *primary)
{
    if (strcmp(sqlstate, "08P01") == 0) {
        for (size_t i = 0; i < COUNT(pooler); i++)
            if (strstr(primary, pooler[i].says))
                return pooler[i].kind;
    }
    for (size_t i = 0; i < COUNT(states); i++)
        if (strncmp(sqlstate, states[i].sqlstate, strlen(states[i].sqlstate)) == 0)
            return states[i].kind;
    return TROUBLE_OTHER;
}

void trouble_of_error(struct trouble *ret, const char *sqlstate, const char *primary,
                      const char *where)
{
    trouble_say(
        ret, kind_of_state(sqlstate, primary), "%s says: %s (%s)", where, primary, sqlstate);
    (void)snprintf(ret->sqlstate, sizeof(ret->sqlstate), "%s", sqlstate);
}

/* ------------------------------------------------------- what libpq said ---- */

/* A line of libpq's message: "connection to server at ... failed: WORDS", without the prefix. */
struct line {
    const char *text;
    size_t len;
};

static struct line line_of(const char *message)
{
    static const char prefix[] = " failed: ";
    struct line line = {message, strcspn(message, "\n")};
    const char *failed = strstr(message, prefix);

    if (failed && failed < message + line.len) {
        line.text = failed + sizeof(prefix) - 1;
        line.len -= (size_t)(line.text - message);
    }
    return line;
}

/* "FATAL:  28P01: no such thing" has its SQLSTATE behind two spaces; NULL: this line has none. */
static const char *state_in(struct line line)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i + 10 <= line.len; i++) {
        const char *at = line.text + i;
        if (memcmp(at, ":  ", 3) == 0 && strspn(at + 3, letters) == 5 &&
            memcmp(at + 8, ": ", 2) == 0)
            return at + 3;
    }
    return NULL;
}

/*
 * What the server itself said.  libpq tries a second time, with or without TLS, and then both are
 * there: the refusal of an unencrypted session (28000) says less than what came of the other.
 */
static const char *state_in_any(const char *message, struct line *ret_line)
{
    const char *best = NULL;
    for (const char *at = message; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        struct line line = line_of(at);
        const char *state = state_in(line);
        if (state && (!best || strncmp(best, "28000", 5) == 0)) {
            if (best && strncmp(state, "28000", 5) == 0)
                continue;
            best = state;
            *ret_line = line;
        }
    }
    return best;
}

/* libpq appends what the C library calls an error, so that is what to look for. */
static enum trouble_kind kind_of_errno(const char *message)
{
    static const struct {
        int number;
        enum trouble_kind kind;
    } known[] = {
        {ECONNREFUSED, TROUBLE_REFUSED},
        {ENOENT, TROUBLE_REFUSED}, /* no such socket */
        {EACCES, TROUBLE_CONFIG},  /* a socket that we may not open */
        {EHOSTUNREACH, TROUBLE_UNREACHABLE},
        {ENETUNREACH, TROUBLE_UNREACHABLE},
        {EADDRNOTAVAIL, TROUBLE_UNREACHABLE},
        {ETIMEDOUT, TROUBLE_TIMEOUT},
        {ECONNRESET, TROUBLE_LOST},
        {EPIPE, TROUBLE_LOST},
    };
    char words[128];
    for (size_t i = 0; i < COUNT(known); i++)
        if (strstr(message, strerror_r(known[i].number, words, sizeof(words))))
            return known[i].kind;
    return TROUBLE_NONE;
}

static enum trouble_kind kind_of_words(const char *message)
{
    static const struct {
        const char *says;
        enum trouble_kind kind;
    } known[] = {
        {"closed the connection", TROUBLE_LOST},
        {"expected authentication request", TROUBLE_PROTOCOL},
        {"invalid response to SSL negotiation", TROUBLE_PROTOCOL},
        {"hot standby mode", TROUBLE_WRONG_ROLE},
        {"session is ", TROUBLE_WRONG_ROLE}, /* "... read-only", "... not read-only" */
    };
    for (size_t i = 0; i < COUNT(known); i++)
        if (strstr(message, known[i].says))
            return known[i].kind;
    return TROUBLE_NONE;
}

static enum trouble_kind kind_of_stage(enum trouble_stage stage, bool asked)
{
    if (stage == TROUBLE_CONNECTING)
        return TROUBLE_CONFIG; /* libpq did not even try */
    if (stage == TROUBLE_SECURING)
        return TROUBLE_TLS;
    return asked ? TROUBLE_AUTH : TROUBLE_OTHER;
}

void trouble_of_login(struct trouble *ret, enum trouble_stage stage, const char *message,
                      const char *where, bool asked)
{
    struct line line = line_of(message);
    const char *state = state_in_any(message, &line);

    if (state) {
        char sqlstate[6] = "", primary[200];
        memcpy(sqlstate, state, 5);
        int len = (int)(line.text + line.len - (state + 7));
        (void)snprintf(primary, sizeof(primary), "%.*s", len, state + 7);
        trouble_of_error(ret, sqlstate, primary, where);
        if (strcmp(sqlstate, "42501") == 0)
            ret->kind = TROUBLE_DATABASE; /* no CONNECT privilege */
        return;
    }
    enum trouble_kind kind = kind_of_errno(message);
    if (!kind)
        kind = kind_of_words(message);
    if (!kind)
        kind = kind_of_stage(stage, asked);
    trouble_say(ret, kind, "%s: %.*s", where, (int)line.len, line.text);
}

bool trouble_is_garbled(const char *message)
{
    static const char *const says[] = {
        "lost synchronization", "do not agree with length", "unexpected response from server"};
    for (size_t i = 0; i < COUNT(says); i++)
        if (strstr(message, says[i]))
            return true;
    return false;
}

/* ------------------------------------------------------- what it means ---- */

bool trouble_is_local(const struct trouble *trouble)
{
    return trouble->kind <= TROUBLE_STARTING_UP;
}

static const struct meaning {
    const char *word;
    enum probe_failure how;
    int status;
    const char *hint;
} meanings[] = {
    [TROUBLE_CONFIG] = {"config", PROBE_FAILED, -EINVAL, "correct the target's options"},
    [TROUBLE_DNS] = {"dns", PROBE_FAILED, -ENOENT, "look the name up from this node"},
    [TROUBLE_UNREACHABLE] = {"unreachable", PROBE_DOWN, -EHOSTUNREACH, NULL},
    [TROUBLE_REFUSED] = {"refused",
                         PROBE_DOWN,
                         -ECONNREFUSED,
                         "nobody listens there: see whether PostgreSQL runs, then host and port; a "
                         "full server answers otherwise"},
    [TROUBLE_TIMEOUT] = {"timeout",
                         PROBE_DOWN,
                         -ETIMEDOUT,
                         "see whether the machine lives, then what drops packets between here and "
                         "there"},
    [TROUBLE_SILENT] = {"timeout",
                        PROBE_DOWN,
                        -ETIMEDOUT,
                        "it hangs, or what listens there speaks another protocol: compare host and "
                        "port, then see whether the machine is stopped or out of memory"},
    [TROUBLE_LOST] = {"lost",
                      PROBE_DOWN,
                      -ECONNRESET,
                      "read the server's log, and the log of what stands before it"},
    [TROUBLE_TLS] =
        {"tls",
         PROBE_FAILED,
         -EPROTO,
         "set tls.ca to the authority that signs it, and tls.name to whom it is made out"},
    [TROUBLE_PROTOCOL] = {"not_postgres", PROBE_FAILED, -EPROTO, "correct host and port"},
    [TROUBLE_WRONG_ROLE] = {"wrong_role",
                            PROBE_DOWN,
                            -ENOTCONN,
                            "target_session_attrs of the URL fits none of its hosts: see whether a "
                            "failover happened"},
    [TROUBLE_STARTING_UP] = {"starting_up",
                             PROBE_DOWN,
                             -EAGAIN,
                             "read the server's log; a restart now begins its recovery anew"},
    [TROUBLE_TOO_MANY_CLIENTS] = {"too_many_clients",
                                  PROBE_DOWN,
                                  -EAGAIN,
                                  "see who holds connections, end leaked sessions, then lower the "
                                  "sum of the pools; the server itself is well"},
    [TROUBLE_AUTH] = {"auth",
                      PROBE_DENIED,
                      -EACCES,
                      "set the target's user and password; on the server: ALTER ROLE ... LOGIN "
                      "PASSWORD '...', and a line in pg_hba.conf for this host"},
    [TROUBLE_DATABASE] = {"database",
                          PROBE_DENIED,
                          -ENOENT,
                          "set the target's database; who may log in there needs: GRANT CONNECT ON "
                          "DATABASE ... TO runbookd;"},
    [TROUBLE_DENIED] = {"denied", PROBE_DENIED, -EACCES, NULL},
    [TROUBLE_MISSING] = {"missing", PROBE_FAILED, -ENOTSUP, NULL},
    [TROUBLE_CANCELED] =
        {"canceled",
         PROBE_FAILED,
         -ETIMEDOUT,
         "the server is slow, or a lock was in the way: see long_queries, or raise "
         "the check's timeout"},
    [TROUBLE_BUSY] = {"timeout",
                      PROBE_DOWN,
                      -ETIMEDOUT,
                      "it lets in, and then does not answer: see the queue of the pooler before "
                      "it, the machine's load, and locks"},
    [TROUBLE_ROWS] = {"rows", PROBE_FAILED, -ERANGE, NULL},
    [TROUBLE_POOLER] = {"pooler",
                        PROBE_FAILED,
                        -ENOTSUP,
                        "a pooler stands before the server: set `url`, of the target or of its "
                        "act_as alone, to the server's own address"},
    [TROUBLE_OTHER] = {"other", PROBE_FAILED, -EPROTO, NULL},
};

const char *trouble_word(enum trouble_kind kind)
{
    return meanings[kind].word;
}

struct probe_ending trouble_ending(const struct probe_run *run, const struct trouble *trouble,
                                   const char *hint)
{
    const struct meaning *meaning = &meanings[trouble->kind];
    const char *needs = run->check ? run->check->needs : run->action ? run->action->needs : NULL;

    if (trouble->kind == TROUBLE_DENIED && needs)
        hint = needs;
    else if (!hint)
        hint = meaning->hint;
    return (struct probe_ending){.size = sizeof(struct probe_ending),
                                 .how = meaning->how,
                                 .status = meaning->status,
                                 .reason = meaning->word,
                                 .summary = trouble->text,
                                 .hint = hint,
                                 .retry_ms = trouble->kind == TROUBLE_MISSING ? MISSING_MS : 0};
}

void trouble_end_hinted(struct probe_run *run, const struct trouble *trouble, const char *hint)
{
    struct probe_ending ending = trouble_ending(run, trouble, hint);
    run->life.host->end(run, &ending);
}

void trouble_end(struct probe_run *run, const struct trouble *trouble)
{
    trouble_end_hinted(run, trouble, NULL);
}
