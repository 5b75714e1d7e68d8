/*
 * kit - the fake host: runs a probe plugin without the agent, and holds it to the contract.
 *
 *     struct kit *kit = kit_open(probe_plugin_v1());
 *     kit_set(kit, "url", "redis://cache:6379");
 *     kit_plays(kit, KIT_EXPECT("PING\r\n"), KIT_SEND("+PONG\r\n"));
 *     struct kit_run *run = kit_run(kit, "connect");
 *     assert_true(kit_real(kit_finding(run, NULL), "rtt_ms") == 0);
 *     kit_close(kit);
 *
 * Time is virtual: it stands still until the kit moves it on, and a run that waits for its deadline
 * takes a millisecond.  What the plugin asks of the world (streams, requests, names, files,
 * programs) is answered by what the test laid out before; what nobody laid out breaks the test.
 * Timers and watches are real ones on a real loop.
 *
 * These rules are checked all the time, and kit_run(), kit_advance() and kit_close() fail the test
 * with a sentence for each that was broken:
 *
 *   - a run ends once; nothing is reported, planned or started in it afterwards
 *   - an operation that is gone is not cancelled, written to or changed
 *   - what was lent (arrivals, secrets, what was remembered) is not kept: it is freed, for ASan
 *   - a finding has a summary without a full stop, a subject of its own, and every measure that is
 *     not optional, of the kind and with the words that were declared; a counter is an integer
 *   - a plan's steps have keys, a failed run has a summary, a PROBE_DENIED one a hint
 *   - at the end all that was laid out was used, and no run, operation or handle is left
 *
 * Tests assert between calls, never from inside the plugin, so a failure leaves nothing half done.
 * Everything handed out lives until kit_close().
 */
#ifndef KIT_H
#define KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbookd/probe.h"

struct kit;
struct loop;

/* ------------------------------------------------------------- one kit ---- */

/* A plugin that is linked in, by its descriptor, which is checked as the agent's loader does. */
struct kit *kit_open(const struct probe_plugin *plugin);

/* A built one: NAME.so in the folder that the environment's PLUGINS names. */
struct kit *kit_load(const char *name);

/* Ends everything as a shutdown does.  Zero, or how many rules were broken: a teardown's result. */
int kit_close(struct kit *kit);

/* All rules broken so far, a sentence a line; "" if none.  Asking forgives: for the kit's tests. */
const char *kit_broken(struct kit *kit);

/* ------------------------------------------------------- configuration ---- */

/*
 * Sets an option of the target, as an operator would write it, by core/probe/schema: "5s", "64KiB",
 * "true"; what has parts is YAML: "[a, b]", "{ca: /etc/ca.pem}".  Text needs no quotes.  A secret
 * is its own value, or refers to one: "${env:NAME}".  Before the first run; the last one counts.
 */
void kit_set(struct kit *kit, const char *option, const char *value);

/* The same for a configured check, or an action. */
void kit_set_for(struct kit *kit, const char *check, const char *option, const char *value);

/* Adds a check under another name than its own: the same kind, asked twice. */
void kit_name(struct kit *kit, const char *name, const char *check);

/* The struct that a check's options fill, or with NULL the target's. */
const void *kit_config(struct kit *kit, const char *check);

/* Runs prepare() or create() alone: NULL, or what was refused, as "option: text". */
const char *kit_refusal(struct kit *kit, const char *check);

/* ---------------------------------------------------------------- runs ---- */

struct kit_finding {
    enum probe_status status;
    const char *subject, *summary, *hint;
    const struct probe_field *fields; /* ended by { 0 } */
    const struct probe_pair *labels;  /* ended by { 0 }, or NULL */
};

struct kit_run {
    const char *name;
    bool over;
    bool done;       /* probe_done() */
    bool late;       /* nobody ended it at the deadline, so the agent did */
    bool cancelled;  /* by kit_end() or kit_close() */
    uint64_t ran_us; /* how long, in virtual time */

    /* probe_end() and probe_fail(); zero or NULL where it did not fail */
    enum probe_failure how;
    int status;
    const char *reason, *summary, *hint;
    int64_t retry_ms;

    const struct kit_finding *findings;
    size_t finding_count;
    const char *const *retired; /* subjects of probe_retire() */
    size_t retired_count;

    /* probe_planned() and probe_applied() */
    bool planned, applied;
    const struct probe_step *steps;
    size_t step_count;
    int64_t total;
    const char *note;
    enum probe_outcome outcome;
    const char *result_json;
    const struct probe_step *undo;
};

/* Runs a check until it has ended, at its deadline at the latest. */
struct kit_run *kit_run(struct kit *kit, const char *check);

/* The same, but rules that it breaks are left for kit_broken(), and it need not end. */
struct kit_run *kit_try(struct kit *kit, const char *check);

/* Only starts it; kit_finish() waits for its end, kit_advance() lets time pass. */
struct kit_run *kit_start(struct kit *kit, const char *check);
void kit_finish(struct kit *kit, struct kit_run *run);
void kit_advance(struct kit *kit, uint64_t ms);

/* Ends a run as a reload does: its operations hear -ECANCELED. */
void kit_end(struct kit *kit, struct kit_run *run);

/* One step of an action; `step` is NULL for an action that has no plan(). */
struct kit_run *kit_plan(struct kit *kit, const char *action);
struct kit_run *kit_apply(struct kit *kit, const char *action, const struct probe_step *step);

/* Destroys the target and creates it anew, as a restart: only what was remembered stays. */
void kit_restart(struct kit *kit);

/* Lets time be real, for descriptors that a client library owns.  Before the first run. */
void kit_use_real_time(struct kit *kit);

/* The loop that timers and watches are on, for a kit_server beside the plugin. */
struct loop *kit_loop(struct kit *kit);

/* ---- reading findings: each of these fails the test where there is no such thing ---- */

/* The finding of `subject`; NULL: the only one that has none. */
const struct kit_finding *kit_finding(const struct kit_run *run, const char *subject);

/* Numbers of either kind, flags and times; text and JSON; rows. */
int64_t kit_int(const struct kit_finding *finding, const char *key);
double kit_real(const struct kit_finding *finding, const char *key);
bool kit_flag(const struct kit_finding *finding, const char *key);
const char *kit_text(const struct kit_finding *finding, const char *key);
const struct probe_table *kit_rows(const struct kit_finding *finding, const char *key);

bool kit_has(const struct kit_finding *finding, const char *key);

/* What the check's default conditions make of it.  Without an earlier run counters have no delta. */
enum probe_status kit_grade(struct kit *kit, const char *name, const struct kit_finding *finding);

/* ------------------------------------------------------------- streams ---- */

enum kit_move_kind {
    KIT_MOVE_EXPECT = 1,
    KIT_MOVE_UNTIL,
    KIT_MOVE_SEND,
    KIT_MOVE_DRIP,
    KIT_MOVE_FLOOD,
    KIT_MOVE_PAUSE,
    KIT_MOVE_SECURE,
    KIT_MOVE_PEER,
    KIT_MOVE_CLOSE,
    KIT_MOVE_BREAK,
    KIT_MOVE_REFUSE,
    KIT_MOVE_HANG,
    KIT_MOVE_MUTE
};

/* What one side of a connection does next. */
struct kit_move {
    enum kit_move_kind kind;
    const char *bytes;
    size_t len; /* zero: as far as the NUL byte */
    uint64_t ms;
    int status;
    enum probe_stage stage;
    const struct probe_peer *peer;
};

#define KIT_MOVE_(kind_, ...) ((const struct kit_move){.kind = KIT_MOVE_##kind_, __VA_ARGS__})

#define KIT_EXPECT(text_) KIT_MOVE_(EXPECT, .bytes = (text_)) /* the client writes this */
#define KIT_UNTIL(text_) KIT_MOVE_(UNTIL, .bytes = (text_))   /* anything, up to and with this */
#define KIT_SEND(text_) KIT_MOVE_(SEND, .bytes = (text_))     /* in one piece */
#define KIT_DRIP(text_) KIT_MOVE_(DRIP, .bytes = (text_))     /* byte by byte */
#define KIT_FLOOD(text_) KIT_MOVE_(FLOOD, .bytes = (text_))   /* again and again, without end */
#define KIT_PAUSE(ms_) KIT_MOVE_(PAUSE, .ms = (ms_))          /* first of all: it opens late */
#define KIT_SECURE KIT_MOVE_(SECURE)                          /* the client calls probe_secure() */
#define KIT_PEER(peer_) KIT_MOVE_(PEER, .peer = (peer_))      /* who answers, from now on */
#define KIT_CLOSE KIT_MOVE_(CLOSE)                            /* in order */
#define KIT_BREAK(status_) KIT_MOVE_(BREAK, .status = (status_)) /* -ECONNRESET and its like */
#define KIT_HANG KIT_MOVE_(HANG)                                 /* first of all: it never opens */
#define KIT_MUTE KIT_MOVE_(MUTE) /* takes whatever comes, and says nothing more */
/* First of all: it does not open.  `message_` is for people. */
#define KIT_REFUSE(status_, stage_, message_)                                                      \
    KIT_MOVE_(REFUSE, .status = (status_), .stage = (stage_), .bytes = (message_))
#define KIT_SEND_N(bytes_, len_) KIT_MOVE_(SEND, .bytes = (bytes_), .len = (len_))
#define KIT_EXPECT_N(bytes_, len_) KIT_MOVE_(EXPECT, .bytes = (bytes_), .len = (len_))

/*
 * The next stream that is dialled plays this; it opens by itself.  After the last move the peer is
 * silent, and whatever the client writes breaks the test.  Copied.
 */
#define kit_plays(kit_, ...) kit_play((kit_), (const struct kit_move[]){__VA_ARGS__, {0}})
void kit_play(struct kit *kit, const struct kit_move *moves);

/* What was dialled, in order; fails the test where there were not so many. */
struct kit_dial {
    const char *host, *address, *path;
    uint16_t port;
    int family;
    enum probe_safety safety;
    const struct probe_tls *tls;
    const char *alpn; /* the first */
    int64_t timeout_ms, max_reply;
    bool open;
};
const struct kit_dial *kit_dialled(const struct kit *kit, size_t nth);
size_t kit_dial_count(const struct kit *kit);

/* ------------------------------------------------------------ requests ---- */

/* Borrowed: what it points to outlives the request. */
struct kit_answer {
    int status; /* zero, or why it failed */
    enum probe_stage stage;
    const char *message;
    int code; /* zero: 200 */
    const struct probe_pair *headers;
    const char *body;
    size_t body_len;   /* zero: as far as the NUL byte */
    size_t piece;      /* for on_chunk: bytes at a time; zero: all at once */
    uint64_t after_ms; /* virtual */
    bool never;        /* no answer at all */
    const struct probe_peer *peer;
    struct probe_timing us;
    const char *url;
    int version;
};

/* The next request gets this. */
#define kit_answers(kit_, ...) kit_answer((kit_), &(const struct kit_answer){__VA_ARGS__})
void kit_answer(struct kit *kit, const struct kit_answer *answer);

struct kit_request {
    const char *method, *url; /* as sent: the path and the parameters are in it */
    const char *body;
    size_t body_len;
    const char *bearer, *user, *password, *sigv4; /* secrets as they were then */
    const char *address;
    const struct probe_tls *tls;
    const struct probe_pair *headers; /* ended by { 0 } */
    int family, version, redirects;
    bool fresh;
    int64_t timeout_ms, max_body;
};
const struct kit_request *kit_requested(const struct kit *kit, size_t nth);
size_t kit_request_count(const struct kit *kit);
const char *kit_header(const struct kit_request *request, const char *name); /* or NULL */

/* ------------------------------------------------------- names, machine ---- */

/* What `name` resolves to, until said otherwise; addresses ended by NULL.  Numbers do by themselves. */
#define kit_resolves(kit_, name_, ...)                                                             \
    kit_resolve((kit_), (name_), 0, (const char *const[]){__VA_ARGS__, NULL})
void kit_resolve(struct kit *kit, const char *name, int status, const char *const *addresses);

/* The next program that is started; borrowed. */
struct kit_program {
    int status;
    struct probe_exit end;
    uint64_t after_ms;
    bool never;
};
#define kit_exits(kit_, ...) kit_exit((kit_), &(const struct kit_program){__VA_ARGS__})
void kit_exit(struct kit *kit, const struct kit_program *program);

/* What was started: the arguments, joined by single spaces. */
const char *kit_command(const struct kit *kit, size_t nth);
size_t kit_command_count(const struct kit *kit);

/* What a look at `path` shows, until said otherwise; `sight` is borrowed, NULL with a status. */
void kit_show(struct kit *kit, enum probe_look what, const char *path, int status,
              const struct probe_sight *sight);

/* Lines for everybody who follows a pattern that fits lines->path; at once. */
void kit_append(struct kit *kit, const struct probe_lines *lines);

/* Ends those followers with a status. */
void kit_end_follow(struct kit *kit, const char *path, int status);

/* ------------------------------------------------------------ the rest ---- */

/* Whether a line of the plugin's log contains `text`. */
bool kit_logged(const struct kit *kit, const char *text);

/* What a metric of the plugin's counts or shows now. */
double kit_metric(const struct kit *kit, const char *metric);

/* What is remembered: by the target (check NULL) or a configured check; or NULL. */
const char *kit_remembered(const struct kit *kit, const char *check, const char *key);
void kit_remember(struct kit *kit, const char *check, const char *key, const char *value);

/* Sets the virtual wall clock: milliseconds since 1970.  At first 2026-11-21T03:00:00Z. */
void kit_set_wall(struct kit *kit, int64_t wall_ms);

#endif
