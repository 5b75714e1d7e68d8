-- PostgreSQL 10 or later; needs: GRANT pg_monitor TO runbookd;
--
-- $1 milliseconds, $2 users and $3 applications that may take their time.  Only clients are looked
-- at: walsenders, autovacuum and parallel workers are "active" for as long as they live.
with session as (
    select *
    from pg_stat_activity
    where pid <> pg_backend_pid()
      and (backend_type = 'client backend'
           or (backend_type is null and usesysid is not null and datid is not null))
), slow as (
    select *, extract(epoch from now() - query_start) as age_seconds
    from session
    where state = 'active'
      and query_start < now() - $1::float8 * interval '1 ms'
      and coalesce(usename::text, '') <> all ($2::text[])
      and coalesce(application_name, '') <> all ($3::text[])
)
select (select count(*) from slow) as count,
       (select max(age_seconds) from slow) as oldest_seconds,
       (select count(*) from session where backend_type is null) as hidden,
       oldest.pid,
       (extract(epoch from oldest.backend_start) * 1000)::bigint as backend_start,
       oldest.usename as user,
       oldest.datname as database,
       oldest.application_name as application,
       host(oldest.client_addr) as client,
       round(oldest.age_seconds::numeric, 1) as age_seconds,
       oldest.wait_event_type || ':' || oldest.wait_event as waits_for,
       case when oldest.wait_event_type = 'Lock'
            then array_to_string(pg_blocking_pids(oldest.pid), ',') end as blocked_by,
       to_jsonb(oldest) ->> 'query_id' as query_id,
       left(oldest.query, 4000) as query
from (select) as one
left join (select * from slow order by age_seconds desc limit 10) as oldest on true
order by oldest.age_seconds desc
