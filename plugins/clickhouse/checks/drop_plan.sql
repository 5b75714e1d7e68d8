SELECT partition_id, any(partition) AS partition, count() AS parts, sum(rows) AS rows,
    sum(bytes_on_disk) AS bytes_on_disk, max(max_block_number) AS block,
    toUnixTimestamp(if(toUInt32(max(max_time)) > 0, max(max_time),
        toDateTime(max(max_date)) + 86399)) AS ends,
    toString(if(toUInt32(max(max_time)) > 0, toDate(min(min_time)), min(min_date))) AS from_date,
    toString(if(toUInt32(max(max_time)) > 0, toDate(max(max_time)), max(max_date))) AS to_date,
    {server_settings.value ? (SELECT toUInt64OrZero(any(value)) FROM system.server_settings
        WHERE name = 'max_partition_size_to_drop') : 0} AS drop_limit_bytes,
    (SELECT uniqExact(partition_id) FROM system.parts WHERE active
        AND database = {database} AND table = {name}) AS all_partitions
FROM system.parts
WHERE active AND database = {database} AND table = {name}
    {partitions ? AND partition_id IN ({partitions}) : }
GROUP BY partition_id
{older_than ? HAVING ends > 172800 AND ends < toUnixTimestamp(now()) - {older_than} : }
ORDER BY ends, partition_id
LIMIT {limit}
