-- PostgreSQL 12 or later; needs: GRANT pg_monitor, pg_signal_backend TO runbookd_ops;
--
-- $1 what they do: idle, idle_in_transaction, active or any; $2 for how long at least (ms); $3 a pid, or 0;
-- $4 databases, none: this one; $5 users, none: all; $6, $7 users and applications that are spared; $8 how many.
-- What keeps the database in order (an index build that is cancelled leaves an invalid index) is chosen only by its pid.
-- An idle session counts from the end of its last statement (state_change), not from its beginning (query_start).
with session as (
    select a.*,
           case when a.state like 'idle in transaction%' then 'idle_in_transaction'
                when a.state = 'idle' then 'idle'
                when a.state is not null and a.state <> 'disabled' then 'active'
           end as doing,
           case when a.state like 'idle%' then a.state_change else a.query_start end as since
    from pg_stat_activity as a
    where a.pid <> pg_backend_pid()
      and (a.backend_type = 'client backend'
           or (a.backend_type is null and a.usesysid is not null and a.datid is not null))
), upkeep as (
    select pid from pg_stat_progress_create_index
    union all select pid from pg_stat_progress_vacuum
    union all select pid from pg_stat_progress_cluster
), candidate as (
    select s.*,
           pg_has_role(s.usesysid, 'USAGE') or pg_has_role('pg_signal_backend', 'USAGE') as may
    from session as s
    join pg_roles as r on r.oid = s.usesysid and not r.rolsuper and not r.rolreplication
    where s.backend_type = 'client backend'
      and case when $4::text[] = '{}' then s.datname = current_database() else s.datname = any($4::text[]) end
      and ($5::text[] = '{}' or s.usename = any($5::text[]))
      and s.usename <> all($6::text[])
      and s.application_name <> all($7::text[])
      and case $3::int when 0 then s.pid not in (select pid from upkeep) else s.pid = $3::int end
      and s.doing = case $1 when 'any' then s.doing else $1 end
      and s.since <= clock_timestamp() - $2::bigint * interval '1 ms'
)
select (select count(*) from session) as sessions,
       (select count(*) from session where backend_type is null) as hidden,
       (select count(*) from candidate) as found,
       chosen.pid,
       to_char(chosen.backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as begun,
       chosen.usename as user,
       chosen.datname as database,
       chosen.application_name as application,
       coalesce(host(chosen.client_addr), 'local') as client,
       chosen.doing,
       chosen.may,
       extract(epoch from clock_timestamp() - chosen.since) as age_seconds,
       json_build_object('pid', chosen.pid, 'doing', chosen.doing,
                         'backend_start', to_char(chosen.backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                         'query_start', case when chosen.doing = 'active' then
                             to_char(chosen.query_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end) as step
from (select) as one
left join (select * from candidate order by since, pid limit $8::int) as chosen on true
order by chosen.since, chosen.pid
