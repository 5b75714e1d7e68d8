-- What the sink `encoding: clickhouse` inserts into: once, as somebody who may create tables.
--     clickhouse-client --multiquery < clickhouse.sql
-- The agent itself needs no more than:  GRANT INSERT ON runbookd.events TO runbookd
CREATE DATABASE IF NOT EXISTS runbookd;
CREATE TABLE IF NOT EXISTS runbookd.events
(
    time     DateTime64(3, 'UTC'),
    kind     LowCardinality(String),
    level    LowCardinality(String),
    message  String,
    id       String,
    seq      UInt64,
    realm    LowCardinality(String),
    node     LowCardinality(String),
    pod      String,
    boot     String,
    version  LowCardinality(String),
    config   LowCardinality(String),
    target   LowCardinality(String),
    name     LowCardinality(String),
    check    LowCardinality(String),
    subject  String,
    status   LowCardinality(String),
    reason   LowCardinality(String),
    step     LowCardinality(String),
    measures Map(LowCardinality(String), Float64),
    words    Map(LowCardinality(String), String),
    labels   Map(LowCardinality(String), String),
    event    String
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (realm, kind, target, name, time, boot, seq);
