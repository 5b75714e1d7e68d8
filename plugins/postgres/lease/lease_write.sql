-- PostgreSQL 10; SELECT, UPDATE on runbookd.lease, SELECT, INSERT, UPDATE, DELETE on runbookd.document.
-- $1 realm, $2 holder, $3 token, $4 key, $5 value or null.  While the row is locked nobody takes the lease over.
-- Under the token 0 letters alone ("post/..."), 64 at most, by whom it may be; what is answered then is 1.
with owned as (
    select l.token from runbookd.lease l
    where l.realm = $1 and l.holder = $2 and l.token = $3::bigint and l.until > clock_timestamp()
    for share
), held as (
    select token from owned
    union all
    select 1 where $3::bigint = 0 and left($4, 5) = 'post/'
      and ($5::text is null
           or (select count(*) from runbookd.document d where d.realm = $1 and left(d.key, 5) = 'post/') < 64)
), written as (
    insert into runbookd.document (realm, key, value, token)
    select $1, $4, $5, h.token from held h where $5::text is not null
    on conflict (realm, key) do update set value = excluded.value, token = excluded.token
), gone as (
    delete from runbookd.document d using held h where $5::text is null and d.realm = $1 and d.key = $4
)
select pg_backend_pid() as pid, (select token from held) as held
