-- PostgreSQL 12 or later; needs: GRANT MAINTAIN ON TABLE ... TO runbookd_ops; (17 or later), or a table's ownership
--
-- $1 tables, "schema.table", or of the schema public; $2 analysed so lately (ms) that it is not done again.
select wanted.name,
       c.oid,
       case when c.oid is not null then format('%I.%I', n.nspname, c.relname) end as quoted,
       c.relkind in ('r', 'p', 'm', 'f') as has_rows,
       coalesce(s.n_live_tup, 0) as rows,
       extract(epoch from last.at) as analyzed_epoch,
       extract(epoch from now() - last.at) as age_seconds,
       coalesce(last.at > now() - $2::bigint * interval '1 ms', false) as lately,
       pg_has_role(c.relowner, 'USAGE')
       or pg_has_role((select datdba from pg_database where datname = current_database()), 'USAGE')
       or case when current_setting('server_version_num')::int >= 170000
               then has_table_privilege(c.oid, 'MAINTAIN') else false end as may
from unnest($1::text[]) with ordinality as wanted (name, place)
left join pg_class as c on c.oid = to_regclass(case when wanted.name like '%.%' then wanted.name
                                                             else 'public.' || wanted.name end)
left join pg_namespace as n on n.oid = c.relnamespace
left join pg_stat_all_tables as s on s.relid = c.oid
left join lateral (select greatest(s.last_analyze, s.last_autoanalyze) as at) as last on true
order by wanted.place
