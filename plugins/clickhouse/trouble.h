/*
 * trouble - what it means that there is no answer: the server's fault, or ours.
 *
 * A server that cannot be reached, that turns everybody away or that a proxy answers for with 5xx is
 * down; a login, a right, a name or a configuration that does not fit is ours, and unknown.
 *
 * Pure functions over what came back.
 */
#ifndef CLICKHOUSE_TROUBLE_H
#define CLICKHOUSE_TROUBLE_H

#include <runbookd/probe.h>

enum { TROUBLE_TEXT = 400 };

/* ClickHouse's own numbers (src/Common/ErrorCodes.cpp), of which we know what to do. */
enum {
    CODE_NO_SUCH_COLUMN = 16,
    CODE_UNKNOWN_FUNCTION = 46,
    CODE_UNKNOWN_IDENTIFIER = 47,
    CODE_UNKNOWN_TABLE = 60,
    CODE_SYNTAX_ERROR = 62,
    CODE_UNKNOWN_SETTING = 115,
    CODE_TIMEOUT = 159,
    CODE_READONLY = 164,
    CODE_MEMORY = 241,
    CODE_TOO_LARGE_TO_DROP = 359,
    CODE_SETTING_CONSTRAINT = 452
};

struct trouble {
    enum probe_failure how;
    int status;         /* a negative errno value */
    int code;           /* the server's; zero: not from the server */
    const char *reason; /* one word */
    int64_t retry_ms;   /* not before; zero: the agent's own pause */
    const char *hint;   /* NULL: none; points to constants, or to `grant` */
    char text[TROUBLE_TEXT];
    char grant[TROUBLE_TEXT];
};

/* A request that failed before an answer came. */
void trouble_of_request(struct trouble *ret, int status, const struct probe_response *response);

/* Makes of a request that was taken and not answered: a large question, not a dead server. */
void trouble_of_patience(struct trouble *trouble);

/* An error of the server's; `user` is whom a grant is for. */
void trouble_of_exception(struct trouble *ret, int code, const char *text, const char *user);

/* An answer that is not the server's: a proxy's, a web server's. */
void trouble_of_stranger(struct trouble *ret, const struct probe_response *response);

/* Ends the run as it demands. */
void trouble_end(struct probe_run *run, const struct trouble *trouble);

/* The error's number: of the header, or of the body; zero: the answer is no error of the server's. */
int trouble_code(const struct probe_response *response);

/*
 * Writes a message on one line, without what stands in single quotes: errors quote rows.  At most
 * `room` bytes with the NUL, whole characters.
 */
void trouble_hide(char *out, size_t room, const char *message);

#endif
