#include "trouble.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/answer.h"
#include "tsv.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* --------------------------------------------------------------- words ---- */

/* An apostrophe inside of a word quotes nothing: doesn't. */
static bool opens(const char *text, const char *at)
{
    return *at == '"' || (*at == '\'' && (at == text || !isalnum((unsigned char)at[-1])));
}

static const char *skip_quoted(const char *at)
{
    char quote = *at++;
    for (; *at && *at != quote; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

/* Old servers show the row that they could not parse as it is. */
static bool shows_input(const char *at)
{
    static const char words[] = " before: ";
    return strncmp(at, words, sizeof(words) - 1) == 0;
}

/* Takes back what of a character was begun, and says that something is missing. */
static size_t cut_short(char *out, size_t len, const char *at)
{
    while (len > 0 && ((unsigned char)*at & 0xC0) == 0x80) {
        len--;
        at--;
    }
    memcpy(out + len, "...", 3);
    return len + 3;
}

void trouble_hide(char *out, size_t room, const char *message)
{
    size_t len = 0;
    const char *at = message;
    bool hidden = false;

    while (*at && !hidden && len + 4 < room) {
        hidden = shows_input(at);
        if (opens(message, at)) {
            out[len++] = '?';
            at = skip_quoted(at);
        } else {
            out[len++] = (unsigned char)*at < ' ' ? ' ' : *at;
            at++;
        }
    }
    if (*at && len + 3 < room)
        len = cut_short(out, len, at);
    else
        while (len > 0 && strchr(" .", out[len - 1]))
            len--;
    out[len] = '\0';
}

/* -------------------------------------------------------------- requests ---- */

static const char listens[] =
    "nobody listens there: see whether the server runs, then host and port (8123, with TLS 8443)";

static const struct meaning {
    int status; /* zero: any */
    enum probe_stage stage;
    enum probe_failure how;
    const char *reason, *hint;
} requests[] = {
    {-EACCES, 0, PROBE_FAILED, "tls", "set tls.ca to the authority that signs it"},
    {-EPROTO, PROBE_SECURING, PROBE_FAILED, "tls", "compare scheme and port, and `tls`"},
    {0, PROBE_RESOLVING, PROBE_FAILED, "dns", "look the name up from this node"},
    {-ENOKEY, 0, PROBE_DENIED, "secret", "let the agent read what `password` names"},
    {-EINVAL, 0, PROBE_FAILED, "config", "correct the target's options"},
    {-ECANCELED, 0, PROBE_FAILED, "canceled", NULL},
    {-ECONNREFUSED, 0, PROBE_DOWN, "refused", listens},
    {-ETIMEDOUT, 0, PROBE_DOWN, "timeout", "see whether the machine lives, and how busy it is"},
    {-ECONNRESET, 0, PROBE_DOWN, "lost", "read the server's log"},
    {-EPIPE, 0, PROBE_DOWN, "lost", "read the server's log"},
    {-EHOSTUNREACH, 0, PROBE_DOWN, "unreachable", NULL},
    {-ENETUNREACH, 0, PROBE_DOWN, "unreachable", NULL},
    {-EADDRNOTAVAIL, 0, PROBE_DOWN, "unreachable", NULL},
    {-EMSGSIZE, 0, PROBE_FAILED, "too_large", NULL},
    {0, 0, PROBE_FAILED, "not_clickhouse", "correct host and port: this is not ClickHouse's HTTP"},
};

void trouble_of_request(struct trouble *ret, int status, const struct probe_response *response)
{
    const struct meaning *fits = requests;
    while ((fits->status && fits->status != status) ||
           (fits->stage && fits->stage != response->stage))
        fits++;
    *ret = (struct trouble){
        .how = fits->how, .status = status, .reason = fits->reason, .hint = fits->hint};
    (void)snprintf(ret->text,
                   sizeof(ret->text),
                   "%s",
                   response->message ? response->message : strerror(-status));
}

void trouble_of_patience(struct trouble *trouble)
{
    trouble->how = PROBE_FAILED;
    trouble->reason = "slow";
    trouble->hint = "raise the check's `timeout`, or ask for less; see what keeps the server busy";
}

/* ---------------------------------------------------------- the server's ---- */

static const struct {
    int code;
    enum probe_failure how;
    int status;
    const char *reason, *hint;
} codes[] = {
    {192, PROBE_FAILED, -EACCES, "auth", "give the target the user and password of a role"},
    {193, PROBE_FAILED, -EACCES, "auth", "correct the target's password"},
    {194, PROBE_FAILED, -EACCES, "auth", "give the target a password"},
    {516, PROBE_FAILED, -EACCES, "auth", "correct the target's user and password"},
    {195, PROBE_FAILED, -EACCES, "auth", "let the user in from this address: its HOST or networks"},
    {81, PROBE_FAILED, -ENOENT, "database", "correct the target's `database`, or grant it"},
    {291, PROBE_DENIED, -EACCES, "denied", NULL},
    {497, PROBE_DENIED, -EACCES, "denied", NULL},
    {CODE_READONLY,
     PROBE_DENIED,
     -EACCES,
     "readonly",
     "actions need a user whose settings profile is not readonly"},
    {CODE_UNKNOWN_TABLE, PROBE_INAPPLICABLE, -ENOENT, "missing", NULL},
    {CODE_UNKNOWN_IDENTIFIER, PROBE_INAPPLICABLE, -ENOENT, "missing", NULL},
    {CODE_NO_SUCH_COLUMN, PROBE_INAPPLICABLE, -ENOENT, "missing", NULL},
    {CODE_UNKNOWN_FUNCTION, PROBE_INAPPLICABLE, -ENOENT, "missing", NULL},
    {CODE_SYNTAX_ERROR, PROBE_INAPPLICABLE, -ENOSYS, "missing", NULL},
    {202,
     PROBE_DOWN,
     -EAGAIN,
     "too_many_queries",
     "see system.processes for what runs, then max_concurrent_queries"},
    {CODE_MEMORY,
     PROBE_DOWN,
     -ENOMEM,
     "memory",
     "see system.processes for who uses it, by memory_usage"},
    {173, PROBE_DOWN, -ENOMEM, "memory", "the machine has no memory left: see who uses it"},
    {243, PROBE_FAILED, -ENOSPC, "no_space", "the server's disk is full"},
    {CODE_TIMEOUT,
     PROBE_FAILED,
     -ETIMEDOUT,
     "slow",
     "raise the check's `timeout`, or ask for less"},
    {160, PROBE_FAILED, -ETIMEDOUT, "slow", "the server estimates that it takes too long"},
    {394, PROBE_FAILED, -ECANCELED, "killed", "somebody killed our query"},
    {CODE_TOO_LARGE_TO_DROP,
     PROBE_FAILED,
     -EFBIG,
     "too_large_to_drop",
     "raise max_partition_size_to_drop, or touch flags/force_drop_table for one drop"},
};

/*
 * "... it's necessary to have the grant SELECT(a, b) ON system.disks. (ACCESS_DENIED)": the
 * statement that grants it.
 */
static bool find_grant(const char *text, const char *user, char *out, size_t room)
{
    static const char *const words[] = {"necessary to have the grant ", "necessary to have grant "};
    const char *at = NULL;
    for (size_t i = 0; i < COUNT(words) && !at; i++)
        if ((at = strstr(text, words[i])))
            at += strlen(words[i]);
    const char *end = at ? strstr(at, ". (") : NULL;
    if (!end)
        return false;
    static const char vague[] = " for at least one column on ";
    const char *column = strstr(at, vague);
    if (column && column < end) {
        const char *table = column + sizeof(vague) - 1;
        (void)snprintf(out,
                       room,
                       "GRANT %.*s ON %.*s TO %s",
                       (int)(column - at),
                       at,
                       (int)(end - table),
                       table,
                       user);
    } else {
        (void)snprintf(out, room, "GRANT %.*s TO %s", (int)(end - at), at, user);
    }
    return true;
}

/* Without "Code: 60. DB::Exception: " before it, and name, version and what() behind it. */
static void message_of(const char *text, char *out, size_t room)
{
    static const char class[] = "DB::Exception: ";
    static const char *const ends[] = {", e.what() = ", " (version ", ": while executing "};
    char *line = strndup(text, strcspn(text, "\r\n"));
    char *at = line;

    for (char *next; at && (next = strstr(at, class)) && next - at < 60;)
        at = next + sizeof(class) - 1;
    for (size_t i = 0; at && i < COUNT(ends); i++) {
        char *end = strstr(at, ends[i]);
        if (end)
            *end = '\0';
    }
    trouble_hide(out, room, at ? at : "");
    free(line);
}

/* The name of the table, column or function that is not there: of the right one's sentence. */
static void say_missing(struct trouble *trouble, const char *words)
{
    trouble->hint = "that came with a later version of ClickHouse: switch this check off here";
    (void)snprintf(trouble->text,
                   sizeof(trouble->text),
                   "this server's version does not have what the check asks for (%s)",
                   words);
}

void trouble_of_exception(struct trouble *ret, int code, const char *text, const char *user)
{
    char words[200];

    *ret =
        (struct trouble){.how = PROBE_FAILED, .status = -EPROTO, .code = code, .reason = "error"};
    for (size_t i = 0; i < COUNT(codes); i++) {
        if (codes[i].code != code)
            continue;
        ret->how = codes[i].how;
        ret->status = codes[i].status;
        ret->reason = codes[i].reason;
        ret->hint = codes[i].hint;
    }
    /* A query that was too large says nothing of the server. */
    if (code == CODE_MEMORY && !strstr(text, "(total)"))
        ret->how = PROBE_FAILED;
    message_of(text, words, sizeof(words));
    if (ret->how == PROBE_DENIED && find_grant(text, user, ret->grant, sizeof(ret->grant))) {
        ret->hint = ret->grant;
        (void)snprintf(ret->text, sizeof(ret->text), "%.100s lacks a right that this needs", user);
    } else if (ret->how == PROBE_INAPPLICABLE) {
        say_missing(ret, words);
    } else {
        (void)snprintf(ret->text, sizeof(ret->text), "the server says: %s (code %d)", words, code);
    }
}

int trouble_code(const struct probe_response *response)
{
    const char *header = answer_header(response, "X-ClickHouse-Exception-Code");
    int code = header ? (int)strtol(header, NULL, 10) : 0;
    return code > 0 ? code : response->code >= 400 ? tsv_exception_code(response->body) : 0;
}

/* ---------------------------------------------------------- a stranger's ---- */

void trouble_of_stranger(struct trouble *ret, const struct probe_response *response)
{
    const char *server = answer_header(response, "Server");
    bool native = strstr(response->body, "is for clickhouse-client program") != NULL;
    *ret = (struct trouble){.how = PROBE_FAILED,
                            .status = -EPROTO,
                            .reason = "not_clickhouse",
                            .hint = "correct host and port: this is not ClickHouse's HTTP"};
    if (native) {
        ret->hint = "that is the port of the native protocol: write the one of HTTP, 8123 or 8443";
    } else if (response->code >= 500) {
        ret->how = PROBE_DOWN;
        ret->status = -ECONNABORTED;
        ret->reason = "proxy";
        ret->hint = "what stands before the server answers for it: see its log, then the server's";
    } else if (response->code == 429) {
        ret->how = PROBE_DOWN;
        ret->status = -EAGAIN;
        ret->reason = "too_many_queries";
        ret->hint = NULL;
    } else if (response->code == 401 || response->code == 403 || response->code == 407) {
        ret->status = -EACCES;
        ret->reason = "auth";
        ret->hint = "what stands before the server does not let us pass";
    }
    (void)snprintf(ret->text,
                   sizeof(ret->text),
                   "HTTP %d%s%.60s: that is no answer of ClickHouse's",
                   response->code,
                   server ? " from " : "",
                   server ? server : "");
}

void trouble_end(struct probe_run *run, const struct trouble *trouble)
{
    const char *hint = trouble->hint;
    if (!hint && trouble->how == PROBE_DENIED)
        hint = run->check ? run->check->needs : run->action->needs;
    probe_end(run,
              .how = trouble->how,
              .status = trouble->status,
              .reason = trouble->reason,
              .summary = trouble->text,
              .hint = hint,
              .retry_ms = trouble->retry_ms);
}
