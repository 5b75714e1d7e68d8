/*
 * machine - names, computing, programs, looks at files and followed files in the fake host.
 */
#include "inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --------------------------------------------------------------- names ---- */

struct kit_name {
    const char *name;
    int status;
    const char **addresses; /* ended by NULL */
    size_t count;
};

struct resolve {
    struct kit_op op;
    struct kit_name answer;
    const char *own[2];
    probe_resolve_fn *fn;
    void *data;
};

void kit_resolve(struct kit *kit, const char *name, int status, const char *const *addresses)
{
    struct kit_name *answer = kit_pile_up(&kit->names, sizeof(*answer));
    answer->name = kit_copy(kit, name);
    answer->status = status;
    while (addresses && addresses[answer->count])
        answer->count++;
    answer->addresses = kit_keep(kit, mem_array(answer->count + 1, sizeof(char *)));
    for (size_t i = 0; i < answer->count; i++)
        answer->addresses[i] = kit_copy(kit, addresses[i]); /* NOLINT: counted above */
}

static void finish_resolve(struct kit_op *op, int status)
{
    struct resolve *self = container_of(op, struct resolve, op);
    bool found = status == 0;
    kit_enter(op->kit);
    self->fn(
        status, found ? self->answer.addresses : NULL, found ? self->answer.count : 0, self->data);
    kit_leave(op->kit);
}

static void on_resolved(void *data)
{
    struct resolve *self = data;
    kit_gone(&self->op);
    finish_resolve(&self->op, self->answer.status);
}

static bool numeric(const char *name)
{
    unsigned char room[16];
    return inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
}

static void look_up(struct resolve *self, struct kit *kit, const char *name)
{
    const struct kit_name *all = kit->names.all;
    self->answer = (struct kit_name){.status = -ENOENT};
    if (numeric(name)) {
        self->own[0] = kit_copy(kit, name);
        self->answer = (struct kit_name){.addresses = self->own, .count = 1};
    }
    for (size_t i = 0; i < kit->names.count; i++)
        if (strcmp(all[i].name, name) == 0)
            self->answer = all[i];
}

struct probe_op *kit_do_resolve(struct probe_life *life, const char *name, probe_resolve_fn *fn,
                                void *data)
{
    struct resolve *self = mem_new(sizeof(*self));
    self->fn = fn;
    self->data = data;
    struct probe_op *op = kit_begin(&self->op, life, "look-up", finish_resolve);
    look_up(self, self->op.kit, name);
    timer_start(&self->op.timer, self->op.kit->loop, 0, on_resolved, self);
    return op;
}

/* ----------------------------------------------------------- computing ---- */

/* Cannot be ended, so it is in no life: it watches its life with an operation that says nothing. */
struct kit_task {
    struct kit_op watcher;
    struct timer timer;
    probe_work_fn *work;
    probe_worked_fn *worked;
    void *data;
    bool over;
};

static void life_is_over(struct kit_op *op, int status)
{
    (void)op, (void)status;
}

static void on_worked(void *data)
{
    struct kit_task *task = data;
    struct kit *kit = task->watcher.kit;
    int status = task->work(task->data);
    bool cancelled = task->watcher.gone;
    task->over = true;
    timer_stop(&task->timer);
    if (!cancelled)
        kit_gone(&task->watcher);
    kit_enter(kit);
    task->worked(cancelled ? -ECANCELED : status, task->data);
    kit_leave(kit);
}

struct probe_op *kit_do_work(struct probe_life *life, probe_work_fn *work, probe_worked_fn *worked,
                             void *data)
{
    struct kit_task *task = mem_new(sizeof(*task));
    task->work = work;
    task->worked = worked;
    task->data = data;
    struct probe_op *op = kit_begin(&task->watcher, life, "task", life_is_over);
    struct kit *kit = task->watcher.kit;
    timer_start(&task->timer, kit->loop, 0, on_worked, task);
    kit_add(&kit->tasks, task);
    return op;
}

void kit_finish_work(struct kit *kit)
{
    struct kit_task **all = kit->tasks.all;
    for (size_t i = 0; i < kit->tasks.count; i++)
        if (!all[i]->over)
            on_worked(all[i]);
}

/* ------------------------------------------------------------ programs ---- */

struct program {
    struct kit_op op;
    const struct kit_program *plan;
    struct timer limit;
    probe_exec_fn *fn;
    void *data;
};

static void call_exec(struct program *self, int status, const struct probe_exit *end)
{
    struct probe_exit seen = *end;
    seen.output = seen.output ? seen.output : "";
    seen.errors = seen.errors ? seen.errors : "";
    seen.output_len = seen.output_len ? seen.output_len : strlen(seen.output);
    seen.errors_len = seen.errors_len ? seen.errors_len : strlen(seen.errors);
    kit_enter(self->op.kit);
    self->fn(status, &seen, self->data);
    kit_leave(self->op.kit);
}

static void finish_exec(struct kit_op *op, int status)
{
    call_exec(container_of(op, struct program, op), status, &(const struct probe_exit){0});
}

static void drop_exec(struct kit_op *op)
{
    timer_stop(&container_of(op, struct program, op)->limit);
}

static void on_limit(void *data)
{
    struct program *self = data;
    kit_gone(&self->op);
    finish_exec(&self->op, -ETIMEDOUT);
}

static void on_exit_due(void *data)
{
    struct program *self = data;
    kit_gone(&self->op);
    call_exec(self, self->plan->status, &self->plan->end);
}

static void record_command(struct kit *kit, const struct probe_command *command)
{
    struct text TEXT_AUTO line;
    text_init(&line, 64 << 10);
    for (const char *const *word = command->argv; word && *word; word++) {
        text_add(&line, line.len ? " " : "");
        text_add(&line, *word);
    }
    if (line.bytes[0] != '/')
        kit_break(kit, "a program is started by \"%s\", which is no absolute path", line.bytes);
    kit_add(&kit->commands, kit_copy(kit, line.bytes));
}

struct probe_op *kit_do_exec(struct probe_life *life, const struct probe_command *command,
                             probe_exec_fn *fn, void *data)
{
    static const struct kit_program nothing = {.never = true};
    struct kit *kit = kit_life_of(life)->kit;
    struct program *self = mem_new(sizeof(*self));
    const struct kit_program **plans = kit->programs.all;
    bool known = kit->commands.count < kit->programs.count;
    self->plan = known ? plans[kit->commands.count] : &nothing;
    self->fn = fn;
    self->data = data;
    self->op.drop = drop_exec;
    record_command(kit, command);
    if (!known)
        kit_break(kit, "%s is started, and no exit was given for it", command->argv[0]);
    struct probe_op *op = kit_begin(&self->op, life, "program", finish_exec);
    if (command->timeout_ms > 0)
        timer_start(&self->limit, kit->loop, (uint64_t)command->timeout_ms, on_limit, self);
    if (!self->plan->never)
        timer_start(&self->op.timer, kit->loop, self->plan->after_ms, on_exit_due, self);
    return op;
}

void kit_exit(struct kit *kit, const struct kit_program *program)
{
    struct kit_program *copy = kit_keep(kit, mem_new(sizeof(*copy)));
    *copy = *program;
    kit_add(&kit->programs, copy);
}

const char *kit_command(const struct kit *kit, size_t nth)
{
    char **all = kit->commands.all;
    if (nth >= kit->commands.count)
        fail_msg("only %zu programs were started", kit->commands.count);
    return all[nth];
}

size_t kit_command_count(const struct kit *kit)
{
    return kit->commands.count;
}

/* --------------------------------------------------------------- looks ---- */

struct kit_sight {
    enum probe_look what;
    const char *path;
    int status;
    const struct probe_sight *sight;
};

struct look {
    struct kit_op op;
    struct kit_sight answer;
    int64_t max_bytes;
    probe_look_fn *fn;
    void *data;
};

void kit_show(struct kit *kit, enum probe_look what, const char *path, int status,
              const struct probe_sight *sight)
{
    *(struct kit_sight *)kit_pile_up(&kit->sights, sizeof(struct kit_sight)) =
        (struct kit_sight){what, kit_copy(kit, path), status, sight};
}

static void finish_look(struct kit_op *op, int status)
{
    struct look *self = container_of(op, struct look, op);
    kit_enter(op->kit);
    self->fn(status, &(const struct probe_sight){.bytes = ""}, self->data);
    kit_leave(op->kit);
}

static void on_looked(void *data)
{
    struct look *self = data;
    kit_gone(&self->op);
    if (self->answer.status < 0 || !self->answer.sight) {
        finish_look(&self->op, self->answer.status);
        return;
    }
    struct probe_sight seen = *self->answer.sight;
    size_t max = self->max_bytes > 0 ? (size_t)self->max_bytes : 1 << 20;
    seen.len = seen.len || !seen.bytes ? seen.len : strlen(seen.bytes);
    if (seen.len > max) {
        seen.len = max;
        seen.truncated = true;
    }
    char *lent = mem_copy_n(seen.bytes ? seen.bytes : "", seen.len);
    seen.bytes = lent;
    kit_enter(self->op.kit);
    self->fn(0, &seen, self->data);
    kit_leave(self->op.kit);
    free(lent);
}

struct probe_op *kit_do_look(struct probe_life *life, enum probe_look what, const char *path,
                             int64_t max_bytes, probe_look_fn *fn, void *data)
{
    struct look *self = mem_new(sizeof(*self));
    self->answer.status = -ENOENT;
    self->max_bytes = max_bytes;
    self->fn = fn;
    self->data = data;
    struct probe_op *op = kit_begin(&self->op, life, "look", finish_look);
    const struct kit_sight *all = self->op.kit->sights.all;
    for (size_t i = 0; i < self->op.kit->sights.count; i++)
        if (all[i].what == what && strcmp(all[i].path, path) == 0)
            self->answer = all[i];
    timer_start(&self->op.timer, self->op.kit->loop, 0, on_looked, self);
    return op;
}

/* ------------------------------------------------------------ followed ---- */

struct kit_tail {
    struct kit_op op;
    const char *path;
    probe_follow_fn *fn;
    void *data;
};

static void finish_follow(struct kit_op *op, int status)
{
    struct kit_tail *self = container_of(op, struct kit_tail, op);
    kit_enter(op->kit);
    self->fn(status, &(const struct probe_lines){.path = self->path, .text = ""}, self->data);
    kit_leave(op->kit);
}

struct probe_op *kit_do_follow(struct probe_life *life, const struct probe_tail *tail,
                               probe_follow_fn *fn, void *data)
{
    struct kit_tail *self = mem_new(sizeof(*self));
    struct kit *kit = kit_life_of(life)->kit;
    self->path = kit_copy(kit, tail->path);
    self->fn = fn;
    self->data = data;
    kit_add(&kit->tails, self);
    return kit_begin(&self->op, life, "follower", finish_follow);
}

static bool follows(const struct kit_tail *tail, const char *path)
{
    return !tail->op.gone && fnmatch(tail->path, path, FNM_PATHNAME) == 0;
}

static void tell(struct kit_tail *tail, const struct probe_lines *lines)
{
    struct probe_lines seen = *lines;
    seen.len = seen.len || !seen.text ? seen.len : strlen(seen.text);
    char *lent = mem_copy_n(seen.text ? seen.text : "", seen.len);
    seen.text = lent;
    kit_enter(tail->op.kit);
    tail->fn(0, &seen, tail->data);
    kit_leave(tail->op.kit);
    free(lent);
}

void kit_append(struct kit *kit, const struct probe_lines *lines)
{
    size_t told = 0;
    for (size_t i = 0; i < kit->tails.count; i++) {
        struct kit_tail *tail = ((struct kit_tail **)kit->tails.all)[i];
        if (!follows(tail, lines->path))
            continue;
        tell(tail, lines);
        told++;
    }
    if (told == 0)
        fail_msg("nobody follows %s", lines->path);
}

void kit_end_follow(struct kit *kit, const char *path, int status)
{
    for (size_t i = 0; i < kit->tails.count; i++) {
        struct kit_tail *tail = ((struct kit_tail **)kit->tails.all)[i];
        if (!follows(tail, path))
            continue;
        kit_gone(&tail->op);
        finish_follow(&tail->op, status);
    }
}
