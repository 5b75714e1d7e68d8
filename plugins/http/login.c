#include "login.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/http/answer.h"
#include "http.h"

enum {
    SPARE_US = 30 * 1000000, /* a token is not used in the last moments of its life */
    DEFAULT_S = 300          /* RFC 6749 only recommends expires_in */
};

static const char *const keys[] = {
    "token_url", "client_id", "client_secret", "scope", "audience", "auth"};

static const struct probe_pair *find(const struct probe_pair *oauth2, const char *name)
{
    for (; oauth2 && oauth2->name; oauth2++)
        if (strcmp(oauth2->name, name) == 0)
            return oauth2;
    return NULL;
}

static const char *value(const struct probe_pair *oauth2, const char *name)
{
    const struct probe_pair *pair = find(oauth2, name);
    return pair && pair->value ? pair->value : "";
}

int login_refuse(const struct probe_pair *oauth2, struct probe_error *error)
{
    const char *auth = value(oauth2, "auth");
    if (!oauth2 || !oauth2->name)
        return 0;
    for (const struct probe_pair *pair = oauth2; pair->name; pair++) {
        bool known = false;
        for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
            known = known || strcmp(pair->name, keys[i]) == 0;
        if (!known)
            return probe_refuse(error,
                                "oauth2",
                                "\"%s\" is unknown; known are token_url, client_id, client_secret, "
                                "scope, audience, auth",
                                pair->name);
        if (pair->secret && strcmp(pair->name, "client_secret") != 0)
            return probe_refuse(error, "oauth2", "%s is no secret: write it out", pair->name);
    }
    if (strncmp(value(oauth2, "token_url"), "http", 4) != 0)
        return probe_refuse(error, "oauth2", "token_url is missing: where the token comes from");
    if (!*value(oauth2, "client_id"))
        return probe_refuse(error, "oauth2", "client_id is missing");
    if (!find(oauth2, "client_secret") || !find(oauth2, "client_secret")->secret)
        return probe_refuse(
            error,
            "oauth2",
            "client_secret is missing: write a reference, ${file:/run/secrets/...}");
    if (*auth && strcmp(auth, "header") != 0 && strcmp(auth, "body") != 0)
        return probe_refuse(error, "oauth2", "auth is \"%s\": write header (basic) or body", auth);
    return 0;
}

/* ---------------------------------------------------------------- token ---- */

static void wipe(char **token)
{
    if (*token)
        explicit_bzero(*token, strlen(*token));
    free(*token);
    *token = NULL;
}

void login_forget(struct login *login)
{
    if (!login->token)
        return;
    wipe(&login->spent[login->next]);
    login->spent[login->next] = login->token;
    login->next = (login->next + 1) % LOGIN_SPENT;
    login->token = NULL;
}

void login_scrub(const struct login *login, char *text)
{
    answer_scrub(text, login->token);
    for (size_t i = 0; i < LOGIN_SPENT; i++)
        answer_scrub(text, login->spent[i]);
}

void login_finish(struct login *login)
{
    wipe(&login->token);
    for (size_t i = 0; i < LOGIN_SPENT; i++)
        wipe(&login->spent[i]);
}

const char *login_token(struct login *login, struct probe_run *run)
{
    if (login->token && probe_now_us(&run->life) + SPARE_US >= login->until_us)
        login_forget(login);
    return login->token;
}

/* Whatever was wrong: ours.  `error` is what the token endpoint calls it. */
static void end_without(struct probe_run *run, int status, const struct probe_response *response,
                        const char *error)
{
    char summary[300];
    bool refused = response->code == 400 || response->code == 401 || response->code == 403;
    if (status != 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "no token: %.200s",
                       response->message ? response->message : strerror(-status));
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "no token: the token endpoint answers %d%s%.60s",
                       response->code,
                       *error ? ", " : "",
                       error);
    probe_end(run,
              .how = refused ? PROBE_DENIED : PROBE_FAILED,
              .status = refused  ? -EACCES
                        : status ? status
                                 : -EPROTO,
              .reason = refused ? "noauth" : "token",
              .summary = summary,
              .hint = "compare `oauth2` with the client that is registered there");
}

/* Takes the token out of a reply (RFC 6749, 5.1); false, and what it says is wrong (5.2). */
static bool take(struct login *login, struct probe_run *run, const struct probe_response *response,
                 char *ret_error, size_t room)
{
    json_t *root = json_loadb(response->body, response->body_len, 0, NULL);
    const char *token = json_string_value(json_object_get(root, "access_token"));
    const char *error = json_string_value(json_object_get(root, "error"));
    const json_t *expires = json_object_get(root, "expires_in");
    int64_t seconds = json_is_number(expires) ? (int64_t)json_number_value(expires) : DEFAULT_S;
    (void)snprintf(ret_error, room, "%s", error ? error : "");
    if (token && *token && response->code == 200) {
        login_forget(login);
        login->token = strdup(token);
        login->until_us =
            probe_now_us(&run->life) + (uint64_t)(seconds > 0 ? seconds : 0) * 1000000u;
        /* One that lives for moments is used once all the same. */
        if (login->until_us < probe_now_us(&run->life) + 2u * SPARE_US)
            login->until_us += SPARE_US;
    }
    json_decref(root);
    return login->token != NULL;
}

struct fetching {
    struct login *login;
    struct probe_run *run;
    login_fn *then, *otherwise;
    void *data;
};

static void on_reply(int status, const struct probe_response *response, void *data)
{
    struct fetching fetching = *(struct fetching *)data;
    char error[64] = "";
    free(data);
    if (status == 0 && take(fetching.login, fetching.run, response, error, sizeof(error))) {
        fetching.then(fetching.run, fetching.data);
        return;
    }
    fetching.otherwise(fetching.run, fetching.data);
    end_without(fetching.run, status, response, error);
}

/* ---------------------------------------------------------------- asking ---- */

/* name=value&..., as a form escapes it; what is longer than the room is refused by the server. */
static void add(char *form, size_t room, const char *name, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t used = strlen(form);
    if (!*text)
        return;
    used += (size_t)snprintf(form + used, room - used, "%s%s=", used ? "&" : "", name);
    for (; *text && used + 4 < room; text++) {
        unsigned char byte = (unsigned char)*text;
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", byte)) {
            form[used++] = *text;
        } else {
            form[used++] = '%';
            form[used++] = hex[byte >> 4];
            form[used++] = hex[byte & 15];
        }
    }
    form[used] = '\0';
}

void login_fetch(struct login *login, struct probe_run *run, const struct probe_pair *oauth2,
                 const struct probe_tls *tls, login_fn *then, login_fn *otherwise, void *data)
{
    static const struct probe_pair headers[] = {
        {.name = "Content-Type", .value = "application/x-www-form-urlencoded"},
        {.name = "Accept", .value = "application/json"},
        {0}};
    const struct probe_pair *secret = find(oauth2, "client_secret");
    bool in_body = strcmp(value(oauth2, "auth"), "body") == 0;
    struct fetching *fetching = malloc(sizeof(*fetching));
    char form[4096] = "";
    if (!fetching)
        abort();
    *fetching = (struct fetching){login, run, then, otherwise, data};
    add(form, sizeof(form), "grant_type", "client_credentials");
    add(form, sizeof(form), "scope", value(oauth2, "scope"));
    add(form, sizeof(form), "audience", value(oauth2, "audience"));
    if (in_body) {
        const char *revealed = probe_reveal(&run->life, secret->secret);
        add(form, sizeof(form), "client_id", value(oauth2, "client_id"));
        add(form, sizeof(form), "client_secret", revealed ? revealed : "");
    }
    probe_http(&run->life,
               on_reply,
               fetching,
               .url = value(oauth2, "token_url"),
               .method = "POST",
               .headers = headers,
               .body = form,
               .body_len = strlen(form),
               .user = in_body ? NULL : value(oauth2, "client_id"),
               .password = in_body ? NULL : secret->secret,
               .tls = tls,
               .redirects = 0);
    explicit_bzero(form, sizeof(form));
}
