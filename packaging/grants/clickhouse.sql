-- What runbookd needs to see a ClickHouse server (20.4 or later; older ones know users of users.xml only, who see
-- everything).  Run it as a user with access management; every check runs with exactly this (tests/e2e/test_clickhouse_rights.py).
--
-- readonly = 2: it may read, and set limits for its own queries, which end at the server when nobody waits for them any more.
CREATE USER IF NOT EXISTS runbookd IDENTIFIED WITH sha256_password BY 'choose one' SETTINGS readonly = 2, max_execution_time = 30;

-- The rows of most tables below are shown only for what a user may SHOW: without these they are empty.
GRANT SHOW TABLES ON *.* TO runbookd;
GRANT SHOW DICTIONARIES ON *.* TO runbookd;

-- disk, partitions, parts, detached_parts
GRANT SELECT ON system.disks TO runbookd;
GRANT SELECT ON system.parts TO runbookd;
GRANT SELECT ON system.merge_tree_settings TO runbookd;
GRANT SELECT ON system.detached_parts TO runbookd;

-- mutations, merges, long_queries, memory, errors; the limits and counters beside them
GRANT SELECT ON system.mutations TO runbookd;
GRANT SELECT ON system.merges TO runbookd;
GRANT SELECT ON system.processes TO runbookd;
GRANT SELECT ON system.metrics TO runbookd;
GRANT SELECT ON system.asynchronous_metrics TO runbookd;
GRANT SELECT ON system.events TO runbookd;
GRANT SELECT ON system.server_settings TO runbookd;
GRANT SELECT ON system.errors TO runbookd;

-- replication, distribution_queue, dictionaries
GRANT SELECT ON system.replicas TO runbookd;
GRANT SELECT ON system.replication_queue TO runbookd;
GRANT SELECT ON system.distribution_queue TO runbookd;
GRANT SELECT ON system.dictionaries TO runbookd;

-- freshness, for each table it looks at:
--   GRANT SELECT(created_at) ON analytics.events TO runbookd;

-- Actions log in as somebody else (act_as), with the rights of those that you allow:
--   CREATE USER runbookd_ops IDENTIFIED WITH sha256_password BY 'choose another';
--   drop_partition:  GRANT ALTER DELETE ON analytics.* TO runbookd_ops;
--   set_ttl:         GRANT ALTER TTL, ALTER SETTINGS ON analytics.* TO runbookd_ops;
--   kill_query:      GRANT KILL QUERY ON *.* TO runbookd_ops;
--   and what their plans look at:  GRANT SHOW TABLES ON *.* TO runbookd_ops;
--   GRANT SELECT ON system.parts TO runbookd_ops;  GRANT SELECT ON system.processes TO runbookd_ops;
