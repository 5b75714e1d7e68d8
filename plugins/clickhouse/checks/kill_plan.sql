SELECT query_id, user, elapsed AS age_seconds, memory_usage AS memory_bytes,
    substring({function.normalizeQuery ? normalizeQuery(query) : query}, 1, 2000) AS query,
    (SELECT count() FROM system.processes WHERE is_initial_query) AS all_queries
FROM system.processes
WHERE is_initial_query AND elapsed > {older_than} AND query_id NOT LIKE 'runbookd-%'
    AND user NOT IN ('', {except_users}) {users ? AND user IN ({users}) : }
    {query_id ? AND query_id = {query_id} : }
    AND {writes ? 1 : match(query, '(?i)^\\s*(select|with)\\s')}
ORDER BY elapsed DESC
LIMIT {limit}
