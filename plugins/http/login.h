/*
 * login - OAuth 2.0 client credentials (RFC 6749, section 4.4): the token that a target's requests
 * carry, asked for when it is needed and kept as long as it is valid.
 *
 * The token is a secret that the agent does not know of: what a service answers is rid of it by
 * login_scrub() before it is shown.
 */
#ifndef HTTP_LOGIN_H
#define HTTP_LOGIN_H

#include <runbookd/probe.h>

enum { LOGIN_SPENT = 8 };

/* Of a target.  Zeroed at first. */
struct login {
    char *token; /* NULL: none */
    uint64_t until_us;
    /* The last ones that are no longer used: an answer on its way may still hold one of them. */
    char *spent[LOGIN_SPENT];
    size_t next;
};

/* For create(): refuses an `oauth2` that lacks something.  NULL pairs are fine. */
int login_refuse(const struct probe_pair *oauth2, struct probe_error *error);

/* The token, or NULL where there is none that will live for a while. */
const char *login_token(struct login *login, struct probe_run *run);

/*
 * Fetches one, and calls `then` with it in place.  Where there is none the run has ended, as
 * unknown: that is our own login, not the service.
 */
typedef void login_fn(struct probe_run *run, void *data);
void login_fetch(struct login *login, struct probe_run *run, const struct probe_pair *oauth2,
                 const struct probe_tls *tls, login_fn *then, login_fn *otherwise, void *data);

/* The token is used no longer. */
void login_forget(struct login *login);

/* Takes the tokens out of a text. */
void login_scrub(const struct login *login, char *text);

void login_finish(struct login *login);

#endif
