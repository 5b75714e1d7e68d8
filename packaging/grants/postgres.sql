-- What runbookd may do on a PostgreSQL (12 or later), and no more.  As a superuser, once in each database:
--
--     psql -d orders -v probe_password=... -v ops_password=... -v tables='orders, audit_logs' \
--          -v repaired='orders' -f postgres.sql
--
-- Every variable may be left out: a role without a password is not changed, no tables are granted, nobody acts.
-- Leave out as well what belongs to checks that you do not run.  It may be run again.
-- tests/e2e/test_postgres_grants.py runs every check and action with exactly these rights, and shows that each
-- of them is needed.
\set ON_ERROR_STOP on
SELECT :SERVER_VERSION_NUM >= 140000 AS since_14, :SERVER_VERSION_NUM >= 170000 AS since_17 \gset

-- Who looks.
SELECT 'CREATE ROLE runbookd LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'runbookd') \gexec
\if :{?probe_password}
ALTER ROLE runbookd PASSWORD :'probe_password';
\endif
GRANT CONNECT ON DATABASE :"DBNAME" TO runbookd;
GRANT pg_monitor TO runbookd;                                   -- all that tells what sessions and the server do

-- slow_statements; preload it: shared_preload_libraries = 'pg_stat_statements'
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

-- sequences
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO runbookd;

-- bloat reads the planner's statistics, which a role sees of what it may read.  This is the widest right here: it reads
-- every row.  Without it, leave the check out, or grant SELECT on the large tables only.
\if :since_14
GRANT pg_read_all_data TO runbookd;
\else
GRANT SELECT ON ALL TABLES IN SCHEMA public TO runbookd;
\endif

-- integrity
CREATE EXTENSION IF NOT EXISTS amcheck;
GRANT EXECUTE ON FUNCTION bt_index_check(regclass) TO runbookd;
\if :since_14
GRANT EXECUTE ON FUNCTION verify_heapam(regclass, boolean, boolean, text, bigint, bigint) TO runbookd;
\endif

-- freshness, invariant, query, audit_activity: the tables that they name
\if :{?tables}
GRANT SELECT ON :tables TO runbookd;
\endif

-- Who acts (act_as): terminate_sessions and cancel_queries, which spare superusers and roles that replicate.
\if :{?ops_password}
SELECT 'CREATE ROLE runbookd_ops LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'runbookd_ops') \gexec
ALTER ROLE runbookd_ops PASSWORD :'ops_password';
GRANT CONNECT ON DATABASE :"DBNAME" TO runbookd_ops;
GRANT pg_monitor, pg_signal_backend TO runbookd_ops;

-- execute, analyze_table and suggest_indexes: the tables that a remediation repairs, or has statements of planned.
-- Before PostgreSQL 17 only an owner analyses: GRANT the owner's role TO runbookd_ops, which is more than it needs, or leave the action out.
\if :{?repaired}
GRANT SELECT, INSERT, UPDATE, DELETE ON :repaired TO runbookd_ops;
\if :since_17
GRANT MAINTAIN ON :repaired TO runbookd_ops;
\endif
\endif
\endif
