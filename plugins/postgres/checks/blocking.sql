-- PostgreSQL 10 or later; needs: GRANT pg_monitor TO runbookd;
--
-- $1 milliseconds that a wait may take.  Who waits for whom is what pg_blocking_pids() says, of at
-- most the 100 sessions that wait for longest; a root blocks others and waits for no lock itself.
-- Process 0 stands for prepared transactions.  When a wait began is known from 14 on; before,
-- the start of the statement stands for it.
with recursive session as (
    select * from pg_stat_activity where pid <> pg_backend_pid()
), wanted as (
    select distinct on (pid)
           pid, locktype, mode, database, relation,
           (to_jsonb(l) ->> 'waitstart')::timestamptz as since
    from pg_locks as l
    where not granted
), waiter as (
    select session.*, wanted.locktype, wanted.mode,
           -- Who waits for a row holds a lock on its place meanwhile, which names the table.
           case when coalesce(wanted.database, row_place.database) in (0, (select oid from pg_database where datname = current_database()))
                then coalesce(wanted.relation, row_place.relation)::regclass::text end as relation,
           greatest(0, extract(epoch from clock_timestamp() - coalesce(wanted.since, query_start))) as wait_seconds
    from session
    left join wanted on wanted.pid = session.pid
    left join lateral (
        select database, relation from pg_locks
        where pg_locks.pid = session.pid and locktype = 'tuple' and wanted.relation is null
        limit 1
    ) as row_place on true
    where wait_event_type = 'Lock'
), longest as (
    select * from waiter order by wait_seconds desc limit 100
), edge as (
    select distinct pid, unnest(pg_blocking_pids(pid)) as blocker from longest
), behind (root, pid) as (
    select blocker, pid from edge
    where blocker not in (select pid from waiter)
    union
    select behind.root, edge.pid from behind join edge on edge.blocker = behind.pid
), root as (
    select behind.root as pid,
           count(*)::int as blocks,
           max(longest.wait_seconds) as wait_seconds,
           (select count(*) from edge where edge.blocker = behind.root)::int as blocks_directly
    from behind join longest using (pid)
    group by behind.root
), chain as (
    select 'root' as part, root.pid, null::text as blocked_by, root.blocks, root.blocks_directly,
           root.wait_seconds, null as locktype, null as mode, null as relation
    from root
    union all
    select 'waiter', longest.pid,
           (select string_agg(blocker::text, ',') from (select blocker from edge where edge.pid = longest.pid limit 8) as e),
           (select count(*)::int from edge where edge.blocker = longest.pid), null,
           longest.wait_seconds, locktype, mode, relation
    from longest
), placed as (
    select *, row_number() over (partition by part order by coalesce(blocks, 0) * (part = 'root')::int desc, wait_seconds desc) as place
    from chain
)
select (select count(*) from waiter where wait_seconds >= $1::float8 / 1000) as waiting,
       (select max(wait_seconds) from waiter where wait_seconds >= $1::float8 / 1000) as longest_seconds,
       (select count(*) from root where wait_seconds >= $1::float8 / 1000) as roots,
       (select count(*) from session where backend_type is null) as hidden,
       placed.part,
       placed.pid,
       (extract(epoch from session.backend_start) * 1000)::bigint as backend_start,
       session.usename as user,
       session.datname as database,
       case when placed.pid = 0
            then 'prepared: ' || (select string_agg(gid, ', ') from (select gid from pg_prepared_xacts order by prepared limit 5) as p)
            else coalesce(nullif(session.application_name, ''), session.backend_type) end as application,
       host(session.client_addr) as client,
       session.state,
       round(extract(epoch from now() - session.xact_start)::numeric, 1) as transaction_seconds,
       placed.blocked_by,
       placed.blocks,
       placed.blocks_directly,
       round(placed.wait_seconds::numeric, 1) as wait_seconds,
       placed.locktype as lock,
       placed.mode,
       placed.relation,
       left(session.query, 4000) as query
from (select) as one
left join placed on placed.place <= 10 and placed.wait_seconds >= $1::float8 / 1000
left join session on session.pid = placed.pid
order by placed.part, placed.place
