SELECT database, table, sum(data_files) AS files, sum(data_compressed_bytes) AS size_bytes,
    max(is_blocked) AS is_blocked, sum(error_count) AS error_count,
    sum({distribution_queue.broken_data_files ? broken_data_files : 0}) AS broken_files,
    substring(anyIf(last_exception, last_exception != ''), 1, 1000) AS last_exception
FROM system.distribution_queue
GROUP BY database, table
ORDER BY files DESC, database, table
LIMIT 10000
