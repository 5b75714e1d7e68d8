-- PostgreSQL 10; SELECT, INSERT, UPDATE on runbookd.lease.  $1 realm, $2 holder, $3 token (0: a new one), $4 ms, $5 lock.
with there as (
    select l.holder, l.token, l.until, l.until > clock_timestamp() as lasts
    from runbookd.lease l where l.realm = $1
), may as (
    select case when $3::bigint = 0 then t.token is null or t.holder is null or t.holder = $2 or not t.lasts
                else t.token = $3::bigint and t.holder = $2 and t.lasts end as take
    from (values (1)) one left join there t on true
), locks as (
    select k.pid from pg_locks k
    where k.locktype = 'advisory' and k.granted and k.objsubid = 1
      and k.database = (select d.oid from pg_database d where d.datname = current_database())
      and k.classid = (($5::bigint >> 32) & 4294967295)::oid and k.objid = ($5::bigint & 4294967295)::oid
), latch as (
    select case when not coalesce(m.take, false) then false
                when exists (select from locks k where k.pid = pg_backend_pid()) then true
                else pg_try_advisory_lock($5::bigint) end as ours
    from may m
), won as (
    insert into runbookd.lease as l (realm, holder, token, until)
    select $1, $2, (extract(epoch from clock_timestamp()) * 1000)::bigint, clock_timestamp() + $4::bigint * interval '1 millisecond'
    from latch where ours
    on conflict (realm) do update
    set holder = excluded.holder, until = excluded.until,
        token = case when l.holder = excluded.holder and l.until > clock_timestamp() then l.token
                     else greatest(l.token + 1, excluded.token) end
    where case when $3::bigint = 0 then l.holder is null or l.holder = excluded.holder or l.until <= clock_timestamp()
               else l.token = $3::bigint and l.holder = excluded.holder and l.until > clock_timestamp() end
    returning l.token
), ended as (
    -- It holds the lock without the lease: its time has been over for a while, or it is an earlier session of our own.
    select pg_terminate_backend(k.pid) from locks k join pg_stat_activity a on a.pid = k.pid cross join there t
    where k.pid <> pg_backend_pid() and not (select ours from latch)
      and (t.holder = $2 or (t.holder is not null and a.backend_start < t.until
                             and t.until < clock_timestamp() - $4::bigint / 4 * interval '1 millisecond'))
)
select pg_backend_pid() as pid, (select token from won) as held, t.token, t.holder,
       greatest(0, extract(epoch from t.until - clock_timestamp()) * 1000)::bigint as left_ms, (select count(*) from ended) as ended
from (values (1)) one left join there t on true
