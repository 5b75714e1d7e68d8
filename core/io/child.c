#include "io/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/job.h"
#include "io/pack.h"
#include "io/secret.h"

enum {
    MOST_REQUEST = 4 << 20,
    MOST_INPUT = 16 << 20,
    MOST_OUTPUT = 64 << 20,
    MOST_PERMITS = 16, /* of one program */
    FEW_OUTPUT = 64 << 10,
    MOST_READ = 64 << 20,
    FEW_READ = 1 << 20,
    MOST_LIST = 16 << 20, /* of a packed list; the worker keeps to half of it */
    STOP_MS = 3000        /* the spawner needs two seconds at most */
};

static struct {
    pid_t spawner; /* zero: none */
    int socket;
    char **programs, **digests; /* that are allowed; a digest may be NULL */
    size_t permit_count;
} child;

/* ---------------------------------------------------------- the spawner ---- */

int child_start(void)
{
    if (child.spawner)
        return 0;
    int socket = spawner_fork(&child.spawner);
    if (socket < 0)
        return socket;
    child.socket = socket;
    job_use_spawner(socket);
    return 0;
}

static void forget_permits(void)
{
    for (size_t i = 0; i < child.permit_count; i++) {
        free(child.programs[i]);
        free(child.digests[i]);
    }
    free(child.programs);
    free(child.digests);
    child.programs = child.digests = NULL;
    child.permit_count = 0;
}

void child_stop(void)
{
    forget_permits();
    if (!child.spawner)
        return;
    job_use_spawner(-ENOSYS);
    struct pollfd gone = {.fd = child.socket};
    (void)shutdown(child.socket, SHUT_WR);
    if (poll(&gone, 1, STOP_MS) <= 0)
        (void)kill(child.spawner, SIGKILL);
    (void)waitpid(child.spawner, NULL, 0);
    (void)close(child.socket);
    child.spawner = 0;
}

void child_allow(const struct child_permit *permits)
{
    size_t count = 0;
    while (permits[count].program)
        count++;
    forget_permits();
    child.programs = mem_array(count + 1, sizeof(char *));
    child.digests = mem_array(count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        child.programs[i] = mem_copy(permits[i].program);
        child.digests[i] = mem_copy(permits[i].sha256);
    }
    child.permit_count = count;
}

/* Adds the contents that the program may have: none, where any is fine.  False: it is not allowed. */
static bool pack_permits(struct text *request, const char *program)
{
    const char *digests[MOST_PERMITS];
    size_t count = 0;
    bool found = false, any = false;
    for (size_t i = 0; i < child.permit_count; i++) {
        if (strcmp(child.programs[i], program) != 0)
            continue;
        found = *program == '/';
        any = any || !child.digests[i];
        if (child.digests[i] && count < MOST_PERMITS)
            digests[count++] = child.digests[i];
    }
    count = any ? 0 : count;
    pack_int(request, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        pack_string(request, digests[i]);
    return found;
}

/* ------------------------------------------------------------ programs ---- */

struct exec {
    struct job job;
    probe_exec_fn *fn;
    void *data;
};

static void on_exec_end(struct job *job, int status)
{
    struct exec *exec = container_of(job, struct exec, job);
    const struct text *output = &job->output.text, *errors = &job->errors.text;
    struct probe_exit end = {
        .code = job->news.code,
        .signal = job->news.signal,
        .truncated = output->cut || errors->cut,
        .output = output->bytes,
        .errors = errors->bytes,
        .output_len = output->len,
        .errors_len = errors->len,
        .duration_us = job->news.duration_us,
        .cpu_us = job->news.cpu_us,
        .max_resident_bytes = job->news.max_resident_bytes,
    };
    BLAME(job->op.life->owner, exec->fn(status, &end, exec->data));
}

static void pack_argv(struct text *request, const char *const *argv)
{
    int64_t count = 0;
    while (argv[count])
        count++;
    pack_int(request, count);
    for (int64_t i = 0; i < count; i++)
        pack_string(request, argv[i]);
}

/* False: a secret cannot be read. */
static bool pack_env(struct text *request, const struct probe_pair *env)
{
    int64_t count = 0;
    while (env && env[count].name)
        count++;
    pack_int(request, count);
    for (int64_t i = 0; i < count; i++) {
        const char *value = env[i].secret ? secret_reveal(env[i].secret) : env[i].value;
        if (!value)
            return false;
        MEM_AUTO char *pair = mem_print("%s=%s", env[i].name, value);
        pack_string(request, pair);
    }
    return true;
}

static int pack_command(struct text *request, const struct probe_command *command)
{
    if (!command->argv || !command->argv[0] || command->timeout_ms < 0 || command->max_output < 0)
        return -EINVAL;
    if (command->input && command->input_len > MOST_INPUT)
        return -E2BIG;
    pack_string(request, command->directory);
    pack_string(request, command->user);
    if (!pack_permits(request, command->argv[0]))
        return -EACCES;
    pack_argv(request, command->argv);
    return pack_env(request, command->env) ? 0 : -ENOKEY;
}

/* What is given, or else the usual; never more than the most. */
static size_t bounded(int64_t given, size_t usual, size_t most)
{
    if (given <= 0)
        return usual;
    return (uint64_t)given < most ? (size_t)given : most;
}

struct op *child_exec(struct life *life, const struct probe_command *command, probe_exec_fn *fn,
                      void *data)
{
    struct exec *exec = mem_new(sizeof(*exec));
    struct job *job = &exec->job;
    TEXT_AUTO struct text request;
    text_init(&request, MOST_REQUEST);
    exec->fn = fn;
    exec->data = data;
    job->task = SPAWNER_EXEC;
    job->on_end = on_exec_end;
    job_begin(job, life, bounded(command->max_output, FEW_OUTPUT, MOST_OUTPUT));
    int status = pack_command(&request, command);
    if (status < 0)
        job_fail(job, status);
    else
        job_start(job, &request, command->input, command->input_len);
    if (command->timeout_ms > 0)
        job_limit(job, (uint64_t)command->timeout_ms);
    return &job->op;
}

/* --------------------------------------------------------------- looks ---- */

struct look {
    struct job job;
    enum probe_look what;
    probe_look_fn *fn;
    void *data;
};

/* Points into the answer. */
static struct probe_file unpack_file(struct unpack *answer)
{
    struct probe_file file = {.path = unpack_string(answer)};
    file.target = unpack_string(answer);
    if (!*file.target)
        file.target = NULL;
    file.device = (uint64_t)unpack_int(answer);
    file.inode = (uint64_t)unpack_int(answer);
    file.mode = (uint32_t)unpack_int(answer);
    file.uid = (uint32_t)unpack_int(answer);
    file.size_bytes = unpack_int(answer);
    file.disk_bytes = unpack_int(answer);
    file.modified_ms = unpack_int(answer);
    return file;
}

static struct probe_file *unpack_files(struct unpack *answer, size_t count)
{
    struct probe_file *files = mem_array(count, sizeof(*files));
    for (size_t i = 0; i < count; i++)
        files[i] = unpack_file(answer);
    return files;
}

/* Fills `sight` from the answer; its files, freed by free(), or NULL. */
static struct probe_file *unpack_sight(enum probe_look what, struct unpack *answer,
                                       struct probe_sight *sight)
{
    if (what == PROBE_LOOK_STATFS) {
        sight->total_bytes = unpack_int(answer);
        sight->available_bytes = unpack_int(answer);
        sight->inodes = unpack_int(answer);
        sight->inodes_free = unpack_int(answer);
        return NULL;
    }
    if (what != PROBE_LOOK_STAT)
        sight->truncated = unpack_int(answer);
    if (what == PROBE_LOOK_READ) {
        sight->bytes = unpack_bytes(answer, &sight->len);
        return NULL;
    }
    sight->file_count = what == PROBE_LOOK_STAT ? 1 : (size_t)unpack_int(answer);
    struct probe_file *files = unpack_files(answer, sight->file_count);
    sight->files = files;
    return files;
}

static void on_look_end(struct job *job, int status)
{
    struct look *look = container_of(job, struct look, job);
    const struct text *output = &job->output.text;
    struct unpack answer = {.at = output->bytes, .end = output->bytes + output->len};
    struct probe_sight sight = {.bytes = ""}, nothing = {.bytes = ""};
    struct probe_file *files = NULL;
    if (status == 0)
        files = unpack_sight(look->what, &answer, &sight);
    if (status == 0 && answer.short_of)
        status = -EIO;
    BLAME(job->op.life->owner, look->fn(status, status == 0 ? &sight : &nothing, look->data));
    free(files);
}

struct op *child_look(struct life *life, enum probe_look what, const char *path, int64_t max_bytes,
                      probe_look_fn *fn, void *data)
{
    struct look *look = mem_new(sizeof(*look));
    struct job *job = &look->job;
    size_t max = bounded(max_bytes, FEW_READ, MOST_READ);
    TEXT_AUTO struct text request;
    text_init(&request, MOST_REQUEST);
    look->what = what;
    look->fn = fn;
    look->data = data;
    job->task = SPAWNER_LOOK;
    job->on_end = on_look_end;
    job_begin(job, life, what == PROBE_LOOK_READ ? max + 64 : MOST_LIST);
    pack_int(&request, what);
    pack_string(&request, path);
    pack_int(&request, (int64_t)max);
    if (!path || max_bytes < 0)
        job_fail(job, -EINVAL);
    else
        job_start(job, &request, NULL, 0);
    return &job->op;
}
