/*
 * http - what the plugin's own files share: the target, the options and the runs.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <runbookd/probe.h>

#include "capture.h"
#include "common/http/answer.h"
#include "expect.h"
#include "login.h"
#include "quota.h"

/* An option without a value is NULL; one that was written empty is "". */
static inline bool http_given(const char *string)
{
    return string && *string;
}

/* target->config */
struct http_config {
    const struct probe_url *url;
    const struct probe_pair *headers; /* NULL: none */
    struct probe_secret *bearer, *password;
    const char *user;
    const struct probe_pair *oauth2; /* NULL: none */
    const struct probe_tls *tls;
    struct probe_items requests; /* struct declared_request */
};

struct declared;

/* target->data */
struct http_target {
    struct login login;
    struct declared *declared; /* one for each of config->requests, compiled */
};

/* What the checks' tables hold in common. */
extern const char *const http_methods[], *const http_ips[], *const http_connections[],
                                                                *const http_versions[];

/* ---- endpoint.c ---- */

struct endpoint_config {
    const char *path, *method, *body, *json;
    const struct probe_pair *headers; /* NULL: none */
    const char *const *expect;
    const char *body_matches, *body_lacks; /* any body will do without */
    const struct probe_pair *expect_json, *expect_headers;
    bool health; /* whether the service's own word counts */
    int64_t redirects, max_body;
    const char *ip;         /* "any", "4", "6" */
    const char *connection; /* "kept", "fresh" */
    const char *version;    /* "any", "1.1", "2" */
    const char *address;    /* instead of the host's own */
};

struct judge;

/* run->memory: compiled once. */
struct endpoint_memory {
    struct expect expect;
    struct judge *judge;
};

/* run->data: what came, while the body is looked at. */
struct endpoint_state {
    enum answer_class class;
    struct answer_trail trail;
    int code, version, health;
    int64_t size;
    bool cut;     /* there was more than was read */
    bool matched; /* the body was looked at */
    char location[280], message[400], snippet[ANSWER_SNIPPET + 1];
};

extern const struct probe_option endpoint_options[];
extern const struct probe_measure endpoint_measures[];

int endpoint_prepare(const void *config, void *memory, struct probe_error *error);
void endpoint_forget(void *memory);
void endpoint_run(struct probe_target *self, struct probe_run *run);

/* ---- latency.c ---- */

enum { LATENCY_MOST = 100 };

struct latency_config {
    const char *path, *method, *connection;
    const struct probe_pair *headers;
    const char *const *expect;
    int64_t samples, pause_ms;
};

struct latency_memory {
    struct expect expect;
};

struct latency_state {
    size_t sent, answered;
    double times[LATENCY_MOST]; /* of the answered ones, in ms */
    char failure[300];          /* the last one, ... */
    enum answer_class class;    /* ... and of which kind it was */
    struct answer_trail trail;  /* of the slowest of them; of the last one while none is answered */
};

extern const struct probe_option latency_options[];
extern const struct probe_measure latency_measures[];

int latency_prepare(const void *config, void *memory, struct probe_error *error);
void latency_run(struct probe_target *self, struct probe_run *run);

/* ---- rate_limit.c ---- */

struct rate_limit_config {
    const char *path, *method;
    const struct probe_pair *headers;
    struct quota_names names;
};

extern const struct probe_option rate_limit_options[];
extern const struct probe_measure rate_limit_measures[];

int rate_limit_prepare(const void *config, void *memory, struct probe_error *error);
void rate_limit_run(struct probe_target *self, struct probe_run *run);

/* ---- api.c ---- */

struct api_config {
    const char *path, *method, *json, *vendor;
    const struct probe_pair *headers, *codes, *expect_json;
};

struct api_memory {
    struct judge *judge;
};

extern const struct probe_option api_options[];
extern const struct probe_measure api_measures[];

int api_prepare(const void *config, void *memory, struct probe_error *error);
void api_forget(void *memory);
void api_run(struct probe_target *self, struct probe_run *run);

/* ---- synthetic.c ---- */

enum { SYNTHETIC_MOST = 20, SYNTHETIC_MOST_HEADERS = 32 };

struct synthetic_step {
    const char *name, *get, *post, *method, *path, *json, *body, *body_matches;
    const struct probe_pair *headers, *expect_json, *capture;
    const char *const *expect;
};

struct synthetic_config {
    struct probe_items steps;
};

struct synthetic_memory {
    struct {
        struct expect expect;
        struct judge *judge;
    } steps[SYNTHETIC_MOST];
};

struct synthetic_state {
    size_t taken; /* steps whose answer has come */
    struct {
        int code;
        struct answer_trail trail;
    } of[SYNTHETIC_MOST];
    struct answer_trail trail; /* of all of them */
    struct captures captures;
    char *path, *body; /* of the present step, with what was captured in place */
    struct probe_pair headers[SYNTHETIC_MOST_HEADERS + 1];
    size_t header_count;
    char snippet[ANSWER_SNIPPET + 1];
};

extern const struct probe_option synthetic_options[];
extern const struct probe_measure synthetic_measures[];

int synthetic_prepare(const void *config, void *memory, struct probe_error *error);
void synthetic_forget(void *memory);
void synthetic_run(struct probe_target *self, struct probe_run *run);
void synthetic_ended(struct probe_target *self, struct probe_run *run);

#endif
