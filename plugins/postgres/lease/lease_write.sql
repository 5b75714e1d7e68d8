-- PostgreSQL 10; SELECT, UPDATE on runbookd.lease, SELECT, INSERT, UPDATE, DELETE on runbookd.document.
-- $1 realm, $2 holder, $3 token, $4 key, $5 value or null.  While the row is locked nobody takes the lease over.
with held as (
    select l.token from runbookd.lease l
    where l.realm = $1 and l.holder = $2 and l.token = $3::bigint and l.until > clock_timestamp()
    for share
), written as (
    insert into runbookd.document (realm, key, value, token)
    select $1, $4, $5, h.token from held h where $5::text is not null
    on conflict (realm, key) do update set value = excluded.value, token = excluded.token
), gone as (
    delete from runbookd.document d using held h where $5::text is null and d.realm = $1 and d.key = $4
)
select pg_backend_pid() as pid, (select token from held) as held
