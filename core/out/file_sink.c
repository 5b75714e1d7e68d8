/*
 * file_sink - type "file": events as NDJSON in a file, rotated by size or by somebody else.
 *
 * Written on a thread of its own (io/hand), a batch at a time: a disk that is full or hangs holds
 * nobody up.  What waits meanwhile waits in memory, bounded, as for any other receiver; the pauses,
 * `sink_down` and the number of what was dropped are out/delivery's.
 *
 * Layer: out.  Uses: base, io/hand, out/log_file, out/sink.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "io/hand.h"
#include "io/wait.h"
#include "out/log_file.h"
#include "out/sink.h"
#include "out/sink_types.h"

enum { CLOSE_MS = 200 };

/* ---------------------------------------------------------------- options ---- */

struct file_options {
    const char *path, *mode, *sync;
    int64_t rotate, keep;
};

static const char *const modes[] = {"0600", "0640", NULL};
static const char *const syncs[] = {"never", "rotate", "batch", NULL}; /* enum log_file_sync */

static const struct probe_option options[] = {
    {"path",
     PROBE_STRING_AT(struct file_options, path),
     .help = "the file, from the root; its folder must be there"},
    {"rotate",
     PROBE_BYTES_AT(struct file_options, rotate),
     .fallback = "64MiB",
     .max = INT64_C(1) << 40,
     .help = "how long it may become before it is renamed to PATH.1; 0: somebody else rotates it"},
    {"keep",
     PROBE_INT_AT(struct file_options, keep),
     .fallback = "5",
     .min = 1,
     .max = 1000,
     .help = "how many rotated ones are kept"},
    {"fsync",
     PROBE_STRING_AT(struct file_options, sync),
     .fallback = "batch",
     .choices = syncs,
     .help =
         "batch: what counts as delivered is on disk; rotate: a file that is complete is; never: "
         "the kernel decides"},
    {"mode",
     PROBE_STRING_AT(struct file_options, mode),
     .fallback = "0600",
     .choices = modes,
     .help = "of a new file; 0640: its group reads it too"},
    {0},
};

static int check(const void *config, struct error *error)
{
    const struct file_options *sink = config;
    if (sink->path && *sink->path != '/') {
        (void)error_set(error, -EINVAL, "path: %s does not begin with /", sink->path);
        return error_hint(error, "write the whole path: where the agent is started may change");
    }
    if (sink->rotate && sink->rotate < 16 << 10)
        return error_set(error, -EINVAL, "rotate: is less than 16KiB, which one event may have");
    return 0;
}

/* -------------------------------------------------------------------- self ---- */

/* The thread's while the hand is at work. */
struct task {
    struct log_file file;
    char *path, *lines;
    size_t len;
    bool reopen;
    struct error error;
};

struct self {
    struct loop *loop;
    struct hand *hand; /* NULL: no thread could be started */
    struct task *task; /* the hand's */
    struct timer later;
    bool reopen;
    sink_carried_fn *fn;
    void *data;
};

static int work(void *state)
{
    struct task *task = state;
    if (task->reopen)
        log_file_close(&task->file);
    return log_file_write(&task->file, task->lines, task->len, &task->error);
}

static void drop(void *state)
{
    struct task *task = state;
    log_file_close(&task->file);
    free(task->lines);
    free(task->path);
    free(task);
}

static struct task *task_create(const struct file_options *config)
{
    struct task *task = mem_new(sizeof(*task));
    task->path = mem_copy(config->path);
    task->file = (struct log_file){
        .path = task->path,
        .mode = strcmp(config->mode, modes[0]) == 0 ? 0600 : 0640,
        .rotate = (uint64_t)config->rotate,
        .keep = (unsigned)config->keep,
        .fd = -1,
    };
    for (unsigned i = 0; syncs[i]; i++)
        if (strcmp(syncs[i], config->sync) == 0)
            task->file.sync = (enum log_file_sync)i;
    return task;
}

/* ------------------------------------------------------------------- carry ---- */

static void on_written(int status, void *data)
{
    struct self *self = data;
    struct sink_answer answer = {.verdict = SINK_TAKEN};
    MEM_AUTO char *message = NULL;
    free(self->task->lines);
    self->task->lines = NULL;
    if (status < 0) {
        const struct error *error = &self->task->error;
        message = mem_print("%s%s%s", error->message, *error->hint ? "; " : "", error->hint);
        answer = (struct sink_answer){.verdict = SINK_LATER, .message = message};
    }
    self->fn(&answer, self->data);
}

static void on_no_thread(void *data)
{
    struct self *self = data;
    self->fn(&(const struct sink_answer){.verdict = SINK_LATER,
                                         .message = "no thread can be started to write it"},
             self->data);
}

static void carry(void *data, const struct sink_parcel *parcel, sink_carried_fn *fn, void *fn_data)
{
    struct self *self = data;
    self->fn = fn;
    self->data = fn_data;
    if (!self->hand) {
        timer_start(&self->later, self->loop, 0, on_no_thread, self);
        return;
    }
    self->task->lines = mem_copy_n(parcel->lines, parcel->len);
    self->task->len = parcel->len;
    self->task->reopen = self->reopen;
    self->task->error = (struct error){0};
    self->reopen = false;
    hand_do(self->hand, on_written, self);
}

static void reopen(void *data)
{
    struct self *self = data;
    self->reopen = true; /* the next batch is written into what has the name then */
}

/* -------------------------------------------------------------- open, close ---- */

static void *open_sink(const struct sink_place *place)
{
    struct self *self = mem_new(sizeof(*self));
    self->loop = place->loop;
    self->task = task_create(place->config);
    self->hand = hand_open(place->loop, work, drop, self->task);
    if (!self->hand)
        drop(self->task);
    return self;
}

static void close_sink(void *data)
{
    struct self *self = data;
    timer_stop(&self->later);
    hand_close(self->hand, CLOSE_MS);
    free(self);
}

const struct sink_type file_sink = {
    .face =
        {
            .name = "file",
            .summary = "events as lines of a file, which is rotated",
            .options = options,
            .config_size = sizeof(struct file_options),
            .queued = true,
            .local = true,
            .check = check,
        },
    .open = open_sink,
    .carry = carry,
    .reopen = reopen,
    .close = close_sink,
};
