-- PostgreSQL 12 or later; needs, beside CREATE EXTENSION amcheck;
-- GRANT EXECUTE ON FUNCTION bt_index_check(regclass) TO runbookd; and, from version 14 on,
-- GRANT EXECUTE ON FUNCTION verify_heapam(regclass, boolean, boolean, text, bigint, bigint) TO runbookd;
--
-- $1 tables, quoted, none: all; $2 bytes that a relation has at most; $3 the relation that was
-- examined last, $4 those that were corrupt.  What is examined next, at most 200, corrupt ones
-- first; each by a statement of its own: bt_index_check() or verify_heapam(), which take the lock of
-- a reader.
with amcheck as (
    select quote_ident(nspname) as schema,
           to_regprocedure(format('%I.bt_index_check(regclass)', nspname)) as index_function,
           to_regprocedure(format('%I.verify_heapam(regclass,boolean,boolean,text,bigint,bigint)',
                                  nspname)) as table_function
    from pg_extension
    join pg_namespace on pg_namespace.oid = extnamespace
    where extname = 'amcheck'
), allowed as (
    select *,
           has_schema_privilege(schema, 'USAGE')
           and has_function_privilege(index_function, 'EXECUTE') as indexes,
           has_schema_privilege(schema, 'USAGE')
           and has_function_privilege(table_function, 'EXECUTE') as tables
    from amcheck
), lacking as (
    select format('GRANT EXECUTE ON FUNCTION %s TO %I;', function, current_user) as remedy
    from allowed
    cross join unnest(array[case when not indexes then index_function end,
                            case when not tables then table_function end]) as function
    where function is not null
), candidate as (
    select pg_class.oid, relkind = 'i' as index,
           relpages::int8 * current_setting('block_size')::int <= $2::int8 as small_enough
    from pg_class
    left join pg_index on indexrelid = pg_class.oid
    cross join allowed
    where relpersistence = 'p'
      and ((relkind = 'i' and indisvalid and indexes
            and relam = (select oid from pg_am where amname = 'btree'))
           or (relkind in ('r', 'm', 't') and tables
               and relam = (select oid from pg_am where amname = 'heap')))
      and ($1::text[] = '{}'
           or coalesce(indrelid, pg_class.oid) in (select to_regclass(name) from unnest($1::text[]) as name))
), next as (
    select oid, index
    from candidate
    where small_enough
    order by oid = any ($4::oid[]) desc, oid > $3::oid desc, oid
    limit 200
), failure as (
    select sum(checksum_failures)::int8 as failures
    from pg_stat_database
    where datname = current_database() or datid = 0
)
select (select schema from allowed) as schema,
       (select indexes from allowed) as indexes,
       (select tables from allowed) as tables,
       (select string_agg(remedy, ' ') from lacking) as grants,
       (select count(*) from candidate) as candidates,
       (select count(*) from candidate where not small_enough) as too_large,
       (select string_agg(name, ', ') from unnest($1::text[]) as name where to_regclass(name) is null) as missing,
       current_setting('data_checksums') = 'on' as checksums,
       (select failures from failure) as checksum_failures,
       next.oid::int8 as id,
       next.oid::regclass as relation,
       next.index,
       next.oid = any ($4::oid[]) as again
from (select) as one
left join next on true
order by next.oid = any ($4::oid[]) desc, next.oid > $3::oid desc, next.oid
