-- PostgreSQL 10 or later with pg_stat_statements 1.4 or later; needs: GRANT pg_monitor TO runbookd;
--
-- The texts of at most 20 statements, and whose they are; $1 their queryids.
select distinct on (queryid, userid, dbid)
       queryid, userid, dbid,
       coalesce(rolname, userid::text) as user,
       coalesce(datname, dbid::text) as database,
       left(query, 4000) as query
from {schema}.pg_stat_statements(true)
left join pg_roles on pg_roles.oid = userid
left join pg_database on pg_database.oid = dbid
where queryid = any ($1::bigint[])
