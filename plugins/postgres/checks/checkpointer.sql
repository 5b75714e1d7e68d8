-- PostgreSQL 17 or later; anybody may ask.
select pg_is_in_recovery() as in_recovery,
       num_timed as timed,
       num_requested as requested,
       write_time::bigint as write_ms,
       sync_time::bigint as sync_ms,
       buffers_written as buffers,
       (select sum(writes)::bigint from pg_stat_io
        where backend_type = 'client backend' and object = 'relation') as buffers_backend,
       (select maxwritten_clean from pg_stat_bgwriter) as cleaner_stopped,
       current_setting('max_wal_size') as max_wal_size,
       current_setting('checkpoint_timeout') as checkpoint_timeout
from pg_stat_checkpointer
