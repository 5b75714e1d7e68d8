-- PostgreSQL 10 or later with amcheck; needs: GRANT EXECUTE ON FUNCTION bt_index_check(regclass) TO runbookd;
--
-- $1 an index of the list, one after the other; the schema is amcheck's.
select {schema}.bt_index_check($1::oid::regclass)::text as says
