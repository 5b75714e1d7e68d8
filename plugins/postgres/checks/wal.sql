-- PostgreSQL 12 or later; needs: GRANT pg_monitor TO runbookd;
--
-- Archiving fails where the last failure is younger than the last success: the server tries the same
-- segment again until it succeeds, and keeps all that follow.  A slot keeps what its reader has not
-- read; wal_status says so from 13 on.
with archiver as (
    select *,
           current_setting('archive_mode') <> 'off' as archiving,
           coalesce(last_failed_time > last_archived_time, last_failed_time is not null) as failing
    from pg_stat_archiver
), slot as (
    select slot_name::text as name, slot_type as kind, pg_replication_slots.database as database, active,
           pg_wal_lsn_diff(case when pg_is_in_recovery()
                                then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                                else pg_current_wal_lsn() end, restart_lsn)::bigint as retained_bytes,
           coalesce(facts ->> 'wal_status', '') as wal_status,
           (facts ->> 'safe_wal_size')::bigint as safe_bytes,
           extract(epoch from now() - (facts ->> 'inactive_since')::timestamptz)::bigint as inactive_seconds
    from pg_replication_slots cross join lateral to_jsonb(pg_replication_slots) as facts
)
select archiver.archiving,
       archiver.archiving and archiver.failing as failing,
       archiver.failed_count as failed,
       archiver.last_failed_wal,
       (extract(epoch from archiver.last_failed_time) * 1000)::bigint as last_failed,
       (extract(epoch from archiver.last_archived_time) * 1000)::bigint as last_archived,
       (select count(*) from pg_ls_archive_statusdir() where pg_ls_archive_statusdir.name like '%.ready') as ready,
       (select sum(size)::bigint from pg_ls_waldir()) as wal_bytes,
       (select count(*) from slot) as slots,
       (select max(retained_bytes) from slot) as most_retained_bytes,
       (select count(*) from slot where wal_status in ('lost', 'unreserved')) as lost,
       largest.*
from archiver
left join (select * from slot order by retained_bytes desc nulls last limit 20) as largest on true
order by largest.retained_bytes desc nulls last
