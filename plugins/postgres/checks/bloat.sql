-- PostgreSQL 12 or later; needs: GRANT pg_read_all_data TO runbookd; (14 or later), or SELECT on the
-- large tables: how wide columns are is told only to those who may read them.
--
-- $1 bytes that a table or B-tree index has at least, $2 percent from which it counts.  Estimated
-- from what the last vacuum or analyze wrote down, of the 50 largest: no table is opened, no lock
-- taken.  A row is as wide as its columns on average, a page holds as many as fit below the
-- fillfactor; what the relation has beyond that is bloat.
with large as (
    select pg_class.oid, relkind, relnamespace, relpages::float8, reltuples::float8, indrelid, indkey,
           (select option_value::float8 from pg_options_to_table(reloptions)
            where option_name = 'fillfactor') as fillfactor
    from pg_class
    left join pg_index on indexrelid = pg_class.oid
    where (relkind in ('r', 'm') or (relkind = 'i' and relam = (select oid from pg_am where amname = 'btree')))
      and relpersistence = 'p'
      and relnamespace <> 'pg_toast'::regnamespace
      and (relnamespace <> 'pg_catalog'::regnamespace
           or has_table_privilege(coalesce(indrelid, pg_class.oid), 'SELECT'))
      and relpages::int8 * current_setting('block_size')::int >= $1::int8
    order by relpages desc, pg_class.oid
    limit 50
), measured as (
    select large.oid,
           count(*) as columns,
           count(stats.avg_width) as known,
           bool_or(stats.avg_width is null
                   and not has_column_privilege(described.relation, described.attnum, 'SELECT')) as hidden,
           max(stats.null_frac) as most_nulls,
           coalesce(sum((1 - stats.null_frac) * stats.avg_width), 0)::float8 as width
    from large
    join pg_attribute on attrelid = large.oid and pg_attribute.attnum > 0 and not attisdropped
    cross join lateral (
        -- A column of an index is one of its table's, whose statistics it has, or an expression.
        select case when relkind = 'i' and indkey[pg_attribute.attnum - 1] > 0 then indrelid
                    else large.oid end as relation,
               case when relkind = 'i' and indkey[pg_attribute.attnum - 1] > 0
                    then indkey[pg_attribute.attnum - 1] else pg_attribute.attnum end as attnum
    ) as described
    left join lateral (
        select null_frac, avg_width
        from pg_class as owner
        join pg_attribute as stored on stored.attrelid = owner.oid and stored.attnum = described.attnum
        join pg_namespace on pg_namespace.oid = owner.relnamespace
        join pg_stats on schemaname = nspname and tablename = owner.relname
                     and pg_stats.attname = stored.attname and not inherited
        where owner.oid = described.relation
    ) as stats on true
    group by large.oid
), page as (
    select large.oid, relkind, relpages, reltuples, hidden,
           columns = known and reltuples >= 0 as known,
           -- Header, null bitmap where there are nulls, data, each to a multiple of 8; line pointer.
           4 + case when relkind = 'i'
                    then 8 * ceil((8 + case when most_nulls > 0 then 4 else 0 end) / 8.0) + 8 * ceil(width / 8)
                    else 8 * ceil((23 + case when most_nulls > 0 then (7 + columns) / 8 else 0 end) / 8.0)
                         + 8 * ceil(width / 8) end as row_bytes,
           (current_setting('block_size')::int - case when relkind = 'i' then 40 else 24 end)
           * coalesce(fillfactor, case when relkind = 'i' then 90 else 100 end) / 100 as room_bytes
    from large
    join measured using (oid)
), estimated as (
    select oid, relkind, relpages, hidden, known,
           case when known
                then greatest(0, relpages - ceil(reltuples / greatest(1, floor(room_bytes / row_bytes)))
                                 - case when relkind = 'i' then 1 else 0 end) end as wasted_pages
    from page
), judged as (
    select *,
           (relpages * current_setting('block_size')::int)::int8 as size_bytes,
           (wasted_pages * current_setting('block_size')::int)::int8 as wasted_bytes,
           round((100 * wasted_pages / nullif(relpages, 0))::numeric, 1) as percent
    from estimated
), bloated as (
    select * from judged where percent > $2::float8
)
select (select count(*) from judged) as looked_at,
       (select count(*) from judged where hidden) as hidden,
       (select count(*) from judged where not known and not hidden) as unanalysed,
       (select count(*) from bloated) as count,
       (select coalesce(sum(wasted_bytes), 0) from bloated)::int8 as wasted_total,
       (select string_agg(grants, ' ')
        from (select case when current_setting('server_version_num')::int >= 140000
                          then format('GRANT pg_read_all_data TO %I;', current_user)
                          else format('GRANT SELECT ON %s TO %I;',
                                      coalesce(indrelid, judged.oid)::regclass, current_user) end as grants
              from judged
              left join pg_index on indexrelid = judged.oid
              where hidden
              group by 1
              limit 5) as wanted) as grants,
       bloated.oid::regclass as relation,
       case relkind when 'i' then 'index' when 'm' then 'materialized view' when 'r' then 'table' end as kind,
       size_bytes,
       wasted_bytes,
       percent as wasted_percent,
       (select greatest(last_vacuum, last_autovacuum, last_analyze, last_autoanalyze)::text
        from pg_stat_all_tables
        where relid = coalesce((select indrelid from pg_index where indexrelid = bloated.oid), bloated.oid)) as as_of
from (select) as one
left join (select * from bloated order by wasted_bytes desc, oid limit 20) as bloated on true
order by wasted_bytes desc nulls last, bloated.oid
