#include "io/signal.h"

#include <uv.h>

#include "base/mem.h"
#include "io/loop.h"

struct signal_watch {
    uv_signal_t handle;
    signal_fn *fn;
    void *data;
};

static void on_signal(uv_signal_t *handle, int number)
{
    struct signal_watch *watch = handle->data;
    watch->fn(number, watch->data);
}

struct signal_watch *signal_create(struct loop *loop, int number, signal_fn *fn, void *data)
{
    struct signal_watch *watch = mem_new(sizeof(*watch));
    watch->fn = fn;
    watch->data = data;
    (void)uv_signal_init(loop_uv(loop), &watch->handle);
    watch->handle.data = watch;
    (void)uv_signal_start(&watch->handle, on_signal, number);
    uv_unref((uv_handle_t *)&watch->handle);
    return watch;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void signal_destroy(struct signal_watch *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->handle, on_closed);
}
