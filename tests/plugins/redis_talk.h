/*
 * redis_talk - what the tests of plugins/redis share: commands and replies in Redis' protocol, what
 * INFO says, and a kit with the plugin in it.
 */
#ifndef REDIS_TALK_H
#define REDIS_TALK_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

/* A few strings that live as long as the statement they are made in, and longer. */
static inline char *slot(void)
{
    static char slots[64][8192];
    static unsigned next;
    return slots[next++ % 64];
}

/* What the plugin is to write: a command in Redis' protocol, from words between spaces. */
static inline struct kit_move ask(const char *command)
{
    char *out = slot(), words[512], *rest = words;
    size_t count = 1, at;
    (void)snprintf(words, sizeof(words), "%s", command);
    for (const char *space = words; (space = strchr(space, ' ')); space++)
        count++;
    at = (size_t)snprintf(out, 8192, "*%zu\r\n", count);
    for (char *word; (word = strsep(&rest, " "));)
        at += (size_t)snprintf(out + at, 8192 - at, "$%zu\r\n%s\r\n", strlen(word), word);
    return KIT_EXPECT(out);
}

static inline const char *bulk_text(const char *text)
{
    char *out = slot();
    (void)snprintf(out, 8192, "$%zu\r\n%s\r\n", strlen(text), text);
    return out;
}

static inline struct kit_move bulk(const char *text)
{
    return KIT_SEND(bulk_text(text));
}

/* As Redis 7.0 says it, shortened. */
#define INFO_SERVER "# Server\r\nredis_version:7.0.15\r\n\r\n"
#define INFO_CLIENTS                                                                               \
    "# Clients\r\nconnected_clients:40\r\nmaxclients:100\r\nblocked_clients:3\r\n\r\n"
#define INFO_MEMORY                                                                                \
    "# Memory\r\nused_memory:850\r\nused_memory_rss:1700\r\nused_memory_peak:900\r\n"              \
    "maxmemory:1000\r\nmaxmemory_policy:noeviction\r\nmem_fragmentation_ratio:2.00\r\n"            \
    "mem_not_counted_for_evict:0\r\n\r\n"
#define INFO_STATS                                                                                 \
    "# Stats\r\ntotal_connections_received:1234\r\nrejected_connections:7\r\n"                     \
    "evicted_keys:5\r\n\r\n"
#define INFO_MASTER "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
#define INFO_REPLICA "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nslave_read_only:1\r\n"

/* A master of use, in the middle of its life. */
static const char info[] = INFO_SERVER INFO_CLIENTS INFO_MEMORY INFO_STATS INFO_MASTER;

static const char no_right[] =
    "-NOPERM this user has no permissions to run the 'info' command or its subcommand\r\n";

static inline int set_up(void **state)
{
    *state = kit_open(probe_plugin_v1());
    kit_set(*state, "url", "redis://cache:6379");
    return 0;
}

static inline int tear_down(void **state)
{
    return kit_close(*state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
