SELECT database, table, ifNull(reason, '') AS reason,
    count() AS parts,
    any(name) AS example,
    toUInt64(sum({detached_parts.bytes_on_disk ? ifNull(bytes_on_disk, 0) : 0})) AS bytes_on_disk,
    {detached_parts.bytes_on_disk ? 1 : 0} AS tells_sizes
FROM system.detached_parts
GROUP BY database, table, reason
ORDER BY parts DESC, database, table, reason
LIMIT 1000
