-- PostgreSQL 10 to 16; anybody may ask.
--
-- From 17 on these columns are in pg_stat_checkpointer: then `timed` is null, and checkpointer.sql
-- asks there.
select pg_is_in_recovery() as in_recovery,
       facts ->> 'checkpoints_timed' as timed,
       facts ->> 'checkpoints_req' as requested,
       (facts ->> 'checkpoint_write_time')::float8::bigint as write_ms,
       (facts ->> 'checkpoint_sync_time')::float8::bigint as sync_ms,
       facts ->> 'buffers_checkpoint' as buffers,
       facts ->> 'buffers_backend' as buffers_backend,
       facts ->> 'maxwritten_clean' as cleaner_stopped,
       current_setting('max_wal_size') as max_wal_size,
       current_setting('checkpoint_timeout') as checkpoint_timeout
from pg_stat_bgwriter cross join lateral to_jsonb(pg_stat_bgwriter) as facts
