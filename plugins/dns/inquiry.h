/*
 * inquiry - one question to one server: over UDP, sent again while nothing comes, then over TCP if
 * the answer does not fit; or over TCP at once.
 */
#ifndef DNS_INQUIRY_H
#define DNS_INQUIRY_H

#include "message.h"
#include "server.h"
#include "verdict.h"

enum { INQUIRY_SUBJECT = 320 };

struct inquiry {
    struct probe_run *run;
    struct server server;          /* numeric */
    char subject[INQUIRY_SUBJECT]; /* empty: the target's only server */
    int64_t named_us;              /* how long the server's name took; below zero: it has none */
    int most_tries;
    bool tcp; /* it goes, or went, over TCP */
    unsigned char question[MESSAGE_QUESTION];
    size_t question_len;
    void (*on_over)(struct inquiry *inquiry);

    /* on the way */
    int fd; /* -1: none */
    struct probe_op *watch, *timer, *stream;
    unsigned char *heard; /* of TCP: a length, and that many bytes */
    size_t heard_len;
    uint64_t begun_us;
    size_t strange; /* datagrams that were no answers */

    /* how it ended */
    enum trouble trouble;    /* without a message: why there is none */
    struct message *message; /* to be freed; or NULL */
    char why[256];           /* in words, without a message */
    int tries;               /* of UDP */
    bool truncated;          /* UDP was not enough */
    int64_t took_us, connect_us;
};

/* Server, run, question and `on_over` are set; `on_over` is called once, later. */
void inquiry_start(struct inquiry *inquiry);

/* Frees what it holds; its operations have ended. */
void inquiry_close(struct inquiry *inquiry);

#endif
