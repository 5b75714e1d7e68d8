#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "io/child.h"
#include "io/job.h"
#include "io/pack.h"

enum {
    LONGEST_LINE = 1 << 20,
    USUAL_LINE = 16 << 10,
    USUAL_BACKLOG = 16 << 20,
    MOST_WAITING = 4 << 20 /* of frames: several of the largest, which is 1.1 MiB */
};

struct follow {
    struct job job;
    probe_follow_fn *fn;
    void *data;
};

/* A follower has no end of its own; a worker that ended without a word has died. */
static void on_end(struct job *job, int status)
{
    struct follow *follow = container_of(job, struct follow, job);
    struct probe_lines nothing = {.path = "", .text = "", .mark = ""};
    BLAME(job->op.life->owner, follow->fn(status < 0 ? status : -EIO, &nothing, follow->data));
}

/* The next frame, if all of it has come. */
static bool take_frame(struct unpack *from, struct unpack *ret_frame)
{
    struct unpack head = *from;
    int64_t len = unpack_int(&head);
    if (head.short_of || len > head.end - head.at)
        return false;
    *ret_frame = (struct unpack){.at = head.at, .end = head.at + len};
    from->at = head.at + len;
    return true;
}

static struct probe_lines unpack_lines(struct unpack *frame)
{
    struct probe_lines lines = {.path = unpack_string(frame)};
    lines.mark = unpack_string(frame);
    lines.lost = (uint64_t)unpack_int(frame);
    lines.rotated = unpack_int(frame);
    lines.text = unpack_bytes(frame, &lines.len);
    return lines;
}

static bool on_output(struct job *job)
{
    struct follow *follow = container_of(job, struct follow, job);
    struct text *text = &job->output.text;
    struct unpack from = {.at = text->bytes, .end = text->bytes + text->len}, frame;
    const struct blame *owner = job->op.life->owner;
    bool gone = false;
    job->gone = &gone;
    while (take_frame(&from, &frame)) {
        struct probe_lines lines = unpack_lines(&frame);
        BLAME(owner, follow->fn(0, &lines, follow->data));
        if (gone)
            return false;
    }
    job->gone = NULL;
    size_t rest = (size_t)(from.end - from.at);
    memmove(text->bytes, from.at, rest);
    text_cut_to(text, rest);
    return true;
}

struct op *child_follow(struct life *life, const struct probe_tail *tail, probe_follow_fn *fn,
                        void *data)
{
    struct follow *follow = mem_new(sizeof(*follow));
    struct job *job = &follow->job;
    int64_t max_line = tail->max_line ? tail->max_line : USUAL_LINE;
    TEXT_AUTO struct text request;
    text_init(&request, LONGEST_LINE);
    follow->fn = fn;
    follow->data = data;
    job->task = SPAWNER_FOLLOW;
    job->on_end = on_end;
    job->on_output = on_output;
    job_begin(job, life, MOST_WAITING);
    pack_string(&request, tail->path);
    pack_int(&request, !tail->from);
    pack_string(&request, tail->from);
    pack_int(&request, max_line < LONGEST_LINE ? max_line : LONGEST_LINE);
    pack_int(&request, tail->max_backlog ? tail->max_backlog : USUAL_BACKLOG);
    if (!tail->path || tail->max_line < 0 || tail->max_backlog < 0)
        job_fail(job, -EINVAL);
    else
        job_start(job, &request, NULL, 0);
    return &job->op;
}
