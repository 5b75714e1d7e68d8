#include "out/receipts.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/units.h"
#include "io/wait.h"
#include "out/view.h"

enum { LONGEST_WHY = 200, LONGEST_BOOT = 64 };

struct receipts {
    struct loop *loop;
    char *boot;
    struct list waiting;
};

struct receipt {
    struct list link;
    struct receipts *receipts;
    char *sink;
    uint64_t seq;
    int64_t wait_ms;
    struct timer timer; /* until the time is over; then, or with an answer, the next turn */
    bool answered, taken;
    char trouble[LONGEST_WHY], why[LONGEST_WHY + 100];
    receipt_fn *fn;
    void *data;
};

static void receipt_destroy(struct receipt *receipt)
{
    list_remove(&receipt->link);
    timer_stop(&receipt->timer);
    free(receipt->sink);
    free(receipt);
}

static void on_answer(void *data)
{
    struct receipt *receipt = data;
    receipt_fn *fn = receipt->fn;
    void *fn_data = receipt->data;
    MEM_AUTO char *why = receipt->taken ? NULL : mem_copy(receipt->why);
    receipt_destroy(receipt);
    fn(why, fn_data);
}

static void answer(struct receipt *receipt)
{
    receipt->answered = true;
    timer_start(&receipt->timer, receipt->receipts->loop, 0, on_answer, receipt);
}

static void on_late(void *data)
{
    struct receipt *receipt = data;
    char waited[UNITS_DURATION_LEN];
    units_print_duration(receipt->wait_ms, waited);
    (void)snprintf(receipt->why,
                   sizeof(receipt->why),
                   "sink %s has not acknowledged it within %s%s%s",
                   receipt->sink,
                   waited,
                   *receipt->trouble ? ": " : "",
                   receipt->trouble);
    on_answer(receipt);
}

/* -------------------------------------------------------------------- asked ---- */

void receipts_ask(struct receipts *receipts, const char *sink, uint64_t seq, int64_t wait_ms,
                  receipt_fn *fn, void *data)
{
    struct receipt *receipt = mem_new(sizeof(*receipt));
    receipt->receipts = receipts;
    receipt->sink = mem_copy(sink);
    receipt->seq = seq;
    receipt->wait_ms = wait_ms;
    receipt->fn = fn;
    receipt->data = data;
    list_add(&receipts->waiting, &receipt->link);
    timer_start(&receipt->timer, receipts->loop, (uint64_t)wait_ms, on_late, receipt);
}

void receipts_forget(struct receipts *receipts, const void *data)
{
    struct receipt *receipt;
    list_for_each(receipt, &receipts->waiting, struct receipt, link) {
        if (receipt->data == data)
            receipt_destroy(receipt);
    }
}

bool receipts_wanted(const struct receipts *receipts, const char *sink)
{
    if (!receipts)
        return false;
    for (const struct list *link = receipts->waiting.next; link != &receipts->waiting;
         link = link->next) {
        const struct receipt *receipt = container_of(link, struct receipt, link);
        if (!receipt->answered && strcmp(receipt->sink, sink) == 0)
            return true;
    }
    return false;
}

/* --------------------------------------------------------------------- told ---- */

/* Whether it is among these lines, and this agent's. */
static bool is_among(const struct receipt *receipt, const char *lines, size_t len)
{
    char boot[LONGEST_BOOT + 3];
    struct view rest = {lines, len}, line;
    (void)snprintf(boot, sizeof(boot), "\"%s\"", receipt->receipts->boot);
    while (view_line(&rest, &line))
        if (view_int(view_member(line, "seq"), -1) == (int64_t)receipt->seq &&
            view_equals(view_member(view_member(line, "agent"), "boot"), boot))
            return true;
    return false;
}

/* The first that waits for that sink and is among these lines, or NULL. */
static struct receipt *find(struct receipts *receipts, const char *sink, const char *lines,
                            size_t len)
{
    struct receipt *receipt;
    if (!receipts)
        return NULL;
    list_for_each(receipt, &receipts->waiting, struct receipt, link) {
        if (!receipt->answered && strcmp(receipt->sink, sink) == 0 && is_among(receipt, lines, len))
            return receipt;
    }
    return NULL;
}

void receipts_taken(struct receipts *receipts, const char *sink, const char *lines, size_t len,
                    size_t lost)
{
    struct receipt *receipt;
    while ((receipt = find(receipts, sink, lines, len))) {
        receipt->taken = lost == 0;
        if (lost)
            (void)snprintf(receipt->why,
                           sizeof(receipt->why),
                           "the receiver of sink %s has not kept all that it took",
                           sink);
        answer(receipt);
    }
}

void receipts_refused(struct receipts *receipts, const char *sink, const char *lines, size_t len,
                      const char *why)
{
    struct receipt *receipt;
    while ((receipt = find(receipts, sink, lines, len))) {
        (void)snprintf(receipt->why, sizeof(receipt->why), "sink %s refused it: %s", sink, why);
        answer(receipt);
    }
}

void receipts_trouble(struct receipts *receipts, const char *sink, const char *why)
{
    struct receipt *receipt;
    if (!receipts)
        return;
    list_for_each(receipt, &receipts->waiting, struct receipt, link) {
        if (strcmp(receipt->sink, sink) == 0)
            (void)snprintf(receipt->trouble, sizeof(receipt->trouble), "%s", why);
    }
}

void receipts_no_sink(struct receipts *receipts, const char *sink)
{
    struct receipt *receipt;
    list_for_each(receipt, &receipts->waiting, struct receipt, link) {
        if (receipt->answered || strcmp(receipt->sink, sink) != 0)
            continue;
        (void)snprintf(receipt->why, sizeof(receipt->why), "sink %s is not at work", sink);
        answer(receipt);
    }
}

/* -------------------------------------------------------------------- whole ---- */

struct receipts *receipts_create(struct loop *loop, const char *boot)
{
    struct receipts *receipts = mem_new(sizeof(*receipts));
    receipts->loop = loop;
    receipts->boot = mem_copy(boot);
    list_init(&receipts->waiting);
    return receipts;
}

void receipts_destroy(struct receipts *receipts)
{
    if (!receipts)
        return;
    while (!list_empty(&receipts->waiting))
        receipt_destroy(list_first(&receipts->waiting, struct receipt, link));
    free(receipts->boot);
    free(receipts);
}
