-- PostgreSQL 10; SELECT on runbookd.document.  $1 realm, $2 what the keys begin with.
select d.key, d.value from runbookd.document d
where d.realm = $1 and left(d.key, length($2)) = $2 order by d.key limit 4096
