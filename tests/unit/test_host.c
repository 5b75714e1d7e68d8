/* probe/host and probe/note: what crosses the contract in sizes and lengths that are not our own. */
#include <errno.h>

#include "child_fixture.h"
#include "probe/host.h"

/* A pair as a later minor of the contract may have it. */
struct wide_pair {
    struct probe_pair pair;
    int64_t more[3];
};

static struct stand_in {
    struct tether tether;
    struct probe_run face;
    struct notes notes;
    struct probe_sizes sizes;
    char output[256];
    int status;
} stand_in;

TETHER_FITS(struct stand_in);

static void on_exit_(int status, const struct probe_exit *end, void *data)
{
    struct stand_in *self = data;
    self->status = status;
    (void)snprintf(self->output, sizeof(self->output), "%s", end->output);
    loop_stop(self->tether.life.loop);
}

static void begin(const struct life *life, size_t pair)
{
    stand_in = (struct stand_in){.sizes = {.pair = pair}, .status = -1};
    life_init(&stand_in.tether.life, life->loop);
    stand_in.tether.sizes = &stand_in.sizes;
    stand_in.tether.notes = &stand_in.notes;
    stand_in.tether.name = "db/check";
    stand_in.face.life.host = &host_services;
}

static void print_environment(const void *env)
{
    static const char *const argv[] = {"/usr/bin/env", NULL};
    (void)probe_exec(&stand_in.face.life, on_exit_, &stand_in, .argv = argv, .env = env);
    loop_run(stand_in.tether.life.loop);
    life_drop(&stand_in.tether.life);
    assert_int_equal(stand_in.status, 0);
}

static void pairs_of_another_size_are_read_one_by_one(void **state)
{
    static const struct wide_pair wide[] = {{.pair = {"ONE", "1", NULL}, .more = {-1, -1, -1}},
                                            {.pair = {"TWO", "2", NULL}, .more = {-1, -1, -1}},
                                            {.pair = {NULL}}};
    begin(*state, sizeof(struct wide_pair));
    print_environment(wide);
    assert_non_null(strstr(stand_in.output, "ONE=1\n"));
    assert_non_null(strstr(stand_in.output, "TWO=2\n"));
}

static void pairs_of_our_size_are_read_as_they_are(void **state)
{
    static const struct probe_pair own[] = {{"ONE", "1", NULL}, {"TWO", "2", NULL}, {NULL}};
    begin(*state, sizeof(struct probe_pair));
    print_environment(own);
    assert_non_null(strstr(stand_in.output, "ONE=1\n"));
    assert_non_null(strstr(stand_in.output, "TWO=2\n"));
}

static void what_is_remembered_has_an_end(void **state)
{
    char longest[4098];
    struct probe_life *life = &stand_in.face.life;
    begin(*state, sizeof(struct probe_pair));
    memset(longest, 'k', sizeof(longest));
    longest[4097] = '\0';
    probe_remember(life, longest, "a key that is too long");
    probe_remember(life, "a value that is too long", longest);
    assert_null(probe_recall(life, longest));
    assert_null(probe_recall(life, "a value that is too long"));
    longest[4096] = '\0';
    probe_remember(life, longest, longest);
    assert_string_equal(probe_recall(life, longest), longest);
    for (int i = 0; i < 70; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%d", i);
        probe_remember(life, key, "x");
    }
    assert_int_equal(stand_in.notes.count, 64);
    notes_finish(&stand_in.notes);
    life_drop(&stand_in.tether.life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            pairs_of_another_size_are_read_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pairs_of_our_size_are_read_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_remembered_has_an_end, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    child_stop();
    return failed;
}
