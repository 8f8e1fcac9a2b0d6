-- Without a limit for the wait: another server is at work, and its progress is ours.
-- Servers that start together migrate one after the other. Beside the namespaces' keys: no schema has
-- the oid 0.
set local lock_timeout = 0;
select pg_advisory_xact_lock(1835295232, 0);
