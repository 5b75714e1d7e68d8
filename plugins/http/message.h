/*
 * message - a declared request as it is sent, and as it is shown: everything in place, secrets
 * taken out.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include "blanks.h"
#include "declared.h"
#include "http.h"

/* What stands in a secret's place, as the agent writes it. */
#define MESSAGE_MARK "[redacted]"

struct message {
    const char *method;
    char *path, *body;           /* body: NULL where there is none */
    struct probe_pair *headers;  /* ended by { 0 } */
    struct probe_secret *bearer; /* NULL: the target's own login */
    char *url;                   /* for people */
    json_t *shown;               /* the body, for people; NULL where there is none */
};

/* The request, or what takes it back; false: `blanks->why`, and nothing needs to be finished. */
bool message_compose(struct message *message, const struct declared *declared, bool undo,
                     struct blanks *blanks, struct probe_run *run);
void message_finish(struct message *message);

/* {method, url, headers: [names], body}, to be dropped. */
json_t *message_describe(const struct message *message, const struct http_config *config);

/* "PUT https://api.example.org/flags/x {"value":true}", in one line, to be freed. */
char *message_say(const struct message *message);

/* A path as people see it, behind the target's own URL, to be freed. */
char *message_url(const struct http_config *config, const char *path);

/* The parts of an answer that the declaration lets the script hear of, by name, to be dropped. */
json_t *message_parts(const struct probe_pair *wanted, const struct probe_response *response);

#endif
