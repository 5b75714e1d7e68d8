#include "rights.h"

#include <stdio.h>
#include <string.h>

#include "command.h"

/* A key as a pattern that fits nothing else; a blank cannot stand in an ACL, and "?" fits it. */
static void write_pattern(const char *key, char *out, size_t room)
{
    size_t at = 0;
    out[at++] = '~';
    for (; *key && at + 3 < room; key++) {
        if (strchr("*?[]\\", *key))
            out[at++] = '\\';
        out[at++] = *key;
        if ((unsigned char)*key <= ' ')
            out[at - 1] = '?';
    }
    if (*key)
        out[at++] = '*';
    out[at] = '\0';
}

void right_of(int argc, const char *const *argv, struct right *ret_right)
{
    const char *key = command_key(argc, argv);
    command_right(argc, argv, ret_right->command, sizeof(ret_right->command));
    ret_right->key[0] = '\0';
    if (key)
        write_pattern(key, ret_right->key, sizeof(ret_right->key));
}

/* 6.2 and 7.0: "... to access one of the keys used as arguments"; 7.2: "No permissions to access a key" */
const char *right_missing(const struct right *right, const char *error)
{
    return strstr(error, " access ") && right->key[0] ? right->key : right->command;
}

void rights_add(struct rights *rights, const char *right)
{
    for (size_t i = 0; i < rights->count; i++)
        if (strcmp(rights->each[i], right) == 0)
            return;
    if (rights->count == RIGHTS_MOST)
        rights->more++;
    else
        (void)snprintf(rights->each[rights->count++], RIGHT_LONG, "%s", right);
}

bool rights_line(const struct rights *rights, const char *user, char *out, size_t room)
{
    int len = snprintf(out, room, "ACL SETUSER %s", user);
    size_t at = len > 0 && (size_t)len < room ? (size_t)len : room - 1;
    for (size_t i = 0; i < rights->count; i++) {
        if (at + strlen(rights->each[i]) + 2 > room)
            return false;
        at += (size_t)snprintf(out + at, room - at, " %s", rights->each[i]);
    }
    return true;
}
