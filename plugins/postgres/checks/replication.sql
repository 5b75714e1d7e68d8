-- PostgreSQL 10 or later; needs: GRANT pg_monitor TO runbookd;
--
-- Both sides: whoever follows this server ("standby" rows, at most 20), its slots ("slot" rows), and
-- whether it follows another itself ("self").  A standby that has replayed all that it received is
-- not behind while it is connected; otherwise the age of the last transaction that it replayed says
-- how far, which is null until there was one.
with self as (
    select pg_is_in_recovery() as in_recovery,
           case when pg_is_in_recovery()
                then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                else pg_current_wal_lsn() end as here,
           case when pg_is_in_recovery() then pg_is_wal_replay_paused() end as paused,
           pg_last_wal_replay_lsn() as replayed,
           extract(epoch from now() - pg_last_xact_replay_timestamp()) as replayed_seconds
), receiver as (
    select pid, status, facts ->> 'sender_host' as sender,
           (facts ->> 'latest_end_lsn')::pg_lsn as sent,
           extract(epoch from now() - last_msg_receipt_time) as silent_seconds
    from pg_stat_wal_receiver cross join lateral to_jsonb(pg_stat_wal_receiver) as facts
), standby as (
    select application_name as name, host(client_addr) as client, state, sync_state,
           state is null as hidden,
           pg_wal_lsn_diff((select here from self), replay_lsn) as lag_bytes,
           extract(epoch from replay_lag) as lag_seconds,
           null::bigint as retained_bytes
    from pg_stat_replication
    where state is distinct from 'backup'
), slot as (
    select slot_name::text as name, slot_type as kind, active,
           pg_wal_lsn_diff((select here from self), restart_lsn) as retained_bytes,
           facts ->> 'wal_status' as wal_status
    from pg_replication_slots cross join lateral to_jsonb(pg_replication_slots) as facts
), own_lag as (
    select case when not in_recovery then null
                else greatest(0, pg_wal_lsn_diff(greatest(here, receiver.sent), replayed)) end as lag_bytes,
           case when not in_recovery then null
                when receiver.pid is not null and here = replayed and not coalesce(receiver.sent > here, false) then 0
                else replayed_seconds end as lag_seconds
    from self left join receiver on true
), part as (
    select 'self' as part, null as name, receiver.sender as client, receiver.status as state,
           null as sync_state, own_lag.lag_bytes, own_lag.lag_seconds, null::boolean as active,
           null::numeric as retained_bytes, null as kind, null as wal_status
    from own_lag left join receiver on true
    union all
    (select 'standby', name, client, state, sync_state, lag_bytes, lag_seconds, null, null, null, null
     from standby order by lag_bytes desc nulls first limit 20)
    union all
    (select 'slot', name, null, null, null, null, null, active, retained_bytes, kind, wal_status
     from slot order by active, retained_bytes desc nulls last limit 20)
)
select self.in_recovery, self.paused,
       pg_wal_lsn_diff(greatest(self.here, (select sent from receiver)), '0/0')::bigint as position,
       (select count(*) from receiver where status is null) +
       (select count(*) from standby where hidden) as hidden,
       (select pid from receiver) is not null as receiving,
       (select silent_seconds from receiver) as silent_seconds,
       (select count(*) from standby where state = 'streaming') as connected,
       (select count(*) from standby) as standbys,
       (select max(lag_bytes) from standby) as standby_lag_bytes,
       (select max(lag_seconds) from standby) as standby_lag_seconds,
       (select count(*) from slot) as slots,
       (select count(*) from slot where not active) as inactive,
       part.part, part.name, part.client, part.state, part.sync_state, part.active, part.kind, part.wal_status,
       part.lag_bytes::bigint as lag_bytes,
       round(part.lag_seconds::numeric, 1) as lag_seconds,
       part.retained_bytes::bigint as retained_bytes
from self cross join part
order by part.part <> 'self', part.part, part.lag_bytes desc nulls first
