SELECT query_id, user, toString(address) AS client, elapsed AS age_seconds,
    memory_usage AS memory_bytes, read_rows,
    substring({function.normalizeQuery ? normalizeQuery(query) : query}, 1, 2000) AS query,
    is_cancelled,
    (SELECT count() FROM system.processes WHERE is_initial_query AND elapsed > {older_than}
        AND user NOT IN ('', {except_users}) AND query_id NOT LIKE 'runbookd-%') AS count
FROM system.processes
WHERE is_initial_query AND elapsed > {older_than}
    AND user NOT IN ('', {except_users}) AND query_id NOT LIKE 'runbookd-%'
ORDER BY elapsed DESC
LIMIT 20
