-- PostgreSQL 14 or later with amcheck; needs: GRANT EXECUTE ON FUNCTION verify_heapam(...) TO runbookd;
--
-- $1 a table of the list, one after the other; the schema is amcheck's.
select format('block %s, row %s: %s', blkno, offnum, msg) as says
from {schema}.verify_heapam($1::oid::regclass, on_error_stop => true)
limit 1
