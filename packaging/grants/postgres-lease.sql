-- What a PostgreSQL keeps of the realms' leases (agent.lease), in the database of its target's url.  As its owner or a
-- superuser, once; `holder` is the role that looks, by default runbookd:
--
--     psql -d orders -v holder=runbookd -f postgres-lease.sql
--
-- It may be run again.  tests/e2e/test_lease.py runs agents with exactly these rights.
\set ON_ERROR_STOP on
\if :{?holder}
\else
\set holder runbookd
\endif
CREATE SCHEMA IF NOT EXISTS runbookd;
CREATE TABLE IF NOT EXISTS runbookd.lease (
    realm text PRIMARY KEY,
    holder text,
    token bigint NOT NULL,
    until timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS runbookd.document (
    realm text,
    key text,
    value text NOT NULL,
    token bigint NOT NULL,
    PRIMARY KEY (realm, key)
);
GRANT USAGE ON SCHEMA runbookd TO :"holder";
GRANT SELECT, INSERT, UPDATE ON runbookd.lease TO :"holder";
GRANT SELECT, INSERT, UPDATE, DELETE ON runbookd.document TO :"holder";
