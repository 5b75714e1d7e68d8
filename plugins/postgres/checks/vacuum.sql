-- PostgreSQL 10 or later; needs: GRANT pg_monitor TO runbookd;
--
-- $1 dead rows that a table may have.  A table is overdue when it has more than these, and twice as
-- many as start autovacuum by its own settings.  What holds the horizon: the sessions, prepared
-- transactions and slots (of the whole server) whose snapshot or transaction is oldest; nothing that
-- died since can be removed.  A vacuum's own snapshot holds up no other one.
-- $2 whether only those count that hold this database up: its own, and those of no database.  Of many
-- databases that are asked one after the other, the others are not to be told of the same session.
with relation as (
    select c.oid, c.reltuples, s.*,
           (select option_value from pg_options_to_table(c.reloptions) where option_name = 'autovacuum_vacuum_threshold') as threshold,
           (select option_value from pg_options_to_table(c.reloptions) where option_name = 'autovacuum_vacuum_scale_factor') as scale,
           coalesce((select option_value from pg_options_to_table(c.reloptions) where option_name = 'autovacuum_enabled')::boolean, true)
               and current_setting('autovacuum')::boolean as autovacuum
    from pg_stat_user_tables as s
    join pg_class as c on c.oid = s.relid
    where s.n_dead_tup > $1::bigint
), overdue as (
    select *
    from relation
    where n_dead_tup > 2 * (coalesce(threshold, current_setting('autovacuum_vacuum_threshold'))::float8
                            + coalesce(scale, current_setting('autovacuum_vacuum_scale_factor'))::float8 * greatest(reltuples, 0))
), anywhere as (
    select case when backend_type = 'walsender' then 'standby' else 'session' end as kind,
           pid::text as name, usename::text as user, datname::text as database,
           coalesce(nullif(application_name, ''), backend_type) as application,
           greatest(age(backend_xmin), age(backend_xid)) as xids,
           case when backend_type <> 'walsender' then extract(epoch from now() - xact_start) end as age_seconds,
           state
    from pg_stat_activity
    where pid <> pg_backend_pid()
      and coalesce(backend_xmin, backend_xid) is not null
      and pid not in (select pid from pg_stat_progress_vacuum)
    union all
    select 'prepared', gid, owner::text, database::text, null, age(transaction), extract(epoch from now() - prepared), null
    from pg_prepared_xacts
    union all
    select 'slot', slot_name::text, null, database::text, slot_type, greatest(age(xmin), age(catalog_xmin)),
           null, case when active then 'active' else 'inactive' end
    from pg_replication_slots
    where coalesce(xmin, catalog_xmin) is not null
), holder as (
    select *
    from anywhere
    where not $2::boolean or database is null or database = current_database()
), part as (
    (select 'table' as part, format('%I.%I', schemaname, relname) as name, n_dead_tup as dead_tuples, n_live_tup as live_tuples,
            round(100.0 * n_dead_tup / greatest(n_dead_tup + n_live_tup, 1), 1) as dead_percent,
            (extract(epoch from last_autovacuum) * 1000)::bigint as last_autovacuum,
            (extract(epoch from last_vacuum) * 1000)::bigint as last_vacuum,
            autovacuum, null as kind, null as user, null as database, null as application,
            null::int as xids, null::numeric as age_seconds, null as state
     from overdue order by n_dead_tup desc limit 10)
    union all
    (select 'holder', name, null, null, null, null, null, null, kind, holder.user, database, application, xids,
            round(age_seconds::numeric, 1), state
     from holder order by xids desc nulls last, age_seconds desc nulls last limit 10)
)
select pg_is_in_recovery() as in_recovery,
       (select count(*) from pg_stat_activity
        where backend_type is null and usesysid is not null) as hidden,
       (select count(*) from overdue) as overdue,
       (select max(n_dead_tup) from relation) as most_dead,
       (select max(100.0 * n_dead_tup / greatest(n_dead_tup + n_live_tup, 1)) from relation) as most_dead_percent,
       (select max(xids) from holder) as horizon_xids,
       (select max(age_seconds) from holder) as horizon_seconds,
       (select count(*) from holder) as holders,
       part.*
from (select) as one left join part on true
order by part.part, part.xids desc nulls last, part.age_seconds desc nulls last, part.dead_tuples desc
