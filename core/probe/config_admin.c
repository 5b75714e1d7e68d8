/*
 * config_admin - "agent.admin:": where the agent's numbers and its health are served, if anywhere.
 *
 * Layer: probe.  Part of probe/config.
 */
#include <string.h>

#include "io/serve.h"
#include "probe/config_parts.h"

const struct probe_option config_admin_options[] = {
    {"listen",
     PROBE_STRING_AT(struct config_admin, listen),
     .fallback = "127.0.0.1:9797",
     .help = "address and port of /metrics, /healthz and /readyz"},
    {"subjects",
     PROBE_INT_AT(struct config_admin, most_subjects),
     .fallback = "200",
     .min = 1,
     .max = LEDGER_MOST_SUBJECTS,
     .help = "of one check in /metrics; how many more there are is said there"},
    {0},
};

bool config_is_off(const struct node *node)
{
    return node_is_absent(node) || node->kind == NODE_NULL ||
           (node->kind == NODE_BOOL && strcmp(node->text, "false") == 0) ||
           (node->kind == NODE_TEXT && strcmp(node->text, "off") == 0);
}

void config_read_admin(struct builder *builder, const struct node *agent)
{
    static const char path[] = "agent.admin";
    const struct node *map = node_find(agent, "admin");
    struct config_admin *admin = &builder->config->agent.admin;
    struct sockaddr_storage address;
    socklen_t len;
    if (config_is_off(map))
        return;
    if (map->kind != NODE_MAP) {
        problem_hint(
            config_refuse(builder, map->place, path, "is %s, not a map", node_kind_name(map)),
            "write it like {listen: \"127.0.0.1:9797\"}, or off");
        return;
    }
    schema_fill(&builder->schema, config_admin_options, map, path, admin);
    schema_refuse_unknown(
        &builder->schema, &(struct schema_keys){.tables = {config_admin_options}}, map, path);
    if (admin->listen && !serve_address(admin->listen, &address, &len))
        problem_hint(config_refuse(builder,
                                   node_place(map, "listen"),
                                   "agent.admin.listen",
                                   "\"%s\" is no address with a port",
                                   admin->listen),
                     "write it like 127.0.0.1:9797 or [::1]:9797: a name is not looked up");
}
