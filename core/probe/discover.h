/*
 * discover - targets that the environment names, for an agent without a configuration.
 *
 * Each plugin says in which variables such a thing is found: DATABASE_URL, PGHOST, REDIS_URL,
 * STRIPE_SECRET_KEY.  Of those the first that is set makes a target, since the others are mostly
 * the same by another name.  Values stay references (${env:DATABASE_URL}): the tree holds no
 * secret.  Where the plugin `host` is loaded, the node is watched as well.
 *
 *     variable       value             becomes
 *     anything       SCHEME://...      url: of the plugin that answers to the scheme
 *     PREFIXHOST     a name or path    url: of PREFIXHOST, PORT and DATABASE; user:, password:
 *     anything else  a key             the plugin's first required secret
 *
 * Layer: probe.  Uses: base, probe/plugin, probe/schema.
 */
#ifndef PROBE_DISCOVER_H
#define PROBE_DISCOVER_H

#include <jansson.h>

#include "probe/plugin.h"

/* "found database, of type postgres, from DATABASE_URL", or why a variable was of no use. */
typedef void discover_found_fn(const char *line, void *data);

/* A tree for config_build(), owned by the caller; NULL where nothing was found. */
json_t *discover_targets(const struct plugins *plugins, discover_found_fn *found, void *data);

#endif
