SELECT version() AS version, uptime() AS uptime_seconds, currentDatabase() AS database
