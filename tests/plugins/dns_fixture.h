/*
 * dns_fixture - replies of name servers, put together byte by byte.
 */
#ifndef DNS_FIXTURE_H
#define DNS_FIXTURE_H

#include <string.h>

#include "message.h"

struct wire {
    unsigned char question[MESSAGE_QUESTION], reply[MESSAGE_LARGEST];
    size_t question_len, len;
};

/* An authoritative answer without records. */
static inline void wire_reply(struct wire *wire, const char *name, const char *type, int rcode)
{
    wire->question_len = message_ask(wire->question, 0x4711, name, type, true);
    wire->len = wire->question_len;
    memcpy(wire->reply, wire->question, wire->len);
    wire->reply[2] = 0x85;
    wire->reply[3] = (unsigned char)rcode;
}

/* A record of the name that was asked for. */
static inline void wire_add(struct wire *wire, int type, int ttl, const char *data, size_t len)
{
    const unsigned char head[] = {0xc0,
                                  12,
                                  (unsigned char)(type >> 8),
                                  (unsigned char)type,
                                  0,
                                  1,
                                  0,
                                  0,
                                  (unsigned char)(ttl >> 8),
                                  (unsigned char)ttl,
                                  (unsigned char)(len >> 8),
                                  (unsigned char)len};
    memcpy(wire->reply + wire->len, head, sizeof(head));
    memcpy(wire->reply + wire->len + sizeof(head), data, len);
    wire->len += sizeof(head) + len;
    wire->reply[7]++;
}

/* As it is read, from memory of its very size. */
static inline struct message *wire_read(const struct wire *wire)
{
    unsigned char *exact = malloc(wire->len);
    memcpy(exact, wire->reply, wire->len);
    struct message *message = message_read(exact, wire->len, wire->question, wire->question_len);
    free(exact);
    return message;
}

#endif
