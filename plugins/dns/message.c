#include "message.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <ctype.h>
#include <resolv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 12, TYPE_AND_CLASS = 4, NUMBER = 2 };

const char *const message_types[] = {
    "A", "AAAA", "CNAME", "MX", "TXT", "SRV", "NS", "SOA", "PTR", "CAA", NULL};

const char *const message_rcodes[] = {"noerror",
                                      "formerr",
                                      "servfail",
                                      "nxdomain",
                                      "notimp",
                                      "refused",
                                      "yxdomain",
                                      "yxrrset",
                                      "nxrrset",
                                      "notauth",
                                      "notzone",
                                      "other",
                                      NULL};

enum { TYPE_CAA = 257, RCODE_OTHER = 11 };
static const int numbers[] = {ns_t_a,
                              ns_t_aaaa,
                              ns_t_cname,
                              ns_t_mx,
                              ns_t_txt,
                              ns_t_srv,
                              ns_t_ns,
                              ns_t_soa,
                              ns_t_ptr,
                              TYPE_CAA};

/* ------------------------------------------------------------- question ---- */

static int number_of(const char *type)
{
    for (size_t i = 0; message_types[i]; i++)
        if (strcmp(message_types[i], type) == 0)
            return numbers[i];
    return 0;
}

/* "7.2.0.192.in-addr.arpa" of 192.0.2.7; what is no address stays as it is. */
static void reverse(const char *name, char out[MESSAGE_NAME])
{
    unsigned char bytes[16];
    int used = 0;
    if (inet_pton(AF_INET, name, bytes) == 1) {
        (void)snprintf(
            out, MESSAGE_NAME, "%d.%d.%d.%d.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
    } else if (inet_pton(AF_INET6, name, bytes) == 1) {
        for (int i = 15; i >= 0; i--)
            used += snprintf(
                out + used, MESSAGE_NAME - (size_t)used, "%x.%x.", bytes[i] & 15, bytes[i] >> 4);
        (void)snprintf(out + used, MESSAGE_NAME - (size_t)used, "ip6.arpa");
    } else {
        (void)snprintf(out, MESSAGE_NAME, "%s", name);
    }
}

static unsigned char *put16(unsigned char *at, int number)
{
    *at++ = (unsigned char)(number >> 8);
    *at++ = (unsigned char)(number & 0xff);
    return at;
}

size_t message_ask(unsigned char *out, uint16_t id, const char *name, const char *type,
                   bool recurse)
{
    char whole[MESSAGE_NAME];
    unsigned char *at = out;
    if (strlen(name) >= sizeof(whole))
        return 0;
    if (strcmp(type, "PTR") == 0)
        reverse(name, whole);
    else
        (void)snprintf(whole, sizeof(whole), "%s", name);
    at = put16(at, id);
    at = put16(at, recurse ? 0x0100 : 0);
    at = put16(at, 1); /* one question, and nothing else */
    at = put16(put16(put16(at, 0), 0), 0);
    int len = dn_comp(whole, at, MESSAGE_QUESTION - HEAD - TYPE_AND_CLASS, NULL, NULL);
    if (len <= 0 || !*name)
        return 0;
    at = put16(put16(at + len, number_of(type)), ns_c_in);
    return (size_t)(at - out);
}

/* -------------------------------------------------------------- records ---- */

/* A record's data on its way into text; `bad` once it does not hold what it should. */
struct data {
    const unsigned char *whole, *whole_end; /* the message: names point into it */
    const unsigned char *at, *end;
    char *out;
    size_t used;
    bool bad;
};

__attribute__((format(printf, 2, 3))) static void print(struct data *data, const char *fmt, ...)
{
    size_t room = MESSAGE_VALUE - data->used;
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(data->out + data->used, room, fmt, args);
    va_end(args);
    data->used += len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1;
}

static uint32_t take_number(struct data *data, size_t bytes)
{
    uint32_t number = 0;
    if ((size_t)(data->end - data->at) < bytes) {
        data->bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | *data->at++;
    return number;
}

/* Names are the same in any case; here they are small, and without the dot at the end. */
static void tidy_name(char *name)
{
    size_t len = strlen(name);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (len > 1 && name[len - 1] == '.' && name[len - 2] != '\\')
        name[len - 1] = '\0';
}

static void take_name(struct data *data, const char *before)
{
    char name[NS_MAXDNAME];
    int taken = ns_name_uncompress(data->whole, data->whole_end, data->at, name, sizeof(name));
    if (taken < 0 || taken > data->end - data->at) {
        data->bad = true;
        return;
    }
    data->at += taken;
    tidy_name(name);
    print(data, "%s%s", before, *name ? name : ".");
}

static void take_text(struct data *data, size_t len)
{
    if ((size_t)(data->end - data->at) < len) {
        data->bad = true;
        return;
    }
    for (size_t i = 0; i < len; i++, data->at++) {
        bool plain = *data->at >= ' ' && *data->at < 0x7f && *data->at != '\\';
        print(data, plain ? "%c" : "\\%03d", *data->at);
    }
}

static void take_address(struct data *data, int family, long len)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (data->end - data->at != len || !inet_ntop(family, data->at, text, sizeof(text)))
        data->bad = true;
    print(data, "%s", text);
    data->at = data->end;
}

static void take_soa(struct data *data)
{
    take_name(data, "");
    take_name(data, " ");
    for (int i = 0; i < 5; i++) /* serial, refresh, retry, expire, minimum */
        print(data, " %u", take_number(data, 4));
}

static void take_caa(struct data *data)
{
    print(data, "%u ", take_number(data, 1));
    take_text(data, take_number(data, 1));
    print(data, " \"");
    take_text(data, (size_t)(data->end - data->at));
    print(data, "\"");
}

static void take(struct data *data, int type)
{
    switch (type) {
    case ns_t_a:
        take_address(data, AF_INET, NS_INADDRSZ);
        return;
    case ns_t_aaaa:
        take_address(data, AF_INET6, NS_IN6ADDRSZ);
        return;
    case ns_t_cname:
    case ns_t_ns:
    case ns_t_ptr:
        take_name(data, "");
        return;
    case ns_t_mx:
        print(data, "%u", take_number(data, NUMBER));
        take_name(data, " ");
        return;
    case ns_t_srv:
        for (int i = 0; i < 3; i++) /* priority, weight, port */
            print(data, i ? " %u" : "%u", take_number(data, NUMBER));
        take_name(data, " ");
        return;
    case ns_t_soa:
        take_soa(data);
        return;
    case ns_t_txt: /* pieces of at most 255 bytes, which belong together */
        while (data->at < data->end && !data->bad)
            take_text(data, take_number(data, 1));
        return;
    case TYPE_CAA:
        take_caa(data);
        return;
    default:
        print(data, "%ld bytes", (long)(data->end - data->at));
    }
}

static void print_type(int type, char *out, size_t room)
{
    (void)snprintf(out, room, "%d", type);
    for (size_t i = 0; message_types[i]; i++)
        if (numbers[i] == type)
            (void)snprintf(out, room, "%s", message_types[i]);
}

static bool add_record(struct message *message, const ns_msg *reply, const ns_rr *rr, int wanted)
{
    struct message_record *record = &message->records[message->count];
    struct data data = {.whole = ns_msg_base(*reply),
                        .whole_end = ns_msg_end(*reply),
                        .at = ns_rr_rdata(*rr),
                        .end = ns_rr_rdata(*rr) + ns_rr_rdlen(*rr),
                        .out = record->value};
    message->total++;
    if (message->count == MESSAGE_RECORDS)
        return true;
    take(&data, ns_rr_type(*rr));
    (void)snprintf(record->name, sizeof(record->name), "%.255s", ns_rr_name(*rr));
    tidy_name(record->name);
    print_type(ns_rr_type(*rr), record->type, sizeof(record->type));
    record->ttl = ns_rr_ttl(*rr);
    record->wanted = (int)ns_rr_type(*rr) == wanted && ns_rr_class(*rr) == ns_c_in;
    message->wanted += record->wanted;
    message->count++;
    return !data.bad;
}

/* ---------------------------------------------------------------- reply ---- */

static bool same_text(const unsigned char *a, const unsigned char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) /* a label's length is below 'A', so it stays itself */
        if (tolower(a[i]) != tolower(b[i]))
            return false;
    return true;
}

/* The same id, and the same question; a server that failed may leave the question out. */
static bool answers(const unsigned char *reply, size_t len, const unsigned char *question,
                    size_t question_len)
{
    if (len < HEAD || memcmp(reply, question, NUMBER) != 0 || !(reply[2] & 0x80))
        return false;
    int questions = reply[4] << 8 | reply[5], rcode = reply[3] & 15;
    if (questions == 0)
        return rcode != 0;
    return questions == 1 && len >= question_len &&
           same_text(reply + HEAD, question + HEAD, question_len - HEAD);
}

static bool read_records(struct message *message, ns_msg *reply, int wanted)
{
    ns_rr rr;
    for (int i = 0; i < ns_msg_count(*reply, ns_s_an); i++)
        if (ns_parserr(reply, ns_s_an, i, &rr) < 0 || !add_record(message, reply, &rr, wanted))
            return false;
    for (int i = 0; i < ns_msg_count(*reply, ns_s_ns) && message->total == 0; i++)
        if (ns_parserr(reply, ns_s_ns, i, &rr) == 0 && ns_rr_type(rr) == ns_t_ns)
            message->refers = true;
    return true;
}

struct message *message_read(const unsigned char *reply, size_t len, const unsigned char *question,
                             size_t question_len)
{
    ns_msg parsed;
    if (len > MESSAGE_LARGEST || !answers(reply, len, question, question_len))
        return NULL;
    struct message *message = calloc(1, sizeof(*message));
    if (!message)
        return NULL;
    int rcode = reply[3] & 15;
    message->rcode = message_rcodes[rcode < RCODE_OTHER ? rcode : RCODE_OTHER];
    message->authoritative = reply[2] & 0x04;
    message->truncated = reply[2] & 0x02;
    message->recursive = reply[3] & 0x80;
    if (message->truncated) /* what is there may end anywhere */
        return message;
    const unsigned char *type = question + question_len - TYPE_AND_CLASS;
    if (ns_initparse(reply, (int)len, &parsed) == 0 &&
        read_records(message, &parsed, type[0] << 8 | type[1]))
        return message;
    free(message);
    return NULL;
}
