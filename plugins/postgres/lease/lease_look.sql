-- PostgreSQL 10; USAGE on the schema runbookd.  Who answers, and whether the tables are there.
select pg_backend_pid() as pid,
       to_regclass('runbookd.lease') is not null and to_regclass('runbookd.document') is not null as there
