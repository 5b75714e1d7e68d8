-- PostgreSQL 10 or later; needs: GRANT SELECT ON ... TO runbookd;
--
-- With the option `group`: the same of each of its values.  $2 those in `expect`, which may be missing.  One more than 200 groups
-- says that there are too many.
with seen as (
    select {group}::text as name, max({column})::timestamptz as at
    from {table}
    where {column} >= now() - $1::float8 * interval '1 s' and {column} <= now(){where}
    group by 1
), expected as (
    select distinct name from unnest($2::text[]) as name
)
select coalesce(seen.name, expected.name) as name,
       expected.name is not null as expected,
       seen.at::text as last_at,
       extract(epoch from now() - seen.at) as age_seconds
from seen full join expected on seen.name = expected.name
order by seen.at nulls first, 1
limit 201
