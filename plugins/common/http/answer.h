/*
 * answer - what an HTTP answer, or none, means: the service's fault, or ours.
 *
 * Mostly pure functions over what the agent hands back, for every plugin that asks over HTTP.
 *
 * Layer: plugins/common; includes the C library and probe.h only.
 */
#ifndef COMMON_HTTP_ANSWER_H
#define COMMON_HTTP_ANSWER_H

#include <runbookd/probe.h>

/* The measure error_class; the words are answer_classes, in this order. */
enum answer_class {
    ANSWER_OK,
    ANSWER_STATUS,      /* not the expected one */
    ANSWER_BODY,        /* not as expected */
    ANSWER_JSON,        /* the same of a value in it */
    ANSWER_HEADER,      /* the same of a header */
    ANSWER_HEALTH,      /* the service itself says that it is not well */
    ANSWER_REFUSED,     /* nobody listens */
    ANSWER_UNREACHABLE, /* no way there */
    ANSWER_TIMEOUT,     /* no connection, no handshake, no answer or not all of it in time */
    ANSWER_RESET,       /* hung up, or cut off */
    ANSWER_PROTOCOL,    /* not HTTP */
    ANSWER_REDIRECTS    /* more of them than are followed */
};

extern const char *const answer_classes[];

/* What a request that failed says about the service. */
enum answer_class answer_class_of(int status);

/*
 * Whether it says something about ourselves instead (a name, a secret, trust, a configuration):
 * then `*ret_ending` is how the run ends, as unknown.  Points to response->message.
 */
bool answer_is_ours(int status, const struct probe_response *response,
                    struct probe_ending *ret_ending);

/* An answer whole enough to be judged: also one that is longer than was to be read. */
bool answer_came(int status, const struct probe_response *response);

/* 401, 403 and 407 that nobody expects: we are not let in.  Points to `summary`. */
bool answer_denies(const struct probe_response *response, const char *summary,
                   struct probe_ending *ret_ending);

/* An URL without what may be secret in it: user, password, query, fragment. */
void answer_show_url(const char *url, char *out, size_t room);

/* Ends a run as that says. */
void answer_end(struct probe_run *run, const struct probe_ending *ending);

/*
 * Ends a run that has no answer to look at: unknown where it is ours, otherwise nobody is there, by
 * the words of answer_classes.
 */
void answer_fail(struct probe_run *run, int status, const struct probe_response *response);

/* Milliseconds that each stage took by itself; below zero: it was not needed, or not reached. */
struct answer_times {
    double dns, connect, tls, first_byte, transfer, total;
};
struct answer_times answer_times_of(const struct probe_timing *us);

/*
 * Where the time of a run's answers went, and who gave the last of them: what is kept when the
 * answer is gone.  Zeroed at first.
 */
struct answer_trail {
    struct answer_times times; /* of all answers together */
    size_t count;              /* how many there were */
    char ip[48];               /* numeric; empty: nobody was reached */
};

/* Adds an answer, or a request that failed, as far as it came. */
void answer_follow(struct answer_trail *trail, const struct probe_response *response);

/* Adds the answers of another trail. */
void answer_join(struct answer_trail *trail, const struct answer_trail *more);

/* Evidence of it: the times that there are, as ANSWER_MEASURES names them, and `ip`. */
enum { ANSWER_FIELDS = 6 };
struct probe_field *answer_add_fields(struct probe_field *field, const struct answer_trail *trail);

/* The same for PROBE_FIELDS(), at its end: ANSWER_LAST(fields), where what is absent comes last. */
struct answer_evidence {
    struct probe_field all[ANSWER_FIELDS];
};
struct answer_evidence answer_evidence_of(const struct answer_trail *trail);
#define ANSWER_LAST(evidence)                                                                      \
    (evidence).all[0], (evidence).all[1], (evidence).all[2], (evidence).all[3], (evidence).all[4], \
        (evidence).all[5]

/* Rows of a check's table of measures; `total_ms` is the check's own. */
#define ANSWER_MEASURES                                                                            \
    {"dns_ms", "to look the name up", .kind = PROBE_GAUGE, .optional = true},                      \
        {"connect_ms",                                                                             \
         "to connect; none on a kept connection",                                                  \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
        {"tls_ms",                                                                                 \
         "to shake hands; none on a kept connection",                                              \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
        {"first_byte_ms",                                                                          \
         "from being connected to the answer's first byte",                                        \
         .kind = PROBE_GAUGE,                                                                      \
         .optional = true},                                                                        \
    {                                                                                              \
        "transfer_ms", "from the first byte to the last", .kind = PROBE_GAUGE, .optional = true    \
    }

enum { ANSWER_SNIPPET = 200 };

/* The beginning of a body, on one line; whole characters of UTF-8. */
void answer_snippet(const char *body, size_t len, char out[ANSWER_SNIPPET + 1]);

/*
 * Takes every `secret` out of a text, also one of which the text holds only the beginning, since it
 * was cut: eight characters or more.  NULL is fine; what is shorter is no secret worth the name.
 */
void answer_scrub(char *text, const char *secret);

/* A header's value, or NULL. */
const char *answer_header(const struct probe_response *response, const char *name);

#endif
