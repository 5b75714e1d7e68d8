-- PostgreSQL 10; SELECT, UPDATE on runbookd.lease.  $1 realm, $2 holder, $3 token.  The lock goes with the session.
with given as (
    update runbookd.lease l set holder = null, until = clock_timestamp()
    where l.realm = $1 and l.holder = $2 and l.token = $3::bigint returning l.token
)
select pg_backend_pid() as pid, (select token from given) as held
