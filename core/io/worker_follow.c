/*
 * A worker's task that does not end: follows files, and writes what is appended to them as frames.
 *
 * A file is its device and inode, whatever it is called; its descriptor stays open until what was
 * written to it after it was renamed or removed has been read.  A mark names the position in each
 * file and, as a fingerprint, how the file began, so that another file with the same number or a
 * file that was cut and written again is not mistaken for it:
 *
 *     1 1795240000 fe01:2a4f:10c0:9d3f72a1 ...      the second of the mark, then the files
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "io/worker.h"

enum {
    LOOK_EVERY_MS = 250,
    LINGER_MS = 10000, /* a writer may go on for a while with a file that was renamed */
    MOST_FOLLOWED = 1000,
    CHUNK_BYTES = 64 * 1024,
    TURN_BYTES = 16 * CHUNK_BYTES, /* of one file, before the next one's turn */
    HEAD_BYTES = 256,              /* of a fingerprint */
    LONGEST_MARK = 4000,           /* what probe_remember() keeps */
    MOST_MARKED = 200
};

struct position {
    uint64_t device, inode;
    int64_t offset; /* the beginning of the first line that has not been written */
    uint32_t head;  /* fingerprint of what stands before it, HEAD_BYTES at most */
};

struct followed {
    struct list link;
    char *path;
    int fd;
    struct position at;
    int64_t read_to;    /* at.offset and what is in `line` */
    struct text line;   /* the beginning of a line whose end has not been read */
    uint64_t lost;      /* skipped before the next text */
    bool rotated;       /* the next text begins another file */
    bool skipping;      /* up to the next line */
    bool found;         /* by the last scan */
    int64_t missing_ms; /* since when it is not found */
};

static struct {
    int output;
    const char *pattern;
    int64_t max_line, max_backlog;
    struct list files; /* in the order in which they were found, so that the older ones go first */
    size_t count;
    struct position marked[MOST_MARKED]; /* where to go on from */
    size_t marked_count;
    int64_t marked_s; /* zero: no mark */
    bool from_end;
    bool started; /* files found from now on are new */
} tail;

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------- marks ---- */

static uint32_t fingerprint(int fd, int64_t offset)
{
    unsigned char head[HEAD_BYTES];
    ssize_t len = pread(fd, head, offset < HEAD_BYTES ? (size_t)offset : HEAD_BYTES, 0);
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (ssize_t i = 0; i < len; i++)
        hash = (hash ^ head[i]) * 16777619u;
    return hash;
}

static void add_position(struct text *mark, const struct position *at)
{
    if (mark->len < LONGEST_MARK - 80)
        text_print(mark,
                   " %" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx32,
                   at->device,
                   at->inode,
                   (uint64_t)at->offset,
                   at->head);
}

/* This file first: where not all have room, it has. */
static void write_mark(struct text *mark, const struct followed *file)
{
    const struct followed *other;
    text_print(mark, "1 %" PRId64, now_ms(CLOCK_REALTIME) / 1000);
    add_position(mark, &file->at);
    list_for_each(other, &tail.files, struct followed, link) {
        if (other != file)
            add_position(mark, &other->at);
    }
}

/* What cannot be read of a mark is as if it had not been marked: read again rather than missed. */
static void read_mark(const char *mark)
{
    int used = 0;
    if (sscanf(mark, "1 %" SCNd64 "%n", &tail.marked_s, &used) != 1)
        return;
    for (const char *at = mark + used; tail.marked_count < MOST_MARKED; at += used) {
        struct position *position = &tail.marked[tail.marked_count];
        uint64_t offset;
        if (sscanf(at,
                   " %" SCNx64 ":%" SCNx64 ":%" SCNx64 ":%" SCNx32 "%n",
                   &position->device,
                   &position->inode,
                   &offset,
                   &position->head,
                   &used) != 4)
            return;
        position->offset = (int64_t)offset;
        tail.marked_count++;
    }
}

static const struct position *find_marked(const struct stat *seen)
{
    for (size_t i = 0; i < tail.marked_count; i++)
        if (tail.marked[i].device == seen->st_dev && tail.marked[i].inode == seen->st_ino)
            return &tail.marked[i];
    return NULL;
}

/* --------------------------------------------------------------- frames ---- */

static void move_to(struct followed *file, int64_t offset)
{
    file->at.offset = offset;
    file->at.head = fingerprint(file->fd, offset);
}

static void write_frame(struct followed *file, struct text *lines)
{
    TEXT_AUTO struct text frame;
    TEXT_AUTO struct text mark;
    text_init(&mark, LONGEST_MARK);
    write_mark(&mark, file);
    text_init(&frame, SIZE_MAX / 2);
    pack_int(&frame, 0);
    pack_string(&frame, file->path);
    pack_string(&frame, mark.bytes);
    pack_int(&frame, (int64_t)file->lost);
    pack_int(&frame, file->rotated);
    pack_bytes(&frame, lines->bytes, lines->len);
    int64_t len = (int64_t)frame.len - (int64_t)sizeof(len);
    memcpy(frame.bytes, &len, sizeof(len));
    worker_write(tail.output, frame.bytes, frame.len);
    file->lost = 0;
    file->rotated = false;
    text_cut_to(lines, 0);
}

/* Adds the line, which ends at `offset`. */
static void end_line(struct followed *file, struct text *lines, int64_t offset)
{
    text_add_n(lines, file->line.bytes, file->line.len);
    text_add_char(lines, '\n');
    text_finish(&file->line);
    file->at.offset = offset;
}

/* The file goes no further: a line without an end is one all the same. */
static void end_file(struct followed *file)
{
    TEXT_AUTO struct text lines;
    text_init(&lines, (size_t)tail.max_line + 1);
    if (file->line.len == 0)
        return;
    end_line(file, &lines, file->read_to);
    write_frame(file, &lines);
}

/* -------------------------------------------------------------- reading ---- */

static void take_chunk(struct followed *file, const char *bytes, size_t len)
{
    TEXT_AUTO struct text lines;
    text_init(&lines, (size_t)CHUNK_BYTES + (size_t)tail.max_line + 1);
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t piece = end ? (size_t)(end - bytes) : len, step = piece + (end ? 1 : 0);
        file->read_to += (int64_t)step;
        if (file->skipping) {
            file->lost += step;
            file->skipping = !end;
            file->at.offset = file->read_to;
        } else {
            text_add_n(&file->line, bytes, piece);
            if (end)
                end_line(file, &lines, file->read_to);
        }
        bytes += step;
        len -= step;
    }
    move_to(file, file->at.offset);
    if (lines.len > 0)
        write_frame(file, &lines);
}

static void begin_again(struct followed *file)
{
    end_file(file);
    text_finish(&file->line);
    file->read_to = 0;
    file->rotated = true;
    file->skipping = false;
    move_to(file, 0);
}

/* From one byte before the place, which may be a line's beginning already. */
static void skip_backlog(struct followed *file, int64_t size)
{
    int64_t place = size - tail.max_backlog - 1;
    if (place < file->read_to)
        return;
    file->lost += (uint64_t)(place - file->at.offset);
    text_finish(&file->line);
    file->read_to = file->at.offset = place;
    file->skipping = true;
}

/* Whether there is more than a turn's share. */
static bool read_on(struct followed *file)
{
    static char bytes[CHUNK_BYTES];
    struct stat seen;
    if (fstat(file->fd, &seen) < 0 || seen.st_size == file->read_to)
        return false;
    if (seen.st_size < file->read_to || fingerprint(file->fd, file->at.offset) != file->at.head)
        begin_again(file);
    skip_backlog(file, seen.st_size);
    for (int64_t taken = 0; taken < TURN_BYTES;) {
        ssize_t len = pread(file->fd, bytes, sizeof(bytes), file->read_to);
        if (len <= 0)
            return false;
        take_chunk(file, bytes, (size_t)len);
        taken += len;
    }
    return true;
}

/* ------------------------------------------------------------- scanning ---- */

/* The last line's beginning: one that is being written just now is followed as a whole. */
static int64_t end_of_lines(int fd, int64_t size)
{
    static char bytes[CHUNK_BYTES];
    int64_t from = size > CHUNK_BYTES ? size - CHUNK_BYTES : 0;
    ssize_t len = pread(fd, bytes, sizeof(bytes), from);
    const char *last = len > 0 ? memrchr(bytes, '\n', (size_t)len) : NULL;
    return last ? from + (last - bytes) + 1 : from == 0 ? 0 : size;
}

static void begin_at(struct followed *file, const struct stat *seen)
{
    const struct position *marked = find_marked(seen);
    int64_t offset = 0;
    if (marked && marked->offset <= seen->st_size &&
        fingerprint(file->fd, marked->offset) == marked->head)
        offset = marked->offset;
    else if (marked)
        file->rotated = true;
    else if (!tail.started && (tail.from_end || seen->st_mtim.tv_sec < tail.marked_s))
        offset = end_of_lines(file->fd, seen->st_size);
    file->read_to = offset;
    move_to(file, offset);
}

static struct followed *find_file(const struct stat *seen, const char *path, bool *ret_other)
{
    struct followed *file, *same = NULL;
    *ret_other = false;
    list_for_each(file, &tail.files, struct followed, link) {
        if (file->at.device == seen->st_dev && file->at.inode == seen->st_ino)
            same = file;
        else if (strcmp(file->path, path) == 0)
            *ret_other = true;
    }
    return same;
}

/* Without waiting for a pipe's writer, and only what is a file. */
static int open_file(const char *path, struct stat *ret_seen)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, ret_seen) < 0 || !S_ISREG(ret_seen->st_mode))) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int follow(const char *path)
{
    struct stat seen;
    bool another;
    if (stat(path, &seen) < 0 || !S_ISREG(seen.st_mode))
        return 0;
    struct followed *file = find_file(&seen, path, &another);
    if (!file) {
        int fd = open_file(path, &seen);
        if (fd < 0 || find_file(&seen, path, &another))
            return fd < 0 ? 0 : close(fd);
        if (tail.count == MOST_FOLLOWED)
            return -EMFILE;
        file = mem_new(sizeof(*file));
        file->fd = fd;
        file->at = (struct position){.device = seen.st_dev, .inode = seen.st_ino};
        file->rotated = another;
        text_init(&file->line, (size_t)tail.max_line);
        list_add(&tail.files, &file->link);
        tail.count++;
        begin_at(file, &seen);
    }
    file->found = true;
    if (!file->path || strcmp(file->path, path) != 0) {
        free(file->path);
        file->path = mem_copy(path);
    }
    return 0;
}

static void forget(struct followed *file)
{
    end_file(file);
    list_remove(&file->link);
    (void)close(file->fd);
    text_finish(&file->line);
    free(file->path);
    free(file);
    tail.count--;
}

static int scan(const char *pattern)
{
    glob_t found;
    bool truncated;
    int status = worker_glob(pattern, &found, &truncated);
    if (status < 0)
        return status;
    for (size_t i = 0; status == 0 && i < found.gl_pathc; i++)
        status = follow(found.gl_pathv[i]);
    globfree(&found);
    return truncated ? -EMFILE : status;
}

/* Renamed while nobody followed: the rest of a marked file stands in another of its folder. */
static void find_renamed(void)
{
    MEM_AUTO char *folder = mem_copy(tail.pattern);
    MEM_AUTO char *pattern = mem_print("%s/*", dirname(folder));
    glob_t found;
    bool truncated;
    if (tail.marked_count == 0 || worker_glob(pattern, &found, &truncated) < 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat seen;
        if (stat(found.gl_pathv[i], &seen) == 0 && find_marked(&seen))
            (void)follow(found.gl_pathv[i]);
    }
    globfree(&found);
}

/* ---------------------------------------------------------------- turns ---- */

static bool turn(void)
{
    bool more = false;
    int64_t now = now_ms(CLOCK_MONOTONIC);
    struct followed *file;
    list_for_each(file, &tail.files, struct followed, link) {
        bool rest = read_on(file);
        more |= rest;
        if (file->found)
            file->missing_ms = now;
        file->found = false;
        if (!rest && now - file->missing_ms >= LINGER_MS)
            forget(file);
    }
    return more;
}

int worker_follow(struct unpack *request, int output)
{
    tail.output = output;
    tail.pattern = unpack_string(request);
    tail.from_end = unpack_int(request);
    read_mark(unpack_string(request));
    tail.max_line = unpack_int(request);
    tail.max_backlog = unpack_int(request);
    list_init(&tail.files);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    find_renamed();
    for (;;) {
        int status = scan(tail.pattern);
        if (status < 0)
            return status;
        tail.started = true;
        if (!turn())
            (void)poll(NULL, 0, LOOK_EVERY_MS);
    }
}
