-- PostgreSQL 10 or later; anybody may ask.
--
-- $1 rows that a table has at least.  Of at most 500 tables, those of which most was read in
-- sequence.  A table without any index has no idx_scan at all, which is none, not unknown.
select relid::int8 as id,
       relid::regclass as table,
       seq_scan,
       seq_tup_read,
       coalesce(idx_scan, 0) as idx_scan,
       n_live_tup as live_rows,
       greatest(last_analyze, last_autoanalyze)::text as last_analyze,
       extract(epoch from now()) as now_seconds,
       extract(epoch from coalesce((select stats_reset from pg_stat_database
                                    where datname = current_database()),
                                   pg_postmaster_start_time())) as since_seconds
from pg_stat_user_tables
where n_live_tup >= $1::int8 and schemaname !~ '^pg_t(oast_)?emp_'
order by seq_tup_read desc, relid
limit 500
