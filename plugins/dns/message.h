/*
 * message - DNS on the wire: a question is written, a reply is read.
 *
 * Pure functions over bytes; libresolv's parser takes the reply apart, and no length in it is
 * believed.  What records say is printable ASCII when it comes out of here.
 */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_QUESTION = 300, /* the longest question */
    MESSAGE_LARGEST = 65535,
    MESSAGE_RECORDS = 64, /* records that are kept; more are counted */
    MESSAGE_NAME = 256,
    MESSAGE_VALUE = 1024
};

extern const char *const message_types[];  /* "A", ...; ended by NULL */
extern const char *const message_rcodes[]; /* "noerror", ...; ended by NULL */

struct message_record {
    char name[MESSAGE_NAME], value[MESSAGE_VALUE];
    char type[8];
    uint32_t ttl;
    bool wanted; /* of the kind that was asked for */
};

struct message {
    const char *rcode; /* one of message_rcodes */
    bool authoritative, truncated, recursive;
    bool refers; /* it names other servers instead of an answer */
    struct message_record records[MESSAGE_RECORDS]; /* of the answer */
    size_t count, total;
    size_t wanted; /* how many of the records are of the kind that was asked for */
};

/*
 * Writes a question into MESSAGE_QUESTION bytes: how long it is, or zero if there can be no such
 * name.  Of PTR the name may be an address.
 */
size_t message_ask(unsigned char *out, uint16_t id, const char *name, const char *type,
                   bool recurse);

/*
 * Reads a reply to a question: NULL if it is none, because it answers another one or is no DNS.
 * To be freed.
 */
struct message *message_read(const unsigned char *reply, size_t len, const unsigned char *question,
                             size_t question_len);

#endif
