SELECT toUnixTimestamp(now()) AS now,
    toUnixTimestamp(max(at)) AS last,
    count() AS rows_looked_at,
    countIf(at > now() - 3600) AS rows_last_hour
FROM (SELECT toDateTime({column}) AS at FROM {table}
    WHERE toDateTime({column}) > now() - {lookback} AND toDateTime({column}) <= now() + 300)
