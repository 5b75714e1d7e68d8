SELECT name, code, value,
    toUnixTimestamp(last_error_time) * 1000 AS last_ms,
    substring(last_error_message, 1, 500) AS message
FROM system.errors
WHERE value > 0 {errors.remote ? AND NOT remote : }
ORDER BY last_error_time DESC, name
LIMIT 1000
