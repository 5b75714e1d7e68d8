#include "inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_BROKEN = 64 << 10, FIRST_NOW_MS = 1000000 };
static const int64_t first_wall_ms = 1795230000000; /* 2026-11-21T03:00:00Z */

/* -------------------------------------------------------------- memory ---- */

void *kit_pile_up(struct kit_pile *pile, size_t size)
{
    pile->all = mem_resize(pile->all, ++pile->count * size);
    return memset((char *)pile->all + (pile->count - 1) * size, 0, size);
}

void kit_add(struct kit_pile *pile, const void *pointer)
{
    *(const void **)kit_pile_up(pile, sizeof(const void *)) = pointer;
}

void *kit_keep(struct kit *kit, void *memory)
{
    kit_add(&kit->kept, memory);
    return memory;
}

void *kit_room(struct kit *kit, const void *all, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0; /* zero or a power of two */
    if (!full)
        return (void *)(uintptr_t)all;
    void *more = kit_keep(kit, mem_array(count ? 2 * count : 1, size));
    return count ? memcpy(more, all, count * size) : more;
}

char *kit_copy(struct kit *kit, const char *string)
{
    return string ? kit_keep(kit, mem_copy(string)) : NULL;
}

static void free_all(struct kit_pile *pile)
{
    void **all = pile->all;
    for (size_t i = 0; i < pile->count; i++)
        free(all[i]);
    free(pile->all);
    *pile = (struct kit_pile){0};
}

const char *kit_lend(struct kit *kit, const char *string)
{
    char *copy = mem_copy(string);
    kit_add(&kit->lent, copy);
    return copy;
}

/* --------------------------------------------------------------- rules ---- */

void kit_break(struct kit *kit, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args); /* NOLINT: va_start() is above */
    va_end(args);
    kit->broken_count++;
    text_print(&kit->broken, "%s\n", line);
}

const char *kit_broken(struct kit *kit)
{
    const char *broken = kit_copy(kit, kit->broken.bytes);
    text_cut_to(&kit->broken, 0);
    kit->broken_count = 0;
    return broken;
}

void kit_enter(struct kit *kit)
{
    kit->depth++;
}

void kit_leave(struct kit *kit)
{
    if (--kit->depth == 0)
        free_all(&kit->lent);
}

/* ------------------------------------------------------------ open, close ---- */

static struct kit *create(void)
{
    struct kit *kit = mem_new(sizeof(*kit));
    kit->memory = arena_create();
    kit->loop = loop_create();
    loop_drive(kit->loop, FIRST_NOW_MS, first_wall_ms);
    list_init(&kit->jobs);
    text_init(&kit->broken, MOST_BROKEN);
    text_init(&kit->log, MOST_BROKEN);
    return kit;
}

static struct kit *opened(struct kit *kit, int status, const struct error *error)
{
    if (status == 0) {
        kit->plugin = kit->plugins.all[0];
        return kit;
    }
    char message[sizeof(error->message)];
    (void)snprintf(message, sizeof(message), "%s", error->message);
    (void)kit_close(kit);
    fail_msg("the plugin does not load: %s", message);
    return NULL;
}

struct kit *kit_open(const struct probe_plugin *plugin)
{
    struct kit *kit = create();
    struct error error;
    return opened(kit, plugin_add(&kit->plugins, plugin, "linked in", &error), &error);
}

struct kit *kit_load(const char *name)
{
    struct kit *kit = create();
    struct error error;
    const char *folder = getenv("PLUGINS");
    MEM_AUTO char *path = mem_print("%s/%s.so", folder ? folder : ".", name);
    return opened(kit, plugin_load(&kit->plugins, path, &error), &error);
}

static void count_unused(struct kit *kit)
{
    if (kit->scripts.count > kit->dials.count)
        kit_break(kit,
                  "%zu of %zu transcripts were never dialled",
                  kit->scripts.count - kit->dials.count,
                  kit->scripts.count);
    if (kit->answers.count > kit->requests.count)
        kit_break(kit,
                  "%zu of %zu answers were never asked for",
                  kit->answers.count - kit->requests.count,
                  kit->answers.count);
    if (kit->programs.count > kit->commands.count)
        kit_break(kit,
                  "%zu of %zu programs were never started",
                  kit->programs.count - kit->commands.count,
                  kit->programs.count);
}

static void free_rest(struct kit *kit)
{
    struct kit_job *job;
    list_for_each(job, &kit->jobs, struct kit_job, link) {
        list_remove(&job->link);
        free(job);
    }
    free(kit->target);
    free_all(&kit->kept);
    free_all(&kit->lent);
    arena_destroy(kit->memory);
    struct kit_pile *piles[] = {&kit->settings,
                                &kit->subjects,
                                &kit->scripts,
                                &kit->dials,
                                &kit->answers,
                                &kit->requests,
                                &kit->programs,
                                &kit->commands,
                                &kit->names,
                                &kit->sights,
                                &kit->tails,
                                &kit->notes,
                                &kit->metrics,
                                &kit->tasks,
                                NULL};
    for (struct kit_pile **pile = piles; *pile; pile++)
        free((*pile)->all);
    plugins_finish(&kit->plugins);
    text_finish(&kit->broken);
    text_finish(&kit->log);
    free(kit);
}

int kit_close(struct kit *kit)
{
    if (!kit)
        return 0;
    kit_destroy_target(kit);
    count_unused(kit);
    int left = loop_destroy(kit->loop);
    if (left > 0)
        kit_break(kit, "%d timers or watches are left", left);
    int broken = (int)kit->broken_count;
    if (broken > 0)
        print_error("%s", kit->broken.bytes);
    free_rest(kit);
    return broken;
}

void kit_use_real_time(struct kit *kit)
{
    (void)loop_destroy(kit->loop);
    kit->loop = loop_create();
    kit->real_time = true;
}

struct loop *kit_loop(struct kit *kit)
{
    return kit->loop;
}

void kit_set_wall(struct kit *kit, int64_t wall_ms)
{
    loop_drive(kit->loop, loop_now_us(kit->loop) / 1000, wall_ms);
}
