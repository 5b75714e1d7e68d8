-- PostgreSQL 10 or later; anybody may ask, who waits needs: GRANT pg_monitor TO runbookd;
--
-- One reading of pg_stat_activity, counted in several ways: each part holds its ten largest, and
-- the others in one row without a name.  Walsenders took their slots from max_connections before
-- version 12.  Without pg_monitor the kind of other users' sessions is hidden: what has a user and
-- a database is taken for a client.  Roles and databases may have limits of their own, which refuse
-- an application while the server has room: at most 100 of them.
with session as (
    select coalesce(datname, '') as datname,
           coalesce(usename, '') as usename,
           coalesce(application_name, '') as application_name,
           coalesce(state, 'hidden') as state,
           backend_type is null as hidden,
           wait_event_type = 'Lock' as waiting
    from pg_stat_activity
    where backend_type = 'client backend'
       or (backend_type is null and usesysid is not null and datid is not null)
       or (backend_type = 'walsender' and current_setting('server_version_num')::int < 120000)
), counted as (
    select case when grouping(application_name) = 0 then 'application'
                when grouping(usename) = 0 then 'user'
                when grouping(datname) = 0 then 'database'
                when grouping(state) = 0 then 'state'
                else 'all' end as part,
           coalesce(application_name, usename, datname, state) as name,
           count(*) as sessions,
           count(*) filter (where state = 'active') as active,
           count(*) filter (where state = 'idle') as idle,
           count(*) filter (where state like 'idle in transaction%') as idle_in_transaction,
           count(*) filter (where waiting) as waiting,
           count(*) filter (where hidden) as hidden
    from session
    group by grouping sets ((), (application_name), (usename), (datname), (state))
), placed as (
    select *, row_number() over (partition by part order by sessions desc, name) > 10 as other
    from counted
), limited as (
    select 'role limit' as part, rolname as name, rolconnlimit as max,
           (select count(*) from session where usename = rolname) as sessions
    from pg_roles
    where rolconnlimit > 0 and rolcanlogin and not rolsuper
    union all
    select 'database limit', datname, datconnlimit,
           (select count(*) from session where session.datname = pg_database.datname)
    from pg_database
    where datconnlimit > 0
    order by part, name
    limit 100
), part as (
    select part,
           case when not other then name end as name,
           sum(sessions)::int as sessions,
           sum(active)::int as active,
           sum(idle)::int as idle,
           sum(idle_in_transaction)::int as idle_in_transaction,
           sum(waiting)::int as waiting,
           sum(hidden)::int as hidden,
           case when part = 'all' then current_setting('max_connections')::int end as max,
           case when part = 'all'
                then current_setting('superuser_reserved_connections')::int
                     + coalesce(current_setting('reserved_connections', true)::int, 0)
           end as reserved
    from placed
    group by part, case when not other then name end, other
    union all
    select part, name, sessions::int, null, null, null, null, null, max, 0
    from limited
)
select * from part
order by part, name is null, sessions desc, name
