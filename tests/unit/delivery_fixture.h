/*
 * What the tests of sinks share: a bus, a loop, a configuration with sinks of a kind whose receiver
 * is the test, and what was handed to it.
 */
#ifndef TESTS_DELIVERY_FIXTURE_H
#define TESTS_DELIVERY_FIXTURE_H

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
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
#include "base/mem.h"
#include "io/loop.h"
#include "io/wait.h"
#include "out/sink.h"
#include "out/view.h"

#define WALL INT64_C(1795229882118)

/* A sink of the test's, by name. */
struct fake {
    char name[32];
    unsigned opened, closed, parcels;
    size_t count; /* of the parcel under way; zero: none is */
    char lines[400000];
    char words[200000]; /* the messages of all that was taken, each with a space */
    sink_carried_fn *fn;
    void *data;
    /* What is answered by itself: none, or one verdict for every parcel that holds `bad`. */
    bool answers;
    const char *bad;
    struct timer later;
    unsigned heard; /* of the kind without a queue */
};

static struct {
    struct loop *loop;
    struct bus *bus;
    struct config *config;
    struct sinks *sinks;
    struct fake fakes[3];
    char folder[32];
    char said[20000]; /* step of each event of the agent's that is about sinks, each with a space */
    unsigned words;
} now;

static inline struct fake *fake_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(now.fakes); i++) {
        if (now.fakes[i].name[0] == '\0')
            (void)snprintf(now.fakes[i].name, sizeof(now.fakes[i].name), "%s", name);
        if (strcmp(now.fakes[i].name, name) == 0)
            return &now.fakes[i];
    }
    fail_msg("too many sinks");
    return NULL;
}

static inline void *fake_open(const struct sink_place *place)
{
    struct fake *fake = fake_of(place->name);
    fake->opened++;
    return fake;
}

static inline void fake_close(void *self)
{
    struct fake *fake = self;
    fake->closed++;
    fake->count = 0;
    timer_stop(&fake->later);
}

/* Answers the parcel under way. */
static inline void answer(struct fake *fake, enum sink_verdict verdict, int64_t after_ms)
{
    const struct sink_answer said = {.verdict = verdict, .after_ms = after_ms, .message = "so"};
    struct view rest = {fake->lines, strlen(fake->lines)}, line;
    assert_true(fake->count > 0);
    while (verdict == SINK_TAKEN && view_line(&rest, &line)) {
        struct text TEXT_AUTO text;
        text_init(&text, 1000);
        assert_true(view_add_text(view_member(line, "message"), &text));
        assert_true(strlen(fake->words) + text.len + 2 < sizeof(fake->words));
        (void)sprintf(fake->words + strlen(fake->words), "%s ", text.bytes); /* lint: it fits */
    }
    fake->count = 0;
    fake->fn(&said, fake->data);
}

static inline void on_later(void *data)
{
    struct fake *fake = data;
    bool bad = fake->bad && strstr(fake->lines, fake->bad);
    answer(fake, bad ? SINK_REFUSED : SINK_TAKEN, 0);
}

static inline void fake_carry(void *self, const struct sink_parcel *parcel, sink_carried_fn *fn,
                              void *data)
{
    struct fake *fake = self;
    assert_int_equal(fake->count, 0);
    assert_true(parcel->count > 0 && parcel->len < sizeof(fake->lines));
    memcpy(fake->lines, parcel->lines, parcel->len);
    fake->lines[parcel->len] = '\0';
    fake->count = parcel->count;
    fake->fn = fn;
    fake->data = data;
    fake->parcels++;
    if (fake->answers)
        timer_start(&fake->later, now.loop, 0, on_later, fake);
}

static inline void fake_hear(void *self, const struct event *event)
{
    struct fake *fake = self;
    (void)event;
    fake->heard++;
}

static const struct sink_type queued = {
    .face = {.name = "queued", .summary = "the test's", .config_size = 1, .queued = true},
    .open = fake_open,
    .carry = fake_carry,
    .close = fake_close,
};
static const struct sink_type direct = {
    .face = {.name = "direct", .summary = "the test's, without a queue", .config_size = 1},
    .open = fake_open,
    .hear = fake_hear,
    .close = fake_close,
};
static const struct config_sink_type *const kinds[] = {&queued.face, &direct.face, NULL};

static inline struct config *read_config(const char *text)
{
    struct plugins none = {0};
    struct problems problems = {0};
    const struct config_needs needs = {.sinks = kinds};
    struct config *config = config_parse("test", text, strlen(text), &none, &needs, &problems);
    struct text TEXT_AUTO said;
    text_init(&said, 10000);
    problems_print(&problems, &said);
    if (!config)
        fail_msg("%s", said.bytes);
    problems_finish(&problems);
    return config;
}

static inline void on_said(const struct event *event, void *data)
{
    struct text TEXT_AUTO text;
    (void)data;
    text_init(&text, 1000);
    if (view_add_text(view_member((struct view){event->json, event->len}, "step"), &text) &&
        strcmp(text.bytes, "word") != 0)
        (void)sprintf(now.said + strlen(now.said), "%s ", text.bytes); /* lint: it fits */
}

static inline void on_log(enum log_level level, const char *text, void *data)
{
    (void)level;
    (void)text;
    (void)data;
}

static inline int set_up(void **state)
{
    const struct event_speaker speaker = {.realm = "r", .boot = "b7c1"};
    (void)state;
    memset(&now, 0, sizeof(now));
    now.loop = loop_create();
    now.bus = bus_create(&speaker);
    bus_subscribe(now.bus, on_said, NULL);
    log_to(on_log, NULL);
    (void)snprintf(now.folder, sizeof(now.folder), "/tmp/test_delivery.XXXXXX");
    return mkdtemp(now.folder) ? 0 : -1;
}

static inline void open_sinks(const char *text)
{
    now.config = read_config(text);
    now.sinks = sinks_open(now.loop, now.bus, now.config);
}

static inline void take_over(const char *text)
{
    struct config *config = read_config(text);
    sinks_take_over(now.sinks, config);
    config_destroy(now.config);
    now.config = config;
}

static inline void close_sinks(void)
{
    sinks_close(now.sinks);
    config_destroy(now.config);
    now.sinks = NULL;
    now.config = NULL;
}

static inline int remove_one(const char *path, const struct stat *found, int kind, struct FTW *walk)
{
    (void)found;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int tear_down(void **state)
{
    (void)state;
    if (now.sinks)
        close_sinks();
    bus_destroy(now.bus);
    condition_shutdown();
    log_to(NULL, NULL);
    int left = loop_destroy(now.loop);
    return nftw(now.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) + left;
}

/* Emits `count` events, whose messages count on: w1, w2, ... */
static inline void emit(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char message[16];
        (void)snprintf(message, sizeof(message), "w%u", ++now.words);
        (void)event_emit_agent(
            now.bus, LOG_INFO, "word", message, loop_wall_ms(now.loop), NULL, NULL);
    }
}

static inline struct sink_counts counts_of(const char *name);

struct sought {
    const char *name;
    struct sink_counts counts;
};

static inline void on_each(const char *name, const struct sink_counts *counts, void *data)
{
    struct sought *sought = data;
    if (strcmp(name, sought->name) == 0)
        sought->counts = *counts;
}

static inline struct sink_counts counts_of(const char *name)
{
    struct sought sought = {.name = name};
    sinks_each(now.sinks, on_each, &sought);
    return sought.counts;
}

/* "w1 w2 ... " from one to the other. */
static inline const char *words(unsigned from, unsigned to)
{
    static char text[200000];
    size_t len = 0;
    text[0] = '\0';
    for (unsigned i = from; i <= to; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "w%u ", i);
    return text;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
