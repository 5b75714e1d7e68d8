/*
 * brakes_fixture - what people said, kept in a state of its own below /tmp.
 */
#ifndef UNIT_BRAKES_FIXTURE_H
#define UNIT_BRAKES_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "incident/ack.h"
#include "incident/freeze.h"
#include "incident/lock.h"
#include "incident/silence.h"
#include "incident/spent.h"
#include "io/child.h"
#include "io/loop.h"

#define NOW INT64_C(1795229882118)
enum { MINUTE = 60 * 1000 };

struct stage {
    struct loop *loop;
    char folder[64];
    struct store *store;
    struct memo *memo;
};

static inline void quiet(enum log_level level, const char *text, void *data)
{
    (void)level;
    (void)text;
    (void)data;
}

static inline void open_memo(struct stage *stage)
{
    struct error error = {0};
    stage->store = store_open(stage->loop, stage->folder, "select 1", NULL, &error);
    assert_non_null(stage->store);
    stage->memo = memo_open(stage->store, &error);
    assert_non_null(stage->memo);
}

static inline void close_memo(struct stage *stage)
{
    memo_close(stage->memo);
    store_close(stage->store, 5000);
}

static inline int set_up(void **state)
{
    struct stage *stage = mem_new(sizeof(*stage));
    log_to(quiet, NULL);
    (void)snprintf(stage->folder, sizeof(stage->folder), "/tmp/runbookd-brakes-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    assert_int_equal(child_start(), 0);
    stage->loop = loop_create();
    open_memo(stage);
    *state = stage;
    return 0;
}

static inline int tear_down(void **state)
{
    struct stage *stage = *state;
    close_memo(stage);
    child_stop();
    int open = loop_destroy(stage->loop);
    char *command = mem_print("rm -rf '%s'", stage->folder);
    int gone = system(command); /* lint: the test's own folder */
    free(command);
    free(stage);
    log_to(NULL, NULL);
    return open || gone;
}

static inline void count(int status, void *data)
{
    int *counts = data;
    counts[status == 0 ? 0 : 1]++;
}

#define CASE(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)

#endif
