/*
 * runbookd/probe.h - the contract between the agent and a probe plugin.
 *
 * A plugin is a shared object that examines one kind of thing (a database, an
 * endpoint, a certificate) and reports what it finds.  This header is all it
 * needs: it includes only the C library, and a plugin links against nothing of
 * ours.  Every service is reached through a table that the agent hands over.
 *
 * These rules hold for everything below.
 *
 *   Thread     Calls in both directions happen on the loop thread.  The one
 *              exception is the function given to probe_work().
 *   Blocking   Never wait.  Whatever may take time has an operation here.
 *   Callbacks  Starting an operation cannot fail.  Its callback runs once (a
 *              watch, a stream or a follower: until its last status), and never
 *              before the starting call has returned; bad arguments and lost
 *              connections arrive there too.
 *   Lifetime   An operation belongs to a life: a run's or a target's.  What you
 *              end yourself, by probe_cancel() or by ending the run, stays
 *              silent.  What the agent ends is called back with -ETIMEDOUT (the
 *              deadline) or -ECANCELED (shutdown, reload); see probe_check.run.
 *              An operation started in a life that is ending gets -ECANCELED.
 *   Errors     Zero, or a negative errno value.
 *   Strings    UTF-8, NUL-terminated, borrowed.  What you receive is valid until
 *              you return; what you pass is copied before the call returns.
 *   Messages   No function returns what only the agent can know at that moment,
 *              so that a plugin may run in a process of its own: what flows in
 *              either direction could be a message.  Hence no global variable,
 *              signal handler, fork() or setenv() in a plugin either.
 */
#ifndef RUNBOOKD_PROBE_H
#define RUNBOOKD_PROBE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" { /* for a C++ plugin the declarations hold; the macros that build structs are C */
#endif

/*
 * Versions.  MINOR grows when something is appended; a plugin built against a
 * lower minor keeps working.  MAJOR grows when anything moves, and the entry
 * symbol is renamed with it, so that a stale plugin fails to load by name.
 *
 * Within a major these grow, at their end: structs that carry their size,
 * structs that only the agent makes, and the elements of tables and arrays,
 * whose sizes the plugin's descriptor carries.  What lies within others, or in
 * arrays that the agent makes, is frozen: probe_life, probe_error, probe_items,
 * probe_sizes, probe_pair, probe_table, probe_bytes, probe_problem, probe_timing
 * and probe_file.
 *
 *   1.0  first release
 *   1.1  leases: probe_plugin.lease, probe_run.claim, probe_leased()
 *        probe_check.applies: where a check has nothing to ask, it is ok and says so
 */
#define PROBE_ABI_MAJOR 1u
#define PROBE_ABI_MINOR 1u

#define PROBE_EXPORT __attribute__((visibility("default")))
#define PROBE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

struct probe_host;   /* the agent's services; see the end of this file */
struct probe_check;  /* something to examine */
struct probe_action; /* something to change */
struct probe_claim;  /* a question to who keeps a realm's lease; since 1.1 */
struct probe_op;     /* an operation in flight; owned by the agent */
struct probe_secret; /* a reference to a secret; read it with probe_reveal() */
struct probe_tls;    /* an operator's "tls:" settings; passed on as it is */

/* ------------------------------------------------------------- objects ---- */

/* What an operation's lifetime is tied to.  Pass &run->life or &self->life. */
struct probe_life {
    const struct probe_host *host;
};

/* One thing that the operator configured, such as "orders-db". */
struct probe_target {
    struct probe_life life; /* lives from create() to destroy() */
    const char *name;
    const void *config; /* filled and validated from the option table */
    void *data;         /* the plugin's own, data_size zeroed bytes at first */
};

/* One examination by one check, one step of an action, or one claim to a lease. */
struct probe_run {
    struct probe_life life; /* lives until the run has ended */
    struct probe_target *target;
    const struct probe_check *check;   /* NULL for an action or a claim */
    const struct probe_action *action; /* NULL for a check or a claim */
    const char *name;                  /* as configured; a check may be there several times */
    const void *config;                /* filled from the check's or action's options */
    void *memory;                      /* the configured check's own, kept from run to run */
    void *data;                        /* this run's own, run_size zeroed bytes at first */
    uint64_t deadline_ms;              /* on the clock of probe_now(); zero: none */
    const struct probe_claim *claim;   /* since 1.1; NULL for a check or an action */
};

/* -------------------------------------------------------- configuration ---- */

/* What an option holds, and the type of the member that receives it. */
enum probe_type {
    PROBE_STRING = 1, /* const char *                             */
    PROBE_SECRET,     /* struct probe_secret *                    */
    PROBE_BOOL,       /* bool                                     */
    PROBE_INT,        /* int64_t                                  */
    PROBE_REAL,       /* double                                   */
    PROBE_DURATION,   /* int64_t, milliseconds: "250ms", "5m"     */
    PROBE_BYTES,      /* int64_t, bytes: "64KiB", "2GiB"          */
    PROBE_LIST,       /* const char *const *, ended by NULL       */
    PROBE_URL,        /* const struct probe_url *                 */
    PROBE_TLS,        /* const struct probe_tls *                 */
    PROBE_PAIRS,      /* const struct probe_pair *, ended by {0}  */
    PROBE_ITEMS,      /* struct probe_items: a list of structs    */
    PROBE_JSON,       /* const char *: anything, as JSON text     */
    PROBE_RATE,       /* double, a second: "2/s", "10/m"          */
    PROBE_TARGET,     /* const char *: another target's name      */
    PROBE_NAMED,      /* struct probe_items: a map of structs     */
    PROBE_GROUP       /* const void *: a struct; NULL: not written */
};

/* A name and a value, or a secret in the value's place. */
struct probe_pair {
    const char *name, *value;
    struct probe_secret *secret;
};

/* An address as the operator wrote it.  Print `shown`; the password is not in it. */
struct probe_url {
    const char *shown, *scheme, *host, *path, *user;
    uint16_t port;                 /* zero: none was given */
    struct probe_secret *password; /* NULL: none was given */
    struct probe_secret *whole;    /* for libraries that parse it themselves: libpq's URIs */
};

/*
 * For PROBE_ITEMS and PROBE_NAMED: structs filled from a nested option table.  Of a map's items the
 * key is in the struct's first member, a const char *, which the table does not have.
 */
struct probe_items {
    const void *first;
    size_t count;
};

/* One key of a target's, a check's or an action's configuration.  A table ends with { 0 }. */
struct probe_option {
    const char *name;     /* as the operator writes it: "older_than" */
    enum probe_type type; /* set both with one of the macros below */
    size_t offset;
    const char *fallback;              /* as the operator would write it; NULL: required */
    const char *const *choices;        /* for strings: the words allowed, or NULL */
    int64_t min, max;                  /* for numbers; both zero: any */
    const char *help;                  /* one line, for explain and the manual */
    const struct probe_option *nested; /* for ITEMS, NAMED, GROUP: the keys of one ... */
    size_t item_size;                  /* ... and the size of its struct */
};

/* The member's type is checked when the plugin is compiled. */
#define PROBE_AT_(type, member, expected)                                                          \
    _Generic(((type *)0)->member, expected : offsetof(type, member))
#define PROBE_STRING_AT(t, m) PROBE_STRING, PROBE_AT_(t, m, const char *)
#define PROBE_SECRET_AT(t, m) PROBE_SECRET, PROBE_AT_(t, m, struct probe_secret *)
#define PROBE_BOOL_AT(t, m) PROBE_BOOL, PROBE_AT_(t, m, bool)
#define PROBE_INT_AT(t, m) PROBE_INT, PROBE_AT_(t, m, int64_t)
#define PROBE_REAL_AT(t, m) PROBE_REAL, PROBE_AT_(t, m, double)
#define PROBE_DURATION_AT(t, m) PROBE_DURATION, PROBE_AT_(t, m, int64_t)
#define PROBE_BYTES_AT(t, m) PROBE_BYTES, PROBE_AT_(t, m, int64_t)
#define PROBE_LIST_AT(t, m) PROBE_LIST, PROBE_AT_(t, m, const char *const *)
#define PROBE_URL_AT(t, m) PROBE_URL, PROBE_AT_(t, m, const struct probe_url *)
#define PROBE_TLS_AT(t, m) PROBE_TLS, PROBE_AT_(t, m, const struct probe_tls *)
#define PROBE_PAIRS_AT(t, m) PROBE_PAIRS, PROBE_AT_(t, m, const struct probe_pair *)
#define PROBE_ITEMS_AT(t, m) PROBE_ITEMS, PROBE_AT_(t, m, struct probe_items)
#define PROBE_JSON_AT(t, m) PROBE_JSON, PROBE_AT_(t, m, const char *)
#define PROBE_RATE_AT(t, m) PROBE_RATE, PROBE_AT_(t, m, double)
#define PROBE_TARGET_AT(t, m) PROBE_TARGET, PROBE_AT_(t, m, const char *)
#define PROBE_NAMED_AT(t, m) PROBE_NAMED, PROBE_AT_(t, m, struct probe_items)
#define PROBE_GROUP_AT(t, m) PROBE_GROUP, PROBE_AT_(t, m, const void *)

/* What create() and prepare() refuse with; see probe_refuse(). */
struct probe_error {
    const struct probe_host *host;
};

/* ------------------------------------------------------------- findings ---- */

/* Zero leaves the grade to the conditions that the operator wrote, or the check's own. */
enum probe_status { PROBE_GRADED, PROBE_OK, PROBE_WARNING, PROBE_CRITICAL, PROBE_UNKNOWN };

/*
 * How a measure behaves.  A counter only grows: report it as the system counts
 * it.  The agent remembers it by subject, across restarts, and adds two measures
 * from the second run on, NAME_delta and NAME_per_second; a counter that went
 * down was reset, and counts from zero.
 */
enum probe_measure_kind { PROBE_GAUGE, PROBE_COUNTER, PROBE_WORD, PROBE_FLAG };

/*
 * What a finding of a check always carries, and a condition may name, such as
 * "used_percent > 80".  The unit is part of the name: age_seconds, size_bytes.
 */
struct probe_measure {
    const char *name;
    const char *help;
    enum probe_measure_kind kind;
    bool optional;            /* may be absent: comparisons with it are then false, not unknown */
    const char *const *words; /* for PROBE_WORD: all that it can say, so that a typo is found */
};

enum probe_mode {
    PROBE_PERIODIC, /* run() once an interval, ended by the plugin */
    PROBE_STREAMING /* run() once, without a deadline; started again if it ends */
};

/* How a run ends that could not examine its target. */
enum probe_failure {
    PROBE_FAILED = 1,  /* unknown; the check is tried again after a growing pause */
    PROBE_DOWN,        /* nobody there: one critical finding for the target, its checks wait */
    PROBE_DENIED,      /* unknown; `hint` is the statement that grants what is missing */
    PROBE_INAPPLICABLE /* no such thing here: an old version, no replica; see probe_check.applies */
};

/* Something the plugin can examine.  A table of these ends with { 0 }. */
struct probe_check {
    const char *name;  /* "replication_lag"; the agent prefixes the plugin */
    const char *title; /* one line: what it means when this is not OK */
    enum probe_mode mode;
    bool optional; /* runs only where the operator asks; so does a check with a required option */
    bool heavy;    /* keeps its own interval, whatever its target's is */
    const char
        *since; /* the agent's version that brought it: an upgrade does not start it unasked */
    const struct probe_option *options; /* the check's own parameters, or NULL */
    size_t config_size;
    const struct probe_measure *measures;
    const char *every, *timeout;    /* defaults, as the operator would write them */
    enum probe_failure late;        /* what no answer in time means; zero: PROBE_FAILED */
    const char *warning, *critical; /* default conditions over the measures, or NULL */
    const char *needs;              /* the rights it needs, as the statement that grants them */
    const char *asks;               /* what it asks, for explain: the SQL, the commands */
    size_t memory_size, run_size;   /* of run->memory and run->data */

    /*
     * Examines the target, and leads to one probe_done(), probe_fail() or
     * probe_end().  At the deadline the run's operations are called back with
     * -ETIMEDOUT, in the order they were started, until one of them ends the
     * run; if none does, because it waits for something of the target's, the
     * agent ends it as `late` says.  However it ended, ended() is called, after
     * the call that ended it has returned and before another run starts; then
     * the run is gone.
     */
    void (*run)(struct probe_target *self, struct probe_run *run);

    /* The run is over, whoever ended it: forget it, free what run->data points to.  Optional. */
    void (*ended)(struct probe_target *self, struct probe_run *run);

    /*
     * Once for each configured check: refuses options that do not fit together,
     * and compiles into `memory` what is compiled once, such as a pattern.  Also
     * called by "runbookd validate", so it opens nothing.  Optional, both.
     */
    int (*prepare)(const void *config, void *memory, struct probe_error *error);
    void (*forget)(void *memory);

    /*
     * What it applies to, if not to every target: "a primary".  Elsewhere its run
     * ends as PROBE_INAPPLICABLE, which then is ok, says so, and is asked again at
     * its interval or after retry_ms: what it applies to may come.  Only what is
     * known not to apply ends so; a missing right or extension never does.  NULL:
     * PROBE_INAPPLICABLE is unknown, as before 1.1, and seldom asked again.
     */
    const char *applies;
};

/* A piece of evidence.  Make one with probe_int() and its siblings. */
enum probe_field_kind {
    PROBE_FIELD_INT = 1,
    PROBE_FIELD_REAL, /* not a number, or infinite: goes out as null */
    PROBE_FIELD_BOOL,
    PROBE_FIELD_TEXT,
    PROBE_FIELD_JSON, /* text that is a JSON value; dropped whole if the event grows too long */
    PROBE_FIELD_TIME, /* milliseconds since 1970: goes out as an RFC 3339 time */
    PROBE_FIELD_ROWS  /* the rows behind the finding; cut between rows */
};

struct probe_column {
    const char *name;
    enum probe_field_kind kind; /* what the cells' text holds: INT, REAL, BOOL, TEXT or TIME */
};

/* A table as text, such as a server's reply, row by row.  A NULL cell is null. */
struct probe_table {
    const struct probe_column *columns;
    size_t column_count;
    const char *const *cells; /* row_count times column_count of them */
    size_t row_count;
    int64_t total; /* how many there are in truth, if these are the first of them */
};

struct probe_field {
    const char *key;
    enum probe_field_kind kind;
    union {
        int64_t integer;
        double real;
        bool boolean;
        const char *text;
        const struct probe_table *rows;
    } value;
};

/*
 * What was found.  Written with the probe_report() macro, never by hand.
 *
 * A finished run is the whole truth: a subject that an earlier run reported and
 * this one does not is gone, and its finding is closed with that reason.  A run
 * that reports nothing is unknown, so a check that looks at several says so when
 * there are none.  Findings beyond 1,000 a run are counted, not kept.
 */
struct probe_finding {
    size_t size;                      /* set by probe_report() */
    enum probe_status status;         /* PROBE_GRADED unless the plugin knows better */
    const char *subject;              /* which one, the same on every run; NULL: the target */
    const char *summary;              /* one sentence for a person, no full stop */
    const char *hint;                 /* what to do about it, or NULL */
    const struct probe_field *fields; /* PROBE_FIELDS(...): measures and evidence */
    const struct probe_pair *labels;  /* of the subject: namespace, pod; ended by { 0 } */
};

struct probe_ending {
    size_t size; /* set by probe_end() */
    enum probe_failure how;
    int status;          /* a negative errno value */
    const char *reason;  /* one word for conditions and dashboards: "refused", "noauth" */
    const char *summary; /* one sentence for a person */
    const char *hint;    /* what to do about it, or NULL */
    int64_t retry_ms;    /* not before; zero: the agent's own pause */
};

/* -------------------------------------------------- operations: general ---- */

typedef void probe_timer_fn(int status, void *data);

enum { PROBE_READABLE = 1u, PROBE_WRITABLE = 2u };
typedef void probe_watch_fn(int status, unsigned events, void *data);

/* `addresses` are numeric, in the resolver's order. */
typedef void probe_resolve_fn(int status, const char *const *addresses, size_t count, void *data);

typedef int probe_work_fn(void *data);                /* on a pool thread */
typedef void probe_worked_fn(int status, void *data); /* back on the loop */

/* Bytes that are no text. */
struct probe_bytes {
    const unsigned char *first;
    size_t len;
};

/* How far a connection came; where it ended when it failed. */
enum probe_stage {
    PROBE_RESOLVING = 1,
    PROBE_CONNECTING,
    PROBE_SECURING,
    PROBE_SENDING,
    PROBE_WAITING,
    PROBE_RECEIVING
};

/* What TLS verification holds against a peer. */
struct probe_problem {
    int code; /* OpenSSL's X509_V_ERR_*, as numbered in its x509_vfy.h */
    int depth;
    const char *text;
};

/* Who answered, and how; what is not known is NULL or zero. */
struct probe_peer {
    const char *address; /* numeric, or a socket's path */
    uint16_t port;
    const char *tls_version, *cipher, *alpn;
    const struct probe_bytes *presented; /* certificates, DER, as the peer sent them */
    size_t presented_count;
    const struct probe_bytes *verified; /* the chain that verification built, leaf first */
    size_t verified_count;
    const struct probe_problem *problems; /* all of them, not only the first */
    size_t problem_count;
    struct probe_bytes ocsp; /* the stapled response, DER */
};

/* When each stage ended, in microseconds from the start; zero: not reached, or reused. */
struct probe_timing {
    int64_t resolve, connect, tls, first_byte, total;
};

/* ----------------------------------------------------- operations: HTTP ---- */

struct probe_response;
typedef void probe_http_fn(int status, const struct probe_response *response, void *data);

struct probe_request {
    size_t size;                      /* set by probe_http() */
    const struct probe_url *base;     /* the operator's URL, with its password; or NULL ... */
    const char *url;                  /* ... and the address here */
    const char *path;                 /* added to the URL's own path, or NULL */
    const struct probe_pair *params;  /* escaped and added to the URL; ended by { 0 } */
    const char *method;               /* NULL: GET, or POST where there is a body */
    const struct probe_pair *headers; /* ended by { 0 } */
    const char *body;
    size_t body_len;
    struct probe_secret *bearer;   /* sent as Authorization, never logged */
    const char *user;              /* basic authentication ... */
    struct probe_secret *password; /* ... with this */
    const char *sigv4;             /* or user and password sign: "aws:amz:eu-west-1:rds" */
    const struct probe_tls *tls;   /* NULL: the agent's own policy */
    const char *address;           /* connect to this one instead of looking the name up */
    int family;                    /* 4 or 6; zero: either */
    int version;                   /* 1 or 2; zero: whatever both speak */
    int redirects;                 /* how many to follow; their secrets stay behind */
    bool fresh;                    /* on a new connection, so that all stages are seen */
    int64_t timeout_ms;            /* zero: the run's deadline */
    int64_t max_body;              /* zero: 256 KiB; more than that fails with -EMSGSIZE */
    /*
     * For streams: called with each piece instead of collecting the body; `head`
     * is the response so far, without a body.  Less than zero ends the request.
     */
    int (*on_chunk)(const struct probe_response *head, const char *bytes, size_t len, void *data);
};

/* Never NULL: of a failed request it says how far it came. */
struct probe_response {
    int code; /* the HTTP status; zero: none came */
    const struct probe_pair *headers;
    const char *body; /* NUL-terminated as well */
    size_t body_len;
    struct probe_timing us;
    const struct probe_peer *peer;
    const char *url;        /* the one that answered, after redirects; secrets taken out */
    int version;            /* 1 or 2 */
    enum probe_stage stage; /* of a failed request: where it ended ... */
    const char *message;    /* ... and why, in words */
};

/* --------------------------------------------------- operations: stream ---- */

enum probe_safety {
    PROBE_CLEAR,       /* no TLS */
    PROBE_SAFE,        /* TLS from the start */
    PROBE_SAFE_LATER,  /* clear until probe_secure(), for STARTTLS */
    PROBE_SHOWN,       /* as SAFE, but go on with a bad certificate: the peer tells all problems */
    PROBE_SHOWN_LATER, /* the same after probe_secure() */
};

/* A byte stream: TCP or a Unix socket, in clear or in TLS. */
struct probe_endpoint {
    size_t size;         /* set by probe_dial() */
    const char *host;    /* looked up, sent as SNI, verified against */
    const char *address; /* connect to this one instead of looking the name up */
    uint16_t port;
    const char *path; /* or a Unix socket */
    int family;       /* 4 or 6; zero: either */
    enum probe_safety safety;
    const struct probe_tls *tls;      /* NULL: the agent's own policy */
    const char *const *alpn;          /* ended by NULL */
    uint16_t tls_lowest, tls_highest; /* 0x0301 ... 0x0304; zero: the policy's */
    int64_t timeout_ms;               /* to connect and to secure; zero: the life's */
    int64_t max_reply; /* bytes between two writes; zero: 1 MiB; more fails with -EMSGSIZE */
};

enum probe_arrival_kind {
    PROBE_OPENED = 1, /* writing may begin; with PROBE_SAFE the peer is known */
    PROBE_SECURED,    /* after probe_secure() */
    PROBE_ARRIVED,    /* bytes */
    PROBE_CLOSED      /* the peer has closed, in order; the stream is gone */
};

struct probe_arrival {
    enum probe_arrival_kind
        what; /* zero with a status below zero, after which the stream is gone */
    const char *bytes;
    size_t len;
    const struct probe_peer *peer; /* NULL: not connected */
    struct probe_timing us;
    enum probe_stage stage; /* of a failed stream: where it ended ... */
    const char *message;    /* ... and why, in words */
};

typedef void probe_stream_fn(int status, const struct probe_arrival *arrival, void *data);

/* -------------------------------------------------- operations: machine ---- */

/* A child process: no shell, no inherited descriptor or environment, a session of its own. */
struct probe_command {
    size_t size;             /* set by probe_exec() */
    const char *const *argv; /* ended by NULL; argv[0] is absolute and allowed by the operator */
    const struct probe_pair *env; /* ended by { 0 } */
    const char *directory, *user; /* NULL: "/", the agent's own */
    const char *input;
    size_t input_len;
    int64_t timeout_ms; /* zero: the run's deadline; then TERM, then KILL, to the whole session */
    int64_t max_output; /* of each of both; zero: 64 KiB; the rest is read and dropped */
};

struct probe_exit {
    int code, signal; /* one of them; both zero: well done */
    bool truncated;
    const char *output, *errors; /* NUL-terminated as well */
    size_t output_len, errors_len;
    int64_t duration_us, cpu_us, max_resident_bytes;
};

typedef void probe_exec_fn(int status, const struct probe_exit *end, void *data);

/*
 * A look at a file, by a process that is killed at the deadline: a dead mount
 * holds up neither the loop nor the pool.
 */
enum probe_look { PROBE_LOOK_READ = 1, PROBE_LOOK_STAT, PROBE_LOOK_STATFS, PROBE_LOOK_LIST };

struct probe_file {
    const char *path, *target; /* target: of a symbolic link */
    uint64_t device, inode;
    uint32_t mode, uid;
    int64_t size_bytes, disk_bytes, modified_ms;
};

struct probe_sight {
    const char *bytes; /* READ; NUL-terminated as well */
    size_t len;
    const struct probe_file *files; /* STAT: one; LIST: those that the pattern names, sorted */
    size_t file_count;
    bool truncated;
    int64_t total_bytes, available_bytes, inodes, inodes_free; /* STATFS */
};

typedef void probe_look_fn(int status, const struct probe_sight *sight, void *data);

/* Whole lines as they are appended to files, across rotation and truncation. */
struct probe_tail {
    size_t size;         /* set by probe_follow() */
    const char *path;    /* a pattern: files that come later are followed as well */
    const char *from;    /* a mark that probe_lines gave; NULL: the end, "": the beginning */
    int64_t max_line;    /* zero: 16 KiB; the rest of a longer line is dropped */
    int64_t max_backlog; /* bytes to catch up with; zero: 16 MiB; older ones are skipped */
};

struct probe_lines {
    const char *path;
    const char *text; /* each line ended by "\n" */
    size_t len;
    const char *mark; /* keep it with probe_remember() to go on from here */
    uint64_t lost;    /* bytes skipped just before this text */
    bool rotated;     /* this text begins another file of that name */
};

typedef void probe_follow_fn(int status, const struct probe_lines *lines, void *data);

/* ------------------------------------------------------------- actions ---- */

/* How much an action can hurt; the agent's guard goes by it. */
enum probe_effect { PROBE_READS, PROBE_REVERSIBLE, PROBE_DISRUPTIVE, PROBE_DESTRUCTIVE };

/*
 * What a person approves: these items and no others (partitions, rows, revisions),
 * or the bounds within which items are chosen when it is applied, because they
 * come and go by themselves (sessions, cache keys): then plan() runs once more,
 * with the same options, just before apply().
 */
enum probe_binds { PROBE_BINDS_ITEMS, PROBE_BINDS_BOUNDS };

/*
 * One thing that an action would do.  `key` and `json` are what is approved: a
 * plan made again has the same hash if these are the same, so they hold what the
 * thing is (pid and start time, a key's name) and nothing that moves by itself.
 */
struct probe_step {
    const char *key;  /* "4711@2026-11-21T00:58:03.120Z" */
    const char *what; /* one sentence: "terminate 4711 of orders, idle for 12 min" */
    const char *json; /* for apply(), or NULL */
    int64_t count;    /* how many things it touches; zero: one */
};

struct probe_plan {
    size_t size; /* set by probe_planned() */
    const struct probe_step *steps;
    size_t step_count;
    int64_t total;    /* how many such things there are; the guard's share is of this */
    const char *note; /* one sentence, or NULL */
    const enum probe_effect *effect; /* this one hurts less than the action may; NULL: as much */
};

enum probe_outcome {
    PROBE_APPLIED = 1,
    PROBE_SKIPPED, /* it has changed since the plan; nothing was done */
    PROBE_SURVIVED /* it was told, and is still there */
};

struct probe_result {
    size_t size; /* set by probe_applied() */
    enum probe_outcome outcome;
    const char *summary;           /* one sentence, or NULL */
    const char *json;              /* for the script that asked, or NULL */
    const struct probe_step *undo; /* a step for the same apply() that takes it back, or NULL */
};

/*
 * Something a remediation script may ask of a target, if the operator grants it.
 *
 * plan() says exactly what would be done, and changes nothing: it ends with
 * probe_planned().  Only the agent decides whether the plan is shown (dry run),
 * waits for a person (approval), is refused (a guard) or is applied.  It then
 * calls apply() for one step after the other, each after its intent is on disk
 * and the guard has agreed again; apply() checks that the step still fits, does
 * it and nothing else, and ends with probe_applied().  A step that was begun and
 * not ended, because the agent died, is never begun again by itself.
 *
 * What only reads has no plan(): apply() is called once, with a NULL step.
 */
struct probe_action {
    const char *name; /* "terminate_sessions"; granted as "postgres:terminate_sessions" */
    const char *help;
    enum probe_effect effect;
    enum probe_binds binds;
    const struct probe_option *options;
    size_t config_size;
    const char *needs;
    const char *timeout; /* of plan(), and of each apply(), as the operator would write it */
    size_t run_size;
    void (*plan)(struct probe_target *self, struct probe_run *run);
    void (*apply)(struct probe_target *self, struct probe_run *run, const struct probe_step *step);
    void (*ended)(struct probe_target *self, struct probe_run *run);
    bool declared; /* does only what the target's options spell out: works without act_as as well */
};

/* -------------------------------------------------------------- leases ---- */

/*
 * Of the agents of a realm one holds its lease, and it alone asks and changes what the realm has
 * once.  A system that can decide who that is may keep the lease: for a time, under a token that
 * grows whenever it changes hands, also where the system has lost what it knew.  With the lease lie
 * the realm's documents, short texts by key.  Only the holder may write them, and not the agent
 * judges that but the store, in the statement that writes: a token that is not the present one
 * changes nothing.  "post/..." are letters to it, 64 at most.  All time is the store's.
 */
enum probe_claim_kind {
    PROBE_LEASE_TAKE = 1, /* hold it, where nobody does or the holder's time is over */
    PROBE_LEASE_RENEW,    /* go on holding it, under `token` */
    PROBE_LEASE_RELEASE,  /* give it back, if it is held under `token` */
    PROBE_LEASE_READ,     /* the documents whose keys begin with `key` */
    PROBE_LEASE_WRITE     /* the document `key`, if held under `token`; "post/..." under 0, too */
};

/* Made by the agent; it lives as long as the run. */
struct probe_claim {
    enum probe_claim_kind what;
    const char *realm;  /* whose lease */
    const char *holder; /* who asks; no two processes are called the same */
    int64_t token;      /* that a TAKE was answered with; zero for TAKE and READ */
    int64_t ttl_ms;     /* for how long, from when the store decides */
    const char *key;    /* of READ and WRITE */
    const char *value;  /* of WRITE; NULL: there is to be no such document */
};

/* What the store decided. */
struct probe_tenure {
    size_t size; /* set by probe_leased() */
    bool held;   /* TAKE, RENEW: it is the asker's; RELEASE, WRITE: it was, and that is done */
    int64_t token;
    const char *holder; /* who holds it, under `token`; NULL: nobody, or it is not known */
    int64_t left_ms;    /* until it is over if nobody renews it */
    const struct probe_pair *documents; /* of READ; ended by { 0 } */
};

/*
 * How a plugin keeps leases.  claim() asks the store what run->claim says, and leads to one
 * probe_leased(), or to probe_fail() or probe_end() where there is no answer.  The target is one of
 * its own: its options are those of a configured target, no check and no action ever sees it, and
 * one claim is made at a time.  Who does not hold the lease keeps no connection.  A claim may be
 * made again that was answered already, if the answer was lost.
 */
struct probe_lease {
    size_t size;         /* sizeof(struct probe_lease) */
    const char *needs;   /* the rights it needs, as the statements that grant them */
    const char *timeout; /* of a claim, as the operator would write it */
    size_t run_size;
    void (*claim)(struct probe_target *self, struct probe_run *run);
    void (*ended)(struct probe_target *self, struct probe_run *run);
};

/* -------------------------------------------------------------- plugin ---- */

/* Who asks by default: the one agent that leads its realm, or every agent for its own node. */
enum probe_where { PROBE_CLUSTER, PROBE_NODE };

/* How large the plugin's elements are, so that they may grow; filled by PROBE_ABI. */
struct probe_sizes {
    uint16_t option, measure, check, action, field, column, pair, step;
};

/* A plugin, as one constant: { PROBE_ABI, .name = ..., }. */
struct probe_plugin {
    uint32_t abi_major, abi_minor; /* these two never move */
    size_t size;
    struct probe_sizes sizes;
    const char *name, *version, *summary;
    const char *scheme;    /* "postgres,postgresql": URLs it answers to, for its option "url" */
    const char *variables; /* "DATABASE_URL,PGHOST": where such a URL is found, or NULL */
    enum probe_where where;
    const struct probe_option *options; /* of a target: where it is, how to log in */
    size_t config_size;
    size_t data_size;  /* of target->data */
    unsigned parallel; /* runs of one target at a time, others wait before their time; 0: any */
    const struct probe_check *checks;
    const struct probe_action *actions; /* or NULL; one at a time, beside the checks */

    /*
     * Prepares a target; opens nothing yet.  Returns zero, or what
     * probe_refuse() returned, after which destroy() is not called.  Optional.
     */
    int (*create)(struct probe_target *self, struct probe_error *error);

    /* Frees what self->data points to.  No run is left, and no operation but work. */
    void (*destroy)(struct probe_target *self);

    const struct probe_lease *lease; /* since 1.1; NULL: it keeps none */
};

/* The first line of a plugin's descriptor. */
#define PROBE_ABI                                                                                  \
    .abi_major = PROBE_ABI_MAJOR, .abi_minor = PROBE_ABI_MINOR,                                    \
    .size = sizeof(struct probe_plugin),                                                           \
    .sizes = {sizeof(struct probe_option),                                                         \
              sizeof(struct probe_measure),                                                        \
              sizeof(struct probe_check),                                                          \
              sizeof(struct probe_action),                                                         \
              sizeof(struct probe_field),                                                          \
              sizeof(struct probe_column),                                                         \
              sizeof(struct probe_pair),                                                           \
              sizeof(struct probe_step)}

/*
 * The one symbol that a plugin exports: PROBE_PLUGIN(descriptor);  It is a
 * function, because dlsym() promises nothing portable about data.  A build that
 * links plugins in gives each another name with -DPROBE_ENTRY=....
 */
#ifndef PROBE_ENTRY
#define PROBE_ENTRY probe_plugin_v1
#endif
typedef const struct probe_plugin *probe_entry_fn(void);

#define PROBE_PLUGIN(descriptor)                                                                   \
    PROBE_EXPORT const struct probe_plugin *PROBE_ENTRY(void);                                     \
    const struct probe_plugin *PROBE_ENTRY(void)                                                   \
    {                                                                                              \
        return &(descriptor);                                                                      \
    }                                                                                              \
    struct probe_plugin /* takes the semicolon */

/* ------------------------------------------------------------- services ---- */

enum probe_level { PROBE_LOG_DEBUG, PROBE_LOG_INFO, PROBE_LOG_WARN, PROBE_LOG_ERROR };

/* The agent's side.  Call it through the functions below, not directly. */
struct probe_host {
    uint32_t abi_major, abi_minor;
    size_t size;

    void (*report)(struct probe_run *, const struct probe_finding *);
    void (*retire)(struct probe_run *, const char *subject);
    void (*end)(struct probe_run *, const struct probe_ending *);
    void (*planned)(struct probe_run *, const struct probe_plan *);
    void (*applied)(struct probe_run *, const struct probe_result *);
    int (*refuse)(struct probe_error *, const char *option, const char *text);

    void (*log)(struct probe_life *, enum probe_level, const char *text);
    void (*count)(struct probe_life *, const char *metric, uint64_t add);
    void (*gauge)(struct probe_life *, const char *metric, double value);

    uint64_t (*now)(struct probe_life *);
    int64_t (*wall)(struct probe_life *);
    const char *(*reveal)(struct probe_life *, const struct probe_secret *);
    const char *(*recall)(struct probe_life *, const char *key);
    void (*remember)(struct probe_life *, const char *key, const char *value);

    struct probe_op *(*timer)(struct probe_life *, uint64_t ms, probe_timer_fn *, void *);
    struct probe_op *(*watch)(struct probe_life *, int fd, unsigned events, probe_watch_fn *,
                              void *);
    void (*rewatch)(struct probe_op *, unsigned events);
    struct probe_op *(*resolve)(struct probe_life *, const char *host, probe_resolve_fn *, void *);
    struct probe_op *(*work)(struct probe_life *, probe_work_fn *, probe_worked_fn *, void *);
    struct probe_op *(*http)(struct probe_life *, const struct probe_request *, probe_http_fn *,
                             void *);
    struct probe_op *(*dial)(struct probe_life *, const struct probe_endpoint *, probe_stream_fn *,
                             void *);
    void (*write)(struct probe_op *, const void *bytes, size_t len);
    void (*secure)(struct probe_op *);
    struct probe_op *(*exec)(struct probe_life *, const struct probe_command *, probe_exec_fn *,
                             void *);
    struct probe_op *(*look)(struct probe_life *, enum probe_look, const char *path,
                             int64_t max_bytes, probe_look_fn *, void *);
    struct probe_op *(*follow)(struct probe_life *, const struct probe_tail *, probe_follow_fn *,
                               void *);
    void (*cancel)(struct probe_op *);

    void (*leased)(struct probe_run *, const struct probe_tenure *); /* since 1.1 */
};

/* ---- ending a run ---- */

/* Ends a run: probe_end(run, .how = PROBE_DOWN, .status = -ECONNREFUSED, .reason = "refused"); */
#define probe_end(run_, ...)                                                                       \
    ((run_)->life.host->end(                                                                       \
        (run_), &(const struct probe_ending){sizeof(struct probe_ending), __VA_ARGS__}))

/* Ends a run that examined what it meant to, whatever it found. */
static inline void probe_done(struct probe_run *run)
{
    run->life.host->end(run, NULL);
}

/*
 * Ends a run that could not examine its target: probe_fail(run, -EPROTO,
 * "server sent %s", what).  The agent reports that once, as UNKNOWN, and tries
 * again after a growing pause.
 */
PROBE_PRINTF(3, 4)
static inline void probe_fail(struct probe_run *run, int status, const char *fmt, ...)
{
    char text[512];
    struct probe_ending ending = {sizeof(ending), PROBE_FAILED, status, NULL, text, NULL, 0};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    run->life.host->end(run, &ending);
}

/* ---- findings ---- */

/* Reports a finding: probe_report(run, .summary = "3 slots lag", .fields = ...); */
#define probe_report(run_, ...)                                                                    \
    ((run_)->life.host->report(                                                                    \
        (run_), &(const struct probe_finding){sizeof(struct probe_finding), __VA_ARGS__}))

/* For streaming checks, whose runs do not end: closes the finding of a subject that is gone. */
static inline void probe_retire(struct probe_run *run, const char *subject)
{
    run->life.host->retire(run, subject);
}

/* Evidence for a finding: .fields = PROBE_FIELDS(probe_int("lag_bytes", lag)) */
#define PROBE_FIELDS(...) ((const struct probe_field[]){__VA_ARGS__, {0}})

static inline struct probe_field probe_field_(const char *key, enum probe_field_kind kind)
{
    struct probe_field field = {key, kind, {0}};
    return field;
}

static inline struct probe_field probe_int(const char *key, int64_t value)
{
    struct probe_field field = probe_field_(key, PROBE_FIELD_INT);
    field.value.integer = value;
    return field;
}

static inline struct probe_field probe_real(const char *key, double value)
{
    struct probe_field field = probe_field_(key, PROBE_FIELD_REAL);
    field.value.real = value;
    return field;
}

static inline struct probe_field probe_bool(const char *key, bool value)
{
    struct probe_field field = probe_field_(key, PROBE_FIELD_BOOL);
    field.value.boolean = value;
    return field;
}

static inline struct probe_field probe_text(const char *key, const char *value)
{
    struct probe_field field = probe_field_(key, PROBE_FIELD_TEXT);
    field.value.text = value;
    return field;
}

/* Evidence of a shape of its own.  For rows, probe_rows() is cheaper and is cut, not dropped. */
static inline struct probe_field probe_json(const char *key, const char *json)
{
    struct probe_field field = probe_field_(key, PROBE_FIELD_JSON);
    field.value.text = json;
    return field;
}

/* A point in time, in milliseconds since 1970. */
static inline struct probe_field probe_time(const char *key, int64_t wall_ms)
{
    struct probe_field field = probe_field_(key, PROBE_FIELD_TIME);
    field.value.integer = wall_ms;
    return field;
}

static inline struct probe_field probe_rows(const char *key, const struct probe_table *rows)
{
    struct probe_field field = probe_field_(key, PROBE_FIELD_ROWS);
    field.value.rows = rows;
    return field;
}

/* ---- actions ---- */

/* Ends plan(): probe_planned(run, .steps = steps, .step_count = n, .total = sessions); */
#define probe_planned(run_, ...)                                                                   \
    ((run_)->life.host->planned(                                                                   \
        (run_), &(const struct probe_plan){sizeof(struct probe_plan), __VA_ARGS__}))

/* Ends apply(): probe_applied(run, .outcome = PROBE_SKIPPED, .summary = "became busy"); */
#define probe_applied(run_, ...)                                                                   \
    ((run_)->life.host->applied(                                                                   \
        (run_), &(const struct probe_result){sizeof(struct probe_result), __VA_ARGS__}))

/* ---- leases ---- */

/* Ends claim(): probe_leased(run, .held = true, .token = token, .left_ms = left); */
#define probe_leased(run_, ...)                                                                    \
    ((run_)->life.host->leased(                                                                    \
        (run_), &(const struct probe_tenure){sizeof(struct probe_tenure), __VA_ARGS__}))

/* ---- small services ---- */

/*
 * For create() and prepare(): says what is wrong with which option, or NULL, in
 * words that the operator will read; the agent adds file and line.  Returns
 * -EINVAL, ready to be returned.
 */
PROBE_PRINTF(3, 4)
static inline int probe_refuse(struct probe_error *error, const char *option, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return error->host->refuse(error, option, text);
}

PROBE_PRINTF(3, 4)
static inline void probe_log(struct probe_life *life, enum probe_level level, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    life->host->log(life, level, text);
}

/* The agent's own metrics; names end in _total for counters, in a unit otherwise. */
static inline void probe_count(struct probe_life *life, const char *metric, uint64_t add)
{
    life->host->count(life, metric, add);
}

static inline void probe_gauge(struct probe_life *life, const char *metric, double value)
{
    life->host->gauge(life, metric, value);
}

/* Microseconds on a clock that never goes back; a test may drive it by hand. */
static inline uint64_t probe_now_us(struct probe_life *life)
{
    return life->host->now(life);
}

/* The same clock in milliseconds. */
static inline uint64_t probe_now(struct probe_life *life)
{
    return life->host->now(life) / 1000u;
}

/* Milliseconds since 1970, UTC.  It may jump: for ages and dates, never for intervals. */
static inline int64_t probe_wall(struct probe_life *life)
{
    return life->host->wall(life);
}

/*
 * The secret as it is now; it is read again when its file has changed.  Do not
 * keep it.  The agent takes what was revealed out of everything you report, log
 * or plan.  NULL where it cannot be read.
 */
static inline const char *probe_reveal(struct probe_life *life, const struct probe_secret *secret)
{
    return life->host->reveal(life, secret);
}

/*
 * A few words that outlive the process: a fingerprint, a position in a log.
 * They belong to the target or, with a run's life, to that configured check.
 * At most 64 keys of 4 KiB; on disk within a second; no secrets.  recall() gives
 * NULL where nothing was remembered; remember() with NULL forgets.
 */
static inline const char *probe_recall(struct probe_life *life, const char *key)
{
    return life->host->recall(life, key);
}

static inline void probe_remember(struct probe_life *life, const char *key, const char *value)
{
    life->host->remember(life, key, value);
}

/* ---- operations ---- */

static inline struct probe_op *probe_timer(struct probe_life *life, uint64_t ms, probe_timer_fn *fn,
                                           void *data)
{
    return life->host->timer(life, ms, fn, data);
}

/*
 * Watches a descriptor that a client library owns.  Cancel the watch before every
 * call in which the library may close or replace the descriptor: with libpq each
 * PQconnectPoll(), PQreset() and PQfinish(), and after PQconsumeInput() failed.
 */
static inline struct probe_op *probe_watch(struct probe_life *life, int fd, unsigned events,
                                           probe_watch_fn *fn, void *data)
{
    return life->host->watch(life, fd, events, fn, data);
}

/* Changes what a watch waits for; zero pauses it. */
static inline void probe_rewatch(struct probe_life *life, struct probe_op *watch, unsigned events)
{
    life->host->rewatch(watch, events);
}

/* Looks a name up, for libraries that would block on it themselves. */
static inline struct probe_op *probe_resolve(struct probe_life *life, const char *name,
                                             probe_resolve_fn *fn, void *data)
{
    return life->host->resolve(life, name, fn, data);
}

/*
 * Runs `work` on a pool thread, then `worked` on the loop.  For what computes,
 * such as parsing a large reply; not for what may hang.  The one operation that
 * cannot be ended: `worked` always comes, after `work` has returned, with
 * -ECANCELED if the life has ended meanwhile; then only `data` may be touched.
 * Hence `work` touches only `data`, and `data` points into no target or run.
 */
static inline struct probe_op *probe_work(struct probe_life *life, probe_work_fn *work,
                                          probe_worked_fn *worked, void *data)
{
    return life->host->work(life, work, worked, data);
}

/* One request: probe_http(&run->life, on_reply, state, .base = url, .bearer = key); */
#define probe_http(life_, fn_, data_, ...)                                                         \
    ((life_)->host->http((life_),                                                                  \
                         &(const struct probe_request){sizeof(struct probe_request), __VA_ARGS__}, \
                         (fn_),                                                                    \
                         (data_)))

/* Opens a stream: probe_dial(&self->life, on_stream, state, .host = name, .port = 6379); */
#define probe_dial(life_, fn_, data_, ...)                                                         \
    ((life_)->host->dial(                                                                          \
        (life_),                                                                                   \
        &(const struct probe_endpoint){sizeof(struct probe_endpoint), __VA_ARGS__},                \
        (fn_),                                                                                     \
        (data_)))

/* Sends bytes, in order.  What cannot be sent ends the stream with a status. */
static inline void probe_write(struct probe_life *life, struct probe_op *stream, const void *bytes,
                               size_t len)
{
    life->host->write(stream, bytes, len);
}

/*
 * Starts TLS on a stream opened for it, once the peer agreed to: PROBE_SECURED
 * follows.  Bytes that came in clear and are not read yet end it with -EPROTO.
 */
static inline void probe_secure(struct probe_life *life, struct probe_op *stream)
{
    life->host->secure(stream);
}

/* Runs a program: probe_exec(&run->life, on_exit, state, .argv = argv); */
#define probe_exec(life_, fn_, data_, ...)                                                         \
    ((life_)->host->exec((life_),                                                                  \
                         &(const struct probe_command){sizeof(struct probe_command), __VA_ARGS__}, \
                         (fn_),                                                                    \
                         (data_)))

/* Looks at a file; `path` is a pattern with PROBE_LOOK_LIST.  max_bytes: of READ; zero: 1 MiB. */
static inline struct probe_op *probe_look_at(struct probe_life *life, enum probe_look what,
                                             const char *path, int64_t max_bytes, probe_look_fn *fn,
                                             void *data)
{
    return life->host->look(life, what, path, max_bytes, fn, data);
}

/* Follows files: probe_follow(&run->life, on_lines, state, .path = "/var/log/app/" "*.log"); */
#define probe_follow(life_, fn_, data_, ...)                                                       \
    ((life_)->host->follow((life_),                                                                \
                           &(const struct probe_tail){sizeof(struct probe_tail), __VA_ARGS__},     \
                           (fn_),                                                                  \
                           (data_)))

/* Drops an operation that is still pending, and closes a stream; its callback will not run. */
static inline void probe_cancel(struct probe_life *life, struct probe_op *op)
{
    if (op)
        life->host->cancel(op);
}

#ifdef __cplusplus
}
#endif
#endif
