/*
 * answer - what came of one question: rows, and how long it took to get them.
 *
 * What lies between wire.c, which fills it, and the checks, which read it; neither knows the other.
 * Nothing is owned here: the cells belong to whoever lends the rows.
 */
#ifndef COMMON_PQ_ANSWER_H
#define COMMON_PQ_ANSWER_H

#include "common/rows.h"

struct answer {
    struct rows rows;
    int64_t connect_us;  /* to log in, names looked up included; zero: the connection was kept */
    int64_t query_us;    /* from `begin` to the last row */
    int64_t affected;    /* rows that a statement changed */
    int server_version;  /* 150020 */
    int backend_pid;     /* as the login was answered; another one's behind a pooler */
    const char *version; /* "15.20 (Debian ...)"; "" if it does not say */
    const char *tls;     /* "TLSv1.3"; "": not encrypted */
};

#endif
