SELECT database, table, is_readonly, is_session_expired,
    queue_size, toInt64(absolute_delay) AS delay_seconds, parts_to_check,
    if(queue_size > 0 AND toUnixTimestamp(queue_oldest_time) > 0,
        toUnixTimestamp(now()) - toUnixTimestamp(queue_oldest_time), 0) AS oldest_seconds,
    {replicas.lost_part_count ? lost_part_count : 0} AS lost_parts,
    {peers ? total_replicas : 0} AS total_replicas,
    {peers ? active_replicas : 0} AS active_replicas,
    failing, tries, substring(last_error, 1, 1000) AS last_exception,
    {replicas.zookeeper_exception ? substring(zookeeper_exception, 1, 500) : ''} AS keeper_error
FROM system.replicas
ANY LEFT JOIN (SELECT database, table, countIf(last_exception != '') AS failing,
          max(num_tries) AS tries, anyIf(last_exception, last_exception != '') AS last_error
      FROM system.replication_queue GROUP BY database, table) AS queue USING (database, table)
ORDER BY is_readonly DESC, is_session_expired DESC, delay_seconds DESC, queue_size DESC
LIMIT 10000
