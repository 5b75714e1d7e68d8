-- PostgreSQL 10 or later with pg_stat_statements 1.4 or later; needs: GRANT pg_monitor TO runbookd;
--
-- Schema, total and read are what statements_find.sql found: one statement (queryid) of one role
-- and database since the statistics were reset, the 5,000 that took longest.
select queryid, userid, dbid,
       calls,
       round({total}::numeric, 3) as total_ms,
       rows,
       round({read}::numeric, 3) as read_ms
from {schema}.pg_stat_statements(false)
order by {total} desc
limit 5000
