/* What test_child, test_look and test_follow share: a folder, and the spawner seen from outside. */
#ifndef TESTS_CHILD_FIXTURE_H
#define TESTS_CHILD_FIXTURE_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/child.h"
#include "io/life.h"
#include "io/loop.h"

/* For each test: a loop with a life, and a spawner of its own. */
static inline int set_up(void **state)
{
    static const struct child_permit programs[] = {
        {"/bin/sh", NULL}, {"/bin/ls", NULL}, {"/usr/bin/env", NULL}, {0}};
    struct life *life = mem_new(sizeof(*life));
    child_stop();
    if (child_start() < 0)
        return -1;
    child_allow(programs);
    life_init(life, loop_create());
    *state = life;
    return 0;
}

static inline int tear_down(void **state)
{
    struct life *life = *state;
    life_drop(life);
    int left = loop_destroy(life->loop);
    free(life);
    return left;
}

static char folder[] = "/tmp/test_child.XXXXXX";

/* One of four that are valid at a time. */
static inline const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static inline void write_file(const char *path, const char *bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(bytes, file);
    (void)fclose(file);
}

static inline pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    int parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    const char *name_end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    if (name_end)
        (void)sscanf(name_end, ") %*c %d", &parent);
    (void)fclose(file);
    return parent;
}

/* How many children a process has, zombies among them; the last of them. */
static inline unsigned children_of(pid_t parent, pid_t *ret_last)
{
    unsigned count = 0;
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(processes));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || parent_of(pid) != parent)
            continue;
        *ret_last = pid;
        count++;
    }
    (void)closedir(processes);
    return count;
}

static inline pid_t spawner_pid(void)
{
    pid_t pid = 0;
    assert_int_equal(children_of(getpid(), &pid), 1);
    return pid;
}

static inline unsigned open_files(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *files = opendir(path);
    while (readdir(files))
        count++;
    (void)closedir(files);
    return count;
}

/*
 * Turns the loop until no worker is left, and says whether that came within `ms`.  Two looks must
 * agree, since processes move while one of them reads through /proc.
 */
static inline bool workers_gone(struct loop *loop, pid_t spawner, unsigned ms)
{
    uint64_t end = loop_now_us(loop) + ms * 1000u;
    bool never = false;
    unsigned none = 0;
    pid_t last;
    while (none < 2 && loop_now_us(loop) < end) {
        none = children_of(spawner, &last) == 0 ? none + 1 : 0;
        (void)loop_run_until(loop, &never, 5);
    }
    return none == 2;
}

/* The spawner at rest has its standard three, the agent's socket and its signals; and "." "..". */
static inline bool spawner_rests(struct loop *loop, pid_t spawner)
{
    bool never = false;
    for (int i = 0; open_files(spawner) != 7 && i < 1000; i++)
        (void)loop_run_until(loop, &never, 5);
    return open_files(spawner) == 7;
}

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    child_stop();
    pid_t pid = fork();
    if (pid == 0)
        (void)execl("/bin/rm", "rm", "-rf", folder, NULL);
    return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
