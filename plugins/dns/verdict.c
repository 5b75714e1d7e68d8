#include "verdict.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

const char *const verdict_classes[] = {"ok",
                                       "unexpected",
                                       "nxdomain",
                                       "nodata",
                                       "servfail",
                                       "lame",
                                       "error",
                                       "refused",
                                       "unreachable",
                                       "timeout",
                                       "closed",
                                       "garbage",
                                       "denied",
                                       "dns",
                                       "no_way",
                                       "config",
                                       NULL};

const char *const verdict_rcodes[] = {"noerror", "nodata", "nxdomain", "servfail", "refused", NULL};
const char *const verdict_matches[] = {"exact", "includes", "within", NULL};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* ------------------------------------------------------------- expected ---- */

/* What the operator wrote, as message.c writes it. */
static void tidy(const char *type, const char *text, char out[MESSAGE_VALUE])
{
    unsigned char bytes[16];
    int family = is(type, "AAAA") ? AF_INET6 : AF_INET;
    bool exact = is(type, "TXT") || is(type, "CAA");
    (void)snprintf(out, MESSAGE_VALUE, "%s", text);
    if ((is(type, "A") || is(type, "AAAA")) && inet_pton(family, text, bytes) == 1)
        (void)inet_ntop(family, bytes, out, MESSAGE_VALUE);
    size_t len = strlen(out);
    for (char *c = out; *c && !exact; c++)
        *c = (char)tolower((unsigned char)*c);
    if (!exact && len > 1 && out[len - 1] == '.')
        out[len - 1] = '\0';
}

static bool is_among(const struct message *message, const char *value)
{
    for (size_t i = 0; i < message->count; i++)
        if (message->records[i].wanted && is(message->records[i].value, value))
            return true;
    return false;
}

static bool all_expected_came(const struct message *message, const struct wish *wish)
{
    char value[MESSAGE_VALUE];
    for (size_t i = 0; wish->expect[i]; i++) {
        tidy(wish->type, wish->expect[i], value);
        if (!is_among(message, value))
            return false;
    }
    return true;
}

static bool is_expected(const struct message_record *record, const struct wish *wish)
{
    char value[MESSAGE_VALUE];
    for (size_t i = 0; wish->expect[i]; i++) {
        tidy(wish->type, wish->expect[i], value);
        if (is(record->value, value))
            return true;
    }
    return false;
}

static bool nothing_else_came(const struct message *message, const struct wish *wish)
{
    for (size_t i = 0; i < message->count; i++)
        if (message->records[i].wanted && !is_expected(&message->records[i], wish))
            return false;
    return true;
}

static bool fits(const struct message *message, const struct wish *wish)
{
    if (!wish->expect || !wish->expect[0])
        return true;
    return (is(wish->match, "within") || all_expected_came(message, wish)) &&
           (is(wish->match, "includes") || nothing_else_came(message, wish));
}

/* -------------------------------------------------------------- answers ---- */

/* Another outcome than a plain answer. */
static enum trouble of_rcode(const struct message *message, const struct wish *wish)
{
    static const struct {
        const char *rcode;
        enum trouble trouble;
    } known[] = {
        {"nxdomain", TROUBLE_NXDOMAIN}, {"servfail", TROUBLE_SERVFAIL}, {"notauth", TROUBLE_LAME}};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (is(known[i].rcode, message->rcode))
            return known[i].trouble;
    if (is(message->rcode, "refused")) /* who should know the zone owes everybody an answer */
        return wish->authoritative ? TROUBLE_LAME : TROUBLE_DENIED;
    return TROUBLE_ERROR;
}

enum trouble verdict_of(const struct message *message, const struct wish *wish)
{
    bool noerror = is(message->rcode, "noerror");
    bool none_wanted = is(wish->rcode, "nodata");
    if (!noerror)
        return is(message->rcode, wish->rcode) ? TROUBLE_NONE : of_rcode(message, wish);
    if (!none_wanted && !is(wish->rcode, "noerror"))
        return TROUBLE_UNEXPECTED;
    if (wish->authoritative && !message->authoritative)
        return TROUBLE_LAME;
    if (message->wanted == 0 && message->refers && !message->recursive)
        return TROUBLE_LAME;
    if (none_wanted)
        return message->wanted == 0 ? TROUBLE_NONE : TROUBLE_UNEXPECTED;
    if (message->wanted == 0)
        return TROUBLE_NODATA;
    return fits(message, wish) ? TROUBLE_NONE : TROUBLE_UNEXPECTED;
}

/* ------------------------------------------------------------- failures ---- */

enum trouble verdict_of_failure(int status)
{
    static const struct {
        int status;
        enum trouble trouble;
    } known[] = {
        {-ETIMEDOUT, TROUBLE_TIMEOUT},
        {-ECONNREFUSED, TROUBLE_REFUSED},
        {-EHOSTUNREACH, TROUBLE_UNREACHABLE},
        {-ENETUNREACH, TROUBLE_NO_WAY},
        {-EADDRNOTAVAIL, TROUBLE_NO_WAY},
        {-EAFNOSUPPORT, TROUBLE_NO_WAY},
        {-EMSGSIZE, TROUBLE_GARBAGE},
        {-EACCES, TROUBLE_CONFIG},
        {-EPERM, TROUBLE_CONFIG},
        {-EINVAL, TROUBLE_CONFIG},
        {-ENOMEM, TROUBLE_CONFIG},
        {-EMFILE, TROUBLE_CONFIG},
        {-ENFILE, TROUBLE_CONFIG},
        {-ECANCELED, TROUBLE_CONFIG},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].status == status)
            return known[i].trouble;
    return TROUBLE_CLOSED;
}

bool verdict_is_ours(enum trouble trouble)
{
    return trouble >= TROUBLE_DENIED;
}

const char *verdict_hint(enum trouble trouble)
{
    switch (trouble) {
    case TROUBLE_UNEXPECTED:
        return "compare `expect` with the zone; an old answer may be cached for as long as "
               "ttl_seconds says";
    case TROUBLE_NXDOMAIN:
        return "see the zone, and whether the domain has expired";
    case TROUBLE_NODATA:
        return "the name is there, without such a record: see the zone, and `type`";
    case TROUBLE_SERVFAIL:
        return "see the server's log: a zone that it cannot load, upstream servers that do not "
               "answer, or DNSSEC";
    case TROUBLE_LAME:
        return "it does not know the zone: see its configuration, and who delegates to it";
    case TROUBLE_REFUSED:
        return "nobody listens there: is the name server running?";
    case TROUBLE_UNREACHABLE:
        return "a router says that it cannot be reached: is the host up, and its network?";
    case TROUBLE_TIMEOUT:
        return "it hangs, or a firewall drops port 53 (UDP and TCP)";
    case TROUBLE_CLOSED:
        return "see the server's log";
    case TROUBLE_GARBAGE:
        return "what answers there is no name server: compare the address and the port";
    case TROUBLE_DENIED:
        return "let this machine ask (allow-query, allow-recursion), or ask another server";
    case TROUBLE_DNS:
        return "write the server's address instead of its name";
    case TROUBLE_NO_WAY:
        return "see this machine's routes";
    case TROUBLE_CONFIG:
        return "see the agent's own rights and limits";
    default:
        return NULL;
    }
}

/* ------------------------------------------------------------- agreement ---- */

static bool holds_all_of(const struct message *a, const struct message *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->records[i].wanted && !is_among(a, b->records[i].value))
            return false;
    return true;
}

bool verdict_same(const struct message *a, const struct message *b)
{
    return is(a->rcode, b->rcode) && holds_all_of(a, b) && holds_all_of(b, a);
}

void verdict_compare(const struct message *const *all, size_t count, bool *ret_differs)
{
    size_t answers = 0;
    for (size_t i = 0; i < count; i++)
        answers += all[i] != NULL;
    for (size_t i = 0; i < count; i++) {
        size_t alike = 0;
        for (size_t j = 0; j < count; j++)
            alike += all[i] && all[j] && verdict_same(all[i], all[j]);
        ret_differs[i] = all[i] && alike * 2 <= answers;
    }
}
