-- PostgreSQL 10 or later; needs: GRANT SELECT ON ... TO runbookd;
--
-- The table and its columns are the check's options, quoted; a column that is not named is null; `where` stands in brackets, or
-- nothing does.  $1 seconds that the window is long, $2 those of the time before it that says what is usual.  Counts once by all
-- parts together, then by each of them: the 500 addresses and actors that do most, and 20 of the others.
with counted as (
    select {ip}::text as ip,
           {actor}::text as actor,
           {action}::text as action,
           {resource}::text as resource,
           count(*) filter (where {at} >= now() - $1::float8 * interval '1 s') as recent,
           count(*) filter (where {at} < now() - $1::float8 * interval '1 s') as before
    from {table}
    where {at} <= now() and {at} >= now() - ($1::float8 + $2::float8) * interval '1 s'{where}
    group by 1, 2, 3, 4
), part as (
    select case when grouping(ip) = 0 then 'ip'
                when grouping(actor) = 0 then 'actor'
                when grouping(action) = 0 then 'action'
                when grouping(resource) = 0 then 'resource'
                else 'all' end as part,
           coalesce(ip, actor, action, resource) as name,
           sum(recent) as recent,
           sum(before) as before,
           count(distinct action) filter (where recent > 0) as actions
    from counted
    group by grouping sets ((), (ip), (actor), (action), (resource))
), placed as (
    select *, row_number() over (partition by part order by recent desc, name) as place
    from part
    where part = 'all' or (name is not null and recent > 0)
)
select part, name, recent::int8, before::int8, actions
from placed
where place <= case when part in ('ip', 'actor') then 500 else 20 end
order by part, place
