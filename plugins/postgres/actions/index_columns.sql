-- PostgreSQL 10 or later; statistics are shown of columns that this role may read.
--
-- $1 a schema, $2 a table, $3 names of its columns: how many rows it has, and of each column what the
-- planner knows, and an index that begins with it, or with it behind another one of them.  No
-- rows: it is gone.  -1 rows: it is empty, or
-- nothing has counted them yet.  An index that is not whole, or holds a part of the rows only, does not count.
with relation as (
    select pg_class.oid, case when reltuples > 0 or relpages > 0 then greatest(reltuples, 0) else -1 end as reltuples,
           quote_ident(nspname) || '.' || quote_ident(relname) as name, nspname, relname
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = $1::text and relname = $2::text
), wanted as (
    select relation.*, attname, attnum, atttypid
    from relation
    left join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped and attname = any ($3::text[])
)
select name as table, reltuples::int8 as rows,
       wanted.attname as column, quote_ident(wanted.attname) as quoted,
       format_type(atttypid, null) = 'character varying' as is_varchar,
       exists (select from pg_opclass join pg_am on pg_am.oid = opcmethod
               where amname = 'btree' and opcdefault
                 and opcintype in (atttypid, case when format_type(atttypid, null) = 'character varying' then 'text'::regtype end,
                                   (select 'anyenum'::regtype from pg_type where pg_type.oid = atttypid and typtype = 'e'))) as sortable,
       stats.n_distinct, stats.null_frac,
       (select quote_ident(relname) from pg_index join pg_class on pg_class.oid = indexrelid
        where indrelid = wanted.oid and indisvalid and indisready and indpred is null
          and (indkey[0] = attnum
               or indkey[1] = attnum and indkey[0] in (select attnum from wanted))
        order by indkey[0] = attnum desc, relname limit 1) as index
from wanted
left join pg_stats as stats
       on stats.schemaname = nspname and stats.tablename = relname and stats.attname = wanted.attname and not inherited
order by attnum
