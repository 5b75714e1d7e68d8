-- PostgreSQL 10 or later; needs: GRANT pg_monitor TO runbookd;
--
-- The age counts from the end of the last statement (state_change), when the session went idle.
-- Who waits for whom is asked of at most 100 sessions that wait.
with session as (
    select *
    from pg_stat_activity
    where pid <> pg_backend_pid()
      and (backend_type = 'client backend'
           or (backend_type is null and usesysid is not null and datid is not null))
), idle as (
    select *, extract(epoch from now() - state_change) as age_seconds
    from session
    where state in ('idle in transaction', 'idle in transaction (aborted)')
), blocker as (
    select unnest(pg_blocking_pids(waiter.pid)) as pid
    from (select pid from session where wait_event_type = 'Lock' limit 100) as waiter
)
select (select count(*) from idle) as count,
       (select max(age_seconds) from idle) as oldest_seconds,
       (select count(*) from blocker where pid in (select pid from idle)) as blocked,
       (select count(*) from session where backend_type is null) as hidden,
       oldest.pid,
       (extract(epoch from oldest.backend_start) * 1000)::bigint as backend_start,
       oldest.usename as user,
       oldest.datname as database,
       oldest.application_name as application,
       host(oldest.client_addr) as client,
       round(oldest.age_seconds::numeric, 1) as age_seconds,
       round(extract(epoch from now() - oldest.xact_start)::numeric, 1) as transaction_seconds,
       oldest.state = 'idle in transaction (aborted)' as aborted,
       (select count(*) from pg_locks where pg_locks.pid = oldest.pid and granted) as locks,
       (select count(*) from blocker where blocker.pid = oldest.pid) as blocks,
       left(oldest.query, 4000) as query
from (select) as one
left join (select * from idle order by age_seconds desc limit 10) as oldest on true
order by oldest.age_seconds desc
