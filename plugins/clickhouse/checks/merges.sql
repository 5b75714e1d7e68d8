SELECT database, table, elapsed AS age_seconds, 100 * progress AS progress_percent,
    num_parts AS parts, {merges.is_mutation ? is_mutation : 0} AS is_mutation,
    total_size_bytes_compressed AS size_bytes, memory_usage AS memory_bytes, result_part_name,
    count, mutations, oldest_seconds, all_memory_bytes, pool_used, pool_size
FROM (SELECT count() AS count,
          {merges.is_mutation ? sum(is_mutation) : 0} AS mutations,
          max(elapsed) AS oldest_seconds, sum(memory_usage) AS all_memory_bytes, 1 AS one,
          {metrics.value ? (SELECT sum(value) FROM system.metrics
              WHERE metric IN ('BackgroundMergesAndMutationsPoolTask', 'BackgroundPoolTask')) : NULL} AS pool_used,
          {metrics.value ? (SELECT sum(value) FROM system.metrics
              WHERE metric = 'BackgroundMergesAndMutationsPoolSize') : 0} AS counted_size,
          (SELECT toUInt64OrZero(any(value)) FROM system.settings
              WHERE name = 'background_pool_size') AS set_size,
          greatest(toUInt64(counted_size), set_size) AS pool_size
      FROM system.merges) AS totals
ANY LEFT JOIN (SELECT *, 1 AS one FROM system.merges ORDER BY elapsed DESC LIMIT 20) AS longest USING (one)
