-- PostgreSQL 10 or later; needs: GRANT SELECT ON ... TO runbookd;
--
-- How old the newest row is: table and column are the check's options, quoted; `where` stands in brackets, or nothing does.
-- $1 seconds that the window is long.  A row from the future is no sign of life.
select null as name,
       false as expected,
       seen.at::text as last_at,
       extract(epoch from now() - seen.at) as age_seconds
from (select) as one
left join (select {column}::timestamptz as at
           from {table}
           where {column} >= now() - $1::float8 * interval '1 s' and {column} <= now(){where}
           order by {column} desc
           limit 1) as seen on true
