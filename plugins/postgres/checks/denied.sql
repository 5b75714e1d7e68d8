-- PostgreSQL 10 or later; anybody may ask.
--
-- $1 a statement that the server refused: which tables that it names this role may not read, and
-- what would let it.  A table is named if its own name and its schema's are words of the statement,
-- or the schema is on the search path.
with word as (
    select distinct lower(word) as word
    from regexp_split_to_table($1::text || ' ' || current_setting('search_path'), '[^[:alnum:]_$]+') as word
), named as (
    select pg_class.oid, relname, relnamespace, nspname
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p', 'v', 'm', 'f')
      and lower(relname) in (select word from word)
      and lower(nspname) in (select word from word)
      and nspname not in ('pg_catalog', 'information_schema')
), lacking as (
    select 1 as place, format('GRANT USAGE ON SCHEMA %I TO %I;', nspname, current_user) as remedy
    from named
    where not has_schema_privilege(relnamespace, 'USAGE')
    union
    select 2, format('GRANT SELECT ON %I.%I TO %I;', nspname, relname, current_user)
    from named
    where not has_table_privilege(oid, 'SELECT')
    union
    select 3, format('ALTER ROLE %I BYPASSRLS; -- or row_security: true, to look only at the rows '
                     'that policies show', current_user)
    from named
    where row_security_active(oid)
)
select string_agg(remedy, ' ' order by place, remedy) as remedies
from (select * from lacking order by place, remedy limit 6) as few
