/* work: on the pool, and back on the loop whatever happens to the life. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop.h"
#include "io/work.h"

struct task {
    sem_t go;
    pthread_t on;
    bool done;
    int times, computed, status;
};

static struct loop *loop;
static struct life life;
static struct task task;

static int set_up(void **state)
{
    (void)state;
    loop = loop_create();
    life_init(&life, loop);
    task = (struct task){0};
    return sem_init(&task.go, 0, 0);
}

static int tear_down(void **state)
{
    (void)state;
    life_drop(&life);
    int left = loop_destroy(loop);
    (void)sem_destroy(&task.go);
    return left;
}

static int compute(void *data)
{
    struct task *mine = data;
    (void)sem_wait(&mine->go);
    mine->on = pthread_self();
    mine->computed++;
    return 42;
}

static void on_worked(int status, void *data)
{
    struct task *mine = data;
    mine->times++;
    mine->status = status;
    mine->done = true;
}

static void it_computes_elsewhere_and_comes_back(void **state)
{
    (void)state;
    work_start(&life, compute, on_worked, &task);
    (void)sem_post(&task.go);
    assert_true(loop_run_until(loop, &task.done, 5000));
    assert_int_equal(task.status, 42);
    assert_false(pthread_equal(task.on, pthread_self()));
    assert_true(list_empty(&life.ops));
}

static void the_end_of_its_life_is_told_after_the_work(void **state)
{
    (void)state;
    work_start(&life, compute, on_worked, &task);
    life_end(&life, -ETIMEDOUT);
    assert_false(task.done); /* it still has `data` */
    assert_true(list_empty(&life.ops));
    (void)sem_post(&task.go);
    assert_true(loop_run_until(loop, &task.done, 5000));
    assert_int_equal(task.computed, 1);
    assert_int_equal(task.status, -ECANCELED);
    assert_int_equal(task.times, 1);
}

static void it_comes_back_even_to_who_dropped_it(void **state)
{
    (void)state;
    op_cancel(work_start(&life, compute, on_worked, &task));
    life_drop(&life);
    (void)sem_post(&task.go);
    assert_true(loop_run_until(loop, &task.done, 5000));
    assert_int_equal(task.status, -ECANCELED);
    assert_int_equal(task.times, 1);
}

static void an_ended_life_computes_nothing(void **state)
{
    (void)state;
    life_end(&life, -ECANCELED);
    op_cancel(work_start(&life, compute, on_worked, &task));
    assert_false(task.done);
    assert_true(loop_run_until(loop, &task.done, 5000));
    assert_int_equal(task.computed, 0);
    assert_int_equal(task.status, -ECANCELED);
}

static void destroying_the_loop_waits_for_it(void **state)
{
    (void)state;
    struct loop *other = loop_create();
    struct life short_life;
    life_init(&short_life, other);
    work_start(&short_life, compute, on_worked, &task);
    life_drop(&short_life);
    (void)sem_post(&task.go);
    assert_int_equal(loop_destroy(other), 0);
    assert_int_equal(task.times, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_computes_elsewhere_and_comes_back),
        TEST(the_end_of_its_life_is_told_after_the_work),
        TEST(it_comes_back_even_to_who_dropped_it),
        TEST(an_ended_life_computes_nothing),
        TEST(destroying_the_loop_waits_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
