/*
 * checks - from what the server says of itself to what we say of it.  Pure functions.
 */
#ifndef REDIS_CHECKS_H
#define REDIS_CHECKS_H

#include <runbookd/probe.h>

enum { CHECKS_WORD = 48 };

/* A line of INFO: its number, or `otherwise`; its word, cut to `room`; false: no such line. */
int64_t info_int(const char *info, const char *name, int64_t otherwise);
double info_real(const char *info, const char *name, double otherwise);
bool info_word(const char *info, const char *name, char *word, size_t room);
bool info_has(const char *info, const char *name);
bool info_says(const char *info, const char *name, const char *expected);

/* A part of such a line, "keys=12,expires=3"; "" where there is no such part. */
void info_part(const char *line, const char *name, char *out, size_t room);

/* Whether the server would take a write now, as far as INFO and PING tell. */
enum writes {
    WRITES_UNKNOWN, /* INFO is not permitted */
    WRITES_YES,
    WRITES_READONLY,  /* a replica */
    WRITES_MISCONF,   /* the last save failed */
    WRITES_OOM,       /* maxmemory is reached, and nothing may be dropped */
    WRITES_NOREPLICAS /* fewer replicas than min-replicas-to-write */
};
extern const char *const writes_words[]; /* by enum writes, ended by NULL */

/* What INFO says about being of use. */
struct standing {
    bool known;          /* INFO was permitted */
    bool replica;        /* otherwise the master */
    bool link_up;        /* of a replica: to its master */
    int64_t link_down_s; /* since when not; -1: never was */
    enum writes writes;
    char version[CHECKS_WORD];
};
struct standing standing_of(const char *info);

/* What a write that the server refused says: "READONLY You can't write against ..." */
enum writes writes_refused(const char *error);

/* How far a server has come that reads its data. */
struct loading {
    bool known;
    double percent;
    int64_t seconds_left;
};
struct loading loading_of(const char *info);

struct memory {
    int64_t used, peak, resident, limit, evicted;
    double fragmentation; /* zero: unknown */
    const char *policy;   /* one of memory_policies */
};
extern const char *const memory_policies[]; /* ended by NULL; the last but one: "other" */
bool memory_of(const char *info, struct memory *ret_memory);

struct clients {
    int64_t connected, blocked, rejected, accepted;
    int64_t limit; /* zero: INFO does not say, as before 7.0 */
};
bool clients_of(const char *info, struct clients *ret_clients);

/* Lists that NULL ends: how long, and whether a word is among them. */
size_t words_count(const char *const *words);
bool words_have(const char *const *words, const char *word);

/* "first:second", to be freed. */
char *key_join(const char *first, const char *second);

/* The command that counts what a key's type holds ("list": LLEN), or NULL: it is no queue. */
const char *count_command(const char *type);

#endif
