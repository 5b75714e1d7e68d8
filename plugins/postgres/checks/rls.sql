-- PostgreSQL 10 or later; anybody may ask.
--
-- $1 tables, quoted; $2 a column that marks tables as well, if the role may use them; $3 the
-- application's role; $4 whether row security must be forced.  A table is exposed if no policy holds
-- for the role: row security is off, or not forced while it must be or while the role has the
-- owner's rights.  A permissive policy "using (true)" opens what the others close, unless there is
-- a restrictive one.
with app as (
    select oid,
           exists (select from pg_roles as mighty
                   where (mighty.rolsuper or mighty.rolbypassrls)
                     and pg_has_role(pg_roles.oid, mighty.oid, 'MEMBER')) as bypasses
    from pg_roles
    where rolname = $3
), wanted as (
    select name, to_regclass(name) as relation
    from unnest($1::text[]) as name
    union
    select pg_class.oid::regclass::text, pg_class.oid::regclass
    from pg_attribute
    join pg_class on pg_class.oid = attrelid
    cross join app
    where attname = $2 and attnum > 0 and not attisdropped
      and relkind in ('r', 'p') and relpersistence <> 't'
      and has_table_privilege(app.oid, pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE')
), policy as (
    select polrelid, polname, polpermissive,
           case polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert'
                       when 'w' then 'update' when 'd' then 'delete' end as command,
           polpermissive and polcmd in ('*', 'r', 'w', 'd')
           and pg_get_expr(polqual, polrelid) = 'true' as opens
    from pg_policy
    cross join app
    where polrelid in (select relation from wanted)
      and exists (select from unnest(polroles) as role
                  where role = 0 or pg_has_role(app.oid, role, 'USAGE'))
), seen as (
    -- One row a table, also where it is named twice in two ways.
    select distinct on (coalesce(relation::text, name))
           coalesce(relation::text, name) as name, relation, relrowsecurity as enabled,
           relforcerowsecurity as forced,
           pg_get_userbyid(relowner) as owner,
           pg_has_role(app.oid, relowner, 'USAGE') as owns
    from wanted
    left join pg_class on pg_class.oid = relation
    left join app on true
), judged as (
    select seen.*,
           relation is null as missing,
           case when relation is null then null
                when not enabled then 'row security is off'
                when not forced and owns then 'the role has its owner''s rights, and row security is not forced'
                when not forced and $4::bool then 'row security is not forced' end as problem,
           (select count(*) from policy where polrelid = relation) as policies,
           (select string_agg(distinct command, ',') from policy
            where polrelid = relation and polpermissive) as commands,
           (select string_agg(polname, ',') from policy
            where polrelid = relation and opens
              and not exists (select from policy as other
                              where other.polrelid = relation and not other.polpermissive)) as opened_by
    from seen
)
select (select count(*) from app) as roles,
       (select bypasses from app) as bypasses,
       (select count(*) from judged) as count,
       (select count(*) from judged where missing) as missing,
       (select count(*) from judged where problem is not null) as exposed,
       (select count(*) from judged where problem is null and opened_by is not null) as opened,
       shown.name as table,
       shown.missing as no_such_table,
       shown.problem,
       shown.enabled,
       shown.forced,
       shown.owner,
       shown.policies,
       shown.commands,
       shown.opened_by
from (select) as one
left join (select * from judged
           order by problem is not null desc, missing desc, opened_by is not null desc, name
           limit 50) as shown on true
order by shown.problem is not null desc, shown.missing desc, shown.opened_by is not null desc, shown.name
