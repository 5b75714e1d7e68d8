-- PostgreSQL 12 or later; needs: GRANT pg_monitor, pg_signal_backend TO runbookd_ops;
--
-- $1 the step: pid, backend_start, what it does, and if that is a query, query_start; $2 what to do: look, cancel,
-- terminate, or begin: cancel where there is a query; $3 to $8 as $2 to $7 of choose_sessions.sql, for it must
-- still fit.  No row: that session is gone, whoever has its pid now.
with step as (
    select ($1::json ->> 'pid')::int as pid,
           ($1::json ->> 'backend_start')::timestamptz as backend_start,
           $1::json ->> 'doing' as doing,
           ($1::json ->> 'query_start')::timestamptz as query_start
), upkeep as (
    select pid from pg_stat_progress_create_index
    union all select pid from pg_stat_progress_vacuum
    union all select pid from pg_stat_progress_cluster
), session as (
    select a.pid,
           s.doing as meant,
           s.query_start is null as idle,
           a.query_start is not distinct from coalesce(s.query_start, a.query_start) as same,
           case when a.state like 'idle in transaction%' then 'idle_in_transaction'
                when a.state = 'idle' then 'idle'
                when a.state is not null and a.state <> 'disabled' then 'active'
           end as doing,
           case when a.state like 'idle%' then a.state_change else a.query_start end as since,
           case when $5::text[] = '{}' then a.datname = current_database() else a.datname = any($5::text[]) end
           and ($6::text[] = '{}' or a.usename = any($6::text[]))
           and a.usename <> all($7::text[])
           and a.application_name <> all($8::text[])
           and not r.rolsuper and not r.rolreplication
           and case $4::int when 0 then a.pid not in (select pid from upkeep) else a.pid = $4::int end
           and a.pid <> pg_backend_pid() as allowed
    from step as s
    join pg_stat_activity as a on a.pid = s.pid and a.backend_start = s.backend_start
                              and a.backend_type = 'client backend'
    join pg_roles as r on r.oid = a.usesysid
), judged as (
    select *,
           coalesce(allowed and same and doing = meant
                    and since <= clock_timestamp() - $3::bigint * interval '1 ms', false) as fits
    from session
), told as (
    select *,
           case $2 when 'begin' then case when idle then 'terminate' else 'cancel' end else $2 end as verb
    from judged
)
select doing,
       fits,
       verb = 'terminate' as terminated,
       case when fits then
           case verb when 'cancel' then pg_cancel_backend(pid)
                     when 'terminate' then pg_terminate_backend(pid)
           end
       end as told
from told
