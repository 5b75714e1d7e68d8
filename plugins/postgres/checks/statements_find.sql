-- PostgreSQL 10 or later; anybody may ask.
--
-- Where pg_stat_statements is in this database, whether the server has loaded it (only then its
-- settings have a type of their own), and what its columns are called: total_time became
-- total_exec_time with 1.8, blk_read_time shared_blk_read_time with 1.11.
select (select quote_ident(nspname) from pg_namespace where oid = extnamespace) as schema,
       extversion as version,
       (select vartype = 'integer' from pg_settings where name = 'pg_stat_statements.max') as loaded,
       (select string_agg(parameter, ' ')
        from (select unnest(proargnames) as parameter from pg_proc
              where proname = 'pg_stat_statements' and pronamespace = extnamespace) as parameters
        where parameter in ('total_time', 'total_exec_time', 'blk_read_time', 'shared_blk_read_time', 'toplevel')) as columns
from (select) as one
left join pg_extension on extname = 'pg_stat_statements'
