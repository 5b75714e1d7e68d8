/*
 * rights - which rights a user lacks: "+slowlog|get", "~mails", and the line that grants them.
 */
#ifndef REDIS_RIGHTS_H
#define REDIS_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

enum { RIGHTS_MOST = 64, RIGHT_LONG = 160 };

/* What one command needs. */
struct right {
    char command[48];     /* "+slowlog|get" */
    char key[RIGHT_LONG]; /* "~mails", or "" */
};

/* A set of them; what does not fit is counted. */
struct rights {
    char each[RIGHTS_MOST][RIGHT_LONG];
    size_t count, more;
};

void right_of(int argc, const char *const *argv, struct right *ret_right);

/* Which of both a server's NOPERM is about. */
const char *right_missing(const struct right *right, const char *error);

void rights_add(struct rights *rights, const char *right);

/* "ACL SETUSER name +a +b ~c"; false, and cut between two of them, where `room` does not suffice. */
bool rights_line(const struct rights *rights, const char *user, char *out, size_t room);

#endif
