#include "ask.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t ask_count(const struct probe_pair *pairs)
{
    size_t n = 0;
    while (pairs && pairs[n].name)
        n++;
    return n;
}

bool ask_has(const struct probe_pair *pairs, const char *name)
{
    for (; pairs && pairs->name; pairs++)
        if (strcasecmp(pairs->name, name) == 0)
            return true;
    return false;
}

/* The check's headers and those of the target that it does not replace, with room for one more; to
 * be freed. */
static struct probe_pair *join_headers(const struct probe_pair *ours, const struct ask *ask)
{
    size_t added = ask_count(ask->headers), n = 0;
    struct probe_pair *all = calloc(ask_count(ours) + added + 3, sizeof(*all));
    if (!all)
        abort();
    for (; ours && ours->name; ours++)
        if (!ask_has(ask->headers, ours->name))
            all[n++] = *ours;
    for (size_t i = 0; i < added; i++)
        all[n++] = ask->headers[i];
    if (http_given(ask->body) && strchr("{[", *ask->body) && !ask_has(all, "content-type"))
        all[n] = (struct probe_pair){.name = "Content-Type", .value = "application/json"};
    return all;
}

/* ----------------------------------------------------------------- send ---- */

/* `token`: of oauth2, sent as a header, since the agent knows no secret of that name. */
static void send(struct probe_run *run, const struct ask *ask, const char *token, probe_http_fn *fn,
                 void *data)
{
    const struct http_config *config = run->target->config;
    const char *body = http_given(ask->body) ? ask->body : NULL;
    bool login = !ask->bearer && !token;
    struct probe_pair *headers = join_headers(config->headers, ask);
    char *authorization = NULL;
    if (token) {
        if (asprintf(&authorization, "Bearer %s", token) < 0)
            abort();
        headers[ask_count(headers)] =
            (struct probe_pair){.name = "Authorization", .value = authorization};
    }
    probe_http(&run->life,
               fn,
               data,
               .base = config->url,
               .path = http_given(ask->path) ? ask->path : NULL,
               .method = ask->method,
               .headers = headers,
               .body = body,
               .body_len = body ? strlen(body) : 0,
               .bearer = ask->bearer ? ask->bearer
                         : login     ? config->bearer
                                     : NULL,
               .user = login && http_given(config->user) ? config->user : NULL,
               .password = login ? config->password : NULL,
               .tls = config->tls,
               .address = http_given(ask->address) ? ask->address : NULL,
               .family = ask->family,
               .version = ask->version,
               .redirects = ask->redirects,
               .fresh = ask->fresh || ask->once,
               .timeout_ms = ask->timeout_ms,
               .max_body = ask->max_body);
    free(authorization);
    free(headers);
}

/* A request that needs a token. */
struct asking {
    struct probe_run *run;
    struct ask ask;
    probe_http_fn *fn;
    bool new_token; /* fetched for this request */
};

static void fetch(struct asking *asking);

static void on_answer(int status, const struct probe_response *response, void *data)
{
    struct asking *asking = data;
    struct http_target *target = asking->run->target->data;
    struct asking own = *asking;
    if (status == 0 && response->code == 401 && !asking->new_token) {
        login_forget(&target->login);
        fetch(asking);
        return;
    }
    free(asking);
    own.fn(status, response, own.run);
}

static void on_token(struct probe_run *run, void *data)
{
    struct asking *asking = data;
    struct http_target *target = run->target->data;
    send(run, &asking->ask, target->login.token, on_answer, asking);
}

static void on_no_token(struct probe_run *run, void *data)
{
    (void)run;
    free(data);
}

static void fetch(struct asking *asking)
{
    const struct http_config *config = asking->run->target->config;
    struct http_target *target = asking->run->target->data;
    asking->new_token = true;
    login_fetch(
        &target->login, asking->run, config->oauth2, config->tls, on_token, on_no_token, asking);
}

void ask_start(struct probe_run *run, const struct ask *ask, probe_http_fn *fn)
{
    const struct http_config *config = run->target->config;
    struct http_target *target = run->target->data;
    if (!config->oauth2 || !config->oauth2->name || ask->bearer) {
        send(run, ask, NULL, fn, run);
        return;
    }
    struct asking *asking = malloc(sizeof(*asking));
    if (!asking)
        abort();
    *asking = (struct asking){.run = run, .ask = *ask, .fn = fn};
    if (!ask->once && login_token(&target->login, run))
        on_token(run, asking);
    else
        fetch(asking);
}

void ask_scrub(const struct probe_run *run, char *text)
{
    const struct http_target *target = run->target->data;
    login_scrub(&target->login, text);
}

struct ask ask_of(const char *ip, const char *connection, const char *version)
{
    return (struct ask){
        .family = strcmp(ip, "any") == 0 ? 0 : ip[0] - '0',
        .fresh = strcmp(connection, "fresh") == 0,
        .version = strcmp(version, "any") == 0 ? 0 : version[0] - '0',
    };
}

void ask_name_status(int status, char *out, size_t room)
{
    static const struct {
        int status;
        const char *name;
    } known[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    size_t i = 0;
    while (i < sizeof(known) / sizeof(*known) && known[i].status != status)
        i++;
    if (i < sizeof(known) / sizeof(*known))
        (void)snprintf(out, room, "%d %s", status, known[i].name);
    else
        (void)snprintf(out, room, "%d", status);
}
