-- PostgreSQL 10 or later; needs, for each schema: GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO runbookd;
--
-- $1 the sequence after which to go on: at most 100 at a time are read, each in a transaction of its
-- own, because the lock on each is held to its end, and thousands of locks leave none to others.
-- A sequence ends where its type does, or earlier, where the column does that takes its numbers: an
-- int4 column behind a bigint sequence.  Columns are those that own it (serial, identity) and those
-- whose default calls it.  One that may not be read is counted as hidden, not as unused.
-- (A class compared as int8 leaves the planner but the index by object, which is right also
-- before the catalogue was ever analysed.)
with every as (
    select seqrelid, seqmax, seqmin, seqincrement, relnamespace,
           has_sequence_privilege(seqrelid, 'SELECT, USAGE') as allowed
    from pg_sequence
    join pg_class on pg_class.oid = seqrelid
    where not seqcycle
      and (relpersistence = 'p' or (relpersistence = 'u' and not pg_is_in_recovery()))
), page as (
    select *
    from every
    where allowed and seqrelid > $1::oid
    order by seqrelid
    limit 100
), bounded as (
    select page.*, relation, attname, atttypid,
           pg_sequence_last_value(seqrelid)::numeric as last_value,
           case when seqincrement > 0 then least(seqmax, most)
                else greatest(seqmin, - most - 1) end as final
    from page
    left join lateral (
        select relation, attname, atttypid,
               case atttypid when 'int2'::regtype then 32767
                             when 'int4'::regtype then 2147483647 end::numeric as most
        from (select refobjid as relation, refobjsubid as attnum
              from pg_depend
              where classid = 'pg_class'::regclass and objid = seqrelid
                and refclassid = 'pg_class'::regclass and refobjsubid > 0 and deptype in ('a', 'i')
              union all
              select adrelid, adnum
              from pg_depend
              join pg_attrdef on pg_attrdef.oid = objid
              where refclassid = 'pg_class'::regclass and refobjid = seqrelid
                and classid::int8 = 'pg_attrdef'::regclass::int8) as fed
        join pg_attribute on attrelid = relation and pg_attribute.attnum = fed.attnum
        order by most nulls last
        limit 1
    ) as narrowest on true
), used as (
    select *,
           case when seqincrement > 0 then 100 * (last_value - seqmin) / nullif(final - seqmin, 0)
                else 100 * (seqmax - last_value) / nullif(seqmax - final, 0) end as percent,
           (final - last_value) / seqincrement as remaining
    from bounded
), fullest as (
    select *
    from used
    where percent is not null
    order by percent desc, seqrelid
    limit 10
)
select (select count(*) from every) as count,
       (select count(*) from every where not allowed) as hidden,
       (select string_agg(format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I;',
                                 nspname, current_user), ' ')
        from (select distinct relnamespace from every where not allowed limit 5) as closed
        join pg_namespace on pg_namespace.oid = relnamespace) as grants,
       (select max(seqrelid::int8) from page) as last_id,
       seqrelid::regclass as sequence,
       case when relation is not null then format('%s.%I', relation::regclass, attname) end as column,
       format_type(atttypid, null) as type,
       last_value::text as last_value,
       final::text as final_value,
       floor(greatest(0, remaining))::text as "left",
       round(least(100, greatest(0, percent)), 2) as used_percent
from (select) as one
left join fullest on true
order by percent desc nulls last
