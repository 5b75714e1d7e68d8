/*
 * config_source - from paths to one tree: files are read, a folder's files joined, paths laid over
 * each other.
 *
 * Layer: probe.  Part of probe/config.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "probe/config_parts.h"
#include "probe/yaml.h"

enum { MOST_FILES = 1000 };

/* --------------------------------------------------------------- files ---- */

/* Reads to the end, or one byte more than may be; -errno. */
static ssize_t read_bytes(int fd, char *bytes, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t got = read(fd, bytes + len, room - len);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            break;
        len += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)len;
}

static struct node *read_open(struct arena *arena, const char *path, int fd, size_t size,
                              struct problems *problems)
{
    struct place place = {.file = path};
    size_t room = (size < YAML_MOST_BYTES ? size : YAML_MOST_BYTES) + 1;
    MEM_AUTO char *bytes = mem_new(room);
    ssize_t len = read_bytes(fd, bytes, room);
    if (len < 0) {
        (void)problem_add(problems, place, NULL, "cannot be read: %s", strerror((int)-len));
        return NULL;
    }
    struct node *root = yaml_read(arena, path, bytes, (size_t)len, problems);
    if (root && root->kind != NODE_MAP) {
        struct problem *problem =
            problem_add(problems, root->place, NULL, "is %s, not a map", node_kind_name(root));
        problem_hint(problem, "a configuration begins with a key such as targets:");
        return NULL;
    }
    return root;
}

struct node *config_read_file(struct arena *arena, const char *path, struct problems *problems)
{
    struct place place = {.file = path};
    struct stat stat = {0};
    struct node *root = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &stat) < 0)
        (void)problem_add(problems, place, NULL, "cannot be read: %s", strerror(errno));
    else if (!S_ISREG(stat.st_mode))
        (void)problem_add(problems, place, NULL, "is neither a file nor a folder");
    else
        root = read_open(arena, path, fd, (size_t)stat.st_size, problems);
    if (fd >= 0)
        (void)close(fd);
    return root;
}

/* -------------------------------------------------------------- folders ---- */

/* Kubernetes' ..data and editors' leavings begin with a dot. */
static int is_ours(const struct dirent *entry)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    const char *dot = strrchr(entry->d_name, '.');
    for (size_t i = 0; entry->d_name[0] != '.' && dot && i < COUNT_OF(endings); i++)
        if (strcmp(dot, endings[i]) == 0)
            return 1;
    return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool same_scalar(const struct node *a, const struct node *b)
{
    return node_is_scalar(a) && node_is_scalar(b) && strcmp(a->text, b->text) == 0;
}

static void refuse_double(struct problems *problems, const struct node *first,
                          const struct node *second, const char *path)
{
    (void)problem_add(problems,
                      second->named,
                      path,
                      "stands in two files of this folder, first in %s:%u:%u",
                      first->named.file,
                      first->named.line,
                      first->named.column);
}

/* Moves the names of a section ("targets:") of another file into `section`. */
static void join_section(struct arena *arena, struct node *section, struct node *other,
                         struct problems *problems)
{
    for (struct node *child = other->first, *next; child; child = next) {
        const struct node *first = node_find(section, child->key);
        next = child->next;
        if (first)
            refuse_double(problems, first, child, node_path(arena, section->key, child->key));
        else
            node_add(section, child);
    }
}

/* Moves what another file of the folder says into `root`. */
static void join(struct arena *arena, struct node *root, struct node *file,
                 struct problems *problems)
{
    for (struct node *child = file->first, *next; child; child = next) {
        struct node *section = node_find(root, child->key);
        next = child->next;
        if (!section)
            node_add(root, child);
        else if (section->kind == NODE_MAP && child->kind == NODE_MAP)
            join_section(arena, section, child, problems);
        else if (!same_scalar(section, child)) /* version: 1 may stand in each of them */
            refuse_double(problems, section, child, child->key);
    }
}

/* Joins the entries; NULL where one of them could not be read. */
static struct node *read_entries(struct arena *arena, const char *path, struct dirent **entries,
                                 int count, struct problems *problems)
{
    struct node *root = node_create(arena, NODE_MAP, (struct place){.file = path}, NULL);
    bool whole = true;
    for (int i = 0; i < count; i++) {
        bool slash = *path && path[strlen(path) - 1] == '/';
        const char *name = arena_print(arena, "%s%s%s", path, slash ? "" : "/", entries[i]->d_name);
        struct node *file = config_read_file(arena, name, problems);
        whole = whole && file;
        if (file)
            join(arena, root, file, problems);
    }
    return whole ? root : NULL;
}

static struct node *read_folder(struct arena *arena, const char *path, struct problems *problems)
{
    struct place place = {.file = path};
    struct dirent **entries = NULL;
    struct node *root = NULL;
    int count = scandir(path, &entries, is_ours, by_name);
    if (count < 0)
        (void)problem_add(problems, place, NULL, "cannot be read: %s", strerror(errno));
    else if (count == 0)
        (void)problem_add(problems, place, NULL, "holds no .yaml, .yml or .json file");
    else if (count > MOST_FILES)
        (void)problem_add(problems, place, NULL, "holds %d files, more than %d", count, MOST_FILES);
    else
        root = read_entries(arena, path, entries, count, problems);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return root;
}

/* ------------------------------------------------------------- overlays ---- */

/* A null that removes nothing is most often a misspelt name. */
static void warn_of_idle_nulls(struct arena *arena, const struct node *base,
                               const struct node *over, const char *path, struct problems *problems)
{
    node_for_each(child, over) {
        const struct node *below = node_find(base, child->key);
        const char *own_path = node_path(arena, path, child->key);
        if (!below && child->kind == NODE_NULL && *child->text)
            (void)problem_warn(problems, child->named, own_path, "removes nothing: nobody set it");
        else if (below && below->kind == NODE_MAP && child->kind == NODE_MAP)
            warn_of_idle_nulls(arena, below, child, own_path, problems);
    }
}

static struct node *read_path(struct arena *arena, const char *path, struct problems *problems)
{
    struct stat found;
    path = arena_copy(arena, path);
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return read_folder(arena, path, problems);
    return config_read_file(arena, path, problems);
}

struct node *config_source(struct arena *arena, const char *const *paths, size_t count,
                           struct problems *problems)
{
    struct node *root = NULL;
    bool whole = true;
    for (size_t i = 0; i < count; i++) {
        struct node *layer = read_path(arena, paths[i], problems);
        whole = whole && layer;
        if (root && layer)
            warn_of_idle_nulls(arena, root, layer, "", problems);
        if (layer)
            root = root ? node_merge(arena, root, layer) : layer;
    }
    return whole ? root : NULL;
}

/* A text that stands there replaces what an earlier path said. */
static void peek(const struct node *agent, const char *key, char **ret_text)
{
    const struct node *node = agent ? node_find(agent, key) : NULL;
    if (!ret_text || !node || node->kind != NODE_TEXT)
        return;
    free(*ret_text);
    *ret_text = mem_copy(node->text);
}

/* Each path alone, so that one that cannot be read does not hide the others. */
void config_peek(const char *const *paths, size_t count, char **ret_state, char **ret_role,
                 char **ret_control)
{
    struct arena *arena = arena_create();
    struct problems unsaid = {0};
    *ret_state = *ret_role = NULL;
    if (ret_control)
        *ret_control = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct node *root = read_path(arena, paths[i], &unsaid);
        const struct node *agent = root ? node_find(root, "agent") : NULL;
        peek(agent, "state", ret_state);
        peek(agent, "role", ret_role);
        peek(agent, "control", ret_control);
    }
    problems_finish(&unsaid);
    arena_destroy(arena);
}
