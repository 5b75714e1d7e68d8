#include "io/http_place.h"

#include <curl/curl.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "io/secret.h"

enum { MAX_URL = 64 * 1024, MAX_PARAMS = 1000 };

/* ---------------------------------------------------- putting together ---- */

static bool has_control(const char *string)
{
    for (; *string; string++)
        if ((unsigned char)*string < 0x20 || *string == 0x7F)
            return true;
    return false;
}

static void add_escaped(struct text *text, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *value; value++) {
        if (strchr(plain, *value))
            text_add_char(text, *value);
        else
            text_print(text, "%%%02X", (unsigned char)*value);
    }
}

static int compare_params(const void *a, const void *b)
{
    const struct probe_pair *one = *(const struct probe_pair *const *)a;
    const struct probe_pair *other = *(const struct probe_pair *const *)b;
    return strcmp(one->name, other->name);
}

/* Adds "name=value&..."; `sorted` by name, as SigV4 wants what it signs. */
static int add_params(struct text *query, const struct probe_pair *params, bool sorted,
                      struct error *error)
{
    const struct probe_pair *order[MAX_PARAMS];
    size_t count = 0;
    for (; params[count].name; count++) {
        if (count == MAX_PARAMS)
            return error_set(error, -EINVAL, "the request has more than %d parameters", MAX_PARAMS);
        order[count] = &params[count];
    }
    if (sorted)
        qsort(order, count, sizeof(struct probe_pair *), compare_params);
    for (size_t i = 0; i < count; i++) {
        const struct probe_pair *pair = order[i];
        const char *value = pair->secret ? secret_reveal(pair->secret) : pair->value;
        if (!value)
            return error_set(
                error, -ENOKEY, "the secret in the parameter %s cannot be read", pair->name);
        text_add(query, query->len ? "&" : "");
        add_escaped(query, pair->name);
        text_add_char(query, '=');
        add_escaped(query, value);
    }
    return 0;
}

/* Adds what stands before "?" to `whole`, and what stands behind it to `query`. */
static void add_url(struct text *whole, struct text *query, const char *url)
{
    size_t len = strcspn(url, "?#");
    text_add_n(whole, url, len);
    if (url[len] == '?') {
        url += len + 1;
        text_add(query, query->len ? "&" : "");
        text_add_n(query, url, strcspn(url, "#"));
    }
}

/* The same for a path, with one slash between. */
static void add_path(struct text *whole, struct text *query, const char *path)
{
    bool slash = whole->len && whole->bytes[whole->len - 1] == '/';
    bool empty = *path == '\0' || *path == '?' || *path == '#';
    if (slash && *path == '/')
        text_cut_to(whole, whole->len - 1);
    else if (!slash && !empty && *path != '/')
        text_add_char(whole, '/');
    add_url(whole, query, path);
}

static void add_base(struct text *whole, struct text *query, const struct probe_url *base)
{
    bool bare = strchr(base->host, ':') && base->host[0] != '['; /* an IPv6 address */
    text_add(whole, base->scheme);
    text_add(whole, bare ? "://[" : "://");
    text_add(whole, base->host);
    text_add(whole, bare ? "]" : "");
    if (base->port)
        text_print(whole, ":%u", base->port);
    if (base->path && *base->path)
        add_path(whole, query, base->path);
}

/* ----------------------------------------------------------- taking apart ---- */

static char *part(CURLU *parsed, CURLUPart which, unsigned flags)
{
    char *found = NULL, *copy = NULL;
    if (curl_url_get(parsed, which, &found, flags) == CURLUE_OK)
        copy = mem_copy(found);
    curl_free(found);
    return copy;
}

/* Takes user, password and fragment out of `parsed`, and fills `place` with the rest. */
static int take_apart(struct http_place *place, CURLU *parsed, struct error *error)
{
    MEM_AUTO char *scheme = part(parsed, CURLUPART_SCHEME, 0);
    MEM_AUTO char *port = part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return error_set(error, -EINVAL, "the URL begins neither with http:// nor with https://");
    place->user = part(parsed, CURLUPART_USER, CURLU_URLDECODE);
    place->password = part(parsed, CURLUPART_PASSWORD, CURLU_URLDECODE);
    if (place->password)
        redact_learn(place->password);
    (void)curl_url_set(parsed, CURLUPART_USER, NULL, 0);
    (void)curl_url_set(parsed, CURLUPART_PASSWORD, NULL, 0);
    (void)curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0);
    place->host = part(parsed, CURLUPART_HOST, CURLU_PUNYCODE);
    if (!place->host)
        return error_set(error, -EINVAL, "the URL's host is not in ASCII; write it as xn--...");
    (void)curl_url_set(parsed, CURLUPART_HOST, place->host, 0);
    if (place->host[0] == '[') {
        size_t len = strlen(place->host);
        memmove(place->host, place->host + 1, len);
        place->host[strcspn(place->host, "]")] = '\0';
    }
    place->url = part(parsed, CURLUPART_URL, 0);
    place->port = (uint16_t)(port ? atol(port) : 0);
    place->secure = strcmp(scheme, "https") == 0;
    return 0;
}

/* Parses `url`, relative to `from` if that is given. */
static int parse(struct http_place *place, const char *from, const char *url, struct error *error)
{
    CURLU *parsed = curl_url();
    CURLUcode code = from ? curl_url_set(parsed, CURLUPART_URL, from, 0) : CURLUE_OK;
    int status;
    if (code == CURLUE_OK)
        code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_URLENCODE | CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OK)
        status = take_apart(place, parsed, error);
    else
        status = error_set(error, -EINVAL, "not a URL: %s", curl_url_strerror(code));
    curl_url_cleanup(parsed);
    if (status < 0)
        http_place_finish(place);
    return status;
}

/* ------------------------------------------------------------- memory ---- */

/*
 * A check asks the same URL on every run, and libcurl's parser takes longer over it than all of
 * ours together: what it made of a URL is remembered.  Two URLs that fall into one slot take turns.
 */
struct remembered {
    char *whole;
    struct http_place place;
};

enum { SLOTS = 8192 };
static struct remembered *memory[SLOTS];

static struct remembered **slot_of(const char *whole)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *whole; whole++)
        hash = (hash ^ (unsigned char)*whole) * 16777619u;
    return &memory[(hash ^ hash >> 16) % SLOTS];
}

static void forget(struct remembered **slot)
{
    if (*slot) {
        http_place_finish(&(*slot)->place);
        free((*slot)->whole);
    }
    free(*slot);
    *slot = NULL;
}

static void copy_place(struct http_place *place, const struct http_place *from)
{
    *place = (struct http_place){.url = mem_copy(from->url),
                                 .host = mem_copy(from->host),
                                 .port = from->port,
                                 .secure = from->secure};
}

/* As parse(), by memory where that holds it; what may be secret is not remembered. */
static int look_up(struct http_place *place, const char *whole, bool secret, struct error *error)
{
    struct remembered **slot = slot_of(whole);
    if (!secret && *slot && strcmp((*slot)->whole, whole) == 0) {
        copy_place(place, &(*slot)->place);
        return 0;
    }
    int status = parse(place, NULL, whole, error);
    if (status < 0 || secret || place->user || place->password)
        return status;
    forget(slot);
    *slot = mem_new(sizeof(**slot));
    (*slot)->whole = mem_copy(whole);
    copy_place(&(*slot)->place, place);
    return 0;
}

void http_place_forget_all(void)
{
    for (size_t i = 0; i < SLOTS; i++)
        forget(&memory[i]);
}

/* --------------------------------------------------------------- public ---- */

int http_place_make(struct http_place *place, const struct probe_request *request,
                    struct error *error)
{
    TEXT_AUTO struct text whole;
    TEXT_AUTO struct text query;
    int status = 0;
    text_init(&whole, MAX_URL);
    text_init(&query, MAX_URL);
    if (request->base)
        add_base(&whole, &query, request->base);
    else if (request->url)
        add_url(&whole, &query, request->url);
    else
        return error_set(error, -EINVAL, "the request has no URL");
    if (request->path)
        add_path(&whole, &query, request->path);
    if (request->params)
        status = add_params(&query, request->params, request->sigv4 != NULL, error);
    if (query.len) {
        text_add_char(&whole, '?');
        text_add(&whole, query.bytes);
    }
    if (status < 0)
        return status;
    if (whole.cut || query.cut)
        return error_set(error, -EINVAL, "the URL is longer than %d KiB", MAX_URL / 1024);
    if (has_control(whole.bytes))
        return error_set(error, -EINVAL, "the URL holds a control character");
    return look_up(place, whole.bytes, request->params != NULL, error);
}

int http_place_follow(struct http_place *place, const struct http_place *from, const char *location,
                      struct error *error)
{
    return parse(place, from->url, location, error);
}

bool http_place_same_origin(const struct http_place *a, const struct http_place *b)
{
    return a->secure == b->secure && a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

void http_place_finish(struct http_place *place)
{
    if (place->password)
        explicit_bzero(place->password, strlen(place->password));
    free(place->url);
    free(place->host);
    free(place->user);
    free(place->password);
    *place = (struct http_place){0};
}
