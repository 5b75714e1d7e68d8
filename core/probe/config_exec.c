/*
 * config_exec - "exec:": which programs the agent may start, each with what it must hold.
 *
 *     exec: {allow: [{program: /usr/bin/certbot, sha256: 9f86d081...}]}
 *
 * Layer: probe.  Part of probe/config.
 */
#include <string.h>

#include "io/program.h"
#include "probe/config_parts.h"

static const struct probe_option permit_options[] = {
    {"program",
     PROBE_STRING_AT(struct child_permit, program),
     .help = "its absolute path; it is started without a shell"},
    {"sha256",
     PROBE_STRING_AT(struct child_permit, sha256),
     .help = "of its file, 64 hex digits, as sha256sum prints them; a program may stand here "
             "several times, with each content that it may have"},
    {0},
};

struct exec_words {
    struct probe_items allow;
};
const struct probe_option config_exec_options[] = {
    {"allow",
     PROBE_ITEMS_AT(struct exec_words, allow),
     .fallback = "",
     .nested = permit_options,
     .item_size = sizeof(struct child_permit),
     .help = "programs that may be started; none but these ever are"},
    {0},
};

static void judge(struct builder *builder, const struct child_permit *permit,
                  const struct node *node)
{
    static const char path[] = "exec.allow";
    if (permit->program && *permit->program != '/')
        problem_hint(
            config_refuse(builder, node_place(node, "program"), path, "is no absolute path"),
            "write it like /usr/bin/certbot");
    if (permit->sha256 && (strlen(permit->sha256) != PROGRAM_DIGEST_LEN ||
                           strspn(permit->sha256, "0123456789abcdefABCDEF") != PROGRAM_DIGEST_LEN))
        problem_hint(
            config_refuse(
                builder, node_place(node, "sha256"), path, "is no SHA-256: it has 64 hex digits"),
            "sha256sum %s",
            permit->program ? permit->program : "FILE");
}

void config_read_exec(struct builder *builder)
{
    struct exec_words words = {0};
    const struct node *map = node_find(builder->root, "exec");
    const struct child_permit *all = NULL;
    struct child_permit *permits;
    size_t count = 0;
    if (!node_is_absent(map) && map->kind != NODE_MAP) {
        problem_hint(config_refuse(builder, map->place, "exec", "is not a map"),
                     "write it like {allow: [{program: /usr/bin/certbot, sha256: ...}]}");
    } else if (!node_is_absent(map)) {
        schema_fill(&builder->schema, config_exec_options, map, "exec", &words);
        schema_refuse_unknown(
            &builder->schema, &(struct schema_keys){.tables = {config_exec_options}}, map, "exec");
        all = words.allow.first;
        count = words.allow.count;
    }
    permits = arena_array(builder->schema.memory, count + 1, sizeof(*permits));
    const struct node *list = map ? node_find(map, "allow") : NULL;
    const struct node *node = list ? list->first : NULL;
    for (size_t i = 0; i < count; i++, node = node ? node->next : NULL) {
        permits[i] = all[i];
        if (node)
            judge(builder, &all[i], node);
    }
    builder->config->exec.permits = permits;
}
