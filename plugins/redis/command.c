#include "command.h"

#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------- bytes ---- */

static void append(struct command *command, const char *bytes, size_t len)
{
    command->bytes = realloc(command->bytes, command->len + len);
    if (!command->bytes)
        abort(); /* out of memory */
    memcpy(command->bytes + command->len, bytes, len);
    command->len += len;
}

void command_add(struct command *command, int argc, const char *const *argv)
{
    const char **words = (const char **)(uintptr_t)argv; /* hiredis does not write there */
    char *bytes = NULL;
    int len = redisFormatCommandArgv(&bytes, argc, words, NULL);
    if (len < 0)
        abort(); /* out of memory */
    append(command, bytes, (size_t)len);
    redisFreeCommand(bytes);
    command->count++;
}

void command_copy(struct command *command, const struct command *from)
{
    append(command, from->bytes, from->len);
    command->count += from->count;
}

void command_clear(struct command *command)
{
    free(command->bytes);
    *command = (struct command){0};
}

/* --------------------------------------------------------------- words ---- */

/* Commands whose second word is part of the name, and where the key stands, if they have one. */
static const struct container {
    const char *name;
    int key;
} containers[] = {{"ACL"},
                  {"CLIENT"},
                  {"CLUSTER"},
                  {"CONFIG"},
                  {"DEBUG"},
                  {"FUNCTION"},
                  {"LATENCY"},
                  {"MEMORY", 2},
                  {"OBJECT", 2},
                  {"PUBSUB"},
                  {"SCRIPT"},
                  {"SLOWLOG"},
                  {"XGROUP", 2},
                  {"XINFO", 2}};

static const struct container *container_of(const char *name)
{
    for (size_t i = 0; i < sizeof(containers) / sizeof(*containers); i++)
        if (strcmp(containers[i].name, name) == 0)
            return &containers[i];
    return NULL;
}

bool command_has_parts(const char *name)
{
    return container_of(name) != NULL;
}

const char *command_key(int argc, const char *const *argv)
{
    static const char *const keyless[] = {
        "INFO", "PING", "AUTH", "SELECT", "SCAN", "ROLE", "DBSIZE", "SENTINEL", NULL};
    const struct container *container = container_of(argv[0]);
    int at = container ? container->key : strcmp(argv[0], "EVAL") == 0 ? 3 : 1;
    for (size_t i = 0; keyless[i]; i++)
        if (strcmp(argv[0], keyless[i]) == 0)
            return NULL;
    return at > 0 && at < argc ? argv[at] : NULL;
}

void command_right(int argc, const char *const *argv, char *out, size_t room)
{
    bool two = argc > 1 && container_of(argv[0]);
    (void)snprintf(out, room, "+%s%s%s", argv[0], two ? "|" : "", two ? argv[1] : "");
    for (char *c = out; *c; c++)
        *c = (char)tolower((unsigned char)*c);
}

/* --------------------------------------------------------------- slots ---- */

/* CRC-16/XMODEM, as the cluster's specification says. */
static unsigned crc16(const char *bytes, size_t len)
{
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)(unsigned char)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x8000u ? (crc << 1 ^ 0x1021u) & 0xFFFFu : crc << 1 & 0xFFFFu;
    }
    return crc;
}

unsigned command_slot(const char *key)
{
    const char *open = strchr(key, '{'), *close = open ? strchr(open, '}') : NULL;
    if (close && close > open + 1)
        return crc16(open + 1, (size_t)(close - open - 1)) & 16383u;
    return crc16(key, strlen(key)) & 16383u;
}
