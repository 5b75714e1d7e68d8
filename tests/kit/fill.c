/*
 * fill - options into structs by core/probe/schema, exactly as the agent does it.
 */
#include "inside.h"

#include <stdio.h>
#include <string.h>

#include "io/secret.h"
#include "probe/schema.h"
#include "probe/yaml.h"

static const struct place here = {.file = "the test"};

void kit_set_for(struct kit *kit, const char *check, const char *option, const char *value)
{
    struct kit_setting *setting = kit_pile_up(&kit->settings, sizeof(*setting));
    setting->subject = kit_copy(kit, check);
    setting->option = kit_copy(kit, option);
    setting->value = kit_copy(kit, value);
}

void kit_set(struct kit *kit, const char *option, const char *value)
{
    kit_set_for(kit, NULL, option, value);
}

static const struct probe_option *find(const struct probe_option *options, const char *name)
{
    for (; options && options->name; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

/* Text is taken as it is, so that it needs no quotes; what has parts is YAML. */
static struct node *node_of(struct schema *schema, const struct probe_option *option,
                            const char *value)
{
    switch (option->type) {
    case PROBE_BOOL:
    case PROBE_INT:
    case PROBE_REAL:
        return node_create(schema->memory, node_kind_of(value), here, value);
    case PROBE_LIST:
    case PROBE_TLS:
    case PROBE_PAIRS:
    case PROBE_ITEMS:
    case PROBE_NAMED:
    case PROBE_GROUP:
    case PROBE_JSON:
        return yaml_read(schema->memory, here.file, value, strlen(value), schema->problems);
    default:
        return node_create(schema->memory, NODE_TEXT, here, value);
    }
}

static void add(struct kit *kit, struct schema *schema, const struct probe_option *options,
                struct node *map, const struct kit_setting *setting)
{
    const struct probe_option *option = find(options, setting->option);
    struct node *node = option ? node_of(schema, option, setting->value) : NULL;
    if (!option)
        kit_break(kit,
                  "%s has no option \"%s\"",
                  setting->subject ? setting->subject : "the target",
                  setting->option);
    if (!node)
        return;
    node->key = option->name;
    node->named = here;
    node_add(map, node);
}

/* Of two settings of one option the later one counts. */
static bool counts(const struct kit *kit, size_t nth, const char *subject)
{
    const struct kit_setting *all = kit->settings.all;
    for (size_t i = nth; i < kit->settings.count; i++) {
        bool mine =
            subject ? all[i].subject && strcmp(all[i].subject, subject) == 0 : !all[i].subject;
        if (i == nth && !mine)
            return false;
        if (i > nth && mine && strcmp(all[i].option, all[nth].option) == 0)
            return false;
    }
    return true;
}

static void tell(struct kit *kit, const struct problems *problems)
{
    struct text TEXT_AUTO text;
    text_init(&text, 4096);
    problems_print(problems, &text);
    if (problems->errors > 0)
        kit_break(kit, "%s", text.bytes);
}

void *kit_fill(struct kit *kit, const char *subject, const struct probe_option *options,
               size_t size)
{
    struct problems problems = {0};
    struct schema schema = {.memory = kit->memory, .problems = &problems, .offline = true};
    struct node *map = node_create(kit->memory, NODE_MAP, here, "");
    void *config = arena_new(kit->memory, size);
    for (size_t i = 0; i < kit->settings.count; i++)
        if (counts(kit, i, subject))
            add(kit, &schema, options, map, (const struct kit_setting *)kit->settings.all + i);
    schema_fill(&schema, options, map, subject ? subject : "the target", config);
    tell(kit, &problems);
    problems_finish(&problems);
    return config;
}
