-- PostgreSQL 10 or later; anybody may ask.
--
-- The databases among which a target's `databases` chooses.
select datname as database
from pg_database
where datallowconn and not datistemplate
order by datname
