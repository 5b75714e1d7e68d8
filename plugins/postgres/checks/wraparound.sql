-- PostgreSQL 10 or later; anybody may ask.
--
-- The server stops taking writes 3 million transactions before 2^31.  Databases first, then the
-- oldest tables of the one that is connected to.
with setting as (
    select current_setting('autovacuum_freeze_max_age')::bigint as xid_freeze,
           current_setting('autovacuum_multixact_freeze_max_age')::bigint as multixact_freeze
), aged as (
    select datname, age(datfrozenxid)::bigint as xids, mxid_age(datminmxid)::bigint as multixacts
    from pg_database
), part as (
    (select 'database' as part, datname::text as name, xids, multixacts
     from aged order by greatest(xids, multixacts) desc, datname limit 10)
    union all
    select 'table', oid::regclass::text, xids, multixacts
    from (select oid, age(relfrozenxid)::bigint as xids, mxid_age(relminmxid)::bigint as multixacts
          from pg_class
          where relkind in ('r', 'm', 't') and relfrozenxid <> '0'
          order by greatest(age(relfrozenxid)::bigint, mxid_age(relminmxid)::bigint) desc limit 10) as oldest
)
select (select max(xids) from aged) as xid_age,
       (select max(multixacts) from aged) as multixact_age,
       setting.*, current_database() as connected_to, part.*
from setting cross join part
order by part.part, greatest(part.xids, part.multixacts) desc
