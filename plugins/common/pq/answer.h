/*
 * answer - what came of one question: rows, and how long it took to get them.
 *
 * What lies between wire.c, which fills it, and the checks, which read it; neither knows the other.
 * To a check everything in it is lent.
 */
#ifndef COMMON_PQ_ANSWER_H
#define COMMON_PQ_ANSWER_H

#include <libpq-fe.h>

#include "common/rows.h"

struct answer {
    struct rows rows;
    int64_t connect_us; /* to log in, names looked up included; zero: the connection was kept */
    int64_t query_us;   /* from `begin` to the last row */
    int64_t affected;   /* rows that a statement changed */
    int server_version; /* 150020 */
    int backend_pid;    /* as the login was answered; another one's behind a pooler */
    char version[64];   /* "15.20 (Debian ...)"; "" if it does not say */
    char tls[32];       /* "TLSv1.3"; "": not encrypted */
};

/* What libpq has to say; the cells are the reply's, the connection is needed no more. */
struct answer answer_read(PGconn *conn, const PGresult *reply);

/* Gives back what answer_read took; the reply stays the caller's. */
void answer_free(struct answer *answer);

#endif
