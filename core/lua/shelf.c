#include "lua/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "lua/hazard.h"

static const char ending[] = ".lua", test_ending[] = "_test.lua";

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* ---------------------------------------------------------------- reading ---- */

static const char *read_open(struct arena *memory, int fd, const char *path, size_t *ret_len,
                             struct problems *problems)
{
    const struct place place = {path, 0, 0};
    struct stat stat;
    if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) {
        (void)problem_add(problems, place, NULL, "is no regular file");
    } else if (stat.st_mode & S_IWOTH) {
        problem_hint(
            problem_add(problems, place, NULL, "everybody may write it"), "chmod o-w %s", path);
    } else if (stat.st_size > SCRIPT_LONGEST) {
        (void)problem_add(
            problems, place, NULL, "is longer than %d KiB", (int)SCRIPT_LONGEST / 1024);
    } else {
        char *bytes = arena_new(memory, (size_t)stat.st_size + 1);
        ssize_t len = read(fd, bytes, (size_t)stat.st_size);
        if (len == (ssize_t)stat.st_size) {
            *ret_len = (size_t)len;
            return bytes;
        }
        (void)problem_add(problems, place, NULL, "cannot be read whole");
    }
    return NULL;
}

const char *shelf_read(struct arena *memory, const char *path, size_t *ret_len,
                       struct problems *problems)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        (void)problem_add(problems, (struct place){path, 0, 0}, NULL, "%s", strerror(errno));
        return NULL;
    }
    const char *bytes = read_open(memory, fd, path, ret_len, problems);
    (void)close(fd);
    return bytes;
}

/* ---------------------------------------------------------------- walking ---- */

/* What one walk over a folder and its subfolders is for. */
struct walk {
    struct shelf *shelf;
    struct problems *problems;
    struct source *libs;
};

typedef void file_fn(struct walk *walk, const char *path, const char *name);

/* Each file NAME.lua of FOLDER, as PREFIX/NAME. */
static void each_file(struct walk *walk, const char *folder, const char *prefix, file_fn *fn)
{
    struct arena *memory = walk->shelf->memory;
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (*name != '.' && ends_with(name, ending)) {
            const char *stem = arena_copy_n(memory, name, strlen(name) - strlen(ending));
            fn(walk,
               arena_print(memory, "%s/%s", folder, name),
               *prefix ? arena_print(memory, "%s/%s", prefix, stem) : stem);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void add_lib(struct walk *walk, const char *path, const char *name)
{
    struct shelf *shelf = walk->shelf;
    size_t len;
    const char *bytes = ends_with(path, test_ending) || shelf->libs.count == SHELF_MOST
                            ? NULL
                            : shelf_read(shelf->memory, path, &len, walk->problems);
    if (bytes)
        hazard_in_script(path, bytes, len, walk->problems);
    if (bytes)
        walk->libs[shelf->libs.count++] = (struct source){name, bytes, len};
}

static void add_script(struct walk *walk, const char *path, const char *name)
{
    struct shelf *shelf = walk->shelf;
    size_t len;
    if (shelf->count == SHELF_MOST || shelf->test_count == SHELF_MOST)
        return;
    if (ends_with(path, test_ending)) {
        shelf->tests[shelf->test_count++] = path;
        return;
    }
    const char *bytes = shelf_read(shelf->memory, path, &len, walk->problems);
    const struct script *script =
        bytes ? script_load(shelf->memory, name, path, bytes, len, &shelf->libs, walk->problems)
              : NULL;
    if (script)
        hazard_in_script(path, bytes, len, walk->problems);
    if (script)
        shelf->scripts[shelf->count++] = script;
}

static void add_subfolders(struct walk *walk, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        MEM_AUTO char *path = mem_print("%s/%s", folder, name);
        struct stat found;
        if (*name != '.' && strcmp(name, "lib") != 0 && stat(path, &found) == 0 &&
            S_ISDIR(found.st_mode))
            each_file(walk, path, name, add_script);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

struct shelf *shelf_open(const char *folder, struct problems *problems)
{
    if (access(folder, R_OK | X_OK) < 0) {
        (void)problem_add(problems, (struct place){folder, 0, 0}, NULL, "%s", strerror(errno));
        return NULL;
    }
    struct arena *memory = arena_create();
    struct shelf *shelf = arena_new(memory, sizeof(*shelf));
    struct walk walk = {
        .shelf = shelf,
        .problems = problems,
        .libs = arena_array(memory, SHELF_MOST, sizeof(*walk.libs)),
    };
    shelf->memory = memory;
    shelf->folder = arena_copy(memory, folder);
    shelf->libs.all = walk.libs;
    shelf->scripts = arena_array(memory, SHELF_MOST, sizeof(*shelf->scripts));
    shelf->tests = arena_array(memory, SHELF_MOST, sizeof(*shelf->tests));
    MEM_AUTO char *lib = mem_print("%s/lib", folder);
    each_file(&walk, lib, "", add_lib);
    each_file(&walk, folder, "", add_script);
    add_subfolders(&walk, folder);
    return shelf;
}

void shelf_close(struct shelf *shelf)
{
    if (shelf)
        arena_destroy(shelf->memory);
}

void shelf_judge(struct shelf *shelf, shelf_judge_fn *judge, void *data)
{
    for (size_t i = 0; i < shelf->count; i++) {
        struct script *script = (struct script *)(uintptr_t)shelf->scripts[i]; /* in our memory */
        MEM_AUTO char *why = judge(script->name, script->digest, data);
        script->aside = why ? arena_copy(shelf->memory, why) : NULL;
    }
}

const struct script *shelf_find(const struct shelf *shelf, const char *name)
{
    for (size_t i = 0; i < shelf->count; i++)
        if (strcmp(shelf->scripts[i]->name, name) == 0)
            return shelf->scripts[i];
    return NULL;
}

char *shelf_of_file(const char *path)
{
    static const char *const above[] = {"", "/.."};
    const char *slash = strrchr(path, '/');
    MEM_AUTO char *own = slash ? mem_copy_n(path, (size_t)(slash - path)) : mem_copy(".");
    for (size_t i = 0; i < COUNT_OF(above); i++) {
        MEM_AUTO char *lib = mem_print("%s%s/lib", own, above[i]);
        if (access(lib, R_OK | X_OK) == 0)
            return mem_print("%s%s", own, above[i]);
    }
    return mem_copy(own);
}
