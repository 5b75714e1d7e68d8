/*
 * Every file of escapes/ is one attempt of a script at more than it may, with its expected end in its
 * second line: "-- expect END: words", where END is one of task_end_name(), or load.  Meanwhile the loop
 * turns: how long any of them held it is measured.
 */
#include "lua_fixture.h"

#include <dirent.h>

#include "io/wait.h"

enum {
    LONGEST_HELD_MS = 150 /* 50 are allowed where Lua cannot yield; sanitizers take their part */
};

static uint64_t worst_held_us;
static char worst_name[256];

static char *read_file(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "re");
    if (!file)
        fail_msg("cannot read %s", path);
    char *text = mem_new(1 << 16);
    *ret_len = fread(text, 1, (1 << 16) - 1, file);
    (void)fclose(file);
    return text;
}

/* What scripts/lib would hold; one of them is bytecode, as luac makes it. */
static void load_libs(void)
{
    static const char *const names[] = {"sessions", "selfish", "endless"};
    static struct source all[4];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        MEM_AUTO char *path = mem_print("%s/lib/%s.lua", ESCAPES, names[i]);
        size_t len;
        MEM_AUTO char *text = read_file(path, &len);
        all[i] = (struct source){names[i], arena_copy_n(stage.arena, text, len), len};
    }
    all[3] = (struct source){"bytecode", "\033LuaT\0\x19\x93", 8};
    stage.libs = (struct sources){all, COUNT_OF(all)};
}

static json_t *huge(void)
{
    json_t *list = json_array();
    char word[1024];
    memset(word, 'x', sizeof(word));
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(word, 16, "%d", i);
        word[strlen(word)] = 'x';
        (void)json_array_append_new(list, json_stringn(word, sizeof(word)));
    }
    return list;
}

static void act(struct task *task, const json_t *args)
{
    struct task_answer answer = {.kind = ANSWER_VALUE};
    if (json_object_get(args, "never"))
        return;
    if (json_object_get(args, "refused"))
        answer = (struct task_answer){
            .kind = ANSWER_END, .end = TASK_REFUSED, .message = "the guard says no"};
    else if (json_object_get(args, "fails"))
        answer =
            (struct task_answer){.kind = ANSWER_FAILURE, .message = "it broke", .code = "reset"};
    else
        answer.value = json_object_get(args, "huge") ? huge() : json_pack("{s:i}", "done", 1);
    task_answer(task, &answer);
}

/* The end and the words that the second line names. */
static void expected_of(const char *text, char *end, size_t room, const char **ret_words,
                        size_t *ret_len)
{
    const char *line = strstr(text, "\n-- expect ");
    if (!line)
        fail_msg("the second line says no -- expect");
    line += strlen("\n-- expect ");
    size_t colon = strcspn(line, ":\n");
    (void)snprintf(end, room, "%.*s:", (int)colon, line);
    line += colon + 1 + strspn(line + colon + 1, " ");
    *ret_words = line;
    *ret_len = strcspn(line, "\n");
}

static void note_held(const char *name, uint64_t held_us)
{
    if (held_us > worst_held_us) {
        worst_held_us = held_us;
        (void)snprintf(worst_name, sizeof(worst_name), "%s", name);
    }
}

static void try(const char *name)
{
    static const struct task_limits limits = {.cpu_ms = 200};
    MEM_AUTO char *path = mem_print("%s/%s", ESCAPES, name);
    const char *words;
    char end[32];
    size_t len, words_len;
    MEM_AUTO char *text = read_file(path, &len);
    MEM_AUTO char *short_name = mem_copy_n(name, strlen(name) - strlen(".lua"));
    expected_of(text, end, sizeof(end), &words, &words_len);
    MEM_AUTO char *expected = mem_copy_n(words, words_len);

    open_stage();
    load_libs();
    stage.on_act = act;
    if (load(short_name, text)) {
        start(&limits);
        begin_ticks();
        if (!loop_run_until(stage.loop, &stage.over, 20000))
            fail_msg("%s has not ended", name);
        on_tick(NULL);
        note_held(name, tick.worst_us);
        timer_stop(&tick.timer);
    } else {
        MEM_AUTO char *refused = mem_print("load: %s", stage.said.bytes);
        text_cut_to(&stage.said, 0);
        text_add(&stage.said, refused);
    }
    if (strncmp(stage.said.bytes, end, strlen(end)) != 0 || !strstr(stage.said.bytes, expected))
        fail_msg("%s: expected %s %s, but: %s", name, end, expected, stage.said.bytes);
    assert_int_equal(close_stage(), 0);
}

static int is_script(const struct dirent *entry)
{
    return strstr(entry->d_name, ".lua") != NULL;
}

static void every_attempt_ends_as_it_should(void **state)
{
    struct dirent **entries;
    const char *only = getenv("ONLY");
    (void)state;
    int count = scandir(ESCAPES, &entries, is_script, alphasort);
    assert_true(count > 80);
    for (int i = 0; i < count; i++) {
        if (!only || strstr(entries[i]->d_name, only))
            try(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    (void)printf("%d attempts; the loop was held %.1f ms at worst, by %s\n",
                 count,
                 (double)worst_held_us / 1000.0,
                 worst_name);
    assert_true(worst_held_us < LONGEST_HELD_MS * 1000u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attempt_ends_as_it_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
