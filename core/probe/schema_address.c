/*
 * schema_address - where a thing is and how to trust it: "url:" and "tls:".
 *
 * A URL's password never shows: not in `shown`, not in an error.  Parameters of its query whose
 * name says that they are secret are masked there as well, and known to redact.
 *
 * Layer: probe.  Part of probe/schema.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "io/secret.h"
#include "io/tls.h"
#include "probe/schema_fill.h"

/* ----------------------------------------------------------------- URL ---- */

/* The parts of a URL as they stand in the text; `at` is NULL where there is none. */
struct part {
    const char *at;
    size_t len;
};

struct url_parts {
    struct part scheme, user, password, host, port, path;
    bool numeric; /* the host stood in brackets */
};

static struct part part_of(const char *at, const char *end)
{
    return (struct part){at, (size_t)(end - at)};
}

/* Splits "user:password@host:port"; what is wrong with it, or NULL. */
static const char *split_authority(const char *at, const char *end, struct url_parts *parts)
{
    const char *login = memrchr(at, '@', (size_t)(end - at));
    if (login) {
        const char *colon = memchr(at, ':', (size_t)(login - at));
        parts->user = part_of(at, colon ? colon : login);
        if (colon)
            parts->password = part_of(colon + 1, login);
        at = login + 1;
    }
    if (at < end && *at == '[') {
        const char *close = memchr(at, ']', (size_t)(end - at));
        if (!close)
            return "has a [ that is not closed";
        parts->host = part_of(at + 1, close);
        parts->numeric = true;
        at = close + 1;
        if (at < end && *at != ':')
            return "has something else than :PORT after the ]";
    } else {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        parts->host = part_of(at, colon ? colon : end);
        at = colon ? colon : end;
    }
    if (at < end)
        parts->port = part_of(at + 1, end);
    return NULL;
}

/* What is wrong with `text` as a URL, in words that hold nothing of it; or NULL. */
static const char *split_url(const char *text, struct url_parts *parts)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c <= ' ' || *c == 0x7F)
            return "holds a space or a control character";
    const char *colon = strstr(text, "://");
    size_t scheme_len =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    if (!colon || !isalpha((unsigned char)*text) || text + scheme_len != colon)
        return "does not begin with SCHEME://";
    parts->scheme = part_of(text, colon);
    const char *authority = colon + 3, *end = authority + strcspn(authority, "/?#");
    parts->path = part_of(end, end + strcspn(end, "#"));
    const char *wrong = split_authority(authority, end, parts);
    if (wrong)
        return wrong;
    if (parts->host.len == 0 && parts->path.len < 2)
        return "names no host";
    if (!parts->numeric && memchr(parts->host.at, ',', parts->host.len))
        return "names several hosts: write a target for each";
    return NULL;
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10
                                        : -1;
}

/* The part with %41 as A; NULL where that cannot be, as with %00. */
static char *decoded(struct arena *memory, struct part part)
{
    char *out = arena_copy_n(memory, part.at, part.len), *to = out;
    for (const char *c = out; *c; c++) {
        if (*c != '%') {
            *to++ = *c;
            continue;
        }
        int high = hex_digit(c[1]), low = high < 0 ? -1 : hex_digit(c[2]);
        if (low < 0 || high + low == 0)
            return NULL;
        *to++ = (char)(high * 16 + low);
        c += 2;
    }
    *to = '\0';
    return out;
}

static bool host_fits(const char *host, bool numeric)
{
    struct in6_addr address;
    if (numeric) {
        char bare[INET6_ADDRSTRLEN] = "";
        size_t len = strcspn(host, "%"); /* fe80::1%eth0 */
        if (len < sizeof(bare))
            memcpy(bare, host, len);
        return inet_pton(AF_INET6, bare, &address) == 1;
    }
    if (*host == '/') /* a socket's folder, %2Frun */
        return true;
    for (const unsigned char *c = (const unsigned char *)host; *c; c++)
        if (!isalnum(*c) && !strchr("-._~", *c) && *c < 0x80)
            return false;
    return true;
}

/* What is wrong, or NULL. */
static const char *read_port(struct part port, uint16_t *ret)
{
    uint32_t value = 0;
    for (size_t i = 0; i < port.len && value <= UINT16_MAX; i++) {
        if (!isdigit((unsigned char)port.at[i]))
            return "has a port that is no number (is there a password with / or : or @ in it? user "
                   "and password may stand beside url)";
        value = value * 10 + (uint32_t)(port.at[i] - '0');
    }
    if (port.at && (value == 0 || value > UINT16_MAX))
        return "has a port that is not 1 to 65535";
    *ret = (uint16_t)value;
    return NULL;
}

static bool names_a_secret(struct part name)
{
    static const char *const words[] = {"password",
                                        "passwd",
                                        "pwd",
                                        "token",
                                        "access_token",
                                        "apikey",
                                        "api_key",
                                        "key",
                                        "secret",
                                        "sig",
                                        "signature",
                                        "sslpassword",
                                        "auth",
                                        NULL};
    for (size_t i = 0; words[i]; i++)
        if (strlen(words[i]) == name.len && strncasecmp(words[i], name.at, name.len) == 0)
            return true;
    return false;
}

/* Adds the path with its query, in which secret parameters are masked and known to redact. */
static void show_path(struct text *shown, const char *path)
{
    size_t plain = strcspn(path, "?");
    text_add_n(shown, path, plain);
    for (const char *at = path + plain; *at;) {
        const char *name = at + 1, *end = name + strcspn(name, "&");
        const char *equals = memchr(name, '=', (size_t)(end - name));
        if (equals && end - equals > 1 && names_a_secret(part_of(name, equals))) {
            MEM_AUTO char *value = mem_copy_n(equals + 1, (size_t)(end - equals - 1));
            if (strlen(value) >= 8) /* shorter ones are words: key=default */
                redact_learn(value);
            text_add_n(shown, at, (size_t)(equals + 1 - at));
            text_add(shown, REDACT_MARK);
        } else {
            text_add_n(shown, at, (size_t)(end - at));
        }
        at = end;
    }
}

static const char *show_url(struct schema *schema, const struct probe_url *url)
{
    struct text TEXT_AUTO shown;
    text_init(&shown, 4096);
    bool numeric = strchr(url->host, ':') != NULL;
    text_print(&shown, numeric ? "%s://[%s]" : "%s://%s", url->scheme, url->host);
    if (url->port)
        text_print(&shown, ":%u", url->port);
    show_path(&shown, url->path);
    return arena_copy(schema->memory, shown.bytes);
}

/* `$${` for "${": as a secret's text. */
static char *escaped(struct arena *memory, const char *text)
{
    struct text TEXT_AUTO out;
    text_init(&out, 64 << 10);
    for (const char *c = text; *c; c++) {
        if (strncmp(c, "${", 2) == 0)
            text_add_char(&out, '$');
        text_add_char(&out, *c);
    }
    return arena_copy(memory, out.bytes);
}

static const char *parse_url(struct schema *schema, const char *text, struct probe_url *url,
                             char **ret_password)
{
    struct url_parts parts = {0};
    const char *wrong = split_url(text, &parts);
    if (!wrong)
        wrong = read_port(parts.port, &url->port);
    if (wrong)
        return wrong;
    char *scheme = arena_copy_n(schema->memory, parts.scheme.at, parts.scheme.len);
    for (char *c = scheme; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    url->scheme = scheme;
    url->host = decoded(schema->memory, parts.host);
    url->path = arena_copy_n(schema->memory, parts.path.at, parts.path.len);
    url->user = parts.user.at ? decoded(schema->memory, parts.user) : NULL;
    *ret_password = parts.password.at ? decoded(schema->memory, parts.password) : NULL;
    if (!url->host || (parts.user.at && !url->user) || (parts.password.at && !*ret_password))
        return "has a % that does not begin two hexadecimal digits (write %25 for a plain %)";
    return host_fits(url->host, parts.numeric) ? NULL : "names a host that can be none";
}

static void destroy_secret(void *secret)
{
    secret_destroy(secret);
}

/* The whole of it: a secret, unless it was written out and holds none. */
static struct probe_secret *whole_url(struct schema *schema, const struct probe_url *url,
                                      const char *written, struct place place, const char *path)
{
    if (url->password || secret_has_reference(written) || strstr(url->shown, REDACT_MARK))
        return schema_secret(schema, written, place, path);
    struct probe_secret *open = secret_create(written, &(struct error){0});
    if (open) {
        arena_own(schema->memory, open, destroy_secret);
        secret_set_open(open);
    }
    return open;
}

const struct probe_url *schema_url(struct schema *schema, const char *written, const char *text,
                                   struct place place, const char *path)
{
    struct probe_url *url = arena_new(schema->memory, sizeof(*url));
    char *password = NULL;
    const char *wrong = parse_url(schema, text, url, &password);
    if (wrong) {
        (void)problem_add(schema->problems, place, path, "%s", wrong);
        return NULL;
    }
    if (password && *password) {
        char *literal = escaped(schema->memory, password);
        url->password = schema_secret(schema, literal, place, path);
        redact_learn(password);
        explicit_bzero(literal, strlen(literal));
        explicit_bzero(password, strlen(password));
    }
    url->shown = show_url(schema, url);
    url->whole = whole_url(schema, url, written, place, path);
    return url;
}

void fill_url(struct schema *schema, const struct written *written, void *to)
{
    const struct node *node = written->node;
    const char *text = schema_text(schema, node, written->path, "a URL such as redis://host:6379");
    if (text) {
        *(const struct probe_url **)to =
            schema_url(schema, node->text, text, node->place, written->path);
        if (text != node->text) /* ours, and with what the references said */
            explicit_bzero((char *)text, strlen(text));
        return;
    }
    if (!schema->offline || !node_is_scalar(node))
        return;
    struct probe_url *url = arena_new(schema->memory, sizeof(*url));
    *url = (struct probe_url){.scheme = "", .host = "", .path = ""};
    url->whole = schema_secret(schema, node->text, node->place, written->path);
    url->shown = url->whole ? secret_shown(url->whole) : "";
    *(const struct probe_url **)to = url;
}

/* ----------------------------------------------------------------- TLS ---- */

struct tls_words {
    const char *ca, *certificate, *key, *name, *verify, *lowest;
};

static const char *const verifications[] = {"full", "ca", "none", NULL};
static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3", NULL};

const struct probe_option schema_tls_options[] = {
    {"ca",
     PROBE_STRING_AT(struct tls_words, ca),
     .fallback = "",
     .help = "file of the authorities to trust, PEM; default: the system's"},
    {"certificate",
     PROBE_STRING_AT(struct tls_words, certificate),
     .fallback = "",
     .help = "file of our own certificate and its chain, PEM"},
    {"key", PROBE_STRING_AT(struct tls_words, key), .fallback = "", .help = "file of its key, PEM"},
    {"name",
     PROBE_STRING_AT(struct tls_words, name),
     .fallback = "",
     .help = "asked for and verified instead of the host's name"},
    {"verify",
     PROBE_STRING_AT(struct tls_words, verify),
     .fallback = "full",
     .choices = verifications,
     .help = "full: chain and name; ca: the chain alone; none: whatever is presented"},
    {"lowest",
     PROBE_STRING_AT(struct tls_words, lowest),
     .fallback = "1.2",
     .choices = versions,
     .help = "the lowest version of TLS to speak"},
    {0},
};

static void refuse_relative(struct schema *schema, const struct written *written, const char *key,
                            const char *file)
{
    if (file && *file != '/' && !(schema->offline && secret_has_reference(file)))
        (void)problem_add(schema->problems,
                          node_place(written->node, key),
                          node_path(schema->memory, written->path, key),
                          "is not an absolute path");
}

void fill_tls(struct schema *schema, const struct written *written, void *to)
{
    struct tls_words words = {.verify = "full", .lowest = "1.2"};
    if (!schema_is_kind(
            schema, written->node, NODE_MAP, written->path, "a map such as {ca: /file}"))
        return;
    schema_fill(schema, schema_tls_options, written->node, written->path, &words);
    schema_refuse_unknown(schema,
                          &(struct schema_keys){.tables = {schema_tls_options}},
                          written->node,
                          written->path);
    refuse_relative(schema, written, "ca", words.ca);
    refuse_relative(schema, written, "certificate", words.certificate);
    refuse_relative(schema, written, "key", words.key);
    if (!words.certificate != !words.key)
        (void)schema_refuse(schema, written, "needs both certificate and key, or neither");
    static const enum tls_verify verify[] = {TLS_VERIFY_FULL, TLS_VERIFY_CA, TLS_VERIFY_NONE};
    struct probe_tls *tls = arena_new(schema->memory, sizeof(*tls));
    *tls = (struct probe_tls){
        .ca = words.ca,
        .certificate = words.certificate,
        .key = words.key,
        .name = words.name,
        .verify = verify[schema_index_of(verifications, words.verify)],
        .lowest = (uint16_t)(0x0301 + schema_index_of(versions, words.lowest)),
    };
    *(const struct probe_tls **)to = tls;
}
