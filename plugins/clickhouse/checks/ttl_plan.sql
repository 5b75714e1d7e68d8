SELECT engine,
    extract(engine_full, ' TTL (.+?)(?: SETTINGS .*)?$') AS ttl,
    extract(engine_full, 'ttl_only_drop_parts = (\\d+)') AS only_drop_parts,
    (SELECT any(type) FROM system.columns
        WHERE database = {database} AND table = {name} AND name = {column}) AS type,
    (SELECT sum(rows) FROM system.parts WHERE active AND database = {database} AND table = {name}
        AND toUInt32(max_time) > 0
        AND toUnixTimestamp(max_time) < toUnixTimestamp(now()) - {seconds}) AS old_rows
FROM system.tables
WHERE database = {database} AND name = {name}
