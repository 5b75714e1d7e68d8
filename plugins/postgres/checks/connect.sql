-- PostgreSQL 9.0 or later; whoever may log in may ask.
select pg_is_in_recovery() as in_recovery
