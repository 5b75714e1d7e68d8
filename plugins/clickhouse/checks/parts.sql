SELECT database, table, partition_id, partition, parts, rows, bytes_on_disk,
    if(own_delay > 0, own_delay, (SELECT toUInt64OrZero(any(value))
        FROM system.merge_tree_settings WHERE name = 'parts_to_delay_insert')) AS delay_limit,
    if(own_throw > 0, own_throw, (SELECT toUInt64OrZero(any(value))
        FROM system.merge_tree_settings WHERE name = 'parts_to_throw_insert')) AS throw_limit,
    (SELECT toUInt64OrZero(any(value)) FROM system.merge_tree_settings
        WHERE name = 'max_avg_part_size_for_too_many_parts') AS exempt_bytes,
    if(exempt_bytes > 0 AND bytes_on_disk / parts > exempt_bytes, 0, parts) AS counted,
    if(throw_limit > 0, 100 * counted / throw_limit, 0) AS used_percent,
    if(delay_limit > 0, 100 * counted / delay_limit, 0) AS delay_percent,
    {events.value ? (SELECT sum(value) FROM system.events
        WHERE event = 'DelayedInserts') : NULL} AS delayed,
    {events.value ? (SELECT sum(value) FROM system.events
        WHERE event = 'RejectedInserts') : NULL} AS rejected
FROM (SELECT database, table, partition_id, any(partition) AS partition, count() AS parts,
          sum(rows) AS rows, sum(bytes_on_disk) AS bytes_on_disk
      FROM system.parts WHERE active GROUP BY database, table, partition_id) AS grouped
ANY LEFT JOIN (SELECT database, name AS table,
          toUInt64OrZero(extract(engine_full, 'parts_to_delay_insert = (\\d+)')) AS own_delay,
          toUInt64OrZero(extract(engine_full, 'parts_to_throw_insert = (\\d+)')) AS own_throw
      FROM system.tables WHERE engine LIKE '%MergeTree' AND name IN (SELECT table FROM
          (SELECT table, count() AS fullest FROM system.parts WHERE active
           GROUP BY database, table, partition_id ORDER BY fullest DESC LIMIT 300) AS names)
      ) AS own USING (database, table)
ORDER BY used_percent DESC, parts DESC
LIMIT 20
