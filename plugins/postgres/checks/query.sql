-- PostgreSQL 10 or later; needs: GRANT SELECT ON ... TO runbookd;
--
-- The statement of the option `sql`, in brackets.  $1 max_rows and one more, $2 the column of `value` (null: the first), $3 that of
-- `subject`.
select count(*) over () as count,
       left(case when $2::text is null then first.value else answer.line ->> $2 end, 100) as value,
       left(answer.line ->> $3, 200) as subject,
       (select count(*) from json_object_keys(answer.line) as key where key = $2) as has_value,
       (select count(*) from json_object_keys(answer.line) as key where key = $3) as has_subject
from (select row_to_json(runbookd_row) as line
      from (select * from {sql} as runbookd_answer limit $1::int8) as runbookd_row) as answer
left join lateral (select value from json_each_text(answer.line) limit 1) as first on true
