SELECT database, table, mutation_id,
    substring(command, 1, 2000) AS query,
    toUnixTimestamp(now()) - toUnixTimestamp(create_time) AS age_seconds,
    parts_to_do,
    {mutations.latest_failed_part ? latest_failed_part : ''} AS failed_part,
    {mutations.latest_fail_reason ? substring(latest_fail_reason, 1, 1000) : ''} AS reason,
    {mutations.latest_fail_reason ? 1 : 0} AS tells_reasons,
    (SELECT count() FROM system.mutations
        WHERE NOT is_done {mutations.is_killed ? AND NOT is_killed : }) AS count,
    (SELECT sum(parts_to_do) FROM system.mutations
        WHERE NOT is_done {mutations.is_killed ? AND NOT is_killed : }) AS all_parts_to_do,
    (SELECT max(toUnixTimestamp(now()) - toUnixTimestamp(create_time)) FROM system.mutations
        WHERE NOT is_done {mutations.is_killed ? AND NOT is_killed : }) AS oldest_seconds,
    {mutations.latest_fail_reason ? (SELECT countIf(latest_fail_reason != '') FROM system.mutations
        WHERE NOT is_done {mutations.is_killed ? AND NOT is_killed : }) : 0} AS failed
FROM system.mutations
WHERE NOT is_done {mutations.is_killed ? AND NOT is_killed : }
ORDER BY reason != '' DESC, create_time
LIMIT 20
