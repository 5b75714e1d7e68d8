/*
 * command - what goes out: a command in Redis' protocol, or several that are sent together.
 */
#ifndef REDIS_COMMAND_H
#define REDIS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed at first; grows with each word. */
struct command {
    char *bytes; /* NULL: empty */
    size_t len;
    size_t count; /* of commands, and so of the replies that are due */
};

void command_add(struct command *command, int argc, const char *const *argv);
void command_copy(struct command *command, const struct command *from);
void command_clear(struct command *command);

/* command_add(command, WORDS("TYPE", key)) */
#define WORDS(...)                                                                                 \
    (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *const[])           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* Whether a command's second word is part of its name, as in CONFIG GET. */
bool command_has_parts(const char *name);

/* The key that a command is about, or NULL: INFO has none. */
const char *command_key(int argc, const char *const *argv);

/* What a user must be permitted to send it: "+info", "+slowlog|get"; at most `room` bytes. */
void command_right(int argc, const char *const *argv, char *out, size_t room);

/* The slot of a cluster that a key lives in: 0 to 16383. */
unsigned command_slot(const char *key);

#endif
