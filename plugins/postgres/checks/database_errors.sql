-- PostgreSQL 10 or later; anybody may ask.
--
-- $1 databases to leave out.  What each database has counted since its statistics were reset; checksum failures are known from
-- 12 on where checksums are in use, how sessions ended from 14 on.  A row without a database is
-- about what all of them share.
select coalesce(counted.datname, '') as database,
       counted.xact_commit as commits,
       counted.xact_rollback as rollbacks,
       counted.deadlocks,
       counted.conflicts,
       counted.temp_bytes,
       facts ->> 'sessions_killed' as sessions_killed,
       facts ->> 'sessions_fatal' as sessions_fatal,
       facts ->> 'sessions_abandoned' as sessions_abandoned,
       facts ->> 'checksum_failures' as checksum_failures,
       (extract(epoch from (facts ->> 'checksum_last_failure')::timestamptz) * 1000)::bigint as checksum_last_failure,
       (extract(epoch from counted.stats_reset) * 1000)::bigint as counted_since,
       count(*) over () as total
from pg_stat_database as counted
cross join lateral to_jsonb(counted) as facts
left join pg_database on pg_database.oid = counted.datid
where (coalesce(pg_database.datallowconn and not pg_database.datistemplate, true)
       or (facts ->> 'checksum_failures')::bigint > 0)
  and coalesce(counted.datname, '') <> all ($1::text[])
order by counted.xact_commit + counted.xact_rollback desc, counted.datid
limit 500
