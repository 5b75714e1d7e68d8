-- PostgreSQL 10 or later; needs: GRANT SELECT ON ... TO runbookd;
--
-- The statement of the option `sql`, in brackets.  $1 max_rows that are counted, $2 how many ids are shown, none of them unless
-- `sample` asks for it.  One row with a column `violations` is a count.
select answer.count,
       answer.line ->> 'violations' as violations,
       (select count(*) from json_object_keys(answer.line)) as columns,
       id.key as named,
       left(id.value, 200) as id
from (select count(*) over () as count, row_to_json(runbookd_row) as line
      from (select * from {sql} as runbookd_answer limit $1::int8) as runbookd_row
      limit $2::int8) as answer
left join lateral (select key, value from json_each_text(answer.line) limit 1) as id on true
