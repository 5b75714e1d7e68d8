-- PostgreSQL 12 or later; anybody may ask.
--
-- An index that is being built is invalid for as long as that takes: those are left out.  Who builds
-- is known by the lock on the table, since the view hides from others what they build.
with building as (
    select relation
    from pg_stat_progress_create_index as build
    join pg_locks on pg_locks.pid = build.pid
    where locktype = 'relation' and granted
      and mode in ('ShareUpdateExclusiveLock', 'ShareLock')
      and pg_locks.database = (select oid from pg_database where datname = current_database())
), invalid as (
    select indexrelid, indrelid, indisunique, indisready, index.relkind, index.relname,
           index.relpages::bigint * current_setting('block_size')::int as size_bytes
    from pg_index
    join pg_class as index on index.oid = indexrelid
    where not (indisvalid and indisready and indislive)
      and index.relpersistence <> 't'
      and indrelid not in (select relation from building)
)
select (select count(*) from invalid) as count,
       (select count(*) from invalid where indisunique) as unique_count,
       (select coalesce(sum(size_bytes), 0) from invalid)::bigint as size_bytes_total,
       worst.indexrelid::regclass as index,
       worst.indrelid::regclass as table,
       worst.indisunique as unique,
       worst.indisready as maintained,
       worst.size_bytes,
       case when worst.indexrelid is null then null
            when worst.relkind = 'I'
            then 'an index of partitions, not all of which have theirs: create those that are missing, then ALTER INDEX ... ATTACH PARTITION'
            when worst.relname ~ '_cc(new|old)[0-9]*$'
            then format('DROP INDEX CONCURRENTLY %s;', worst.indexrelid::regclass)
            else format('REINDEX INDEX CONCURRENTLY %s;', worst.indexrelid::regclass) end as remedy
from (select) as one
left join (select * from invalid order by indisunique desc, size_bytes desc, indexrelid limit 20) as worst
       on true
order by worst.indisunique desc, worst.size_bytes desc, worst.indexrelid
