#include "probe/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/child.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/operation.h"
#include "io/resolve.h"
#include "io/secret.h"
#include "io/stream.h"
#include "io/work.h"
#include "probe/act.h"
#include "probe/keeper.h"
#include "probe/metric.h"
#include "probe/run.h"

static struct tether *tether_of(const struct probe_life *life)
{
    return (struct tether *)life - 1;
}

static struct life *life_of(const struct probe_life *life)
{
    return &tether_of(life)->life;
}

/* ----------------------------------------------------- sizes of structs ---- */

/* Our own struct, filled with as much as the plugin's minor version knows of it. */
#define OWN(type, name, given)                                                                     \
    type name = {0};                                                                               \
    memcpy(&name, (given), (given)->size < sizeof(name) ? (given)->size : sizeof(name));           \
    name.size = sizeof(name)

/* An array of pairs in our element size; `*ret_made` is to be freed after the call. */
static const struct probe_pair *
own_pairs(const struct tether *tether, const struct probe_pair *pairs, struct probe_pair **ret_made)
{
    size_t theirs = tether->sizes->pair, ours = sizeof(struct probe_pair), count = 0;
    *ret_made = NULL;
    if (!pairs || theirs == ours)
        return pairs;
    const char *at = (const char *)pairs;
    while (((const struct probe_pair *)(at + count * theirs))->name)
        count++;
    *ret_made = mem_array(count + 1, ours);
    for (size_t i = 0; i < count; i++)
        memcpy(&(*ret_made)[i], at + i * theirs, theirs < ours ? theirs : ours);
    return *ret_made;
}

/* ------------------------------------------------------- small services ---- */

static void host_log(struct probe_life *life, enum probe_level level, const char *text)
{
    const char *name = tether_of(life)->name;
    switch (level) {
    case PROBE_LOG_DEBUG:
        log_debug("%s: %s", name, text);
        break;
    case PROBE_LOG_INFO:
        log_info("%s: %s", name, text);
        break;
    case PROBE_LOG_WARN:
        log_warn("%s: %s", name, text);
        break;
    default:
        log_error("%s: %s", name, text);
        break;
    }
}

static void host_count(struct probe_life *life, const char *metric, uint64_t add)
{
    metric_count(tether_of(life)->name, metric, add);
}

static void host_gauge(struct probe_life *life, const char *metric, double value)
{
    metric_gauge(tether_of(life)->name, metric, value);
}

static uint64_t host_now(struct probe_life *life)
{
    return loop_now_us(life_of(life)->loop);
}

static int64_t host_wall(struct probe_life *life)
{
    return loop_wall_ms(life_of(life)->loop);
}

static const char *host_reveal(struct probe_life *life, const struct probe_secret *secret)
{
    (void)life;
    return secret ? secret_reveal((struct probe_secret *)secret) : NULL;
}

static const char *host_recall(struct probe_life *life, const char *key)
{
    return note_recall(tether_of(life)->notes, key);
}

static void host_remember(struct probe_life *life, const char *key, const char *value)
{
    struct tether *tether = tether_of(life);
    int status = note_remember(tether->notes, key, value);
    if (status < 0)
        log_warn("%s: the plugin may not remember \"%.40s\": %s",
                 tether->name,
                 key,
                 status == -E2BIG ? "longer than 4 KiB" : "64 keys are kept already");
}

static void host_report(struct probe_run *run, const struct probe_finding *finding)
{
    if (run->claim)
        keeper_refuse(run);
    else if (run->action)
        act_refuse_finding(run);
    else
        run_report(run, finding);
}

static void host_retire(struct probe_run *run, const char *subject)
{
    if (run->claim)
        keeper_refuse(run);
    else if (run->action)
        act_refuse_finding(run);
    else
        run_retire(run, subject);
}

static void host_end(struct probe_run *run, const struct probe_ending *ending)
{
    if (run->claim)
        keeper_end(run, ending);
    else if (run->action)
        act_end(run, ending);
    else
        run_end(run, ending);
}

static void host_planned(struct probe_run *run, const struct probe_plan *plan)
{
    if (run->claim)
        keeper_refuse(run);
    else if (run->action)
        act_planned(run, plan);
    else
        run_refuse_answer(run);
}

static void host_applied(struct probe_run *run, const struct probe_result *result)
{
    if (run->claim)
        keeper_refuse(run);
    else if (run->action)
        act_applied(run, result);
    else
        run_refuse_answer(run);
}

static void host_leased(struct probe_run *run, const struct probe_tenure *tenure)
{
    if (run->claim)
        keeper_leased(run, tenure);
    else
        probe_fail(run, -EPROTO, "the plugin answered with a lease that nobody asked for");
}

static int host_refuse(struct probe_error *face, const char *option, const char *text)
{
    struct host_refusal *refusal = container_of(face, struct host_refusal, face);
    free(refusal->option);
    free(refusal->text);
    refusal->option = mem_copy(option);
    refusal->text = mem_copy(text);
    return -EINVAL;
}

void host_refusal_init(struct host_refusal *refusal)
{
    *refusal = (struct host_refusal){.face = {&host_services}};
}

void host_refusal_finish(struct host_refusal *refusal)
{
    free(refusal->option);
    free(refusal->text);
    host_refusal_init(refusal);
}

/* ---------------------------------------------------------- operations ---- */

static struct probe_op *as_op(struct op *op)
{
    return (struct probe_op *)op;
}

static struct op *of_op(struct probe_op *op)
{
    return (struct op *)op;
}

static struct probe_op *host_timer(struct probe_life *life, uint64_t ms, probe_timer_fn *fn,
                                   void *data)
{
    return as_op(operation_timer(life_of(life), ms, fn, data));
}

static struct probe_op *host_watch(struct probe_life *life, int fd, unsigned events,
                                   probe_watch_fn *fn, void *data)
{
    return as_op(operation_watch(life_of(life), fd, events, fn, data));
}

static void host_rewatch(struct probe_op *op, unsigned events)
{
    operation_rewatch(of_op(op), events);
}

static struct probe_op *host_resolve(struct probe_life *life, const char *name,
                                     probe_resolve_fn *fn, void *data)
{
    return as_op(resolve_start(life_of(life), name, 0, fn, data));
}

static struct probe_op *host_work(struct probe_life *life, probe_work_fn *work,
                                  probe_worked_fn *worked, void *data)
{
    return as_op(work_start(life_of(life), work, worked, data));
}

static struct probe_op *host_http(struct probe_life *life, const struct probe_request *request,
                                  probe_http_fn *fn, void *data)
{
    OWN(struct probe_request, own, request);
    struct probe_pair *params, *headers;
    own.params = own_pairs(tether_of(life), own.params, &params);
    own.headers = own_pairs(tether_of(life), own.headers, &headers);
    struct op *op = http_send(life_of(life), &own, fn, data);
    free(params);
    free(headers);
    return as_op(op);
}

static struct probe_op *host_dial(struct probe_life *life, const struct probe_endpoint *endpoint,
                                  probe_stream_fn *fn, void *data)
{
    OWN(struct probe_endpoint, own, endpoint);
    return as_op(stream_dial(life_of(life), &own, fn, data));
}

static void host_write(struct probe_op *op, const void *bytes, size_t len)
{
    stream_write(of_op(op), bytes, len);
}

static void host_secure(struct probe_op *op)
{
    stream_secure(of_op(op));
}

static struct probe_op *host_exec(struct probe_life *life, const struct probe_command *command,
                                  probe_exec_fn *fn, void *data)
{
    OWN(struct probe_command, own, command);
    struct probe_pair *env;
    own.env = own_pairs(tether_of(life), own.env, &env);
    struct op *op = child_exec(life_of(life), &own, fn, data);
    free(env);
    return as_op(op);
}

static struct probe_op *host_look(struct probe_life *life, enum probe_look what, const char *path,
                                  int64_t max_bytes, probe_look_fn *fn, void *data)
{
    return as_op(child_look(life_of(life), what, path, max_bytes, fn, data));
}

static struct probe_op *host_follow(struct probe_life *life, const struct probe_tail *tail,
                                    probe_follow_fn *fn, void *data)
{
    OWN(struct probe_tail, own, tail);
    return as_op(child_follow(life_of(life), &own, fn, data));
}

static void host_cancel(struct probe_op *op)
{
    op_cancel(of_op(op));
}

const struct probe_host host_services = {
    .abi_major = PROBE_ABI_MAJOR,
    .abi_minor = PROBE_ABI_MINOR,
    .size = sizeof(struct probe_host),
    .report = host_report,
    .retire = host_retire,
    .end = host_end,
    .planned = host_planned,
    .applied = host_applied,
    .refuse = host_refuse,
    .log = host_log,
    .count = host_count,
    .gauge = host_gauge,
    .now = host_now,
    .wall = host_wall,
    .reveal = host_reveal,
    .recall = host_recall,
    .remember = host_remember,
    .timer = host_timer,
    .watch = host_watch,
    .rewatch = host_rewatch,
    .resolve = host_resolve,
    .work = host_work,
    .http = host_http,
    .dial = host_dial,
    .write = host_write,
    .secure = host_secure,
    .exec = host_exec,
    .look = host_look,
    .follow = host_follow,
    .cancel = host_cancel,
    .leased = host_leased,
};
