-- PostgreSQL 10 or later with pg_stat_statements 1.4 or later; needs: GRANT pg_monitor TO runbookd;
--
-- The text of the statement $1 of this database, by whom it was called most; and the first function
-- that it calls by name, that planning may execute, and that comes with neither the server nor an extension.
select query, coalesce(rolname, userid::text) as user, calls,
       (select proname from pg_proc
        where pronamespace <> 'pg_catalog'::regnamespace and provolatile <> 'v'
          and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
          and exists (select from regexp_matches(query, '([[:alpha:]_][[:alnum:]_$]*)"?\s*\(', 'g') as called
                      where lower(called[1]) = lower(proname))
        order by proname limit 1) as function
from {schema}.pg_stat_statements(true)
left join pg_roles on pg_roles.oid = userid
where queryid = $1::int8 and dbid = (select oid from pg_database where datname = current_database())
order by calls desc
limit 1
