-- PostgreSQL 10 or later; needs: GRANT pg_monitor TO runbookd;
--
-- One reading of pg_stat_activity: how many clients' sessions there are by application, user, state
-- and what they wait for, the 20 largest groups.  An active session that waits for Lock, LWLock,
-- BufferPin or IPC waits for another session; IO and Client are the machine's and the client's.
with session as (
    select *,
           state = 'active' and wait_event_type in ('Lock', 'LWLock', 'BufferPin', 'Buffer', 'IPC') as waits,
           extract(epoch from now() - case when state = 'active' then query_start else state_change end) as age_seconds
    from pg_stat_activity
    where pid <> pg_backend_pid()
      and (backend_type = 'client backend'
           or (backend_type is null and usesysid is not null and datid is not null))
), grouped as (
    select coalesce(application_name, '') as application,
           usename as user,
           state,
           case when state = 'active' then wait_event_type || ':' || wait_event end as waits_for,
           count(*) as sessions,
           round(max(age_seconds)::numeric, 1) as age_seconds
    from session
    group by 1, 2, 3, 4
)
select total.*, (select count(*) from grouped) as groups, largest.*
from (select count(*) as count,
             count(*) filter (where state = 'active') as active,
             count(*) filter (where state = 'idle') as idle,
             count(*) filter (where state like 'idle in transaction%') as idle_in_transaction,
             count(*) filter (where waits) as waiting,
             count(*) filter (where backend_type is null) as hidden
      from session) as total
left join (select * from grouped order by sessions desc, age_seconds desc nulls last limit 20) as largest on true
order by largest.sessions desc, largest.age_seconds desc nulls last
