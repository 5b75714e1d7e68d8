/*
 * postgres_wire_fixture - libpq on the loop, against fake servers on loopback that speak as much of
 * the protocol as is needed.
 *
 * For test_postgres_wire.c and test_postgres_wire_faults.c; compose() makes the replies, once.
 */
#ifndef TESTS_POSTGRES_WIRE_FIXTURE_H
#define TESTS_POSTGRES_WIRE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pq/wire.h"
#include "kit.h"
#include "server.h"

extern probe_entry_fn probe_plugin_v1;

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define USAGE                                                                                      \
    "part", "name", "sessions", "active", "idle", "idle_in_transaction", "waiting", "hidden",      \
        "max", "reserved"

/* What a server says, message by message. */
struct speech {
    char bytes[4096];
    size_t len;
};

static inline void say(struct speech *speech, char type, const void *body, size_t len)
{
    unsigned char *at = (unsigned char *)speech->bytes + speech->len;
    assert_true(speech->len + len + 5 < sizeof(speech->bytes));
    *at++ = (unsigned char)type;
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (unsigned char)((len + 4) >> shift);
    memcpy(at, body, len);
    speech->len += len + 5;
}

#define SAY(speech_, type_, body_) say((speech_), (type_), (body_), sizeof(body_) - 1)

static inline void say_logged_in(struct speech *speech)
{
    SAY(speech, 'R', "\0\0\0\0");
    SAY(speech, 'S', "server_version\00015.20 (Debian)\0");
    SAY(speech, 'K', "\0\0\0\1\0\0\0\2");
    SAY(speech, 'Z', "I");
}

static inline void say_error(struct speech *speech, const char *sqlstate, const char *message)
{
    char body[200];
    int len = snprintf(body, sizeof(body), "SFATAL%cC%s%cM%s%c", 0, sqlstate, 0, message, 0);
    say(speech, 'E', body, (size_t)len + 1);
}

static inline void say_begun(struct speech *speech)
{
    SAY(speech, 'C', "BEGIN\0");
    for (int i = 0; i < 4; i++)
        SAY(speech, 'C', "SET\0");
    SAY(speech, 'Z', "T");
}

/* A reply of text: names, then cells; "" is null. */
static inline void say_rows(struct speech *speech, const char *const *text, size_t columns,
                            size_t rows)
{
    unsigned char body[1024];
    size_t len = 2;
    SAY(speech, '1', "");
    SAY(speech, '2', "");
    body[0] = 0;
    body[1] = (unsigned char)columns;
    for (size_t i = 0; i < columns; i++) {
        static const char kind[18] = "\0\0\0\0\0\0\0\0\0\31\377\377\377\377\377\377\0\0";
        memcpy(body + len, text[i], strlen(text[i]) + 1);
        len += strlen(text[i]) + 1;
        memcpy(body + len, kind, sizeof(kind));
        len += sizeof(kind);
    }
    say(speech, 'T', body, len);
    for (size_t row = 1; row <= rows; row++) {
        len = 2;
        for (size_t i = 0; i < columns; i++) {
            const char *cell = text[row * columns + i];
            memset(body + len, *cell ? 0 : 255, 4);
            body[len + 3] = *cell ? (unsigned char)strlen(cell) : 255;
            memcpy(body + len + 4, cell, strlen(cell));
            len += 4 + strlen(cell);
        }
        say(speech, 'D', body, len);
    }
    SAY(speech, 'C', "SELECT 1\0");
    SAY(speech, 'Z', "T");
}

static inline void say_committed(struct speech *speech)
{
    SAY(speech, 'C', "COMMIT\0");
    SAY(speech, 'Z', "I");
}

#define MOVE_SAY(speech_) KIT_SEND_N((speech_).bytes, (speech_).len)

/* Replies that many tests need. */
static struct speech logged_in, begun, primary, usage, committed, full;

static inline int compose(void **state)
{
    static const char *const recovery[] = {"in_recovery", "f"};
    static const char *const used[] = {USAGE, "all", "",    "97", "1",           "96",      "0",
                                       "0",   "0",   "100", "3",  "application", "backend", "97",
                                       "1",   "96",  "0",   "0",  "0",           "",        ""};
    (void)state;
    say_logged_in(&logged_in);
    say_begun(&begun);
    say_rows(&primary, recovery, 1, 1);
    say_rows(&usage, used, 10, 2);
    say_committed(&committed);
    say_error(&full, "53300", "sorry, too many clients already");
    return 0;
}

/* The plugin, with another time-out for its checks; NULL: their own. */
static inline const struct probe_plugin *patient_for(const char *timeout)
{
    static struct probe_check checks[64];
    static struct probe_plugin plugin;
    plugin = *probe_plugin_v1();
    for (size_t i = 0; plugin.checks[i].name; i++) {
        assert_true(i < COUNT(checks) - 1);
        checks[i] = plugin.checks[i];
        if (timeout)
            checks[i].timeout = timeout;
    }
    plugin.checks = checks;
    return &plugin;
}

#define HERE "127.0.0.1"

/* A whole conversation: a login, then questions, each with these rows for an answer. */
struct talk {
    struct kit_move moves[48];
    size_t count;
};

static inline void talk_on(struct talk *talk, struct kit_move move)
{
    assert_true(talk->count < COUNT(talk->moves) - 1);
    talk->moves[talk->count++] = move;
}

static inline void talk_login(struct talk *talk)
{
    talk_on(talk, KIT_UNTIL("runbookd"));
    talk_on(talk, MOVE_SAY(logged_in));
}

static inline void talk_begin(struct talk *talk)
{
    talk_on(talk, KIT_UNTIL("begin transaction read only;set local statement_timeout = "));
    talk_on(talk, KIT_UNTIL(";set local lock_timeout = "));
    talk_on(talk, KIT_UNTIL(";set local search_path = pg_catalog"));
    talk_on(talk, MOVE_SAY(begun));
    talk_on(talk, KIT_UNTIL("select"));
}

static inline void talk_answer(struct talk *talk, const struct speech *rows)
{
    talk_begin(talk);
    talk_on(talk, MOVE_SAY(*rows));
    talk_on(talk, KIT_UNTIL("commit"));
    talk_on(talk, MOVE_SAY(committed));
}

/* One server, one loop: the kit's, whose time is real. */
static inline struct kit_server *serve(struct kit **kit, const char *timeout, const char *host_name,
                                       const struct kit_move *moves)
{
    *kit = kit_open(patient_for(timeout));
    kit_use_real_time(*kit);
    struct kit_server *server = kit_server_open(kit_loop(*kit), moves);
    char url[200];
    (void)snprintf(url,
                   sizeof(url),
                   "postgres://app:s3cret@%s:%u/orders?sslmode=disable",
                   host_name,
                   kit_server_port(server));
    kit_set(*kit, "url", url);
    return server;
}

static inline void finish(struct kit *kit, struct kit_server *server)
{
    const char *wrong = kit_server_close(server);
    assert_null(wrong);
    assert_int_equal(kit_close(kit), 0);
}

#endif
