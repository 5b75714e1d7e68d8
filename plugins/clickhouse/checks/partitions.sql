SELECT database, table, partition_id,
    any(partition) AS partition,
    count() AS parts,
    sum(rows) AS rows,
    sum(bytes_on_disk) AS bytes_on_disk,
    toString(if(toUInt32(max(max_time)) > 0, toDate(min(min_time)), min(min_date))) AS from_date,
    toString(if(toUInt32(max(max_time)) > 0, toDate(max(max_time)), max(max_date))) AS to_date,
    {server_settings.value ? (SELECT toUInt64OrZero(any(value)) FROM system.server_settings
        WHERE name = 'max_partition_size_to_drop') : 0} AS drop_limit_bytes,
    (SELECT count() FROM (SELECT 1 FROM system.parts WHERE active
        {database ? AND database = {database} : } GROUP BY database, table, partition_id)) AS count,
    (SELECT sum(bytes_on_disk) FROM system.parts WHERE active
        {database ? AND database = {database} : }) AS size_bytes
FROM system.parts
WHERE active {database ? AND database = {database} : }
GROUP BY database, table, partition_id
ORDER BY bytes_on_disk DESC, database, table, partition_id
LIMIT {top}
