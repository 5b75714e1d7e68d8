#include "io/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "base/log.h"
#include "io/loop.h"
#include "io/thread.h"

enum { MOST_WAITING = 10000, MOST_TOGETHER = 256, STACK_BYTES = 256 * 1024 };

struct task {
    struct list link;
    store_work_fn *work;
    store_done_fn *done;
    void *data;
    bool alone; /* in a transaction of its own */
    int status;
};

struct store {
    sqlite3 *db; /* NULL: it could not be begun anew */
    char *path, *what;
    char *schema; /* of one that is renewed; otherwise NULL */
    int lock;     /* a descriptor that holds the folder's lock */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t turned; /* something was queued, or the thread has become idle */
    struct list queued, done;
    size_t waiting;
    bool busy, closing;
    bool left; /* nobody waits for the thread any more: all this is the thread's */
    uv_async_t *async;
};

int store_status(int code)
{
    switch (code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return -EROFS;
    case SQLITE_CANTOPEN:
        return -ENOENT;
    default:
        return -EIO;
    }
}

/* -------------------------------------------------------------- the file ---- */

static int exec(sqlite3 *db, const char *sql)
{
    return store_status(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* What is decided on must be on the disk; a spool may lose its last commits with the power. */
static int prepare(sqlite3 *db, const char *schema, bool check)
{
    static const char settings[] = "pragma journal_mode=wal; pragma journal_size_limit=4194304;"
                                   "pragma cache_size=-256;";
    int status = exec(db, settings);
    if (status == 0)
        status = exec(db, check ? "pragma synchronous=full" : "pragma synchronous=normal");
    if (status == 0 && check)
        status = exec(db, "pragma quick_check(1)");
    return status < 0 ? status : exec(db, schema);
}

static sqlite3 *open_file(const char *path, const char *schema, bool check, int *ret_status)
{
    sqlite3 *db = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* whatever the umask; so is its log */
    if (fd >= 0)
        (void)close(fd);
    *ret_status = store_status(sqlite3_open(path, &db));
    if (*ret_status == 0) {
        (void)sqlite3_busy_timeout(db, 1000);
        *ret_status = prepare(db, schema, check);
    }
    if (*ret_status == 0)
        return db;
    (void)sqlite3_close(db);
    return NULL;
}

/* Renames the database, and what belongs to it, out of the way: on either thread, so without a word. */
static void set_aside(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    long now = (long)time(NULL);
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        MEM_AUTO char *from = mem_print("%s%s", path, suffixes[i]);
        MEM_AUTO char *to = mem_print("%s.damaged-%ld%s", path, now, suffixes[i]);
        (void)rename(from, to); /* where it cannot be, the new one meets it and says so */
    }
}

/* ------------------------------------------------------------ the thread ---- */

/* One task in a savepoint of its own, so that its failure does not undo its neighbours. */
static int attempt(sqlite3 *db, struct task *task)
{
    int status = exec(db, "savepoint task");
    if (status < 0)
        return status;
    status = task->work(db, task->data);
    if (status < 0)
        (void)exec(db, "rollback to task");
    int released = exec(db, "release task");
    return status < 0 ? status : released;
}

/* Whether damage was met; then, of a store that is `renewed`, nothing of it was done. */
static bool do_together(sqlite3 *db, struct list *tasks, bool renewed)
{
    struct task *task;
    bool damaged = false;
    int begun = db ? exec(db, "begin immediate") : -EUCLEAN;
    list_for_each(task, tasks, struct task, link) {
        task->status = begun < 0 ? begun : attempt(db, task);
        damaged = damaged || task->status == -EUCLEAN;
    }
    if (begun < 0)
        return damaged;
    int committed = damaged && renewed ? -EUCLEAN : exec(db, "commit");
    if (committed == 0)
        return damaged;
    (void)exec(db, "rollback");
    list_for_each(task, tasks, struct task, link) {
        task->status = task->status < 0 ? task->status : committed;
    }
    return damaged || committed == -EUCLEAN;
}

/* What goes into the next transaction: some, or one that goes alone. */
static void move_together(struct list *from, struct list *to)
{
    for (int i = 0; i < MOST_TOGETHER && !list_empty(from); i++) {
        struct task *task = list_first(from, struct task, link);
        if (task->alone && i > 0)
            return;
        list_remove(&task->link);
        list_add(to, &task->link);
        if (task->alone)
            return;
    }
}

static void move_all(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *link = from->next;
        list_remove(link);
        list_add(to, link);
    }
}

/* Once nobody but the caller knows of it any more. */
static void dispose(struct store *store)
{
    (void)sqlite3_close(store->db);
    (void)close(store->lock);
    free(store->path);
    free(store->what);
    free(store->schema);
    (void)pthread_cond_destroy(&store->turned);
    (void)pthread_mutex_destroy(&store->mutex);
    free(store);
}

/* The end of a thread that was not waited for. */
static void finish_alone(struct store *store, struct list *tasks)
{
    (void)pthread_mutex_unlock(&store->mutex);
    while (!list_empty(tasks)) {
        struct task *task = list_first(tasks, struct task, link);
        list_remove(&task->link);
        free(task);
    }
    dispose(store);
    thread_gone();
}

/* On the thread: what was damaged goes, and a new one is begun; where that fails, the next task tries. */
static void renew(struct store *store)
{
    int status = 0;
    (void)sqlite3_close(store->db);
    if (store->db)
        set_aside(store->path);
    store->db = open_file(store->path, store->schema, false, &status);
}

static void *run(void *data)
{
    struct store *store = data;
    (void)pthread_mutex_lock(&store->mutex);
    for (;;) {
        struct list together;
        while (list_empty(&store->queued) && !store->closing)
            (void)pthread_cond_wait(&store->turned, &store->mutex);
        if (list_empty(&store->queued))
            break;
        list_init(&together);
        move_together(&store->queued, &together);
        store->busy = true;
        (void)pthread_mutex_unlock(&store->mutex);
        if (do_together(store->db, &together, store->schema != NULL) && store->schema)
            renew(store);
        (void)pthread_mutex_lock(&store->mutex);
        if (store->left) {
            finish_alone(store, &together);
            return NULL;
        }
        move_all(&together, &store->done);
        store->busy = false;
        (void)uv_async_send(store->async);
        (void)pthread_cond_broadcast(&store->turned);
    }
    (void)pthread_mutex_unlock(&store->mutex);
    return NULL;
}

/* ------------------------------------------------------------- the loop ---- */

/* With the mutex. */
static void take_done(struct store *store, struct list *done)
{
    list_init(done);
    while (!list_empty(&store->done)) {
        struct list *link = store->done.next;
        list_remove(link);
        list_add(done, link);
        store->waiting--;
    }
}

static void tell(struct list *done)
{
    while (!list_empty(done)) {
        struct task *task = list_first(done, struct task, link);
        list_remove(&task->link);
        if (task->done)
            task->done(task->status, task->data);
        free(task);
    }
}

static void tell_done(struct store *store)
{
    struct list done;
    (void)pthread_mutex_lock(&store->mutex);
    take_done(store, &done);
    (void)pthread_cond_broadcast(&store->turned);
    (void)pthread_mutex_unlock(&store->mutex);
    tell(&done);
}

static void on_async(uv_async_t *async)
{
    tell_done(async->data);
}

/* Takes what is in `wanted`; false: the queue is full. */
static bool queue_task(struct store *store, const struct task *wanted)
{
    bool room = false;
    (void)pthread_mutex_lock(&store->mutex);
    if (store->waiting < MOST_WAITING) {
        struct task *task = mem_new(sizeof(*task));
        *task = *wanted;
        list_add(&store->queued, &task->link);
        store->waiting++;
        room = true;
        (void)pthread_cond_broadcast(&store->turned);
    }
    (void)pthread_mutex_unlock(&store->mutex);
    return room;
}

bool store_do(struct store *store, store_work_fn *work, store_done_fn *done, void *data)
{
    return queue_task(store, &(const struct task){.work = work, .done = done, .data = data});
}

bool store_read(struct store *store, store_work_fn *work, store_done_fn *done, void *data)
{
    return queue_task(
        store, &(const struct task){.work = work, .done = done, .data = data, .alone = true});
}

int store_do_now(struct store *store, store_work_fn *work, void *data)
{
    struct task task = {.work = work, .data = data};
    struct list tasks;
    list_init(&tasks);
    list_add(&tasks, &task.link);
    if (do_together(store->db, &tasks, store->schema != NULL) && store->schema)
        renew(store);
    return task.status;
}

size_t store_waiting(struct store *store)
{
    (void)pthread_mutex_lock(&store->mutex);
    size_t waiting = store->waiting;
    (void)pthread_mutex_unlock(&store->mutex);
    return waiting;
}

/* -------------------------------------------------------- open and close ---- */

/* Held by the process, whatever becomes of it, as long as it lives. */
static int take_lock(const struct store_wish *wish, struct error *error)
{
    MEM_AUTO char *path = mem_print("%s/%s", wish->folder, wish->lock);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        (void)error_set(error,
                        -errno,
                        "cannot write in the state folder %s: %s",
                        wish->folder,
                        strerror(errno));
        (void)error_hint(error, "give agent.state a folder that this user may write");
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)error_set(error, -EBUSY, "another agent uses the state folder %s", wish->folder);
        (void)error_hint(error, "two agents never share one: give each its own agent.state");
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

/* Once no thread works for it any more. */
static void release(struct store *store)
{
    uv_close((uv_handle_t *)store->async, on_closed);
    dispose(store);
}

static int start_thread(struct store *store)
{
    pthread_attr_t attributes;
    int status = pthread_attr_init(&attributes);
    if (status == 0) {
        size_t stack = STACK_BYTES < PTHREAD_STACK_MIN ? PTHREAD_STACK_MIN : STACK_BYTES;
        (void)pthread_attr_setstacksize(&attributes, stack);
        status = pthread_create(&store->thread, &attributes, run, store);
        (void)pthread_attr_destroy(&attributes);
    }
    return -status;
}

/* The file of `wish`; a damaged one is set aside. */
static sqlite3 *open_wish(const struct store_wish *wish, const char *path, bool *ret_damaged,
                          struct error *error)
{
    int status = 0;
    sqlite3 *db = open_file(path, wish->schema, !wish->renewed, &status);
    *ret_damaged = !db && status == -EUCLEAN;
    if (*ret_damaged) {
        set_aside(path);
        log_error("the %s %s is damaged: it was set aside, and a new one begun", wish->what, path);
        db = open_file(path, wish->schema, !wish->renewed, &status);
    }
    if (!db)
        (void)error_set(
            error, status, "cannot open the %s %s: %s", wish->what, path, strerror(-status));
    return db;
}

static struct store *make(struct loop *loop, const struct store_wish *wish, sqlite3 *db, int lock)
{
    struct store *store = mem_new(sizeof(*store));
    store->db = db;
    store->lock = lock;
    store->path = mem_print("%s/%s.db", wish->folder, wish->name);
    store->what = mem_copy(wish->what);
    store->schema = wish->renewed ? mem_copy(wish->schema) : NULL;
    list_init(&store->queued);
    list_init(&store->done);
    (void)pthread_mutex_init(&store->mutex, NULL);
    thread_cond_init(&store->turned);
    store->async = mem_new(sizeof(*store->async));
    (void)uv_async_init(loop_uv(loop), store->async, on_async);
    uv_unref((uv_handle_t *)store->async);
    store->async->data = store;
    return store;
}

struct store *store_open_as(struct loop *loop, const struct store_wish *wish, bool *ret_damaged,
                            struct error *error)
{
    MEM_AUTO char *path = mem_print("%s/%s.db", wish->folder, wish->name);
    if (mkdir(wish->folder, 0700) < 0 && errno != EEXIST) {
        (void)error_set(
            error, -errno, "cannot make the state folder %s: %s", wish->folder, strerror(errno));
        return NULL;
    }
    int lock = take_lock(wish, error);
    if (lock < 0)
        return NULL;
    bool damaged = false;
    sqlite3 *db = open_wish(wish, path, &damaged, error);
    if (!db) {
        (void)close(lock);
        return NULL;
    }
    struct store *store = make(loop, wish, db, lock);
    int status = start_thread(store);
    if (status < 0) {
        (void)error_set(error, status, "cannot start the store's thread: %s", strerror(-status));
        release(store);
        return NULL;
    }
    if (ret_damaged)
        *ret_damaged = damaged;
    return store;
}

struct store *store_open(struct loop *loop, const char *folder, const char *schema,
                         bool *ret_damaged, struct error *error)
{
    const struct store_wish wish = {
        .folder = folder, .name = "state", .lock = "lock", .what = "state", .schema = schema};
    return store_open_as(loop, &wish, ret_damaged, error);
}

/* Waits `ms` at most; false: the thread is at work, and keeps all but what is in `done`. */
static bool wait_idle(struct store *store, unsigned ms, struct list *done)
{
    struct timespec end = thread_in_ms(ms);
    (void)pthread_mutex_lock(&store->mutex);
    store->closing =
        true; /* the thread goes on until the queue is empty, and no longer waits for us */
    (void)pthread_cond_broadcast(&store->turned);
    while ((!list_empty(&store->queued) || store->busy) &&
           pthread_cond_timedwait(&store->turned, &store->mutex, &end) == 0)
        ;
    while (!list_empty(&store->queued)) { /* out of time */
        struct task *task = list_first(&store->queued, struct task, link);
        list_remove(&task->link);
        task->status = -ETIMEDOUT;
        list_add(&store->done, &task->link);
    }
    take_done(store, done);
    bool left = store->left = store->busy;
    if (left)
        thread_leave(store->thread);
    (void)pthread_mutex_unlock(&store->mutex);
    return !left;
}

void store_close(struct store *store, unsigned ms)
{
    if (!store)
        return;
    struct list done;
    uv_async_t *async = store->async; /* what is not the thread's, if that is left to itself */
    MEM_AUTO char *what = mem_copy(store->what);
    if (wait_idle(store, ms, &done)) {
        (void)pthread_join(store->thread, NULL);
        release(store);
    } else {
        log_error("the disk of the %s did not answer within %u ms: it is not waited for", what, ms);
        uv_close((uv_handle_t *)async, on_closed);
    }
    tell(&done);
}
