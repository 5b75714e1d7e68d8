SELECT query_id, user, elapsed AS age_seconds, memory_usage AS memory_bytes,
    substring({function.normalizeQuery ? normalizeQuery(query) : query}, 1, 2000) AS query,
    (SELECT sum(value) FROM system.metrics WHERE metric = 'MemoryTracking') AS used_bytes,
    {server_settings.value ? (SELECT toUInt64OrZero(any(value)) FROM system.server_settings
        WHERE name = 'max_server_memory_usage') : 0} AS server_limit_bytes,
    {asynchronous_metrics.value ? (SELECT toUInt64(sum(value)) FROM system.asynchronous_metrics
        WHERE metric IN ('MemoryResident')) : 0} AS resident_bytes,
    {asynchronous_metrics.value ? (SELECT toUInt64(max(value)) FROM system.asynchronous_metrics
        WHERE metric IN ('OSMemoryTotal')) : 0} AS machine_bytes,
    {events.value ? (SELECT sum(value) FROM system.events
        WHERE event = 'QueryMemoryLimitExceeded') : NULL} AS rejected
FROM system.processes
ORDER BY memory_usage DESC
LIMIT 5
