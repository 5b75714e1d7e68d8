#include "io/http_wish.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "io/secret.h"

/* -------------------------------------------------------------- secrets ---- */

static void wipe(char **string)
{
    if (*string)
        explicit_bzero(*string, strlen(*string));
    free(*string);
    *string = NULL;
}

static void wipe_list(struct curl_slist **list)
{
    for (struct curl_slist *item = *list; item; item = item->next)
        explicit_bzero(item->data, strlen(item->data));
    curl_slist_free_all(*list);
    *list = NULL;
}

static int reveal(struct probe_secret *secret, const char *what, const char **ret_value,
                  struct error *error)
{
    const char *value = secret_reveal(secret);
    if (!value)
        return error_set(error, -ENOKEY, "the %s, %s, cannot be read", what, secret_shown(secret));
    *ret_value = value;
    return 0;
}

/* -------------------------------------------------------------- headers ---- */

/* RFC 9110: a token. */
static bool is_token(const char *name)
{
    size_t len = strspn(name,
                        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return len > 0 && name[len] == '\0';
}

static void append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer)
        abort();
    *list = longer;
}

static int add_header(struct http_wish *wish, const char *name, const char *value, bool secret,
                      struct error *error)
{
    if (!is_token(name))
        return error_set(error, -EINVAL, "\"%s\" is not a header's name", name);
    if (value[strcspn(value, "\r\n")] != '\0')
        return error_set(error, -EINVAL, "the header %s holds a line break", name);
    if (strcasecmp(name, "accept-encoding") == 0) {
        free(wish->encoding);
        wish->encoding = mem_copy(value);
        return 0;
    }
    /* libcurl takes "Name:" for "do not send it", and "Name;" for an empty one. */
    char *line = mem_print(*value ? "%s: %s" : "%s;%s", name, value);
    append(&wish->headers, line);
    if (!secret && strcasecmp(name, "authorization") != 0 && strcasecmp(name, "cookie") != 0)
        append(&wish->open, line);
    wipe(&line);
    return 0;
}

static int add_headers(struct http_wish *wish, const struct probe_pair *pair, struct error *error)
{
    int status = 0;
    for (; pair && pair->name && status == 0; pair++) {
        const char *value = pair->value ? pair->value : "";
        if (pair->secret)
            status = reveal(pair->secret, "header's secret", &value, error);
        if (status == 0)
            status = add_header(wish, pair->name, value, pair->secret != NULL, error);
    }
    return status;
}

static int add_bearer(struct http_wish *wish, struct probe_secret *bearer, struct error *error)
{
    const char *token = "";
    int status = reveal(bearer, "bearer token", &token, error);
    if (status == 0 && *token) {
        char *value = mem_print("Bearer %s", token);
        status = add_header(wish, "Authorization", value, true, error);
        wipe(&value);
    }
    return status;
}

/* --------------------------------------------------------------- making ---- */

/* As it goes out: a service that sends back what it was sent shows it in this form. */
static void learn_basic(const struct http_wish *wish)
{
    char *open = mem_print("%s:%s", wish->user, wish->password);
    size_t len = strlen(open);
    char *encoded = mem_new(4 * (len / 3 + 1) + 1);
    (void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)open, (int)len);
    redact_learn(encoded);
    wipe(&open);
    wipe(&encoded);
}

static int add_login(struct http_wish *wish, const struct probe_request *request,
                     const struct http_place *place, struct error *error)
{
    const struct probe_url *base = request->base;
    bool of_base = base && !request->user && !request->password;
    struct probe_secret *secret = of_base ? base->password : request->password;
    const char *user = of_base ? base->user : request->user;
    const char *password = NULL;
    if (secret && reveal(secret, "password", &password, error) < 0)
        return error->code;
    if (!user && !password && !base) {
        user = place->user;
        password = place->password;
    }
    if ((user && *user) || (password && *password)) {
        wish->user = mem_copy(user ? user : "");
        wish->password = mem_copy(password ? password : "");
        if (*wish->password && !request->sigv4)
            learn_basic(wish);
    }
    if (request->sigv4 && !wish->user)
        return error_set(error, -EINVAL, "a signed request needs a key's id and its secret");
    return 0;
}

int http_wish_make(struct http_wish *wish, const struct probe_request *request,
                   const struct http_place *place, struct error *error)
{
    int status = 0;
    if (request->method && !is_token(request->method))
        return error_set(error, -EINVAL, "\"%s\" is not a method", request->method);
    wish->method = mem_copy(request->method);
    wish->sigv4 = mem_copy(request->sigv4);
    wish->version = request->version;
    if (request->body) {
        wish->body_len = request->body_len;
        wish->body = mem_copy_n(request->body, request->body_len);
    }
    status = add_headers(wish, request->headers, error);
    if (status == 0 && request->bearer)
        status = add_bearer(wish, request->bearer, error);
    if (status == 0)
        status = add_login(wish, request, place, error);
    return status;
}

/* -------------------------------------------------------------- telling ---- */

void http_wish_tell_common(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "runbookd");
}

static bool is_get(const struct http_wish *wish)
{
    return !wish->body && (!wish->method || strcmp(wish->method, "GET") == 0);
}

bool http_wish_is_usual(const struct http_wish *wish)
{
    return is_get(wish) && !wish->version && !wish->encoding && !wish->user;
}

static void tell_method(const struct http_wish *wish, CURL *easy)
{
    if (wish->body) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)wish->body_len);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, wish->body);
        /* Above 1 MiB libcurl asks first, and would wait a second for those who do not answer that. */
        (void)curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    }
    if (wish->method && strcmp(wish->method, "HEAD") == 0)
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (wish->method)
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, wish->method);
}

static void tell_version(const struct http_wish *wish, const struct http_place *place, CURL *easy)
{
    if (wish->version == 1)
        (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    else if (wish->version == 2 && !place->secure)
        (void)curl_easy_setopt(
            easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
}

void http_wish_tell(const struct http_wish *wish, const struct http_place *place, CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, wish->headers);
    tell_version(wish, place, easy);
    if (!is_get(wish))
        tell_method(wish, easy);
    if (wish->encoding)
        (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, wish->encoding);
    if (wish->user) {
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, wish->user);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, wish->password);
    }
    if (wish->sigv4 && wish->user)
        (void)curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, wish->sigv4);
}

/* ---------------------------------------------------------- redirecting ---- */

bool http_wish_becomes_get(const struct http_wish *wish, int code)
{
    bool head = wish->method && strcmp(wish->method, "HEAD") == 0;
    bool post = wish->method ? strcmp(wish->method, "POST") == 0 : wish->body != NULL;
    return (code == 303 && !head) || ((code == 301 || code == 302) && post);
}

void http_wish_redirect(struct http_wish *wish, int code)
{
    if (!http_wish_becomes_get(wish, code))
        return;
    wipe(&wish->method);
    free(wish->body);
    wish->body = NULL;
    wish->body_len = 0;
}

void http_wish_leave_origin(struct http_wish *wish)
{
    wipe_list(&wish->headers);
    for (struct curl_slist *item = wish->open; item; item = item->next)
        append(&wish->headers, item->data);
    wipe(&wish->user);
    wipe(&wish->password);
    wipe(&wish->sigv4);
}

void http_wish_finish(struct http_wish *wish)
{
    wipe_list(&wish->headers);
    wipe_list(&wish->open);
    wipe(&wish->user);
    wipe(&wish->password);
    if (wish->body)
        explicit_bzero(wish->body, wish->body_len);
    free(wish->body);
    free(wish->method);
    free(wish->sigv4);
    free(wish->encoding);
    *wish = (struct http_wish){0};
}
