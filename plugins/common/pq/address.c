#include "common/pq/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Debian's bundle: what libpq 16 calls sslrootcert=system, which 15 does not know. */
#define SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

/* ----------------------------------------------------------- libpq's words ---- */

static PQconninfoOption *word_find(PQconninfoOption *words, const char *name, size_t len)
{
    for (PQconninfoOption *word = words; word->keyword; word++)
        if (strlen(word->keyword) == len && strncmp(word->keyword, name, len) == 0)
            return word;
    return NULL;
}

static const char *word_get(PQconninfoOption *words, const char *name)
{
    const PQconninfoOption *word = word_find(words, name, strlen(name));
    return word && word->val && *word->val ? word->val : NULL;
}

/* libpq's array is from malloc(), and is freed by free(), member by member. */
static void word_set(PQconninfoOption *words, const char *name, const char *value)
{
    PQconninfoOption *word = word_find(words, name, strlen(name));
    if (!word)
        return;
    free(word->val);
    word->val = strdup(value);
}

static void word_prefer(PQconninfoOption *words, const char *name, const char *value)
{
    if (value && *value)
        word_set(words, name, value);
}

/* ------------------------------------------------------------------ the URI ---- */

/* Another plugin's name for the same: libpq knows only the other. */
static const char pooler_scheme[] = "pgbouncer://", scheme_known[] = "postgres";

static bool is_known(PQconninfoOption *words, const char *param, size_t len)
{
    static const char jdbc[] = "ssl=true"; /* which libpq takes for sslmode=require */
    const char *equals = memchr(param, '=', len);

    if (len == sizeof(jdbc) - 1 && strncmp(param, jdbc, len) == 0)
        return true;
    /* A service file may name a host, which libpq would look up by itself. */
    if (!equals || strncmp(param, "service=", 8) == 0)
        return false;
    return word_find(words, param, (size_t)(equals - param)) != NULL;
}

/* Copies the part before the path, in which only the last @ ends the login: others become %40. */
static char *copy_authority(char *to, const char *uri, const char *end)
{
    const char *login = memrchr(uri, '@', (size_t)(end - uri));
    for (const char *at = uri; at < end; at++) {
        if (*at == '@' && at != login)
            to = stpcpy(to, "%40");
        else
            *to++ = *at;
    }
    return to;
}

char *address_tame(const char *uri)
{
    PQconninfoOption *words = PQconninfoParse("", NULL);
    const char *scheme = strstr(uri, "://");
    const char *authority = scheme ? scheme + 3 : uri;
    const char *path = authority + strcspn(authority, "/?#");
    const char *query = path + strcspn(path, "?");
    char *out = malloc(3 * strlen(uri) + 1), *to = out;
    char joint = '?';

    if (out && words) {
        if (scheme && strncmp(uri, pooler_scheme, sizeof(pooler_scheme) - 1) == 0) {
            to = stpcpy(to, scheme_known);
            uri = scheme;
        }
        to = copy_authority(to, uri, path);
        to = mempcpy(to, path, (size_t)(query - path));
        for (const char *at = query + (*query == '?'); *at; at += *at == '&') {
            size_t len = strcspn(at, "&");
            if (is_known(words, at, len)) {
                *to++ = joint;
                to = mempcpy(to, at, len);
                joint = '&';
            }
            at += len;
        }
        *to = '\0';
    }
    PQconninfoFree(words);
    return out;
}

/* The words of the operator's URL; libpq's own complaint would show the password. */
static PQconninfoOption *parse(struct probe_life *life, const struct server *server,
                               struct trouble *trouble)
{
    const char *whole = probe_reveal(life, server->url->whole);
    if (!whole) {
        trouble_say(trouble, TROUBLE_CONFIG, "the URL cannot be read");
        return NULL;
    }
    char *uri = address_tame(whole);
    PQconninfoOption *words = uri ? PQconninfoParse(uri, NULL) : NULL;
    free(uri);
    if (!words)
        trouble_say(trouble,
                    TROUBLE_CONFIG,
                    "%s is no URL of PostgreSQL's; user and password may stand beside it",
                    server->url->shown);
    return words;
}

/* -------------------------------------------------------------------- TLS ---- */

static const char *pair_get(const struct probe_pair *pairs, const char *name)
{
    for (; pairs && pairs->name; pairs++)
        if (strcmp(pairs->name, name) == 0)
            return pairs->value;
    return NULL;
}

static const char *translate(const char *const (*known)[2], size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, known[i][0]) == 0)
            return known[i][1];
    return NULL;
}

static const char *mode_of(const char *verify)
{
    static const char *const known[][2] = {
        {"full", "verify-full"}, {"ca", "verify-ca"}, {"none", "require"}};
    return translate(known, COUNT(known), verify);
}

/* What libpq calls the lowest version: "1.2" is TLSv1.2. */
static const char *version_of(const char *lowest)
{
    static const char *const known[][2] = {
        {"1.0", "TLSv1"}, {"1.1", "TLSv1.1"}, {"1.2", "TLSv1.2"}, {"1.3", "TLSv1.3"}};
    return translate(known, COUNT(known), lowest);
}

static bool is_file(const char *name)
{
    return !strcmp(name, "ca") || !strcmp(name, "certificate") || !strcmp(name, "key");
}

const char *address_refuse_tls(const struct probe_pair *tls, char *out, size_t room)
{
    for (; tls && tls->name; tls++) {
        const char *wrong = NULL;
        if (!tls->value)
            wrong = "is no secret, but a file's path or a word";
        else if (is_file(tls->name))
            wrong = *tls->value == '/' ? NULL : "is not an absolute path";
        else if (!strcmp(tls->name, "verify"))
            wrong = mode_of(tls->value) ? NULL : "is full, ca or none";
        else if (!strcmp(tls->name, "lowest"))
            wrong = version_of(tls->value) ? NULL : "is 1.0, 1.1, 1.2 or 1.3";
        else if (strcmp(tls->name, "name") != 0)
            wrong = "is not known; ca, certificate, key, name, verify and lowest are";
        if (wrong) {
            (void)snprintf(out, room, "\"%s\" %s", tls->name, wrong);
            return out;
        }
    }
    return NULL;
}

/* "tls:" means TLS, verified in full unless it says less. */
static void secure(struct address *address, const struct probe_pair *tls)
{
    const char *verify = pair_get(tls, "verify");
    const char *lowest = pair_get(tls, "lowest");

    if (!tls || !tls->name)
        return;
    word_prefer(address->words, "sslmode", mode_of(verify ? verify : "full"));
    word_prefer(address->words, "ssl_min_protocol_version", lowest ? version_of(lowest) : NULL);
    word_prefer(address->words, "sslrootcert", pair_get(tls, "ca"));
    word_prefer(address->words, "sslcert", pair_get(tls, "certificate"));
    word_prefer(address->words, "sslkey", pair_get(tls, "key"));
    address->name = pair_get(tls, "name");
}

static void trust(PQconninfoOption *words)
{
    const char *mode = word_get(words, "sslmode");
    if (mode && strncmp(mode, "verify-", 7) == 0 && !word_get(words, "sslrootcert"))
        word_set(words, "sslrootcert", SYSTEM_AUTHORITIES);
}

/* ----------------------------------------------------------------- places ---- */

/* Cuts a list at its commas; a part may be empty.  Zero: there is no list. */
static size_t cut_list(struct address *address, size_t which, const char *name,
                       const char *parts[ADDRESS_MOST_PLACES])
{
    size_t count = 0;
    const char *given = word_get(address->words, name);

    if (!given)
        return 0;
    address->lists[which] = strdup(given);
    for (char *rest = address->lists[which]; rest && count < ADDRESS_MOST_PLACES; count++)
        parts[count] = strsep(&rest, ",");
    return count;
}

static const char *part_of(const char *const *parts, size_t count, size_t nth)
{
    const char *part = nth < count ? parts[nth] : count == 1 ? parts[0] : NULL;
    return part && *part ? part : NULL;
}

static bool find_places(struct address *address)
{
    const char *hosts[ADDRESS_MOST_PLACES], *numbers[ADDRESS_MOST_PLACES],
        *ports[ADDRESS_MOST_PLACES];
    size_t host_count = cut_list(address, 0, "host", hosts);
    size_t number_count = cut_list(address, 1, "hostaddr", numbers);
    size_t port_count = cut_list(address, 2, "port", ports);
    size_t count = number_count > host_count ? number_count : host_count;

    if ((number_count && host_count && number_count != host_count) ||
        (port_count > 1 && port_count != count))
        return false;
    address->place_count = count ? count : 1;
    for (size_t i = 0; i < address->place_count; i++) {
        const char *host = i < host_count ? part_of(hosts, host_count, i) : NULL;
        const char *number = i < number_count ? part_of(numbers, number_count, i) : NULL;
        const char *port = part_of(ports, port_count, i);
        address->places[i] = (struct address_place){
            .host = host     ? host
                    : number ? number
                             : "/var/run/postgresql",
            .numeric = number,
            .port = port ? port : "5432",
        };
    }
    return true;
}

static bool is_socket(const struct address_place *place)
{
    return *place->host == '/' || *place->host == '@';
}

bool address_is_known(const struct address_place *place)
{
    struct in6_addr any;
    return is_socket(place) || place->numeric || inet_pton(AF_INET, place->host, &any) == 1 ||
           inet_pton(AF_INET6, place->host, &any) == 1;
}

bool address_is_login(const char *session, const char *login)
{
    size_t len = strlen(session);
    return strncmp(login, session, len) == 0 && strchr(".@", login[len]);
}

void address_show(const struct address_place *place, char *out, size_t room)
{
    if (is_socket(place))
        (void)snprintf(out, room, "%s/.s.PGSQL.%s", place->host, place->port);
    else
        (void)snprintf(
            out, room, strchr(place->host, ':') ? "[%s]:%s" : "%s:%s", place->host, place->port);
}

/* ------------------------------------------------------------ all of it ---- */

bool address_make(struct address *ret, struct probe_life *life, const struct server *server,
                  struct trouble *trouble)
{
    ret->words = parse(life, server, trouble);
    if (!ret->words)
        return false;
    if (server->password) {
        const char *password = probe_reveal(life, server->password);
        if (!password) {
            trouble_say(trouble, TROUBLE_CONFIG, "the password cannot be read");
            return false;
        }
        word_prefer(ret->words, "password", password);
    }
    word_prefer(ret->words, "user", server->user);
    word_prefer(ret->words, "dbname", server->database);
    word_prefer(ret->words, "application_name", server->application_name);
    word_set(ret->words, "client_encoding", "UTF8");
    if (!word_get(ret->words, "gssencmode"))
        word_set(ret->words, "gssencmode", "disable");
    secure(ret, server->tls);
    trust(ret->words);
    if (!find_places(ret)) {
        trouble_say(trouble, TROUBLE_CONFIG, "the URL names more ports or addresses than hosts");
        return false;
    }
    return true;
}

void address_finish(struct address *address)
{
    PQconninfoFree(address->words);
    for (size_t i = 0; i < COUNT(address->lists); i++)
        free(address->lists[i]);
    *address = (struct address){0};
}

void address_fill(struct address_words *ret, const struct address *address,
                  const struct address_place *place, const char *numeric)
{
    size_t count = 0;
    const char *host = address->name && !is_socket(place) ? address->name : place->host;
    const char *const own[][2] = {{"host", host}, {"hostaddr", numeric}, {"port", place->port}};

    for (size_t i = 0; i < COUNT(own); i++, count++) {
        ret->names[count] = own[i][0];
        ret->values[count] = own[i][1];
    }
    for (const PQconninfoOption *word = address->words; word->keyword; word++) {
        bool ours = !strcmp(word->keyword, "host") || !strcmp(word->keyword, "hostaddr") ||
                    !strcmp(word->keyword, "port");
        if (ours || !word->val || count == ADDRESS_MOST_WORDS - 1)
            continue;
        ret->names[count] = word->keyword;
        ret->values[count++] = word->val;
    }
    ret->names[count] = ret->values[count] = NULL;
}
