#include "probe/discover.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "probe/schema.h"

enum { LONGEST_NAME = 60 };

struct search {
    const struct plugins *plugins;
    json_t *targets;
    discover_found_fn *found;
    void *data;
};

__attribute__((format(printf, 2, 3))) static void say(const struct search *search, const char *fmt,
                                                      ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (search->found)
        search->found(line, search->data);
}

/* The value of PREFIXSUFFIX; NULL: not set, or empty. */
static const char *value_of(const char *prefix, const char *suffix)
{
    MEM_AUTO char *name = mem_print("%s%s", prefix, suffix);
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name), end = strlen(ending);
    return len >= end && strcmp(name + len - end, ending) == 0;
}

/* "database" of DATABASE_URL, "pg" of PGHOST, "stripe" of STRIPE_SECRET_KEY. */
static char *target_name(const char *variable)
{
    static const char *const endings[] = {
        "_URL", "_URI", "_DSN", "_HOST", "HOST", "_SECRET_KEY", "_API_KEY", "_KEY", "_TOKEN"};
    size_t len = strlen(variable);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        if (ends_with(variable, endings[i]) && len > strlen(endings[i])) {
            len -= strlen(endings[i]);
            break;
        }
    }
    char *name = mem_copy_n(variable, len < LONGEST_NAME ? len : LONGEST_NAME);
    for (char *c = name; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
        if (*c == '_')
            *c = '-';
    }
    return name;
}

/*
 * Takes `options` over; "redis" becomes "redis-2" where there is one already.  Without a variable
 * it is the node itself.
 */
static void add_target(struct search *search, const struct plugin *plugin, const char *variable,
                       json_t *options)
{
    MEM_AUTO char *base = target_name(variable ? variable : plugin->face.name);
    MEM_AUTO char *name = mem_copy(base);
    for (int number = 2; json_object_get(search->targets, name); number++) {
        free(name);
        name = mem_print("%s-%d", base, number);
    }
    (void)json_object_set_new(options, "type", json_string(plugin->face.name));
    (void)json_object_set_new(search->targets, name, options);
    if (variable)
        say(search, "found %s, of type %s, from %s", name, plugin->face.name, variable);
    else
        say(search, "found %s, of type %s: the node itself", name, plugin->face.name);
}

/* ------------------------------------------------------------ variables ---- */

/* Sets `key` to "${env:PREFIXSUFFIX}", where that is set and the plugin has such an option. */
static void refer(json_t *options, const struct plugin *plugin, const char *key, const char *prefix,
                  const char *suffix)
{
    if (!value_of(prefix, suffix) || !schema_find(plugin->face.options, key))
        return;
    MEM_AUTO char *reference = mem_print("${env:%s%s}", prefix, suffix);
    (void)json_object_set_new(options, key, json_string(reference));
}

static bool is_number(const char *text)
{
    return text && text[strspn(text, "0123456789")] == '\0';
}

/* The URL of PGHOST and its siblings, by reference; a path is the folder of a socket. */
static char *url_of_host(const struct plugin *plugin, const char *prefix)
{
    const char *host = value_of(prefix, "HOST");
    struct text TEXT_AUTO url;
    text_init(&url, 4096);
    text_add_n(&url, plugin->face.scheme, strcspn(plugin->face.scheme, ","));
    text_add(&url, "://");
    if (*host != '/')
        text_print(&url, strchr(host, ':') ? "[${env:%sHOST}]" : "${env:%sHOST}", prefix);
    if (*host != '/' && is_number(value_of(prefix, "PORT"))) /* Kubernetes sets tcp://10.0.0.1 */
        text_print(&url, ":${env:%sPORT}", prefix);
    if (value_of(prefix, "DATABASE") || *host == '/')
        text_print(&url, "/${env:%sDATABASE:-}", prefix);
    if (*host == '/')
        text_print(&url, "?host=${env:%sHOST}", prefix);
    return text_take(&url);
}

static void use_host(struct search *search, const struct plugin *plugin, const char *variable)
{
    MEM_AUTO char *prefix = mem_copy_n(variable, strlen(variable) - strlen("HOST"));
    MEM_AUTO char *url = url_of_host(plugin, prefix);
    json_t *options = json_object();
    (void)json_object_set_new(options, "url", json_string(url));
    refer(options, plugin, "user", prefix, "USER");
    refer(options, plugin, "password", prefix, "PASSWORD");
    add_target(search, plugin, variable, options);
}

/*
 * The one whose variable it is, if it answers to the scheme: CLICKHOUSE_URL=https://... names a
 * ClickHouse.  Otherwise another may: DATABASE_URL=redis://... is none for postgres.
 */
static bool use_url(struct search *search, const struct plugin *owner, const char *variable,
                    size_t scheme_len)
{
    size_t place;
    const char *value = getenv(variable);
    const struct plugin *plugin = plugin_answers(owner, value, scheme_len, &place)
                                      ? owner
                                      : plugin_for_scheme(search->plugins, value, scheme_len);
    if (!plugin) {
        say(search,
            "%s is left out: no plugin answers to %.*s://",
            variable,
            scheme_len < 20 ? (int)scheme_len : 20,
            value);
        return false;
    }
    json_t *options = json_object();
    refer(options, plugin, "url", variable, "");
    add_target(search, plugin, variable, options);
    return true;
}

static const char *required_secret(const struct plugin *plugin)
{
    const struct probe_option *option = plugin->face.options;
    for (; option && option->name; option++)
        if (option->type == PROBE_SECRET && !option->fallback)
            return option->name;
    return NULL;
}

/* Whether the variable is set and made a target. */
static bool use_variable(struct search *search, const struct plugin *plugin, const char *variable)
{
    const char *value = value_of(variable, ""), *secret = required_secret(plugin);
    const char *colon = value ? strstr(value, "://") : NULL;
    if (!value)
        return false;
    if (colon)
        return use_url(search, plugin, variable, (size_t)(colon - value));
    if (ends_with(variable, "HOST") && plugin->face.scheme) {
        use_host(search, plugin, variable);
        return true;
    }
    if (!secret || ends_with(variable, "URL")) {
        say(search, "%s is left out: it holds no URL", variable);
        return false;
    }
    json_t *options = json_object();
    refer(options, plugin, secret, variable, "");
    add_target(search, plugin, variable, options);
    return true;
}

static void search_plugin(struct search *search, const struct plugin *plugin)
{
    bool done = false;
    for (const char *at = plugin->face.variables; at && *at && !done;) {
        size_t len = strcspn(at, ",");
        MEM_AUTO char *variable = mem_copy_n(at, len);
        done = use_variable(search, plugin, variable);
        at += len + (at[len] == ',');
    }
}

json_t *discover_targets(const struct plugins *plugins, discover_found_fn *found, void *data)
{
    struct search search = {plugins, json_object(), found, data};
    for (size_t i = 0; i < plugins->count; i++)
        search_plugin(&search, plugins->all[i]);
    const struct plugin *host = plugin_find(plugins, "host");
    if (host && !schema_has_required(host->face.options))
        add_target(&search, host, NULL, json_object());
    if (json_object_size(search.targets) > 0)
        return json_pack("{s:i, s:o}", "version", 1, "targets", search.targets);
    json_decref(search.targets);
    return NULL;
}
