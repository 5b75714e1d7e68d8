#include "io/resolve.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "io/dns.h"
#include "io/loop.h"
#include "io/wait.h"

enum {
    MOST_QUESTIONS = 4096,
    BUCKETS = 256,
    MOST_ADDRESSES = 32,
    KEPT_AT_MOST_S = 30,
    LOOKED_AT_EVERY_US = 1000000
};

/* What was found; shared by those who asked and by the question that keeps it. */
struct answer {
    unsigned refs;
    int status;
    size_t count;
    char *addresses[MOST_ADDRESSES];
};

/* Somebody who wants to know. */
struct ask {
    struct op op;
    struct list link;      /* in its question, while that is under way */
    struct answer *answer; /* then this, told when `later` fires */
    struct timer later;
    probe_resolve_fn *fn;
    void *data;
};

/* One name and family, under way or known. */
struct question {
    struct list link; /* in its bucket */
    struct list age;  /* in the resolver's `known`, oldest first; in none while under way */
    struct resolver *resolver;
    struct list asks;
    char *name;
    int family;
    bool under_way;
    struct answer *answer; /* known until `expires_us` */
    uint64_t expires_us;
};

struct resolver {
    struct list link;
    struct loop *loop;
    struct dns *dns;
    struct list known;
    struct list buckets[BUCKETS];
    size_t count;
    char *servers; /* for tests; NULL: resolv.conf's */
    struct timespec file_changed;
    uint64_t looked_us;
};

static struct list resolvers = {&resolvers, &resolvers};

/* -------------------------------------------------------------- answers ---- */

static struct answer *answer_new(int status)
{
    struct answer *answer = mem_new(sizeof(*answer));
    answer->refs = 1;
    answer->status = status;
    return answer;
}

static void answer_release(struct answer *answer)
{
    if (!answer || --answer->refs > 0)
        return;
    for (size_t i = 0; i < answer->count; i++)
        free(answer->addresses[i]);
    free(answer);
}

static void ask_drop(struct op *op)
{
    struct ask *ask = container_of(op, struct ask, op);
    list_remove(&ask->link);
    timer_stop(&ask->later);
    answer_release(ask->answer);
    free(ask);
}

static void ask_end(struct op *op, int status)
{
    struct ask *ask = container_of(op, struct ask, op);
    const struct blame *owner = op->life->owner;
    probe_resolve_fn *fn = ask->fn;
    void *data = ask->data;
    ask_drop(op);
    BLAME(owner, fn(status, NULL, 0, data));
}

static const struct op_kind ask_kind = {"resolve", ask_end, ask_drop};

static void on_told(void *data)
{
    struct ask *ask = data;
    struct answer *answer = ask->answer;
    const struct blame *owner = ask->op.life->owner;
    probe_resolve_fn *fn = ask->fn;
    void *asked = ask->data;
    answer->refs++;
    op_leave(&ask->op);
    ask_drop(&ask->op);
    BLAME(owner, fn(answer->status, (const char *const *)answer->addresses, answer->count, asked));
    answer_release(answer);
}

/* Takes its own reference; the callback runs in the loop's next turn, outside c-ares. */
static void tell(struct ask *ask, struct answer *answer)
{
    list_remove(&ask->link);
    answer->refs++;
    ask->answer = answer;
    timer_start(&ask->later, ask->op.life->loop, 0, on_told, ask);
}

const char *resolve_problem(int status)
{
    switch (status) {
    case -ENOENT:
        return "there is no such host";
    case -EAGAIN:
        return "the name server failed or does not answer";
    case -EINVAL:
        return "this is not the name of a host";
    case -ETIMEDOUT:
        return "the name server did not answer in time";
    case -ECANCELED:
        return "the look-up was ended";
    default:
        return strerror(-status);
    }
}

/* ------------------------------------------------------------ questions ---- */

static size_t bucket_of(const char *name, int family)
{
    size_t hash = 5381u + (size_t)family;
    for (; *name; name++)
        hash = hash * 33u + (unsigned char)tolower((unsigned char)*name);
    return hash % BUCKETS;
}

static void question_free(struct question *question)
{
    list_remove(&question->link);
    list_remove(&question->age);
    question->resolver->count--;
    answer_release(question->answer);
    free(question->name);
    free(question);
}

/* Makes room: what has been known longest goes first.  False where all are under way. */
static bool make_room(struct resolver *resolver)
{
    if (resolver->count < MOST_QUESTIONS)
        return true;
    if (list_empty(&resolver->known))
        return false;
    question_free(list_first(&resolver->known, struct question, age));
    return true;
}

static struct question *question_find(struct resolver *resolver, const char *name, int family)
{
    struct question *question;
    struct list *bucket = &resolver->buckets[bucket_of(name, family)];
    list_for_each(question, bucket, struct question, link) {
        if (question->family != family || strcasecmp(question->name, name) != 0)
            continue;
        if (question->under_way || question->expires_us > loop_now_us(resolver->loop))
            return question;
        question_free(question);
        break;
    }
    return NULL;
}

static struct question *question_new(struct resolver *resolver, const char *name, int family)
{
    struct question *question = mem_new(sizeof(*question));
    question->resolver = resolver;
    question->name = mem_copy(name);
    question->family = family;
    list_init(&question->asks);
    list_init(&question->age);
    list_add(&resolver->buckets[bucket_of(name, family)], &question->link);
    resolver->count++;
    return question;
}

static int status_of(int ares_status)
{
    switch (ares_status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
        return -ENOENT;
    case ARES_EBADNAME:
    case ARES_EBADSTR:
        return -EINVAL;
    default:
        return -EAGAIN;
    }
}

static void add_address(struct answer *answer, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    if (!inet_ntop(address->sa_family, bytes, text, sizeof(text)))
        return;
    for (size_t i = 0; i < answer->count; i++) /* /etc/hosts may name one twice */
        if (strcmp(answer->addresses[i], text) == 0)
            return;
    if (answer->count < MOST_ADDRESSES)
        answer->addresses[answer->count++] = mem_copy(text);
}

/* Fills the answer; returns for how many seconds it holds. */
static int read_answer(struct answer *answer, const struct ares_addrinfo *info)
{
    int ttl = KEPT_AT_MOST_S;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        add_address(answer, node->ai_addr);
        if (node->ai_ttl < ttl)
            ttl = node->ai_ttl;
    }
    if (answer->count == 0)
        answer->status = -ENOENT;
    return answer->count && ttl > 0 ? ttl : 0;
}

static void on_answer(void *data, int ares_status, int timeouts, struct ares_addrinfo *info)
{
    struct question *question = data;
    struct ask *ask;
    (void)timeouts;
    if (ares_status == ARES_EDESTRUCTION) /* the servers have changed: it is asked again */
        return;
    struct answer *answer = answer_new(status_of(ares_status));
    int ttl = ares_status == ARES_SUCCESS ? read_answer(answer, info) : 0;
    if (info)
        ares_freeaddrinfo(info);
    list_for_each(ask, &question->asks, struct ask, link) {
        tell(ask, answer);
    }
    question->under_way = false;
    question->answer = answer;
    question->expires_us = loop_now_us(question->resolver->loop) + (uint64_t)ttl * 1000000u;
    list_add(&question->resolver->known, &question->age);
    if (ttl == 0)
        question_free(question);
}

/* ------------------------------------------------------------ resolver ---- */

static void send_question(struct question *question)
{
    question->under_way = true;
    dns_ask(question->resolver->dns, question->name, question->family, on_answer, question);
}

static struct timespec file_changed(void)
{
    struct stat stat_;
    return stat("/etc/resolv.conf", &stat_) == 0 ? stat_.st_ctim : (struct timespec){0};
}

/* Forgets what was known, and asks the new servers what is under way. */
static void renew(struct resolver *resolver)
{
    struct list again;
    struct question *question;
    list_init(&again);
    while (!list_empty(&resolver->known))
        question_free(list_first(&resolver->known, struct question, age));
    dns_close(resolver->dns);
    resolver->dns = dns_open(resolver->loop, resolver->servers);
    for (size_t i = 0; i < BUCKETS; i++)
        list_for_each(question, &resolver->buckets[i], struct question, link) {
            list_add(&again, &question->age);
        }
    while (!list_empty(&again)) {
        question = list_first(&again, struct question, age);
        list_remove(&question->age);
        send_question(question);
    }
}

static void look_at_file(struct resolver *resolver)
{
    uint64_t now = loop_now_us(resolver->loop);
    if (resolver->servers || now - resolver->looked_us < LOOKED_AT_EVERY_US)
        return;
    resolver->looked_us = now;
    struct timespec changed = file_changed();
    if (changed.tv_sec == resolver->file_changed.tv_sec &&
        changed.tv_nsec == resolver->file_changed.tv_nsec)
        return;
    resolver->file_changed = changed;
    renew(resolver);
}

static struct resolver *resolver_find(const struct loop *loop)
{
    struct resolver *resolver;
    list_for_each(resolver, &resolvers, struct resolver, link) {
        if (resolver->loop == loop)
            return resolver;
    }
    return NULL;
}

static struct resolver *resolver_of(struct loop *loop)
{
    struct resolver *resolver = resolver_find(loop);
    if (resolver)
        return resolver;
    resolver = mem_new(sizeof(*resolver));
    resolver->loop = loop;
    list_init(&resolver->known);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&resolver->buckets[i]);
    resolver->file_changed = file_changed();
    resolver->looked_us = loop_now_us(loop);
    resolver->dns = dns_open(loop, NULL);
    list_add(&resolvers, &resolver->link);
    return resolver;
}

void resolve_use_servers(struct loop *loop, const char *servers_csv)
{
    struct resolver *resolver = resolver_of(loop);
    free(resolver->servers);
    resolver->servers = mem_copy(servers_csv);
    renew(resolver);
}

void resolve_shutdown(struct loop *loop)
{
    struct resolver *resolver = resolver_find(loop);
    struct question *question;
    if (!resolver)
        return;
    dns_close(resolver->dns);
    for (size_t i = 0; i < BUCKETS; i++)
        list_for_each(question, &resolver->buckets[i], struct question, link) {
            while (!list_empty(&question->asks)) /* its life ends it, or it waits for ever */
                list_remove(question->asks.next);
            question_free(question);
        }
    list_remove(&resolver->link);
    free(resolver->servers);
    free(resolver);
}

/* --------------------------------------------------------------- start ---- */

int resolve_numeric(const char *name)
{
    char plain[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    size_t len = strcspn(name, "%"); /* fe80::1%eth0 */
    if (inet_pton(AF_INET, name, bytes) == 1)
        return 4;
    if (len >= sizeof(plain))
        return 0;
    memcpy(plain, name, len);
    plain[len] = '\0';
    return inet_pton(AF_INET6, plain, bytes) == 1 ? 6 : 0;
}

static bool is_name(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    if (len == 0 || len > 253)
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("-._", *name))
            return false;
    return true;
}

/*
 * RFC 6761: what lies below "localhost" is this machine, and no server's business.  So is its IPv6
 * address itself: /etc/hosts often has none, and c-ares 1.18 then leaks the name.
 */
static bool is_localhost(const char *name, int family)
{
    static const char top[] = ".localhost";
    size_t len = strlen(name);
    len -= len && name[len - 1] == '.';
    if (len + 1 == strlen(top))
        return family == 6 && strncasecmp(name, top + 1, len) == 0;
    return len >= sizeof(top) && strncasecmp(name + len - strlen(top), top, strlen(top)) == 0;
}

static void add_loopback(struct answer *answer, int family)
{
    if (family != 6)
        answer->addresses[answer->count++] = mem_copy("127.0.0.1");
    if (family != 4)
        answer->addresses[answer->count++] = mem_copy("::1");
}

/* Tells at once what needs no server. */
static bool answer_at_once(struct ask *ask, const char *name, int family)
{
    int numeric = name ? resolve_numeric(name) : 0;
    struct answer *answer;
    if (ask->op.life->ended)
        answer = answer_new(-ECANCELED);
    else if (numeric)
        answer = answer_new(family && family != numeric ? -ENOENT : 0);
    else if (!is_name(name) || (family != 0 && family != 4 && family != 6))
        answer = answer_new(-EINVAL);
    else if (is_localhost(name, family))
        answer = answer_new(0);
    else
        return false;
    if (answer->status == 0 && !numeric)
        add_loopback(answer, family);
    else if (answer->status == 0)
        answer->addresses[answer->count++] = mem_copy(name);
    tell(ask, answer);
    answer_release(answer);
    return true;
}

struct op *resolve_start(struct life *life, const char *name, int family, probe_resolve_fn *fn,
                         void *data)
{
    struct ask *ask = mem_new(sizeof(*ask));
    ask->fn = fn;
    ask->data = data;
    list_init(&ask->link);
    op_begin(&ask->op, life, &ask_kind);
    if (answer_at_once(ask, name, family))
        return &ask->op;
    struct resolver *resolver = resolver_of(life->loop);
    look_at_file(resolver);
    struct question *question = question_find(resolver, name, family);
    if (question && !question->under_way) {
        tell(ask, question->answer);
    } else if (question) {
        list_add(&question->asks, &ask->link);
    } else if (make_room(resolver)) {
        question = question_new(resolver, name, family);
        list_add(&question->asks, &ask->link);
        send_question(question);
    } else {
        struct answer *full = answer_new(-EAGAIN);
        tell(ask, full);
        answer_release(full);
    }
    return &ask->op;
}

void resolve_forget(struct loop *loop, const char *name)
{
    static const int families[] = {0, 4, 6};
    struct resolver *resolver = resolver_find(loop);
    for (size_t i = 0; resolver && i < COUNT_OF(families); i++) {
        struct question *question = question_find(resolver, name, families[i]);
        if (question && !question->under_way)
            question->expires_us = 0;
    }
}
