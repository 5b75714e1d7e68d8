-- PostgreSQL 10 or later; needs: GRANT pg_monitor TO runbookd;
--
-- Settings that are not the built-in ones, and not those of a session, a role or a database; and those
-- whose new value waits for a restart.  Of a value the fingerprint is remembered; it is not shown
-- where it may hold a secret or a command.
with setting as (
    select name, pending_restart,
           substr(md5(setting || ':' || coalesce(unit, '')), 1, 8) as fingerprint,
           case when vartype <> 'string' or name !~ 'conninfo|passw|passphrase|command|secret|token|_key'
                then left(setting, 120) || coalesce(' ' || unit, '') end as setting,
           regexp_replace(sourcefile, '^.*/', '') || ':' || sourceline as source
    from pg_settings
    where pending_restart
       or (source in ('configuration file', 'command line', 'environment variable', 'global')
           and name !~ '^(transaction_|in_hot_standby$)')
)
select pg_has_role(current_user, 'pg_read_all_settings', 'usage') as all_seen,
       (select count(*) from setting where pending_restart) as pending,
       (extract(epoch from pg_conf_load_time()) * 1000)::bigint as loaded,
       setting.*,
       case when pending_restart then name end as waits
from (select) as one
left join setting on true
order by name collate "C"
limit 500
