/*
 * shelf - a folder of scripts: FOLDER/NAME.lua, FOLDER/SUB/NAME.lua, and FOLDER/lib for what they share.
 *
 * Everything is read and checked once, when the shelf is opened: a script that runs at night is the one that
 * was looked at by day.  Files that end with _test.lua are tests, and no scripts.
 *
 * Layer: lua.  Uses: base, probe, lua/script.
 */
#ifndef LUA_SHELF_H
#define LUA_SHELF_H

#include "lua/script.h"

enum { SHELF_MOST = 1000 };

struct shelf {
    struct arena *memory;
    const char *folder;
    struct sources libs;
    const struct script **scripts; /* by name; those that are fine */
    size_t count;
    const char **tests; /* paths */
    size_t test_count;
};

/*
 * Opens a folder.  What is wrong with a script is told, and the others are there.  NULL where the folder cannot
 * be read; that is told too.
 */
struct shelf *shelf_open(const char *folder, struct problems *problems);
void shelf_close(struct shelf *shelf); /* NULL is fine */

/* Why a script may not run, freed by free(); or NULL. */
typedef char *shelf_judge_fn(const char *name, const char *digest, void *data);

/* Sets those aside that may not run: a task of theirs fails, and says why. */
void shelf_judge(struct shelf *shelf, shelf_judge_fn *judge, void *data);

/* The script of that name, or NULL. */
const struct script *shelf_find(const struct shelf *shelf, const char *name);

/* The folder that a file belongs to: the nearest above it that has a lib, else its own.  Freed by free(). */
char *shelf_of_file(const char *path);

/* A file's bytes, in `memory`; NULL, told, where it cannot be read, is too long, or anybody may write it. */
const char *shelf_read(struct arena *memory, const char *path, size_t *ret_len,
                       struct problems *problems);

#endif
